#!/usr/bin/env python3
"""One model.onnx in the hosts that others would use it from: do they give the same numbers?

onnx's full checker first, then Python's onnxruntime, OpenVINO (CPU, f32) and onnxruntime-web (wasm,
in a headless Chromium), all on the same windows: people of random bones that swing, one and two, one
of them absent, a constant pose, a kilometre away; clips of a dataset folder with --data. Python's
onnxruntime is the reference; `aimclr-export verify` holds that against the weights. Differences are
absolute, or shares of the largest value where that is above 1. One thread each.

    python3 benches/hosts.py model.onnx
    python3 benches/hosts.py model.onnx --data data/uiprmd
    python3 benches/hosts.py model.onnx --need --install-chromium     # where no host may be missing

The first run makes target/hosts/venv (400 MB) and fetches onnxruntime-web with npm. Needs Python
3.11. Exit code 1 where a difference is above the tolerance, the checker or a host refuses the file,
or, with --need, a host couldn't be set up.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import environment
import hosts_browser
from hosts_browser import Missing

PACKAGES = ["onnx==1.23.2", "onnxruntime==1.32.0", "numpy==2.4.6"]
# Has no wheel for every platform.
OPTIONAL = ["openvino==2026.4.1"]
REFERENCE = "onnxruntime"
# By the card's precision. Hosts compute f16 in f16 or in f32, as they like. int8 has none: a number on
# the border between two steps falls to either side, and how often depends on how it was calibrated.
TOLERANCES = {"f32": 1e-4, "f16": 1e-2}


def timed(run, rounds):
    """Median of `rounds` runs after a few that don't count, milliseconds."""
    times = []
    for _ in range(rounds + rounds // 5):
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[-rounds:])


def in_onnxruntime(model, windows, args):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    outputs = [dict(zip(names, session.run(names, {"joints": joints}))) for joints in windows]
    median = timed(lambda: session.run(names, {"joints": windows[0]}), args.rounds)
    return f"ONNX Runtime {onnxruntime.__version__}, Python", outputs, median


def in_openvino(model, windows, args):
    try:
        import openvino
    except ImportError as error:
        raise Missing(f"pip could not install {OPTIONAL[0]} here, or it does not load: {error}") from error

    # Without the hint a processor that has bf16 computes in it.
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    compiled = openvino.Core().compile_model(str(model), "CPU", settings)
    request = compiled.create_infer_request()
    # One output may have several names, of which it prefers any.
    names = [name for output in compiled.outputs for name in output.names]

    def run(joints):
        given = request.infer({"joints": joints})
        return {name: given[name].copy() for name in names}

    outputs = [run(joints) for joints in windows]
    version = openvino.__version__.partition("-")[0]
    return f"OpenVINO {version}, CPU", outputs, timed(lambda: run(windows[0]), args.rounds)


def in_browser(model, windows, args):
    import numpy

    program = hosts_browser.chromium(args.chromium, args.install_chromium)
    answer = hosts_browser.run(model, windows, args.rounds, environment.TARGET / "hosts", program, args.seconds)
    # JSON has no NaN: the page sends null, of which numpy makes one.
    outputs = [
        {name: numpy.array(value["data"], numpy.float32).reshape(value["dims"]) for name, value in given.items()}
        for given in answer["outputs"]
    ]
    version = f"onnxruntime-web {answer['version']}, wasm, {answer['browser'].replace('/', ' ')}"
    return version, outputs, statistics.median(answer["times"])


HOSTS = {REFERENCE: in_onnxruntime, "openvino": in_openvino, "onnxruntime-web": in_browser}
OTHERS = [name for name in HOSTS if name != REFERENCE]


def check(model):
    """What onnx's full checker and strict shape inference say; ends with 1 where they refuse the file."""
    import onnx

    try:
        onnx.checker.check_model(str(model), full_check=True)
        graph = onnx.shape_inference.infer_shapes(onnx.load(model), check_type=True, strict_mode=True, data_prop=True).graph
    except Exception as error:
        sys.exit(f"error: {model}: onnx {onnx.__version__} refuses it: {error}")
    shaped = {value.name for value in [*graph.value_info, *graph.output] if value.type.tensor_type.HasField("shape")}
    values = [name for node in graph.node for name in node.output if name]
    found = sum(name in shaped for name in values)
    return f"onnx {onnx.__version__}: full check and strict shape inference pass, {found} of {len(values)} values have a shape"


