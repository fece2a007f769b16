"""A virtual environment for a script here, with what it compares with in the versions it names."""

import importlib.metadata
import os
import subprocess
import sys
import venv
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "target"
# Of the scripts that hold the trainer against PyTorch.
TORCH = ["torch==2.11.0", "numpy", "safetensors==0.8.0"]


def missing(packages):
    """Those that this Python lacks, or has in another version."""

    def here(package):
        name, _, version = package.partition("==")
        try:
            # A build for another device has a suffix: 2.11.0+cpu.
            return version in ("", importlib.metadata.version(name).partition("+")[0])
        except importlib.metadata.PackageNotFoundError:
            return False

    return [package for package in packages if not here(package)]


def enter(name, packages, optional=()):
    """Goes on in target/NAME/venv where a package is missing here; pip fills it at the first call.

    `packages` and `optional` are "name==version", or a name where any version will do. Without one of `optional`, which not every
    platform has, the script goes on, too, and has to say what it can't do.
    """
    folder = TARGET / name / "venv"
    if not missing([*packages, *optional]):
        return
    if Path(sys.prefix) == folder:
        if missing(packages):
            sys.exit(f"packages are missing although pip installed them: remove {folder} and try again")
        return
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(folder, with_pip=True)
    # A set-up that was cut off is finished here; where all is there, pip only looks.
    pip = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, *packages], check=True)
    for package in optional:
        subprocess.run([*pip, package], check=False)
    sys.exit(subprocess.run([python, *sys.argv]).returncode)
