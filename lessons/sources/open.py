"""Opens whatever `--data` names."""

import hashlib
from pathlib import Path

from lessons.engine import distributed
from lessons.errors import CourseError
from lessons.sources import clips as own
from lessons.sources import downloads, kth, moving_digits, shards


def clips_of(data, size=None):
    """What `python -m lessons train --data` names: digits, kth, or a folder of clips or of shards.

    size: see `clips.prepare`. Raises CourseError where it is none of these or cannot be read.
    """
    if data == "digits":
        if size:
            raise CourseError("The digits that speak have 48 pixels: leave --size away.")
        return moving_digits.Digits()
    folder, home = Path(data), downloads.data_home() / "prepared"
    if data != "kth" and not folder.is_dir():
        raise CourseError(f"Cannot train on '{data}': use theatre, digits, mnist, kth, or a folder "
                          f"that holds clips and metadata.csv.")
    if any(folder.glob("*.tar")):
        return shards.Stream(folder)
    place = home / f"{folder.name}-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]}"
    entries = kth.kth("train") if data == "kth" else own.entries(folder)
    with distributed.first_alone():  # it prepares, and the others find it done
        clips = own.prepare(entries, place, size, folder.name)
    if distributed.rank() == 0:
        print(own.summary(clips))
    return clips
