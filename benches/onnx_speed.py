#!/usr/bin/env python3
"""One encoder, exported twice, timed side by side in ONNX Runtime and in tract.

The encoder is built in eager PyTorch the way the paper's code computes it: a 1x1 convolution onto
three times the channels, an einsum with the adjacency, batch norms of their own. It is exported
once by PyTorch's own exporter (torch.onnx.export) and once, from the same random weights, by
aimclr-export. Both files run in the same ONNX Runtime, one body, one window, taking turns; the
script prints the medians and their ratio, and how far the two and eager PyTorch are apart.

In the same rounds: two bodies in one call, three streams in one file, half precision, and what one
core reaches in a large product of matrices, as the least time that the multiplications can take.
Both files then take turns in tract, in one thread: `tract-speed`, as a release build has it, for the
development profile optimises tract less.

Ours does more in that time: it takes raw joints and normalises them, and classifies. The other
file starts from what ours computes first; its classifier is the same.

    python3 benches/onnx_speed.py                 # makes target/onnx-speed/venv, about 2.7 GB of torch
    python3 benches/onnx_speed.py --rounds 400 --threads 2

With --check it also runs onnx's full checker over our file and `aimclr-export verify` (tract and
ONNX Runtime against the weights). Exit code 1 if ours isn't TARGET times as fast in ONNX Runtime and
TRACT times in tract, another limit is missed, or the numbers differ.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import environment

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "onnx-speed"
PACKAGES = ["torch==2.11.0", "onnx==1.23.2", "onnxscript==0.7.2", "onnxruntime==1.31.1", "safetensors==0.8.0"]
TARGET, TRACT = 1.8, 1.5
# Largest shares: of the time of a large product of matrices, of one stream, of one body.
LIMIT, STREAMS, BODIES = 1.45, 3.1, 1.9
MEGABYTES, SECONDS = 3.5, 2.0
# Multiplications and additions of one window of one body, as published.
FLOP = 612.6e6
TOLERANCE = 1e-4
CLASSES = 12
FRAMES = 50


def build(torch):
    """The encoder and a classifier in PyTorch, weights as after some training."""
    from torch import nn

    def subsets():
        edges = [(1, 2), (2, 21), (3, 21), (4, 3), (5, 21), (6, 5), (7, 6), (8, 7), (9, 21), (10, 9), (11, 10), (12, 11)]
        edges += [(13, 1), (14, 13), (15, 14), (16, 15), (17, 1), (18, 17), (19, 18), (20, 19), (22, 23), (23, 8), (24, 25), (25, 12)]
        linked = torch.eye(25)
        for a, b in edges:
            linked[a - 1, b - 1] = linked[b - 1, a - 1] = 1
        near = {20: 0} | {j: 1 for j in range(25) if j != 20 and linked[j, 20]}
        rank = [near.get(j, 99) for j in range(25)]
        normal = linked / linked.sum(0)
        parts = torch.zeros(3, 25, 25)
        for row in range(25):
            for column in range(25):
                if row == column:
                    parts[0, row, column] = normal[row, column]
                else:
                    parts[2 if rank[row] < rank[column] else 1, row, column] = normal[row, column]
        return parts

    class Aggregation(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.conv = nn.Conv2d(inputs, 3 * outputs, 1)

        def forward(self, x, a):
            x = self.conv(x)
            n, kc, t, v = x.shape
            return torch.einsum("nkctv,kvw->nctw", x.view(n, 3, kc // 3, t, v), a)

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride, residual):
            super().__init__()
            self.gcn = Aggregation(inputs, outputs)
            self.tcn = nn.Sequential(
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
                nn.Conv2d(outputs, outputs, (9, 1), (stride, 1), (4, 0)),
                nn.BatchNorm2d(outputs),
                nn.Dropout(0.5),
            )
            self.kind = residual
            if residual == "conv":
                shortcut = nn.Conv2d(inputs, outputs, 1, (stride, 1))
                self.residual = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

        def forward(self, x, a):
            out = self.tcn(self.gcn(x, a))
            if self.kind == "conv":
                out = out + self.residual(x)
            elif self.kind == "identity":
                out = out + x
            return torch.relu(out)

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("A", subsets())
            self.data_bn = nn.BatchNorm1d(75)
            widths = [(3, 16, 1), (16, 16, 1), (16, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1)]
            widths += [(32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 256, 1)]
            kinds = ["none"] + ["identity" if i == o else "conv" for i, o, _ in widths[1:]]
            self.st_gcn_networks = nn.ModuleList(Block(*w, kind) for w, kind in zip(widths, kinds))
            self.edge_importance = nn.ParameterList(nn.Parameter(torch.ones(3, 25, 25)) for _ in widths)
            self.fc = nn.Linear(256, CLASSES)

        def forward(self, x):
            n, c, t, v, m = x.shape
            x = x.permute(0, 4, 3, 1, 2).contiguous().view(n * m, v * c, t)
            x = self.data_bn(x).view(n, m, v, c, t).permute(0, 1, 3, 4, 2).contiguous().view(n * m, c, t, v)
            for block, importance in zip(self.st_gcn_networks, self.edge_importance):
                x = block(x, self.A * importance)
            x = x.mean((2, 3)).view(n, m, -1).mean(1)
            return x, self.fc(x)

    torch.manual_seed(0)
    encoder = Encoder().eval()
    with torch.no_grad():
        for module in encoder.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                module.weight.uniform_(0.7, 1.3)
                module.bias.uniform_(-0.2, 0.2)
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.4, 1.2)
        for importance in encoder.edge_importance:
            importance.uniform_(0.7, 1.3)
    return encoder


def card(stream="joint", bodies=1):
    """A model card for the random weights; of one body, so that both files compute the same."""
    joints = [f"joint {i}" for i in range(25)]
    pairs = [(1, 2), (2, 21), (3, 21), (4, 3), (5, 21), (6, 5), (7, 6), (8, 7), (9, 21), (10, 9), (11, 10), (12, 11)]
    pairs += [(13, 1), (14, 13), (15, 14), (16, 15), (17, 1), (18, 17), (19, 18), (20, 19), (22, 23), (23, 8), (24, 25), (25, 12)]
    layout = {
        "name": "ntu25",
        "joints": joints,
        "edges": [[a - 1, b - 1] for a, b in pairs],
        "centre": 20,
        "swap": [],
        "turn": [4, 8],
    }
    provenance = {"dataset": "random weights", "license": "", "split": "", "protocol": "linear", "seed": 0, "epochs": 0}
    return {
        "version": 1,
        "layout": layout,
        "frames": FRAMES,
        "bodies": bodies,
        "window": 2.0,
        "streams": [stream],
        "fusion": [1.0],
        "classes": [f"class {i}" for i in range(CLASSES)],
        "embedding": 256,
        "preprocessing": "aimclr-1",
        "provenance": provenance,
    }


def normalise(numpy, joints):
    """Centring and turning in f64, (T, 25, 3) -> (1, 3, T, 25, 1)."""
    x = joints.astype(numpy.float64)
    x = x - x[:, 20:21]
    across = x[:, 8] - x[:, 4]
    length = numpy.hypot(across[:, 0], across[:, 2])
    angle = numpy.arccos(across[:, 0] / (length + 1e-4))
    angle = -angle if across[:, 2].sum() >= 0 else angle
    cos, sin = numpy.cos(angle)[:, None], numpy.sin(angle)[:, None]
    turned = numpy.stack([cos * x[..., 0] - sin * x[..., 2], x[..., 1], sin * x[..., 0] + cos * x[..., 2]])
    return turned[None, ..., None].astype(numpy.float32)


def program(package, binary, *arguments, profile="dev", **settings):
    """Runs a program of this checkout, or the one that a variable names, such as AIMCLR_EXPORT."""
    command = ["cargo", "run", "--quiet", "--profile", profile, "-p", package, "--bin", binary, "--"]
    variable = binary.upper().replace("-", "_")
    if variable in os.environ:
        command = [os.environ[variable]]
    return subprocess.run([*command, *map(str, arguments)], cwd=ROOT, **settings)


def exporter(*arguments, check=True):
    return program("aimclr-exporter", "aimclr-export", *arguments, check=check)


def in_tract(rounds, files):
    """Milliseconds of every round in tract, a list for each file; `files` gives each the shape of its input."""
    given = [f"{path}={','.join(map(str, shape))}" for path, shape in files.items()]
    arguments = ["--rounds", rounds, *given]
    run = program("aimclr-benches", "tract-speed", *arguments, profile="release", check=True, stdout=subprocess.PIPE)
    return json.loads(run.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300, help="timed runs of each file [300]")
    parser.add_argument("--threads", type=int, default=1, help="threads of ONNX Runtime [1]")
    parser.add_argument("--check", action="store_true", help="onnx's full checker and `aimclr-export verify`, too")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    args = parser.parse_args()
    environment.enter("onnx-speed", PACKAGES)

    import numpy
    import onnx
    import onnxruntime
    import torch
    from safetensors.torch import save_file

    torch.set_num_threads(args.threads)
    WORK.mkdir(parents=True, exist_ok=True)
    weights, ours, theirs = WORK / "weights.safetensors", WORK / "aimclr-export.onnx", WORK / "torch-export.onnx"
    encoder = build(torch)
    tensors = {f"encoder_q.{name}": value.contiguous() for name, value in encoder.state_dict().items()}
    save_file(tensors, weights, metadata={"aimclr": json.dumps(card())})
    start = time.perf_counter()
    exporter("onnx", "--weights", weights, "--out", ours)
    exported = time.perf_counter() - start

    def variant(name, *arguments, streams=("joint",), bodies=1):
        files = []
        for stream in streams:
            files.append(WORK / f"{stream}{bodies}.safetensors")
            save_file(tensors, files[-1], metadata={"aimclr": json.dumps(card(stream, bodies))})
        out = WORK / f"{name}.onnx"
        exporter("onnx", "--weights", *files, *arguments, "--out", out)
        return out

    two = variant("two", bodies=2)
    three = variant("three", streams=("joint", "motion", "bone"))
    half = variant("half", "--precision", "f16")

    generator = numpy.random.default_rng(0)
    pose = generator.uniform(-0.5, 0.5, (1, 25, 3)) + [0, 1, 3]
    walk = (pose + generator.normal(0, 0.02, (FRAMES, 25, 3)).cumsum(0)).astype(numpy.float32)
    seen = normalise(numpy, walk)
    torch.onnx.export(
        encoder, (torch.from_numpy(seen),), str(theirs), input_names=["x"], output_names=["embedding", "logits"],
        opset_version=18, dynamo=True, external_data=False, verbose=False,
    )

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.inter_op_num_threads = 1
    sessions = {
        "aimclr-export": (onnxruntime.InferenceSession(str(ours), options), {"joints": walk[None, None]}),
        "torch.onnx.export": (onnxruntime.InferenceSession(str(theirs), options), {"x": seen}),
    }
    outputs = {name: session.run(["embedding", "logits"], feed) for name, (session, feed) in sessions.items()}
    load = lambda path: onnxruntime.InferenceSession(str(path), options)
    beside = {
        "two bodies": (load(two), {"joints": numpy.stack([walk, walk[::-1]])[None]}),
        "one of two": (load(two), {"joints": walk[None, None]}),
        "three streams": (load(three), {"joints": walk[None, None]}),
        "f16": (load(half), {"joints": walk[None, None]}),
    }
    square = torch.rand(768, 768)
    with torch.no_grad():
        eager = [value.numpy() for value in encoder(torch.from_numpy(seen))]
    differences = {
        name: max(float(abs(a - b).max() / max(1, abs(a).max())) for a, b in zip(eager, values))
        for name, values in outputs.items()
    }

    times = {name: [] for name in [*sessions, *beside, "eager PyTorch", "product"]}
    for round_ in range(args.rounds + 20):
        for name, (session, feed) in [*sessions.items(), *beside.items()]:
            start = time.perf_counter()
            session.run(None, feed)
            if round_ >= 20:
                times[name].append(time.perf_counter() - start)
        start = time.perf_counter()
        torch.mm(square, square)
        if round_ >= 20:
            times["product"].append(time.perf_counter() - start)
        if round_ % 4 == 0:
            start = time.perf_counter()
            with torch.inference_mode():
                encoder(torch.from_numpy(seen))
            if round_ >= 20:
                times["eager PyTorch"].append(time.perf_counter() - start)
    # The least that FLOP take at the rate of the product.
    times["limit"] = [t * FLOP / (2 * len(square) ** 3) for t in times.pop("product")]
    medians = {name: 1e3 * statistics.median(values) for name, values in times.items()}
    # Round by round, so that a neighbour's load weighs on both alike.
    def share(name, of):
        return statistics.median(a / b for a, b in zip(times[name], times[of]))

    ratio = share("torch.onnx.export", "aimclr-export")
    tract = in_tract(args.rounds, {theirs: seen.shape, ours: (1, 1, *walk.shape)})
    for name, values in zip(("torch.onnx.export in tract", "aimclr-export in tract"), tract):
        times[name] = [1e-3 * ms for ms in values]
        medians[name] = statistics.median(values)
    in_both = {"ONNX Runtime": (ratio, TARGET), "tract": (share("torch.onnx.export in tract", "aimclr-export in tract"), TRACT)}
    size = ours.stat().st_size / 1e6
    limits = {
        "times the limit": (share("aimclr-export", "limit"), LIMIT),
        "three streams, times one": (share("three streams", "aimclr-export"), STREAMS),
        "two bodies, times one of the same model": (share("two bodies", "one of two"), BODIES),
        "MB a stream": (size, MEGABYTES),
        "seconds to export": (exported, SECONDS),
    }

    if args.json:
        print(json.dumps({"threads": args.threads, "rounds": args.rounds, "median_ms": medians, "ratio": ratio,
                          "ratio_in_tract": in_both["tract"][0], "limits": limits, "difference": differences, "torch": torch.__version__, "onnxruntime": onnxruntime.__version__}))
    else:
        print(f"one window of one body, {args.threads} thread(s), ONNX Runtime {onnxruntime.__version__}, torch {torch.__version__}")
        for name, median in medians.items():
            off = f"   off by {differences[name]:.1e}" if name in differences else ""
            fastest = 1e3 * min(times[name])
            print(f"  {name:<26} median {median:6.2f} ms   fastest {fastest:6.2f} ms{off}")
        for name, (found, most) in limits.items():
            print(f"  {name:<40} {found:6.2f}   at most {most}{'' if found <= most else '   MISSED'}")
        for host, (found, least) in in_both.items():
            print(f"  aimclr-export's file is {found:.2f} times as fast as torch.onnx.export's in {host} (median of rounds; target {least})")

    good = all(found >= least for found, least in in_both.values()) and max(differences.values()) <= TOLERANCE
    good &= all(found <= most for found, most in limits.values())
    if args.check:
        onnx.checker.check_model(str(ours), full_check=True)
        print("onnx's full checker: fine", file=sys.stderr)
        good &= exporter("verify", ours, "--weights", weights, check=False).returncode == 0
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
