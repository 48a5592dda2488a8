"""Open the course, or test it: a Python of 3.10 or newer is all that it needs.

    python3 course.py          make the environment if it is not there, and open JupyterLab
    python3 course.py setup    make the environment alone
    python3 course.py test     run every test and every notebook
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
FIRST = "notebooks/00_start_here.ipynb"
NEEDED_GB = 4
TORCH_CPU = "https://download.pytorch.org/whl/cpu"  # PyTorch's own index of builds without CUDA


def main():
    command = sys.argv[1] if len(sys.argv) == 2 else "open" if len(sys.argv) == 1 else ""
    if command not in ("open", "setup", "test"):
        sys.exit(__doc__.strip())
    if sys.version_info < (3, 10):
        sys.exit(f"This is Python {sys.version.split()[0]}; the course needs 3.10 or newer: "
                 "install one from python.org and run course.py with it.")
    os.chdir(ROOT)
    install("lab,test" if command == "test" else "lab")
    if command == "test":
        sys.exit(test())
    if command == "open":
        open_lab()


def install(extras):
    """Make .venv and install the course, unless the same was done before."""
    stamp = VENV / f"installed-{extras.replace(',', '-')}"
    recipe = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in
                                     ("pyproject.toml", "constraints.txt"))).hexdigest()
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == recipe:
        return
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < NEEDED_GB:
        sys.exit(f"Only {free:.1f} GB are free here; the course needs {NEEDED_GB} GB: "
                 "free some space and run this again.")
    print("Setting up the course in .venv: 2 GB, two to five minutes on most connections, once.",
          flush=True)
    if not PYTHON.exists() or subprocess.run([PYTHON, "-m", "pip", "--version"],
                                             capture_output=True).returncode:
        print("1 of 3  making .venv", flush=True)
        make_venv()
    print("2 of 3  PyTorch (the largest part)", flush=True)
    install_torch()
    print("3 of 3  JupyterLab and the rest", flush=True)
    if pip("-e", f".[{extras}]", "-c", "constraints.txt"):
        sys.exit("The installation stopped: read the lines above, mend what they say (often the "
                 "network), and run this again; what is installed already is kept.")
    stamp.write_text(recipe)
    print("Done.", flush=True)


def make_venv():
    try:
        import venv
        venv.create(VENV, with_pip=True, clear=VENV.exists())
    except (ImportError, OSError, subprocess.CalledProcessError):
        sys.exit("Python's venv is missing or cannot write here: on Debian and Ubuntu run "
                 "'sudo apt install python3-venv', then run this again.")


def install_torch():
    """PyTorch first and alone: without an NVIDIA GPU the small CPU build, where there is one."""
    torch = next(line for line in Path("constraints.txt").read_text().splitlines()
                 if line.startswith("torch=="))
    plain_torch = torch.split(";")[0].strip()
    if installed(plain_torch):
        return
    if shutil.which("nvidia-smi") is None and sys.platform != "darwin":
        if pip(plain_torch, "--index-url", TORCH_CPU, "--retries", "0", "--timeout", "15",
               quiet=True) == 0:
            return
    if pip(plain_torch):
        sys.exit("PyTorch could not be installed: check the network and run this again.")


def installed(requirement):
    name, version = requirement.split("==")
    code = f"from importlib.metadata import version; print(version({name!r}).split('+')[0])"
    found = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True)
    return found.stdout.strip() == version


def pip(*arguments, quiet=False):
    """Run pip in .venv; its own progress bars stay visible. Returns its exit code."""
    command = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "-q", *arguments]
    command.remove("-q") if sys.stdout.isatty() else None
    return subprocess.run(command, stderr=subprocess.DEVNULL if quiet else None).returncode


def open_lab():
    """JupyterLab on the first lesson; where there is no screen it prints its address."""
    command = [PYTHON, "-m", "jupyterlab", FIRST]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY")
                                                 or os.environ.get("WAYLAND_DISPLAY")):
        command.append("--no-browser")
        print("No screen here: open the address that JupyterLab prints below in a browser.",
              flush=True)
    print("Opening the course; stop it with Ctrl+C.", flush=True)
    try:
        sys.exit(subprocess.run(command).returncode)
    except KeyboardInterrupt:
        sys.exit(0)


def test():
    """Style, tests, and every notebook of both trees with a few steps of training each."""
    environment = {**os.environ, "LESSONS_SMOKE": "1"}
    nbval = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=600",
             "-p", "no:cacheprovider"]
    codes = [subprocess.run([PYTHON, "-m", *command], env=environment).returncode for command in (
        ["ruff", "check", "."],
        ["pytest", "-q", *nbval, "notebooks", "solutions"],
        ["pytest", "-q", "--durations=10", "tests"],
    )]
    return max(codes)


if __name__ == "__main__":
    main()
