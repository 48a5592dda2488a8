"""Open the course, or test it: a Python of 3.10 or newer is all that it needs.

    python3 course.py          make the environment if it is not there, and open JupyterLab
    python3 course.py setup    make the environment alone
    python3 course.py test     run every test and every notebook

On Windows write "python" for "python3".
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
FIRST = "notebooks/00_start_here.ipynb"
TORCH_CPU = "https://download.pytorch.org/whl/cpu"  # PyTorch's own index of builds without CUDA


def main():
    command = " ".join(sys.argv[1:]) or "open"
    if command not in ("open", "setup", "test"):
        sys.exit(__doc__.strip())
    if sys.version_info < (3, 10):  # noqa: UP036, older ones are what this line is for
        sys.exit(f"This is Python {sys.version.split()[0]}; the course needs 3.10 or newer: "
                 "install one from python.org and run course.py with it.")
    os.chdir(ROOT)
    # waiting threads sleep: spinning ones make PyTorch 20 times slower where others use the cores
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        install("lab,test" if command == "test" else "lab")
        sys.exit({"open": open_lab, "setup": lambda: 0, "test": test}[command]())
    except KeyboardInterrupt:
        sys.exit("Stopped. Run the same command again to go on.")


def install(extras):
    """Make .venv and install the course, unless the same was done before."""
    recipe = hashlib.sha256(str(ROOT).encode() + Path("pyproject.toml").read_bytes()
                            + Path("constraints.txt").read_bytes()).hexdigest()
    stamp, done = VENV / "installed", f"{recipe} {extras}"
    works = venv_works()
    if works and stamp.exists() and stamp.read_text().startswith(done):
        return
    torch = next(line.split(";")[0].strip() for line in Path("constraints.txt").open()
                 if line.startswith("torch=="))
    new = not works or not installed(torch)
    check_disk(new)
    if not works:
        print("1 of 3  making .venv", flush=True)
        make_venv()
    if new:
        print("2 of 3  PyTorch (the largest part)", flush=True)
        install_torch(torch)
    print("3 of 3  JupyterLab and the rest", flush=True)
    if pip("-e", f".[{extras}]", "-c", "constraints.txt"):
        sys.exit("The installation stopped: read the lines above, mend what they say (often the "
                 "network), and run this again; what is installed already is kept.")
    stamp.write_text(done)
    print("Done.", flush=True)


def check_disk(new):
    """Say what is to come, or that there is no room for it. new: PyTorch is still to be had."""
    cuda = shutil.which("nvidia-smi") and sys.platform == "linux"
    size, minutes = (7, "five to fifteen") if cuda else (2, "two to five")
    needed = 2 * size if new else 1  # pip keeps a copy of what it downloads
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < needed:
        sys.exit(f"Only {free:.1f} GB are free here; the course needs {needed} GB: "
                 "free some space and run this again.")
    print(f"Setting up the course in .venv: {size} GB, {minutes} minutes on most connections, "
          "once." if new else "Bringing .venv up to date: a minute or two.", flush=True)


def venv_works():
    """Whether .venv has a Python that starts, is new enough, and has pip."""
    check = "import sys, pip; sys.exit(sys.version_info < (3, 10))"
    try:
        return subprocess.run([PYTHON, "-c", check], capture_output=True).returncode == 0
    except OSError:  # not there, or of another computer
        return False


def make_venv():
    if subprocess.run([sys.executable, "-m", "venv", "--clear", VENV]).returncode:
        sys.exit("Cannot make .venv, for the reason above. Where it says 'ensurepip' (Debian and "
                 "Ubuntu), run 'sudo apt install python3-venv', then run this again.")
    pip("pip>=21.3")  # Python 3.10.0 brought an older one, which cannot install from here


def install_torch(torch):
    """PyTorch first and alone: without an NVIDIA GPU the small CPU build, where there is one."""
    if shutil.which("nvidia-smi") is None and sys.platform != "darwin":
        if pip(torch, "--no-deps", "--index-url", TORCH_CPU, "--retries", "0", "--timeout", "15",
               quiet=True) == 0:
            return
    if pip(torch, "-c", "constraints.txt"):
        sys.exit("PyTorch could not be installed: read the lines above. It is the network, or "
                 "there is no PyTorch for this Python (3.10 to 3.13 of 64 bits are tested) or "
                 "this computer (a Mac with an Intel chip): then open the lessons on Colab.")


def installed(requirement):
    name, version = requirement.split("==")
    code = f"from importlib.metadata import version; print(version({name!r}).split('+')[0])"
    found = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True)
    return found.stdout.strip() == version


def pip(*arguments, quiet=False):
    """Run pip in .venv; in a terminal its progress bars stay visible. Returns its exit code."""
    brief = [] if sys.stdout.isatty() else ["-q"]
    return subprocess.run([PYTHON, "-m", "pip", "install", "--disable-pip-version-check", *brief,
                           *arguments], stderr=subprocess.DEVNULL if quiet else None).returncode


def open_lab():
    """JupyterLab on the first lesson; where there is no screen it prints its address."""
    command = [PYTHON, "-m", "jupyterlab", f"--ServerApp.root_dir={ROOT}",
               f"--LabApp.default_url=/lab/tree/{FIRST}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    if sys.platform == "linux" and not any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY"))):
        command.append("--no-browser")
        print("No screen here: open the address that JupyterLab prints below in a browser.",
              flush=True)
    print("Opening the course; stop it with Ctrl+C.", flush=True)
    if os.name != "nt":
        os.execv(PYTHON, command)  # JupyterLab takes our place, and Ctrl+C goes to it
    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # JupyterLab got it too, and asks whether to stop
            pass


def test():
    """Style, tests, and every notebook of both trees with a few steps of training each."""
    parts = {"style": ["ruff", "check", "."], "tests": ["pytest", "-q", "--durations=10", "tests"],
             "notebooks": ["pytest", "-q", "--nbval-lax", "--nbval-current-env",
                           "--nbval-cell-timeout=600", "-p", "no:cacheprovider",
                           "notebooks", "solutions"]}
    environment = {**os.environ, "LESSONS_SMOKE": "1"}
    codes, lines, start = [], [], time.monotonic()
    for name, command in parts.items():
        print(f"\n--- {name}: {' '.join(command)}", flush=True)
        began = time.monotonic()
        codes.append(subprocess.run([PYTHON, "-m", *command], env=environment).returncode)
        lines.append(f"{name:10} {'FAILED' if codes[-1] else 'passed'} "
                     f"{time.monotonic() - began:5.0f} s")
    total = f"{'NOT all' if any(codes) else 'all'} passed, {time.monotonic() - start:.0f} s"
    print("", *lines, total, sep="\n", flush=True)
    return max(map(abs, codes))  # a part that a signal ended has a code below zero


if __name__ == "__main__":
    main()
