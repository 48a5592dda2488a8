"""Your own clips: a folder of videos with captions, read once into a cache to train from.

A piece of a clip is 2 seconds: P pieces, FRAMES frames of H x W pixels with C channels, SAMPLES of
sound; L words of a caption. Files are read as streams: memory does not grow with their number.
"""

import contextlib
import csv
import hashlib
import itertools
import json
import math
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from lessons.engine.checkpoints import must_be_writable, write_whole
from lessons.engine.progress import progress
from lessons.engine.vocabulary import Vocabulary
from lessons.errors import CourseError
from lessons.sources.film_reader import FRAMES, SAMPLES, look, read
from lessons.sources.words import WORDS, tokens

COLUMNS = ("file_name", "caption")
KINDS = {"video": np.uint8, "audio": np.int16, "heard": np.bool_, "ids": np.int32,
         "which": np.int64}    # the files of the cache, NAME.raw, a row a piece
GROWING = ("video", "audio", "heard")  # those written clip by clip


class Entry(NamedTuple):
    """A clip to read. first, last: frames of the file, from 0, last excluded; None: start, end.

    folder: where given, a path that leaves it is refused.
    """

    path: Path
    caption: str
    first: int | None = None
    last: int | None = None
    folder: Path | None = None

    @property
    def name(self):
        """The file as metadata.csv calls it."""
        path = Path(self.path)
        inside = self.folder and path.is_relative_to(self.folder)
        return path.relative_to(self.folder).as_posix() if inside else str(path)


def entries(folder):
    """An iterator of Entry, a row of folder/metadata.csv each (columns file_name and caption).

    Raises CourseError where the folder, the table, a column, or every row is missing.
    """
    folder = Path(folder)
    table = folder / "metadata.csv"
    if not folder.is_dir():
        raise CourseError(f"There is no folder {folder}: give the one that holds your clips.")
    if not table.is_file():
        raise CourseError(f"The folder {folder} has no metadata.csv: write one with the columns "
                          f"file_name and caption, a line a clip.")
    rows = _rows(folder, table)
    if not (first := list(itertools.islice(rows, 1))):
        raise CourseError(f"The table {table} has no rows: write a line for each clip.")
    return itertools.chain(first, rows)


