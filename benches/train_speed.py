#!/usr/bin/env python3
"""The trainer and eager PyTorch, timed side by side on this machine.

Builds `train-step` and lets it and `aimclr_step.py` do whole training steps in turns, so that a
neighbour's load weighs on both alike; a ratio is the median over the rounds. On the CPU: batch 32
and 128, one and two bodies, f32 and bf16. On a GPU, where there is one: batch 128 and 512, with the
data on the device and with PyTorch's loader making the views in numpy.

Ours augments in every step. PyTorch does so only with its loader; otherwise its views are made
beforehand, in its favour.

    python3 benches/train_speed.py               # CPU with 2 threads, and GPU
    python3 benches/train_speed.py --quick       # the smaller batch only

The first run makes target/train-speed/venv, about 2.7 GB of torch. Exit code 1 if a target is
missed. About 16 GB of memory are needed: all programs of a row stay in it between their turns.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import environment

ROOT = Path(__file__).resolve().parent.parent
# How many times as fast as eager PyTorch in f32 the trainer has to be at batch 128, in f32 and in bf16.
CPU_TARGETS = {1: {"f32": 1.7, "bf16": 2.6}, 2: {"f32": 2.0, "bf16": 3.0}}
# The same on a GPU by PyTorch's loader.
GPU_TARGETS = {"device": 2.0, "numpy": 5.0}


class Program:
    """One that waits for its turn, and does a block of steps in it."""

    def __init__(self, command, processor_time):
        self.command = [str(part) for part in command]
        self.processor_time = processor_time
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self.expect()

    def expect(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"failed: {' '.join(self.command)}")
        return line

    def used(self):
        """User and system time so far, in seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def block(self):
        before = self.used() if self.processor_time else 0
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        seconds = json.loads(self.expect())["seconds"]
        return self.used() - before if self.processor_time else seconds

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def build():
    """Path of train-step. The profile for daily work: torch computes, and it is built already."""
    command = ["cargo", "build", "--quiet", "-p", "aimclr-benches", "--bin", "train-step", "--message-format", "json"]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    built = (json.loads(line) for line in done.stdout.splitlines())
    return next(message["executable"] for message in built if message.get("executable"))


def measure(programs, rounds, processor_time):
    """Seconds of each program in each round."""
    times = {name: [] for name in programs}
    with contextlib.ExitStack() as stack:
        running = {name: stack.enter_context(Program(command, processor_time)) for name, command in programs.items()}
        for _ in range(rounds):
            for name, program in running.items():
                times[name].append(program.block())
    return times


def ratio(times, theirs, ours):
    return statistics.median(a / b for a, b in zip(times[theirs], times[ours]))


def target(found, wanted):
    if wanted is None:
        return ""
    return f"target {wanted}: {'met' if found >= wanted else 'MISSED'}"


def on_cpu(args, step, python):
    """Prints the CPU's table; whether all targets are met."""
    good = True
    print(f"CPU, {args.threads} thread(s), stage {args.stage}: samples/s; targets are against PyTorch in f32")
    print(f"{'batch':>5} {'bodies':>6} {'':6}{'ours':>8} {'torch f32':>10} {'ratio':>6} {'torch bf16':>11} {'ratio':>6}")
    for batch in args.batch or ([32] if args.quick else [32, 128]):
        for bodies in args.bodies:
            common = ["--batch", batch, "--bodies", bodies, "--threads", args.threads, "--stage", args.stage, "--paced"]
            programs = {
                f"{name} {precision}": [*command, *common, *(["--bf16"] if precision == "bf16" else [])]
                for name, command in (("ours", [step]), ("torch", python))
                for precision in ("f32", "bf16")
            }
            times = measure(programs, args.rounds, args.processor_time)
            speed = {name: batch / statistics.median(values) for name, values in times.items()}
            for precision in ("f32", "bf16"):
                ours = f"ours {precision}"
                against = {theirs: ratio(times, f"torch {theirs}", ours) for theirs in ("f32", "bf16")}
                wanted = CPU_TARGETS[bodies][precision] if batch == 128 else None
                good &= wanted is None or against["f32"] >= wanted
                print(
                    f"{batch:5} {bodies:6} {precision:6}{speed[ours]:8.1f} {speed['torch f32']:10.1f} {against['f32']:6.2f}"
                    f" {speed['torch bf16']:11.1f} {against['bf16']:6.2f}  {target(against['f32'], wanted)}",
                    flush=True,
                )
    return good


def on_gpu(args, step, python):
    """Prints the GPU's table; whether all targets are met."""
    good = True
    print(f"GPU, two bodies, stage {args.stage}: samples/s")
    print(f"{'batch':>5} {'':6}{'views of PyTorch':<18}{'ours':>10} {'torch':>10} {'ratio':>6}")
    for batch in args.batch or ([128] if args.quick else [128, 512]):
        for precision in ("f32", "bf16"):
            for loader, wanted in GPU_TARGETS.items():
                common = ["--batch", batch, "--bodies", 2, "--device", "cuda", "--stage", args.stage, "--paced"]
                common += ["--steps", 20] + (["--bf16"] if precision == "bf16" else [])
                programs = {"ours": [step, *common], "torch": [*python, *common, "--loader", loader]}
                times = measure(programs, args.rounds, False)
                speed = {name: batch / statistics.median(values) for name, values in times.items()}
                found = ratio(times, "torch", "ours")
                good &= found >= wanted
                print(
                    f"{batch:5} {precision:6}{loader:<18}{speed['ours']:10.0f} {speed['torch']:10.0f} {found:6.2f}"
                    f"  {target(found, wanted)}",
                    flush=True,
                )
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each program [5]")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch on the CPU [2]")
    parser.add_argument("--stage", type=int, choices=[1, 2], default=1, help="2 mines nearest neighbours [1]")
    parser.add_argument("--batch", type=int, nargs="+", help="samples in a step [CPU 32 128, GPU 128 512]")
    parser.add_argument("--bodies", type=int, nargs="+", choices=[1, 2], default=[1, 2], help="in a sample, on the CPU [1 2]")
    parser.add_argument("--quick", action="store_true", help="the smaller batch only; on the CPU it has no target")
    parser.add_argument(
        "--processor-time", action="store_true", help="on the CPU, count processor time: for one thread on a busy machine (Linux)"
    )
    args = parser.parse_args()
    environment.enter("train-speed", environment.TORCH)
    import torch

    python = [sys.executable, ROOT / "benches" / "aimclr_step.py"]
    subprocess.run([*python, "--check"], check=True)
    step = build()
    good = on_cpu(args, step, python)
    if torch.cuda.is_available():
        # Where the build has the CPU's libtorch only, it takes CUDA from PyTorch's own libraries.
        os.environ["LD_LIBRARY_PATH"] = str(Path(torch.__file__).parent / "lib")
        print(torch.cuda.get_device_name())
        good &= on_gpu(args, step, python)
    else:
        print("GPU: not run, PyTorch finds no CUDA here")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
