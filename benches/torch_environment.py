"""A virtual environment with PyTorch for the scripts here that compare with it."""

import importlib.util
import os
import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "target" / "train-speed" / "venv"
PACKAGES = {"torch": "torch==2.11.0", "numpy": "numpy", "safetensors": "safetensors==0.8.0"}


def python():
    return FOLDER / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def enter():
    """Goes on in the environment where a package is missing here; pip fills it at the first call."""
    if all(importlib.util.find_spec(name) for name in PACKAGES):
        return
    if Path(sys.prefix) == FOLDER:
        sys.exit(f"packages are missing although pip installed them: remove {FOLDER} and try again")
    if not python().exists():
        venv.create(FOLDER, with_pip=True)
    # A set-up that was cut off is finished here; where all is there, pip only looks.
    subprocess.run([python(), "-m", "pip", "install", "--quiet", *PACKAGES.values()], check=True)
    os.execv(python(), [str(python()), *sys.argv])