def _rows(folder, table):
    try:
        with open(table, encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            rows.fieldnames = [name.strip() for name in rows.fieldnames or ()]
            if missing := [name for name in COLUMNS if name not in rows.fieldnames]:
                raise CourseError(
                    f"The table {table} has no column {' and no column '.join(missing)}: its first "
                    f"line must name file_name and caption, with a comma between them.")
            for row in rows:
                name, caption = ((row[column] or "").strip() for column in COLUMNS)
                yield Entry(folder / name, caption, folder=folder)
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise CourseError(f"The table {table} cannot be read ({error}): save it as CSV in "
                          f"UTF-8.") from None


class Prepared:
    """A cache that `prepare` made, opened: arrays that stay on the disk, a row a piece.

    video uint8 (P, FRAMES, H, W, C), C is 1 where every clip is grey, else 3; audio int16
    (P, SAMPLES); heard bool (P,), False where a piece has no sound; ids int32 (P, L), words of
    `vocabulary`, 0 for padding; which int64 (P,), the same for pieces whose captions have the same
    words. Raises CourseError where the cache is not whole.
    """

    def __init__(self, cache):
        self.cache = Path(cache)
        self.facts = _facts(self.cache)
        if not self.facts:
            raise CourseError(f"The folder {cache} holds no whole cache: prepare the clips again.")
        self.vocabulary = Vocabulary(self.facts["vocabulary"])
        for name, kind in KINDS.items():
            setattr(self, name, np.memmap(self.cache / f"{name}.raw", kind, "r",
                                          shape=tuple(self.facts["shapes"][name])))

    def __len__(self):
        return len(self.video)

    @property
    def shape(self):
        """(H, W, C) of a frame."""
        return tuple(self.video.shape[2:])

    @property
    def report(self):
        """What was left out or shortened: a list of (file name, sentence), read from the disk."""
        return list(_notes(self.cache))

    def draw(self, n, rng):
        """(rows int64 (n,),): pieces by chance; rng: a torch.Generator."""
        return (torch.randint(len(self), (n,), generator=rng),)

    def load(self, rows):
        """Pieces int64 (n,) as video uint8 (n, FRAMES, H, W, C), audio float32 (n, SAMPLES) in
        [-1, 1], ids int64 (n, L), which int64 (n, 1) and heard bool (n,)."""
        video, audio, heard, ids, which = (torch.from_numpy(getattr(self, name)[rows.numpy()])
                                           for name in KINDS)
        return video, audio.float() / 32768, ids.long(), which[:, None], heard


def summary(prepared):
    """A few lines on a `Prepared`: what it holds, then what was left out, by reason."""
    facts, (_, _, H, W, C) = prepared.facts, prepared.video.shape
    lines = [f"{facts['name']}: {facts['used']} of {facts['clips']} clips, {len(prepared)} pieces "
             f"of 2 seconds, {int(prepared.heard.sum())} of them with sound",
             f"frames of {H} x {W} pixels, {'grey' if C == 1 else 'in colour'}; "
             f"words: {len(prepared.vocabulary) - 1}"]
    counts, names = Counter(), {}
    for name, sentence in _notes(prepared.cache):
        reason = sentence.split(": ")[0].rstrip(".")
        counts[reason] += 1
        names.setdefault(reason, []).extend([name] if counts[reason] <= 3 else [])
    return "\n".join(lines + [f"{count} x {reason}: {', '.join(names[reason])}"
                              + (", ..." if count > 3 else "")
                              for reason, count in counts.most_common()])


def prepare(entries, cache, size=None, name="clips"):
    """Read clips (an iterable of Entry) once into the folder cache; returns it as `Prepared`.

    size: side of the square that has about as many pixels as a frame, a multiple of 16 from 32 to
    128; None: 48. H and W are multiples of 16 that follow the clips. A clip gives its first 2
    seconds, the next 2, and so on; of more than 8 such pieces 8, spread over it. name: what
    messages call the clips. The same clips are not read again, and what an interruption left is
    gone on with. Raises CourseError where no clip can be used, the size is none of these, or the
    folder cannot be written.
    """
    size = 48 if size is None else size
    if size not in range(32, 129, 16):
        raise CourseError(f"The size is {size}: give a multiple of 16 from 32 to 128.")
    cache = Path(cache)
    try:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as listing:
            key, total = _list(entries, listing, [1, size, name])
            if _facts(cache).get("key") != key:
                _begin(cache, key)
                _append(cache / "looks.jsonl", _listed(listing), _first_look, total, "looking")
                frame = _frame(cache, size)
                _read_all(cache, listing, total, frame)
                _finish(cache, key, name, frame)
    except OSError as error:
        raise CourseError(f"Cannot write {cache} ({error.strerror or error}): free some space, "
                          f"or choose a folder that you may write to.") from None
    return Prepared(cache)


def _list(entries, listing, key):
    """Write entries to a file, a JSON line each; returns a hash of all that is read and how many.

    A file counts by its name, size and time: reading 20,000 films to hash them would take hours.
    """
    key, total = hashlib.sha256(json.dumps(key).encode()), 0
    for entry in entries:
        try:
            stat = os.stat(entry.path)
            stamp = [stat.st_size, stat.st_mtime_ns]
        except (OSError, ValueError):  # missing, or no name that a file can have
            stamp = None
        key.update(json.dumps([entry.name, *entry[1:4], stamp]).encode())
        listing.write(json.dumps(entry, default=str) + "\n")
        total += 1
    return key.hexdigest(), total


def _listed(listing):
    listing.seek(0)
    return (Entry(*json.loads(line)) for line in listing)


def _begin(cache, key):
    """Empty the cache, unless an interrupted `prepare` of the same clips can be gone on with."""
    must_be_writable(cache)
    begun = cache / "begun.txt"
    if not begun.exists() or begun.read_text() != key or (cache / "clips.json").exists():
        for name in ("clips.json", "looks.jsonl", "index.jsonl", *(f"{n}.raw" for n in KINDS)):
            (cache / name).unlink(missing_ok=True)
        write_whole(begun, key.encode())


def _append(path, items, work, total, desc):
    """Append work(item) to path as a JSON line each, after the lines that are there already."""
    done = _mend(path)
    with open(path, "ab") as file, progress(total=total, desc=desc, unit="clip",
                                            initial=done) as bar:
        for item in itertools.islice(items, done, None):
            file.write(json.dumps(work(item)).encode() + b"\n")
            file.flush()
            bar.update()


def _mend(path):
    """Cut off the half line that an interruption left; returns the number of whole ones."""
    done = end = 0
    with open(path, "ab+") as file:
        file.seek(0)
        for line in file:
            if line.endswith(b"\n"):
                done, end = done + 1, end + len(line)
        file.truncate(end)
    return done


def _lines(path):
    with open(path, encoding="utf-8") as file:
        yield from map(json.loads, file)


def _notes(cache):
    for line in _lines(cache / "index.jsonl"):
        for sentence in line["notes"]:
            yield line["name"], sentence


def _facts(cache):
    """What clips.json says, or {} where the cache is not whole."""
    try:
        facts = json.loads((cache / "clips.json").read_text(encoding="utf-8"))
        sizes = {f"{name}.raw": math.prod(facts["shapes"][name]) * np.dtype(kind).itemsize
                 for name, kind in KINDS.items()} | {"index.jsonl": facts["index"]}
        whole = all((cache / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return facts if whole else {}


def _first_look(entry):
    """Why a clip is left out, {"out": sentence}, or what `film_reader.look` says of it."""
    sentence = _refusal(entry)
    return {"out": sentence} if sentence else look(entry.path)


def _refusal(entry):
    """Why a clip is left out before its file is opened, or ""."""
    path, folder = (Path(os.path.abspath(place)) for place in (entry.path, entry.folder or os.sep))
    if entry.folder and not path.is_relative_to(folder):
        return "outside: the path leaves the folder of the clips"
    try:
        if not os.path.isfile(entry.path):
            return "missing: there is no such file"
        if (words := len(tokens(entry.caption))) > WORDS:
            return f"caption refused: it has {words} words, more than {WORDS}"
    except ValueError as error:
        return f"caption refused: {error}"
    return ""


def _frame(cache, size):
    """(H, W, C) of all frames, by the median shape of 50 clips spread over those that open."""
    opened = sum("ratio" in seen for seen in _lines(cache / "looks.jsonl"))
    looks = (seen for seen in _lines(cache / "looks.jsonl") if "ratio" in seen)
    ratios = [seen["ratio"] for seen in itertools.islice(looks, 0, None, max(1, -(-opened // 50)))]
    ratio = float(np.median(ratios)) if ratios else 1.0
    H, W = (min(128, max(32, 16 * round(side / 16)))
            for side in (size / ratio ** 0.5, size * ratio ** 0.5))
    color = any(seen.get("color") for seen in _lines(cache / "looks.jsonl"))
    return H, W, 3 if color else 1


def _read_all(cache, listing, total, frame):
    """Append the pieces of every clip to video, audio and heard, then its line to the index."""
    items = zip(_listed(listing), _lines(cache / "looks.jsonl"), strict=True)
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(open(cache / f"{name}.raw", "ab")) for name in GROWING]
        _cut_back(cache / "index.jsonl", files, [FRAMES * math.prod(frame), 2 * SAMPLES, 1])

        def taken(item):
            entry, seen = item
            parts, notes = (None, [seen["out"]]) if "out" in seen else read(entry, frame)
            for file, part in zip(files, parts or (), strict=bool(parts)):
                file.write(part.tobytes())
                file.flush()  # before the line that says that it is there
            return {"name": entry.name, "caption": entry.caption, "notes": notes,
                    "pieces": len(parts[0]) if parts else 0}
        _append(cache / "index.jsonl", items, taken, total, "preparing")


def _cut_back(index, files, sizes):
    """Cut the growing files to the pieces that the index knows; sizes: bytes of a piece."""
    _mend(index)
    pieces = sum(line["pieces"] for line in _lines(index))
    if any(file.tell() < pieces * size for file, size in zip(files, sizes, strict=True)):
        index.write_bytes(b"")  # the machine stopped before all was on the disk: anew
        pieces = 0
    for file, size in zip(files, sizes, strict=True):
        file.truncate(pieces * size)


def _finish(cache, key, name, frame):
    """Number the words and the captions that are used, and write clips.json: the cache is whole."""
    words, length, clips, used, pieces = set(), 0, 0, 0, 0
    for line in _lines(cache / "index.jsonl"):
        clips += 1
        if line["pieces"]:
            used, pieces = used + 1, pieces + line["pieces"]
            words.update(found := tokens(line["caption"]))
            length = max(length, len(found))
    if not pieces:
        (cache / "begun.txt").unlink()  # mended files are looked at anew
        _none(cache, name, clips)
    words = Vocabulary(("", *sorted(words)))
    _write_ids(cache, words, length)
    shapes = {"video": (pieces, FRAMES, *frame), "audio": (pieces, SAMPLES), "heard": (pieces,),
              "ids": (pieces, length), "which": (pieces,)}
    facts = {"key": key, "name": name, "clips": clips, "used": used, "vocabulary": words,
             "shapes": shapes, "index": (cache / "index.jsonl").stat().st_size}
    write_whole(cache / "clips.json", json.dumps(facts).encode())


def _none(cache, name, clips):
    if not clips:
        raise CourseError(f"There are no {name} to prepare: give at least one entry.")
    why = "; ".join(f"{file}: {sentence.rstrip('.')}"
                    for file, sentence in itertools.islice(_notes(cache), 3))
    raise CourseError(f"None of the {clips} {name} can be used ({why}): mend the files or their "
                      f"captions.")


def _write_ids(cache, words, length):
    known = {}
    with open(cache / "ids.raw", "wb") as ids, open(cache / "which.raw", "wb") as which:
        for line in _lines(cache / "index.jsonl"):
            if line["pieces"]:
                row = words.encode([tokens(line["caption"])], length)[0].numpy().astype(np.int32)
                digest = hashlib.blake2b(row.tobytes(), digest_size=8).digest()
                ids.write(row.tobytes() * line["pieces"])
                which.write(np.int64(known.setdefault(digest, len(known))).tobytes()
                            * line["pieces"])
