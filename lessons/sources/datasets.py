"""Opens whatever `--data` names. What it gives is drawn from alike by every training:

draw(n, rng) -> a tuple of tensors (n, ...) that decide n films, by chance alone;
load(*drawn) -> video uint8 (n, T, H, W, C), audio float32 (n, S), captions (n, L), which (n, .),
the same for films of one meaning, and more; vocabulary, a tuple of words; shape, (H, W, C);
contents, a list of lines: what a run learns from.
"""

import hashlib
import json
from pathlib import Path

from lessons.engine import distributed
from lessons.engine.checkpoints import write_whole
from lessons.errors import CourseError
from lessons.sources import clips as own
from lessons.sources import downloads, kth, moving_digits, shards

REMEMBERED = "data.json"  # in the folder of a run: what it learns from


def clips_of(data, size=None, fit=None):
    """What `python -m lessons train --data` names: digits, kth, or a folder of clips or of shards.

    size, fit: see `clips.prepare`. Raises CourseError where it is none of these or cannot be read.
    """
    if data == "digits":
        if size or fit:
            raise CourseError(f"The digits that speak have 48 pixels: leave "
                              f"{'--size' if size else '--fit'} away.")
        return moving_digits.Digits()
    folder, home = Path(data), downloads.data_home() / "prepared"
    if data != "kth" and not folder.is_dir():
        raise CourseError(f"Cannot train on '{data}': use theatre, digits, mnist, kth, or a folder "
                          f"that holds clips and metadata.csv.")
    place = home / f"{folder.name}-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]}"
    with distributed.first_alone():  # it prepares, and the others find it done
        if any(folder.glob("*.tar")) and not (folder / "metadata.csv").exists():
            clips = shards.Stream(folder, size=size, fit=fit, place=place)
            said = shards.summary(clips)
        else:
            entries = kth.kth("train") if data == "kth" else own.entries(folder)
            clips = own.prepare(entries, place, size, folder.name, fit or "crop")
            said = own.summary(clips)
    if distributed.rank() == 0:
        print(said)
    return clips


def must_be_same(clips, folder, resumed):
    """Write down in the folder of a run what it learns from; a run that is resumed must learn from
    the same. Raises CourseError that names the difference."""
    path = Path(folder) / REMEMBERED
    now = {"words": list(clips.vocabulary), "clips": sorted(clips.contents),
           "frames": [" x ".join(map(str, clips.shape))]}
    if not (resumed and path.exists()):
        if distributed.rank() == 0:
            place = {"cache": str(Path(clips.cache).resolve())} if hasattr(clips, "cache") else {}
            write_whole(path, json.dumps(now | place).encode())
        return
    then = json.loads(path.read_text(encoding="utf-8"))
    for part, lines in now.items():
        if lines != then[part]:
            raise CourseError(f"The run in {folder} learns from other {part} "
                              f"({_change(then[part], lines)}): give it what it began with, or "
                              f"begin another run with another --out.")


def _change(then, now):
    return "; ".join(f"{word}: {', '.join(map(repr, some[:3]))}{', ...' * (len(some) > 3)}"
                     for word, a, b in (("gone", then, now), ("new", now, then))
                     if (some := sorted(set(a) - set(b))))


def learnt_from(folder):
    """The `clips.Prepared` that the run in folder learns from, None where it is not here."""
    try:
        facts = json.loads((Path(folder) / REMEMBERED).read_text(encoding="utf-8"))
        return own.Prepared(facts["cache"])
    except (OSError, ValueError, KeyError):  # CourseError is a ValueError
        return None
