"""Open the course, or test it: a Python from 3.10 to 3.14 is all that it needs.

    python3 course.py            make the environment if it is not there, and open JupyterLab
    python3 course.py setup      make the environment alone
    python3 course.py test       run every test and every notebook
    python3 course.py test 05    run what belongs to lesson 5

On Windows write "python" for "python3".
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
MARK = "text-to-video course"  # the name that .venv bears, by which it is known to be made here
FIRST = "notebooks/00_start_here.ipynb"
TORCH_CPU = "https://download.pytorch.org/whl/cpu"  # PyTorch's own index of builds without CUDA
LONGEST = 171  # characters of the longest path in a package: a licence in PyTorch's
PYTEST = ["pytest", "-q", "-n2"]  # two workers of one thread: a second thread gains hardly anything
NBVAL = [*PYTEST, "--dist=loadscope", "--nbval-lax", "--nbval-current-env",
         "--nbval-cell-timeout=600", "-p", "no:cacheprovider"]
PRECISION = {"masters": "float32", "students": "bfloat16"}
STOPPED = ("The installation stopped: read the lines above, mend what they say (often the "
           "network), and run this again; what is installed already is kept.")


def main():
    command, *lesson = sys.argv[1:] or ["open"]
    if command not in ("open", "setup", "test") or len(lesson) > (command == "test"):
        sys.exit(__doc__.strip())
    problem = what_hinders()
    if problem:
        sys.exit(problem)
    os.chdir(ROOT)
    if lesson:
        lesson = [path.name for path in Path("notebooks").glob("*.ipynb")
                  if path.name.startswith(lesson[0] + "_")]
        if not lesson:
            sys.exit(f"There is no lesson {sys.argv[2]}: give the number of one in notebooks/.")
    # waiting threads sleep: spinning ones make PyTorch 20 times slower where others use the cores
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in ("PYTHONPATH", "PYTHONHOME", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON"):
        os.environ.pop(name, None)  # they let in the modules of others, or lead out of .venv
    try:
        install("lab,test" if command == "test" else "lab")
        sys.exit({"open": open_lab, "setup": lambda: 0, "test": test}[command](*lesson))
    except KeyboardInterrupt:
        sys.exit("Stopped. Run the same command again to go on.")


# Whether it can be done here ----------------------------------------------------------------------
def what_hinders():
    """Why the course cannot run here, as a sentence, or None; asked before any download."""
    version = sys.version.split()[0]
    if not (3, 10) <= sys.version_info[:2] <= (3, 14):
        return (f"This is Python {version}; the course needs one from 3.10 to 3.14: "
                "install it from python.org and run course.py with it.")
    if sys.maxsize < 2**32:
        return (f"This Python {version} has 32 bits, and PyTorch needs 64: "
                "install the 64-bit one from python.org and run course.py with it.")
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        return ("PyTorch has no build for this Python: on a Mac with an Apple chip install Python "
                "from python.org; on one with an Intel chip open the lessons on Colab.")
    for name in ("pyproject.toml", "constraints.txt"):
        if not (ROOT / name).exists():
            return (f"{ROOT} lacks {name}, a part of the course: get the whole course again, "
                    "as its README says.")
    room = 259 - len(r"\.venv\Lib\site-packages") - 1 - LONGEST
    if sys.platform == "win32" and len(str(ROOT)) > room and not long_paths():
        return (f"The path of this folder has {len(str(ROOT))} characters, and Windows leaves "
                f"{room} for it: move the folder to a shorter one, such as C:\\course.")
    return None


def long_paths():
    """Whether this Windows was told to allow paths of more than 259 characters."""
    import winreg
    place = r"SYSTEM\CurrentControlSet\Control\FileSystem"
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
            return winreg.QueryValueEx(key, "LongPathsEnabled")[0] == 1
    except OSError:
        return False


def check_disk(new, cuda):
    """Say what is to come, or that there is no room for it. new: PyTorch is still to be had."""
    size, minutes = (7, "five to fifteen") if cuda else (2, "two to five")
    needed = 2 * size if new else 1  # pip keeps a copy of what it downloads
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < needed:
        sys.exit(f"Only {free:.1f} GB are free here; the course needs {needed} GB: "
                 "free some space and run this again.")
    print(f"Setting up the course in .venv: {size} GB, {minutes} minutes on most connections, "
          "once." if new else "Bringing .venv up to date: a minute or two.", flush=True)


# The environment ----------------------------------------------------------------------------------
def install(extras):
    """Make .venv and install the course, unless the same was done before."""
    recipe = hashlib.sha256(str(ROOT).encode() + Path("pyproject.toml").read_bytes()
                            + Path("constraints.txt").read_bytes()).hexdigest()
    stamp, done = VENV / "installed", f"{recipe} {extras}"
    works = venv_works()
    if works and stamp.exists() and stamp.read_text().startswith(done):
        return
    if not ours():
        sys.exit(f"{VENV} was not made by course.py, which leaves it as it is: "
                 "rename or delete it, and run this again.")
    torch = next(line.split(";")[0].strip() for line in Path("constraints.txt").open()
                 if line.startswith("torch=="))
    new = not works or not installed(torch)
    check_disk(new, cuda=has_nvidia() and sys.platform == "linux")
    if not works:
        print("1 of 3  making .venv", flush=True)
        make_venv()
    # Python 3.10.0 has too old a pip; with setuptools here a moved course needs no network
    if pip("pip>=21.3", "setuptools", "-c", "constraints.txt"):
        sys.exit(STOPPED)
    if new:
        print("2 of 3  PyTorch (the largest part)", flush=True)
        install_torch(torch)
    print("3 of 3  JupyterLab and the rest", flush=True)
    if pip("--no-build-isolation", "-e", f".[{extras}]", "-c", "constraints.txt"):
        sys.exit(STOPPED)
    stamp.write_text(done)
    print("Done.", flush=True)


def venv_works():
    """Whether .venv has a Python that starts, is new enough, and has pip."""
    check = "import sys, pip; sys.exit(sys.version_info < (3, 10))"
    try:
        return subprocess.run([PYTHON, "-c", check], capture_output=True).returncode == 0
    except OSError:  # not there, or of another computer
        return False


def ours():
    """Whether .venv was made here, or nothing is there: only then may it be cleared or changed."""
    mark = f"prompt = {MARK!r}"  # as venv notes it, before anything else
    try:
        return not any(VENV.iterdir()) or mark in (VENV / "pyvenv.cfg").read_text("utf-8")
    except OSError:
        return not os.path.lexists(VENV)


def make_venv():
    command = [sys.executable, "-m", "venv", "--clear", "--prompt", MARK, VENV]
    if subprocess.run(command).returncode:
        sys.exit("Cannot make .venv, for the reason above. Where it says 'ensurepip' (Debian and "
                 "Ubuntu), run 'sudo apt install python3-venv', then run this again.")


def has_nvidia():
    return shutil.which("nvidia-smi") is not None


def install_torch(torch):
    """PyTorch first and alone: without an NVIDIA GPU the small CPU build, where there is one."""
    if not has_nvidia() and sys.platform != "darwin":
        if pip(torch, "--no-deps", "--index-url", mirrored(TORCH_CPU), "--retries", "2",
               "--timeout", "20", quiet=True) == 0:
            return
        if sys.platform == "linux":  # elsewhere the ordinary build has no CUDA in it
            print("PyTorch's index of small builds did not answer in time: the build for "
                  "NVIDIA cards comes instead.", flush=True)
            check_disk(new=True, cuda=True)
    if pip(torch, "-c", "constraints.txt"):
        sys.exit("PyTorch could not be installed: read the lines above. Mostly it is the network; "
                 "if there is no PyTorch for this computer, open the lessons on Colab.")


def mirrored(url):
    """An address, or its mirror where LESSONS_MIRRORS has ADDRESS=MIRROR (the doctor tells)."""
    chosen = (pair.partition("=")[::2] for pair in os.getenv("LESSONS_MIRRORS", "").split())
    return next((new + url[len(old):] for old, new in chosen if url.startswith(old)), url)


def installed(requirement):
    name, version = requirement.split("==")
    code = f"from importlib.metadata import version; print(version({name!r}).split('+')[0])"
    found = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True)
    return found.stdout.strip() == version


def pip(*arguments, quiet=False):
    """Run pip in .venv; in a terminal its progress bars stay visible. Returns its exit code.

    The machine's settings of pip hold (mirrors, certificates), but those that lead out of .venv.
    """
    brief = [] if sys.stdout.isatty() else ["-q"]
    return subprocess.run([PYTHON, "-m", "pip", "install", "--disable-pip-version-check", *brief,
                           "--no-user", "--target=", *arguments],
                          stderr=subprocess.DEVNULL if quiet else None).returncode


# What it is for -----------------------------------------------------------------------------------
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


def test(lesson=""):
    """Style, tests, and every notebook with a few steps of training each; or what one lesson has.

    The masters compute in float32 and the students' notebooks in bfloat16: between two equal trees
    every cell runs in both. The students' run in a browser, and by nbval where there is none.
    """
    parts = {"style": ["ruff", "check", "."],
             "tests": [*PYTEST, *tests_of(lesson)],
             "masters": [*NBVAL, f"solutions/{lesson}"],
             "students": [*NBVAL, f"notebooks/{lesson}"]}
    if lesson == "" and run("tests/test_browser.py") == 0:
        parts["students"] = [*PYTEST, "--dist=worksteal", "tests/test_browser.py"]
    codes, lines, start = [], [], time.monotonic()
    for name, command in parts.items():
        print(f"\n--- {name}: {' '.join(command)}", flush=True)
        began = time.monotonic()
        codes.append(run("-m", *command, precision=PRECISION.get(name, "auto")))
        lines.append(f"{name:10} {'FAILED' if codes[-1] else 'passed'} "
                     f"{time.monotonic() - began:5.0f} s")
    total = f"{'NOT all' if any(codes) else 'all'} passed, {time.monotonic() - start:.0f} s"
    print("", *lines, total, sep="\n", flush=True)
    return max(map(abs, codes))  # a part that a signal ended has a code below zero


def tests_of(lesson):
    """What pytest is given for a lesson: the tests of its module and of its exercises."""
    if not lesson:
        return ["--dist=loadscope", "--durations=10", "tests", "--ignore=tests/test_browser.py"]
    number, name = int(lesson[:2]), lesson[3:-len(".ipynb")].replace("start_here", "theatre")
    return ["--dist=worksteal", f"tests/test_{name}.py", "tests/exercises", "-k",
            f"test_{name} or [{number}. or -{number}."]


def run(*arguments, precision="auto"):
    """Run .venv's Python as tests need it; returns its exit code."""
    local = ",".join(filter(None, [os.environ.get("no_proxy"), "localhost,127.0.0.1"]))
    return subprocess.run([PYTHON, *arguments], env={
        **os.environ, "LESSONS_SMOKE": "1", "LESSONS_PRECISION": precision, "OMP_NUM_THREADS": "1",
        "no_proxy": local, "NO_PROXY": local}).returncode


if __name__ == "__main__":
    main()
