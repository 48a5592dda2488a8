"""The environment check: what works here, what is missing, what to do about it.

Only the standard library is imported at the top, so that it can speak where the rest is missing.
"""

import importlib.metadata
import os
import platform
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
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
    lowest = re.search(r'requires-python = ">=([\d.]+)"', _toml())[1]
    version = platform.python_version()
    if numbers(version) < numbers(lowest):
        raise RuntimeError(f"{version} is too old: install Python {lowest} or newer")
    return f"{version} on {platform.system()}"


def _toml():
    return (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def _packages():
    """Every dependency of pyproject.toml, imported, at its lower bound or above."""
    wanted = bounds()
    problems = [f"{name} {problem}" for name, bound in wanted.items()
                if (problem := _problem(name, bound))]
    if problems:
        raise RuntimeError(f"{'; '.join(problems)}: {INSTALL}")
    return f"all {len(wanted)} are here, torch {importlib.metadata.version('torch')} among them"


def bounds():
    """{package: lowest version, as text} of the course's dependencies, from pyproject.toml."""
    block = re.search(r"^dependencies = \[(.*?)^\]", _toml(), re.M | re.S)[1]
    return dict(re.findall(r'"([\w-]+)>=([\d.]+)"', block))


def _problem(name, bound):
    """What is wrong with an installed package, or None."""
    try:
        version = importlib.metadata.version(name)
        importlib.import_module({"pillow": "PIL", "ipython": "IPython"}.get(name, name))
    except ImportError:  # PackageNotFoundError is one
        return "is not installed"
    if numbers(version) < numbers(bound):
        return f"is {version}, older than {bound}"
    return None


def numbers(version):
    """The leading numbers of a version, to compare by: "2.13.0+cpu" -> (2, 13, 0)."""
    return tuple(map(int, re.match(r"\d+(\.\d+)*", version)[0].split(".")))


def _processor():
    import torch

    from lessons.engine.training import mixed_precision
    fast = isinstance(mixed_precision(torch.device("cpu")), torch.autocast)
    return f"{os.cpu_count()} cores" + (", with fast bfloat16" if fast else "")


def _gpu():
    from lessons.engine.training import pick_device
    device = pick_device("auto")
    if device.type == "cpu":
        raise RuntimeError("none found: everything works without, only slower")
    return device.type


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


def _mnist():
    import requests

    from lessons.sources.downloads import MIRRORS, data_home
    if (data_home() / "mnist" / "train-images-idx3-ubyte.gz").exists():
        return "MNIST is in the cache"
    try:
        requests.head(MIRRORS[0], timeout=5)
    except requests.RequestException:
        raise RuntimeError("no MNIST and no network: lesson 1 draws theatre figures instead") \
            from None
    return "MNIST can be downloaded (11 MB, once)"


CHECKS = (  # name, check, whether the course needs it
    ("Python", _python, True), ("packages", _packages, True), ("processor", _processor, True),
    ("GPU", _gpu, False), ("disk", _disk, True), ("folder", _writable, False),
    ("theatre", _theatre, True), ("films", _films, True), ("weights", _weights, True),
    ("data", _mnist, False),
)