def compare(names, expected, outputs):
    """How far `outputs` are from `expected`: largest, where that is, mean, and equal best classes."""
    import numpy

    largest, where, total, count, agree, asked = 0.0, "", 0.0, 0, 0, 0
    for window, right, given in zip(names, expected, outputs, strict=True):
        for name, value in right.items():
            if name not in given or given[name].shape != value.shape:
                raise RuntimeError(f"{window}: {name} should be of shape {value.shape}, got {given[name].shape if name in given else 'none'}")
            off = numpy.abs(given[name].astype(float) - value) / max(1.0, numpy.abs(value).max())
            # No window gives a NaN: one is as far off as can be.
            off = numpy.nan_to_num(off, nan=numpy.inf)
            if off.max() > largest:
                largest, where = float(off.max()), f"{name}, {window}"
            total, count = total + float(off.sum()), count + off.size
        if "logits" in right:
            agree += int((given["logits"].argmax(1) == right["logits"].argmax(1)).sum())
            asked += len(right["logits"])
    return {"largest": largest, "where": where, "mean": total / count, "top1_agree": agree, "top1_of": asked}


def judged(host, version, median, difference, tolerance):
    return {"host": host, "version": version, "median_ms": median, **difference, "within": difference["largest"] <= tolerance}


def measure(model, args):
    """What the checker says of a file, and one row a host: how far off, or why it was not run."""
    from hosts_windows import windows

    card = read_card(model)
    precision = card.get("precision", "f32")
    tolerance = args.tolerance if args.tolerance is not None else TOLERANCES.get(precision)
    if tolerance is None:
        sys.exit(f"error: {model}: precision {precision}: no tolerance is known for it; give --tolerance")
    checked = check(model)
    names, inputs = zip(*windows(card, args.data))
    try:
        version, expected, median = HOSTS[REFERENCE](model, inputs, args)
    except Exception as error:
        sys.exit(f"error: {model}: {REFERENCE}, the reference, refuses it: {error}")
    rows = [judged(REFERENCE, version, median, compare(names, expected, expected), tolerance)]
    for host in args.host:
        try:
            version, outputs, median = HOSTS[host](model, inputs, args)
            rows.append(judged(host, version, median, compare(names, expected, outputs), tolerance))
        except Missing as error:
            rows.append({"host": host, "missing": str(error)})
        # What OpenVINO and the page throw at a file that they don't take.
        except RuntimeError as error:
            rows.append({"host": host, "refused": str(error).strip()})
    good = all(row.get("within", "missing" in row and not args.need) for row in rows)
    shapes = [list(joints.shape) for joints in inputs]
    return {"model": str(model), "precision": precision, "tolerance": tolerance, "check": checked,
            "windows": dict(zip(names, shapes)), "hosts": rows, "good": good}


def read_card(model):
    import onnx

    try:
        properties = {entry.key: entry.value for entry in onnx.load(model).metadata_props}
        return json.loads(properties["aimclr"])
    except KeyError:
        sys.exit(f"error: {model}: no model card in it; give a file that aimclr-export onnx wrote")
    except Exception as error:
        sys.exit(f"error: {model}: cannot be read: {error}")


def show(report):
    count = sum(shape[0] for shape in report["windows"].values())
    print(f"{report['model']}: {report['precision']}, {count} windows of {len(report['windows'])} kinds, tolerance {report['tolerance']:g}")
    print(report["check"])
    print(f"{'host':<44} {'largest':>8} {'mean':>8} {'top-1':>8} {'ms':>6}   largest in")
    for row in report["hosts"]:
        if "version" not in row:
            print(f"{row['host']:<44} {'refused the file' if 'refused' in row else 'NOT RUN'}: {row.get('refused') or row['missing']}")
            continue
        agree = f"{row['top1_agree']}/{row['top1_of']}" if row["top1_of"] else "-"
        where = "reference" if row["host"] == REFERENCE else row["where"]
        off = "" if row["within"] else ", ABOVE THE TOLERANCE"
        print(f"{row['version']:<44} {row['largest']:>8.1e} {row['mean']:>8.1e} {agree:>8} {row['median_ms']:>6.2f}   {where}{off}")
    print()


def positive(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", metavar="model.onnx", help="files that aimclr-export onnx wrote")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="a dataset folder whose clips are tried, too")
    parser.add_argument("--host", action="append", choices=OTHERS, help="only this one beside the reference; may be given twice [all]")
    parser.add_argument("--tolerance", type=float, help="largest difference that counts as the same [by the card's precision: f32 1e-4, f16 1e-2]")
    parser.add_argument("--rounds", type=positive, default=100, help="timed runs of one window of one body in each host [100]")
    parser.add_argument("--need", action="store_true", help="fail where a host can't be set up")
    parser.add_argument("--chromium", metavar="PROGRAM", help="the browser [the first on the PATH]")
    parser.add_argument("--install-chromium", action="store_true", help="fetch Debian's chromium-headless-shell with apt-get where there is none (as root)")
    parser.add_argument("--seconds", type=positive, default=300, help="how long the browser may take for one file [300]")
    parser.add_argument("--json", action="store_true", help="print one JSON object a file instead of tables")
    args = parser.parse_args()
    args.host = list(dict.fromkeys(args.host or OTHERS))
    environment.enter("hosts", PACKAGES, OPTIONAL)
    good = True
    for model in args.models:
        report = measure(model, args)
        good &= report["good"]
        if args.json:
            print(json.dumps(report))
        else:
            show(report)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
