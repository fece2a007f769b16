"""onnxruntime-web in a headless Chromium: a page on a server of this process's own on the loopback
address, which runs the windows and posts back what came out."""

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VERSION = "1.30.0"
FILES = ["ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"]
PROGRAMS = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome"]
PAGE = Path(__file__).resolve().parent / "hosts_page.html"
TYPES = {".html": "text/html", ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json"}


class Missing(Exception):
    """What a host needs is not here; the text says what and how to get it."""


def package(folder):
    """Where onnxruntime-web's files lie; npm fetches them at the first call."""
    folder = folder / f"onnxruntime-web-{VERSION}"
    if all((folder / name).is_file() for name in FILES):
        return folder
    npm = shutil.which("npm")
    if not npm:
        raise Missing("npm, which fetches onnxruntime-web, is not on the PATH")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as fetched:
        command = [npm, "pack", "--loglevel=error", f"onnxruntime-web@{VERSION}", "--pack-destination", fetched]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())
            raise Missing(f"npm could not fetch onnxruntime-web {VERSION}: {said[:300]}")
        with tarfile.open(next(Path(fetched).glob("*.tgz"))) as archive:
            for name in FILES:
                # In place only when whole.
                part = Path(fetched) / name
                part.write_bytes(archive.extractfile(f"package/dist/{name}").read())
                part.replace(folder / name)
    return folder


def chromium(given, install):
    """The browser's path: `given`, or the first on the PATH; Debian's is fetched where `install` says so."""
    if given:
        if found := shutil.which(given):
            return found
        raise Missing(f"{given}: no such program")
    if not any(map(shutil.which, PROGRAMS)) and install:
        for command in [["update"], ["install", "--yes", "--no-install-recommends", PROGRAMS[0]]]:
            try:
                subprocess.run(["apt-get", "--quiet", *command], check=True, capture_output=True, text=True)
            except (OSError, subprocess.CalledProcessError) as error:
                said = " ".join((getattr(error, "stderr", "") or "").split())
                raise Missing(f"apt-get could not install {PROGRAMS[0]}: {said[-300:] or error}") from error
    if found := next(filter(None, map(shutil.which, PROGRAMS)), None):
        return found
    raise Missing("no Chromium on the PATH: --install-chromium fetches Debian's, --chromium says where one is")


@contextlib.contextmanager
def serving(files):
    """Serves `files`, name to bytes; gives the page's address and a queue of what is posted."""
    answers = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = files.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", TYPES.get(Path(self.path).suffix, "application/octet-stream"))
            self.send_header("Content-Length", str(len(body or b"")))
            # With both of these the browser's clock counts in microseconds instead of tenths of a millisecond.
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            self.end_headers()
            self.wfile.write(body or b"")

        def do_POST(self):
            answers.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/page.html", answers
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def browsing(program, address):
    """A headless Chromium at `address` with a profile of its own; gives its process and what it says."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", f"--user-data-dir={profile}"]
        if os.name == "posix" and os.geteuid() == 0:
            # Its sandbox can't start as root, and all it opens is our page.
            command.append("--no-sandbox")
        said = open(Path(profile) / "said.txt", "w+b")
        # What is on the PATH may be a script around the browser: a session ends as a whole.
        process = subprocess.Popen([*command, address], stdout=said, stderr=said, start_new_session=True)
        try:
            yield process, said
        finally:
            # By force: the profile is thrown away, too.
            if os.name == "posix":
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()
            said.close()


def run(model, windows, rounds, folder, program, seconds):
    """What the page posted: outputs of each of `windows`, times in milliseconds, versions.

    `folder` is where the package lies, `program` the browser. Missing where the browser does not
    start; RuntimeError where the page could not run the model, or sent nothing within `seconds`.
    """
    library = package(folder)
    shapes, offset = [], 0
    for joints in windows:
        shapes.append({"shape": joints.shape, "offset": offset})
        offset += joints.nbytes
    files = {f"/{name}": (library / name).read_bytes() for name in FILES}
    files |= {
        "/page.html": PAGE.read_bytes(),
        "/model.onnx": model.read_bytes(),
        "/windows.json": json.dumps({"windows": shapes, "rounds": rounds}).encode(),
        "/windows.bin": b"".join(joints.astype("<f4").tobytes() for joints in windows),
    }
    with serving(files) as (address, answers), browsing(program, address) as (process, said):
        body = wait(answers, process, said, seconds)
    answer = json.loads(body)
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer


def wait(answers, process, said, seconds):
    """The first answer; looks every second whether the browser still lives."""
    for _ in range(seconds):
        with contextlib.suppress(queue.Empty):
            return answers.get(timeout=1)
        if process.poll() is not None and answers.empty():
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines() or ["nothing"]
            raise Missing(f"{process.args[0]} ended with exit code {process.returncode}; it said: {lines[-1]}")
    raise RuntimeError(f"the page sent no answer within {seconds} s")
