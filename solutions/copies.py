"""Copies of the course: for students, for machines without a network, and as a web site."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TORCH_CPU = "https://download.pytorch.org/whl/cpu"  # PyTorch's own index of builds without CUDA
OFFLINE = """Without a network, with the Python that this was packed with ({python} on {system}):

    Linux, macOS    PIP_NO_INDEX=1 PIP_FIND_LINKS=packages python3 course.py
    Windows         set PIP_NO_INDEX=1
                    set PIP_FIND_LINKS=packages
                    python course.py

Once it is set up, `python3 course.py` is enough.
"""


def students_copy(folder):
    """Copy the course without the masters and without what tests them.

    Raises ValueError where the folder is there already.
    """
    if folder.exists():
        raise ValueError(f"{folder} is there already: name a folder that is not.")
    for path in ROOT.iterdir():
        if path.suffix in (".md", ".py", ".toml", ".txt", ".yml") or "LICENSE" in path.name:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder)
    for name in ("data", "lessons", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(
            "__pycache__", ".ipynb_checkpoints", "runs"))


def site(folder):
    """Write the lessons, with their stored outputs, as a web site whose first page is index.html.

    Raises ValueError where Sphinx is not installed or cannot build it.
    """
    if importlib.util.find_spec("myst_nb") is None:
        raise ValueError("The site needs a few packages more: pip install -e '.[site]' "
                         "-c constraints.txt")
    if subprocess.run([sys.executable, "-m", "sphinx", "-q", "-E", "-W", "--keep-going",
                       "-c", ROOT / "site", "-d", folder / ".doctrees", ROOT, folder]).returncode:
        raise ValueError("The site is not whole: Sphinx says above what is wrong.")
    shutil.rmtree(folder / ".doctrees")


def pack(file):
    """Zip the students' copy and every package that it needs, for machines that have no network but
    the same system and Python as this one. Raises ValueError where pip cannot get a package."""
    with tempfile.TemporaryDirectory() as place:
        course = Path(place) / "text-to-video-with-gans"
        students_copy(course)
        packages = course / "packages"
        if _download(packages, _torch(), "--no-deps", "--index-url", TORCH_CPU, "--retries", "2",
                     "--timeout", "20"):
            print("PyTorch's index of small builds did not answer: the usual build is packed.")
        if _download(packages, f"{ROOT}[lab]", "setuptools", "--find-links", packages,
                     "-c", ROOT / "constraints.txt"):
            raise ValueError("pip could not get every package: see its words above.")
        (course / "WITHOUT_NETWORK.txt").write_text(OFFLINE.format(
            python=".".join(map(str, sys.version_info[:2])), system=sys.platform), encoding="utf-8")
        made = shutil.make_archive(str(Path(place) / "course"), "zip", place, course.name)
        whole = file.with_suffix(".part")
        shutil.copy(made, whole)
        os.replace(whole, file)


def _download(folder, *words):
    """pip's exit code."""
    return subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--dest", folder,
                           *words]).returncode


def _torch():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith("torch=="))
