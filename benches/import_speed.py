#!/usr/bin/env python3
"""Importing .skeleton files: ours and a plain Python reader, side by side on the same files.

Writes files of realistic size (30 to 120 frames of one or two people), imports them with a release
build of `aimclr-data import ntu`, and reads some of them as the released code does: a line at a
time, split, into dictionaries, then a numpy array. Prints the speed of both in MB/s and their
ratio, and compares the numbers that came out bit by bit.

    python3 benches/import_speed.py
    python3 benches/import_speed.py --files 500 --threads 1 --zip
    python3 benches/import_speed.py --processor-time        # on a busy machine

Files are read once before anything is timed, so that both find them in the system's cache. The
fastest of the rounds counts, for both. Exit code 1 where ours has less than 150 MB/s on two cores,
is less than 20 times as fast, takes over 1 GiB of memory, or numbers differ. Needs numpy, and a
system with os.wait4.
"""

import argparse
import csv
import os
import random
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "import-speed"
SPEED = 150.0
RATIO = 20.0
MEMORY = 1 << 30
JOINTS = 25
BODIES = 2


def write_files(folder, count):
    """Files that look like the sensor's: seven digits a number, CRLF, people who come and go. Bodies
    are drawn from a few thousand that are made first; writing each anew would take minutes."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = random.Random(0)

    def body():
        lines = [f"0 1 1 1 1 0 {rng.uniform(-1, 1):.8f} {rng.uniform(-1, 1):.8f} 2", str(JOINTS)]
        for _ in range(JOINTS):
            place = [rng.gauss(0, 0.4), rng.gauss(0, 0.5), rng.gauss(3, 0.2)]
            pixels = [rng.uniform(0, 512), rng.uniform(0, 424), rng.uniform(0, 1920), rng.uniform(0, 1080)]
            turn = [rng.uniform(-1, 1) for _ in range(4)]
            lines.append(" ".join(f"{n:.7g}" for n in place + pixels + turn) + " 2")
        return "\r\n".join(lines) + "\r\n"

    made = [body() for _ in range(4000)]
    for i in range(count):
        action, subject, camera, setup = i % 60 + 1, i // 60 % 40 + 1, i // 2400 % 3 + 1, i // 7200 + 1
        frames = rng.randint(30, 120)
        ids = [72057594037900000 + rng.randrange(100000) for _ in range(1 if action < 50 else 2)]
        text = [f"{frames}\r\n"]
        for t in range(frames):
            seen = [] if t == 3 and i % 7 == 0 else ids
            text.append(f"{len(seen)}\r\n")
            text += [f"{number} {rng.choice(made)}" for number in seen]
        name = f"S{setup:03}C{camera:03}P{subject:03}R001A{action:03}.skeleton"
        (folder / name).write_bytes("".join(text).encode())


BODY_KEYS = ["bodyID", "clipedEdges", "handLeftConfidence", "handLeftState", "handRightConfidence"]
BODY_KEYS += ["handRightState", "isResticted", "leanX", "leanY", "trackingState"]
JOINT_KEYS = ["x", "y", "z", "depthX", "depthY", "colorX", "colorY"]
JOINT_KEYS += ["orientationW", "orientationX", "orientationY", "orientationZ", "trackingState"]


def read_plainly(path):
    """A recording, shape (3, T, 25, 2), read line by line into dictionaries first."""
    with open(path) as file:
        recording = []
        for _ in range(int(file.readline())):
            bodies = []
            for _ in range(int(file.readline())):
                body = {key: float(value) for key, value in zip(BODY_KEYS, file.readline().split())}
                body["joints"] = []
                for _ in range(int(file.readline())):
                    joint = {key: float(value) for key, value in zip(JOINT_KEYS, file.readline().split())}
                    body["joints"].append(joint)
                bodies.append(body)
            recording.append(bodies)
    data = np.zeros((3, len(recording), JOINTS, BODIES))
    for t, bodies in enumerate(recording):
        for m, body in enumerate(bodies[:BODIES]):
            for v, joint in enumerate(body["joints"]):
                data[:, t, v, m] = [joint["x"], joint["y"], joint["z"]]
    return data


def build():
    command = ["cargo", "build", "--quiet", "--release", "-p", "aimclr-skeleton"]
    subprocess.run(command, check=True, cwd=ROOT)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "release" / ("aimclr-data.exe" if os.name == "nt" else "aimclr-data")


def differing(out, plain):
    """How many of the files that were read plainly have other numbers in the data set."""
    joints = np.load(out / "joints.npy", mmap_mode="r")
    first, wrong = 0, 0
    with open(out / "samples.csv", newline="") as file:
        for row in csv.DictReader(file):
            last = first + int(row["frames"])
            if row["name"] in plain:
                # (3, T, V, M) to (T, M, V, 3)
                expected = plain[row["name"]].transpose(1, 3, 2, 0).astype(np.float32)
                wrong += expected.tobytes() != joints[first:last].tobytes()
            first = last
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000, help="files that are written [2000]")
    parser.add_argument("--plain", type=int, default=40, help="files of them that Python reads, too [40]")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--processor-time", action="store_true",
                        help="on a busy machine: count the time that each had a processor, ours shared among its threads")
    parser.add_argument("--zip", action="store_true", help="import a zip archive of the files, too")
    options = parser.parse_args()

    program = build()
    folder, out = WORK / "files", WORK / "dataset"
    write_files(folder, options.files)
    paths = sorted(folder.iterdir())
    sizes = {path.stem: len(path.read_bytes()) for path in paths}
    size = sum(sizes.values())
    print(f"{len(paths)} files, {size / 1e6:.0f} MB; {options.threads} threads, {os.cpu_count()} cores")

    def bring(source):
        command = [program, "import", "ntu", source, "--out", out, "--force", "--missing", "none"]
        started = time.perf_counter()
        process = subprocess.Popen([*command, "--threads", str(options.threads)], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if options.processor_time:
            seconds = (used.ru_utime + used.ru_stime) / options.threads
        if status:
            sys.exit("the import failed")
        # Linux counts in KiB.
        return size / seconds / 1e6, used.ru_maxrss * 1024

    chosen = paths[:: max(1, len(paths) // options.plain)]
    chosen_size = sum(sizes[path.stem] for path in chosen)
    ours, theirs, memory, plain = 0.0, 0.0, 0, {}
    for _ in range(options.rounds):
        speed, used = bring(folder)
        ours, memory = max(ours, speed), max(memory, used)
        clock = time.process_time if options.processor_time else time.perf_counter
        started = clock()
        plain = {path.stem: read_plainly(path) for path in chosen}
        theirs = max(theirs, chosen_size / (clock() - started) / 1e6)
    wrong = differing(out, plain)
    print(f"aimclr-data import ntu   {ours:7.1f} MB/s")
    print(f"plain Python             {theirs:7.1f} MB/s on {len(chosen)} of the files")
    print(f"ratio                    {ours / theirs:7.1f}")
    print(f"memory, at most          {memory / 1e6:7.1f} MB")
    print(f"files of other numbers   {wrong:7}")
    if options.zip:
        archive = WORK / "files.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            for path in paths:
                file.write(path, path.name)
        print(f"from a zip archive       {max(bring(archive)[0] for _ in range(options.rounds)):7.1f} MB/s")
        wrong += differing(out, plain)
    shutil.rmtree(WORK)
    if wrong or ours < SPEED or ours < RATIO * theirs or memory > MEMORY:
        sys.exit(1)


if __name__ == "__main__":
    main()
