# @title Find the course; on Colab and Kaggle, fetch it first (running this twice does no harm)
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = ""  # where the course is hosted on GitHub: "owner/name"
REF = ""  # the version of it that this notebook belongs to


class CourseNotFound(Exception):
    def _render_traceback_(self):  # one sentence in place of a traceback; "Run All" ends here
        return [str(self)]


def fetch(what, *commands):
    try:
        for command in commands:
            subprocess.run(command, check=True, capture_output=True, timeout=600,
                           env={**os.environ, "GIT_TERMINAL_PROMPT": "0"})
    except (OSError, subprocess.SubprocessError):
        raise CourseNotFound(f"{what} could not be fetched: see whether this machine is on the "
                             "network (Kaggle: Settings, Internet), and run this again.") from None


def fetch_course(folder):
    if not REPOSITORY:
        raise CourseNotFound("This notebook does not know where its course is hosted: write its "
                             "GitHub owner/name behind REPOSITORY in this cell, and run it again.")
    address, ref, part = f"https://github.com/{REPOSITORY}", REF or "HEAD", f"{folder}.part"
    shutil.rmtree(part, ignore_errors=True)  # what an interrupted try has left
    fetch(f"Version {ref} of {address}", ["git", "init", "-q", part],
          ["git", "-C", part, "fetch", "-q", "--depth", "1", address, ref],
          ["git", "-C", part, "checkout", "-q", "FETCH_HEAD"])
    os.rename(part, folder)  # from now on it is whole
    print("The course is here.")


hosted = "google.colab" in sys.modules or "KAGGLE_KERNEL_RUN_TYPE" in os.environ
fetched = Path.cwd() / f"course-{REF or 'HEAD'}"
course = next((folder for folder in (Path.cwd(), *Path.cwd().parents, fetched)
               if (folder / "lessons" / "exercises").is_dir()), None)
if course is None and hosted:
    fetch_course(course := fetched)
if course is not None and str(course) not in sys.path:
    sys.path.insert(0, str(course))
if importlib.util.find_spec("lessons") is None:
    raise CourseNotFound("The course is not here: open this notebook inside the course's folder, "
                         "as `python3 course.py` does.")
if importlib.util.find_spec("torch") is None:
    raise CourseNotFound("This kernel has no PyTorch: choose the course's own, the Python in its "
                         "folder .venv, which `python3 course.py setup` makes.")
if hosted and importlib.util.find_spec("av") is None:  # all else is there, on Colab
    fetch("av", [sys.executable, "-m", "pip", "install", "--no-deps", "av"])
