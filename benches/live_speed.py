"""Live recognition under load: the real `aimclr-run stream` on one core, fed over TCP from another.

    cargo build
    python3 benches/live_speed.py --model model.onnx

Rows: so many people at 30 frames a second with 6 decisions a second each; the summary's own latency
from a frame's arrival to its last event; the share of the process's time that is not the engine;
windows that fell out; memory. Then four times as much as the machine can do, from one camera and
from four, and what a person takes. With --hour, instead, an hour of stream at four times real time.
"""

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

FPS = 30
DECISIONS = 6


def session(binaries, folder, seconds):
    """Frames of one moving body, as lists of joints."""
    path = os.path.join(folder, "session.ndjson")
    subprocess.run(
        [os.path.join(binaries, "aimclr-data"), "generate", "--subjects", "4", "--seconds", str(seconds),
         "--out", os.path.join(folder, "motions"), "--session", path],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line)["people"][0]["joints"] for line in lines]


def crowd(body, people, frames):
    """The part of each frame's line behind its time: people two metres apart, each somewhere else in
    the session, without ids."""
    def line(j):
        def moved(i):
            joints = body[(j + 97 * i) % len(body)]
            x, z = 2.0 * (i % 12), 2.0 * (i // 12)
            return [[round(p[0] + x, 4), p[1], round(p[2] + z, 4)] for p in joints]
        return json.dumps([{"joints": moved(i)} for i in range(people)], separators=(",", ":"))
    return [line(j) for j in range(frames)]


class Run:
    """A stream that listens, on core 0."""

    def __init__(self, args, hop, more):
        command = ["taskset", "-c", "0", os.path.join(args.binaries, "aimclr-run"), "stream",
                   "--model", args.model, "--backend", args.backend, "--hop", str(hop),
                   "--input", "tcp-listen://127.0.0.1:0", "--listen", "127.0.0.1:0", *more]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.http = self.tcp = None
        while self.tcp is None:
            line = self.process.stderr.readline()
            if not line:
                sys.exit("aimclr-run ended: " + " ".join(command))
            if match := re.match(r"http://([\d.]+:\d+)", line):
                self.http = match[1]
            if match := re.search(r"listening on ([\d.]+):(\d+)", line):
                self.tcp = (match[1], int(match[2]))
        self.told = []
        threading.Thread(target=lambda: self.told.extend(self.process.stderr), daemon=True).start()

    def metrics(self):
        with urllib.request.urlopen(f"http://{self.http}/metrics") as answer:
            text = answer.read().decode()
        values = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Megabytes."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def feed(tcp, source, lines, seconds, pace):
    """Sends frames, `pace` times as fast as they were, for so long; gives how many."""
    connection = socket.create_connection(tcp)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    began, j = time.perf_counter(), 0
    while (now := time.perf_counter() - began) < seconds:
        due = j / (FPS * pace)
        if due > now:
            time.sleep(due - now)
        line = f'{{"t":{j / FPS:.6f},"source":"{source}","layout":"ntu25","people":{lines[j % len(lines)]}}}\n'
        connection.sendall(line.encode())
        j += 1
    connection.close()
    return j


def measure(args, label, people, seconds, cameras=1, pace=1.0, hop=1 / DECISIONS, watch=None):
    lines = crowd(args.body, people, 900)
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "events.ndjson")
        run = Run(args, hop, ["--out", out])
        threads = [threading.Thread(target=feed, args=(run.tcp, f"cam{c}", lines, seconds, pace))
                   for c in range(cameras)]
        for thread in threads:
            thread.start()
        # Windows have to fill before anything is decided.
        time.sleep(min(5 / pace, seconds / 4))
        before, cpu, began = run.metrics(), run.cpu(), time.perf_counter()
        memory = [run.memory()]
        for thread in threads:
            while thread.is_alive():
                thread.join(watch)
                memory.append(run.memory())
                if watch:
                    print(f"  {time.perf_counter() - began:5.0f} s  {memory[-1]:.1f} MB", flush=True)
        after, cpu, wall = run.metrics(), run.cpu() - cpu, time.perf_counter() - began
        run.end()
        with open(out, encoding="utf-8") as events:
            latency = sorted(event["latency_ms"] for event in map(json.loads, events)
                             if isinstance(event.get("latency_ms"), float))
        delta = {key: after[key] - before.get(key, 0) for key in after}
        engine = delta["aimclr_inference_seconds_sum"]
        windows = delta["aimclr_windows_total"]
        dropped = sum(value for key, value in delta.items() if key.startswith("aimclr_frames_dropped"))
        at = lambda share: latency[min(int(share * len(latency)), len(latency) - 1)] if latency else float("nan")
        row = dict(label=label, people=people * cameras, windows=windows / wall,
                   each=windows / wall / (people * cameras), p50=at(0.5), p99=at(0.99),
                   busy=cpu / wall, beside=1 - engine / cpu, skipped=delta.get("aimclr_windows_skipped_total", 0),
                   frames=delta["aimclr_frames_in_total"], dropped=dropped,
                   first=memory[0], last=memory[-1])
    print("{label:28} {people:4} people  {windows:6.1f} windows/s ({each:4.2f} each)  event p50 {p50:6.1f} p99 {p99:6.1f} ms  "
          "core {busy:4.0%}  beside the engine {beside:5.1%}  windows out {skipped:6.0f}  frames {frames:6.0f} "
          "dropped {dropped:5.0f}  {first:.1f} -> {last:.1f} MB".format(**row), flush=True)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--binaries", default="target/debug")
    parser.add_argument("--backend", default="onnxruntime")
    parser.add_argument("--people", type=int, default=30, help="as many as the machine is to follow")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--overload", type=float, default=60, help="seconds of each overload")
    parser.add_argument("--hour", action="store_true", help="only the hour at four times real time")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        args.body = session(args.binaries, folder, 4)
    os.sched_setaffinity(0, {1})
    if args.hour:
        measure(args, "an hour at four times", args.people // 4, 900, pace=4.0, watch=60)
        return
    half = measure(args, "half", args.people // 2, args.seconds)
    full = measure(args, "full", args.people, args.seconds)
    for label, people, cameras in [("4 times, one camera", 4 * args.people, 1), ("4 times, four cameras", args.people, 4)]:
        over = measure(args, label, people, args.overload, cameras=cameras)
        print(f"  p99 {over['p99'] / full['p99']:.2f} times that of full load; "
              f"memory {over['last'] - over['first']:+.1f} MB")
    one = measure(args, "one", 1, args.seconds / 2)
    many = measure(args, "crowds, seldom", 120, args.seconds, cameras=4, hop=4)
    print(f"a person takes {(many['last'] - one['last']) * 1e3 / (many['people'] - 1):.0f} kB")
    print(f"half load: p99 {half['p99']:.1f} ms")


if __name__ == "__main__":
    main()
