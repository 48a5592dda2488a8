"""The environment check: what works here, what is missing, what to do about it.

Only the standard library is imported at the top, so that it can speak where the rest is missing.
"""

import importlib.metadata
import os
import platform
import re
import shutil
import sys
import threading
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"  # an installed course has none
ROOT = PROJECT.parent if PROJECT.exists() else Path.cwd()
SECONDS = 5  # for a server to answer
INSTALL = "run 'python3 course.py setup' in the course's folder"


def report():
    """Print a line for each check; returns 0, or 2 and a sentence on standard error where
    something that the course cannot do without is missing."""
    missing = []
    for name, check, needed in CHECKS:
        try:
            mark, said = "ok", check()
        except Exception as problem:  # whatever fails here is what the learner must be told
            mark, said = ("MISSING" if needed else "note"), str(problem)
            missing += [name] if needed else []
        print(f"[{mark:^7}] {name:<9} {said}")
    if missing:
        print(f"The course cannot start without {', '.join(missing)}: do what the lines above say.",
              file=sys.stderr)
        return 2
    print("All that the course needs is here.")
    return 0


def _python():
    version, lowest = platform.python_version(), stated()[0].removeprefix(">=")
    if sys.version_info < tuple(map(int, lowest.split("."))):
        raise RuntimeError(f"{version} is too old: install Python {lowest} or newer")
    return f"{version} on {platform.system()}"


def stated():
    """(the Python, the packages) that the course needs at least, as pyproject.toml states them."""
    if PROJECT.exists():
        text = PROJECT.read_text(encoding="utf-8")
        block = re.search(r"^dependencies = \[(.*?)^\]", text, re.M | re.S)[1]
        return re.search(r'requires-python = "(.+)"', text)[1], re.findall(r'"(.+?)"', block)
    facts = importlib.metadata.metadata("text-to-video-course")
    return facts["Requires-Python"], [needed for needed in facts.get_all("Requires-Dist")
                                      if "extra ==" not in needed]


def _packages():
    """Every dependency of pyproject.toml, imported, at its lower bound or above."""
    wanted = stated()[1]
    problems = [problem for requirement in wanted if (problem := _problem(requirement))]
    if problems:
        raise RuntimeError(f"{'; '.join(problems)}: {INSTALL}")
    return f"all {len(wanted)} are here, torch {importlib.metadata.version('torch')} among them"


def _problem(requirement):
    """What is wrong with an installed package, or None. requirement: such as "torch>=2.4"."""
    name, lowest = requirement.split(">=")
    try:
        from packaging.version import Version
        version = importlib.metadata.version(name)
        importlib.import_module({"pillow": "PIL", "ipython": "IPython"}.get(name, name))
    except ImportError:  # PackageNotFoundError is one
        return f"{name} is not installed"
    return f"{name} is {version}, older than {lowest}" if Version(version) < Version(lowest) else ""


def _processor():
    import torch

    from lessons.engine.training import precision
    return f"{os.cpu_count()} cores, training in {precision(torch.device('cpu'))}"


def _gpu():
    from lessons.engine.training import pick_device, precision
    device = pick_device("auto")
    if device.type == "cpu":
        raise RuntimeError("none found: everything works without, only slower")
    return f"{device.type}, training in {precision(device)}"


def _disk():
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < 0.5:
        raise RuntimeError(f"only {free:.1f} GB free: make room for checkpoints")
    return f"{free:.0f} GB free"


def _writable():
    """The folder `runs/`, where the notebooks keep their checkpoints."""
    from lessons.engine.checkpoints import write_whole
    probe = ROOT / "runs" / "doctor"
    write_whole(probe, b"")
    probe.unlink()
    return "the notebooks can keep checkpoints in runs/"


def _theatre():
    from lessons.world.theatre import Theatre
    clips = Theatre(frames=4).sample(1)
    return f"draws and sounds, for example: {clips.captions[0]}"


def _films():
    from lessons.display.media import mp4
    from lessons.world.theatre import Theatre
    clips = Theatre(frames=4).sample(1)
    return f"mp4 with sound, {len(mp4(clips.video[0], clips.audio[0], 8, 8000)) // 1000} kB a film"


def _weights():
    import json

    from lessons.engine.weights import DATA, shipped
    names = json.loads((DATA / "weights.json").read_text(encoding="utf-8"))
    for name in names:
        shipped(name)
    return f"{len(names)} shipped, all whole"


def _mirrors():
    from lessons.sources.downloads import mirrors
    chosen = mirrors().values()
    silent = [mirror for mirror in chosen if mirror not in _answering(chosen)]
    if silent:
        raise RuntimeError(f"no answer from {', '.join(silent)}: see LESSONS_MIRRORS")
    return f"{', '.join(chosen)} in use" if chosen else "none in use; LESSONS_MIRRORS sets them"


def _mnist():
    from lessons.sources.downloads import MIRRORS, data_home, mirrored
    if (data_home() / "mnist" / "train-images-idx3-ubyte.gz").exists():
        return "MNIST is in the cache"
    if not _answering([mirrored(MIRRORS[0])]):
        raise RuntimeError("no MNIST and no network: lesson 1 draws theatre figures instead")
    return "MNIST can be downloaded (11 MB, once)"


def _answering(addresses):
    """Those addresses from which an answer comes in time."""
    replies = []
    # asked beside: where a network swallows what is sent, a name takes longer than any timeout
    asking = [threading.Thread(target=_ask, args=(address, replies), daemon=True)
              for address in addresses]
    for thread in asking:
        thread.start()
    ends = time.monotonic() + SECONDS
    for thread in asking:
        thread.join(max(0, ends - time.monotonic()))
    return replies


def _ask(address, replies):
    import requests
    try:
        requests.head(address, timeout=SECONDS)
        replies.append(address)
    except requests.RequestException:
        pass


CHECKS = (  # name, check, whether the course needs it
    ("Python", _python, True), ("packages", _packages, True), ("processor", _processor, True),
    ("GPU", _gpu, False), ("disk", _disk, True), ("folder", _writable, False),
    ("theatre", _theatre, True), ("films", _films, True), ("weights", _weights, True),
    ("mirrors", _mirrors, False), ("data", _mnist, False),
)
