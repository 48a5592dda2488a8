"""Your own clips: a folder of videos with captions, read once into a cache to train from.

P pieces of 2 seconds, FRAMES frames of H x W pixels with C channels, SAMPLES of sound, L words
of a caption. Of each film only its caption and what is told of it stay in memory.
"""

import csv
import hashlib
import itertools
import json
import os
import re
import shutil
import sys
import tempfile
import unicodedata
from pathlib import Path
from typing import NamedTuple

import filelock
import numpy as np
import torch

from lessons.engine.checkpoints import must_be_writable, write_whole
from lessons.engine.progress import progress
from lessons.engine.vocabulary import Vocabulary
from lessons.errors import CourseError
from lessons.signals.clip import FRAMES, SAMPLES
from lessons.sources.film_reader import look, read
from lessons.sources.words import WORDS, encode, tokens, vocabulary

COLUMNS = ("file_name", "caption")
OTHERS = ("text", "prompt")    # what other tools call the caption
FILMS = (".mp4 .m4v .mov .avi .mkv .webm .gif .webp .mpg .mpeg .ts .mts .m2ts .wmv .flv .3gp .ogv "
         ".h264 .264 .hevc .h265 .apng").split()
FITS = ("crop", "pad")
KINDS = {"video": np.uint8, "audio": np.int16, "heard": np.bool_, "ids": np.int32,
         "which": np.int64}    # the files of the cache, NAME.raw, a row a piece
FACTS = "clips.json"


class Entry(NamedTuple):
    """A clip to read. first, last: frames of the file, from 0, last excluded; None: start, end.
    folder: where given, a path that leaves it is refused. line: in metadata.csv; fault: why this
    line cannot be used."""

    path: Path
    caption: str
    first: int | None = None
    last: int | None = None
    folder: Path | None = None
    line: int = 0
    fault: str = ""

    @property
    def name(self):
        """The file as metadata.csv calls it."""
        path = Path(self.path)
        inside = self.folder and path.is_relative_to(self.folder)
        return path.relative_to(self.folder).as_posix() if inside else str(path)


# The table --------------------------------------------------------------------------------------
class Table:
    """folder/metadata.csv, read strictly: an iterable of Entry, a row each. notes: sentences on
    columns that are not used, films that no row lists, and shards beside them.

    Raises CourseError, with the file and the line, where the folder, the table, a column, or every
    row is missing, where the text is not UTF-8, and where a quote is not closed.
    """

    def __init__(self, folder):
        self.folder, self.notes, self.line = Path(folder), [], 1
        self.path = self.folder / "metadata.csv"
        if not self.folder.is_dir():
            raise CourseError(f"There is no folder {folder}: give the one that holds your clips.")
        if not self.path.is_file():
            todo = "its shards train without a check" if any(self.folder.glob("*.tar")) else \
                "write one with the columns file_name and caption, a line a clip"
            raise CourseError(f"The folder {folder} has no metadata.csv: {todo}.")
        # a name in decomposed Unicode, as macOS writes it, looks the same and is another one
        self.here = {_composed(path.relative_to(self.folder).as_posix()): path
                     for path in sorted(self.folder.rglob("*")) if path.is_file()}
        try:
            self.entries = list(self._read())
        except csv.Error as error:
            raise CourseError(f"The table {self.path} cannot be read from line {self.line} on "
                              f"({error}): a caption that begins with \" must end with one, and "
                              f"inside it \" is written \"\".") from None
        except (UnicodeDecodeError, OSError) as error:
            raise CourseError(f"The table {self.path} cannot be read ({error}): save it as CSV in "
                              f"UTF-8.") from None
        if not self.entries:
            raise CourseError(f"The table {self.path} has no rows: write a line for each clip.")
        self._tell_what_is_left()

    def __iter__(self):
        return iter(self.entries)

    def _read(self):
        with open(self.path, encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader((line.rstrip() + "\n" for line in file), restval="", strict=True,
                                  skipinitialspace=True)
            rows.fieldnames = self._columns(rows.fieldnames or [])
            self.line = rows.line_num + 1
            for row in rows:
                text = "".join(itertools.chain.from_iterable(row.values()))
                self.line = rows.line_num - text.count("\n")
                yield self._entry(row, text, len(rows.fieldnames))
                self.line = rows.line_num + 1

    def _columns(self, head):
        """The first line as the names of the columns."""
        head = [name.strip().lower() for name in head]
        others = [name for name in OTHERS if name in head]
        if "caption" not in head and len(others) == 1:
            head[head.index(others[0])] = "caption"
            self.notes.append(f"metadata.csv: its column {others[0]} is taken for the captions")
        if wrong := [f"{'two columns' if name in head else 'no column'} {name}"
                     for name in COLUMNS if head.count(name) != 1]:
            raise CourseError(f"The table {self.path} has {' and '.join(wrong)}: its first line "
                              f"must name file_name and caption, with a comma between them, and it "
                              f"says '{', '.join(head)[:100] or 'nothing'}'.")
        if unused := [name for name in head if name not in COLUMNS]:
            self.notes.append(f"metadata.csv: not used of its columns: {', '.join(unused)}")
        return head

    def _entry(self, row, text, width):
        """The clip of a row of so many columns (a dict, with surplus fields under None), whose
        fields are joined in text."""
        inner = [line.split(",")[0].strip(' "') for line in text.split("\n")[1:]]
        if any(_composed(name) in self.here for name in inner):
            raise CourseError(f"The table {self.path} has a quote that opens in line {self.line} "
                              f"and is not closed there: close it, then train.")
        surplus = [field for field in row.pop(None, ()) if field.strip()]  # not a comma at its end
        fault = f"row refused: it has {width + len(surplus)} fields for {width} columns, so put " \
                f"the caption in quotes, \"like this, please\"" if surplus else ""
        name, caption = (row[column].strip() for column in COLUMNS)
        path = self.here.get(_composed(name), self.folder / name)
        return Entry(path, caption, folder=self.folder, line=self.line, fault=fault)

    def _tell_what_is_left(self):
        listed = {os.path.abspath(entry.path) for entry in self.entries}
        films = [name for name, path in self.here.items() if path.suffix.lower() in FILMS
                 and not path.name.startswith(".") and os.path.abspath(path) not in listed]
        shards = [name for name in self.here if name.endswith(".tar")]
        told = {"in no row of metadata.csv, and not used": films,
                "not read: the folder has a metadata.csv, so its films are used": shards}
        self.notes += [f"{len(names)} x {why}: {_some(names)}" for why, names in told.items()
                       if names]


entries = Table


def _composed(name):
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def _some(names):
    return "; ".join(names[:3]) + ("; ..." if len(names) > 3 else "")


# The cache --------------------------------------------------------------------------------------
class Prepared:
    """A cache that `prepare` made, opened: arrays that stay on the disk, a row a piece.

    video uint8 (P, FRAMES, H, W, C), C is 1 where every clip is grey, else 3; audio int16
    (P, SAMPLES); heard bool (P,), False where a piece has no sound; ids int32 (P, L), words of
    `vocabulary`, 0 for padding; which int64 (P,), the same for pieces whose captions have the same
    words. clips: a list of (file name, caption, pieces, sentences), all that were listed. Raises
    CourseError where the cache is not whole.
    """

    def __init__(self, cache):
        self.cache = Path(cache)
        try:
            self.facts = json.loads((self.cache / FACTS).read_text(encoding="utf-8"))
            self.vocabulary = Vocabulary(self.facts["vocabulary"])
            self.clips = self.facts["clips"]
            for name, kind in KINDS.items():
                rows = np.memmap(self.cache / f"{name}.raw", kind, "r")
                setattr(self, name, rows.reshape(self.facts["shapes"][name]))
        except (OSError, ValueError, KeyError, TypeError):
            raise CourseError(f"The folder {cache} holds no whole cache: prepare the clips "
                              f"again.") from None

    def __len__(self):
        return len(self.video)

    @property
    def shape(self):
        """(H, W, C) of a frame."""
        return tuple(self.video.shape[2:])

    @property
    def contents(self):
        """What a run on these clips learns from, a list of lines: see `datasets.must_be_same`."""
        return [f"{name}: {caption}" for name, caption, pieces, _ in self.clips if pieces]

    @property
    def report(self):
        """What was left out or changed: a list of (file name, sentence)."""
        return [(name, sentence) for name, *_, notes in self.clips for sentence in notes]

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
    """A few lines on a `Prepared`: what it holds, then what was left out or changed, by reason."""
    clips, (H, W, C) = prepared.clips, prepared.shape
    lines = [f"{prepared.facts['name']}: {sum(pieces > 0 for _, _, pieces, _ in clips)} of "
             f"{len(clips)} clips, {len(prepared)} pieces of 2 seconds, "
             f"{int(prepared.heard.sum())} of them with sound",
             f"frames of {H} x {W} pixels, {'grey' if C == 1 else 'in colour'}; "
             f"words: {len(prepared.vocabulary) - 1}"]
    reasons = {}
    for name, sentence in prepared.report:  # those that differ in names and numbers are one reason
        alike = re.sub(r"'[^']*'|\d[\d.]*", "", sentence)
        reasons.setdefault(alike, (sentence, []))[1].append(name)
    lines += [f"{len(names)} x {sentence} ({_some(names)})" for sentence, names in
              sorted(reasons.values(), key=lambda reason: -len(reason[1]))]
    return "\n".join(lines + prepared.facts["notes"])


def table(prepared):
    """A row for each clip of a `Prepared`: name, pieces, caption, what is told of it."""
    rows = [("file", "pieces", "caption", "what is told"),
            *((name, str(pieces), " ".join(caption.split())[:40], "; ".join(notes) or "-")
              for name, caption, pieces, notes in prepared.clips)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:3]
    return "\n".join("  ".join([*(text.ljust(width) for text, width in
                                  zip(row, widths, strict=False)), row[3]]) for row in rows)


def titles(prepared):
    """A title for each piece of a `Prepared`: its file and its caption."""
    return [f"{name}: {caption}" for name, caption, pieces, _ in prepared.clips
            for _ in range(pieces)]


def prepare(entries, cache, size=None, name="clips", fit="crop"):
    """Read clips (an iterable of Entry) once into the folder cache; returns it as `Prepared`.

    size: side of the square that has about as many pixels as a frame, a multiple of 16 from 32 to
    128; None: 48. H and W are multiples of 16 that follow the clips. fit: see `film_reader.read`. A
    clip gives its first 2 seconds, the next 2, and so on; of more than 8 such pieces 8, spread over
    it. name: what messages call the clips.

    The same clips are not read again. What is made lies aside until it is whole; who comes while
    another process prepares waits for it. Raises CourseError where no clip can be used, size or fit
    is none of these, or the folder cannot be written.
    """
    size = 48 if size is None else size
    if size not in range(32, 129, 16):
        raise CourseError(f"The size is {size}: give a multiple of 16 from 32 to 128.")
    if fit not in FITS:
        raise CourseError(f"'{fit}' is no way to fit a picture: use crop or pad.")
    told, entries = getattr(entries, "notes", []), list(entries)
    cache, key = Path(cache), _key(entries, [2, size, name, fit, told])
    if _is_whole(cache / key):
        return Prepared(cache / key)
    try:
        must_be_writable(cache)
        with _alone(cache / "lock"):
            if not _is_whole(cache / key):  # the other process may have made it
                for left in cache.glob("cache-*"):  # of other clips, or of a process that was ended
                    shutil.rmtree(left, ignore_errors=True)
                with tempfile.TemporaryDirectory(".part", "cache-", cache) as aside:
                    _write(entries, Path(aside), size, name, fit, told)
                    os.rename(aside, cache / key)
            return Prepared(cache / key)
    except OSError as error:
        raise CourseError(f"Cannot write {cache} ({error.strerror or error}): free some space, "
                          f"or choose a folder that you may write to.") from None


def _key(entries, settings):
    """The name of a cache: a hash of all that is read; a file counts by its name, size and time."""
    key = hashlib.sha256(json.dumps(settings).encode())
    for entry in entries:
        try:
            stat = os.stat(entry.path)
            stamp = [stat.st_size, stat.st_mtime_ns]
        except (OSError, ValueError):  # missing, or no name that a file can have
            stamp = None
        key.update(json.dumps([entry.name, *entry[1:4], entry.fault, stamp]).encode())
    return f"cache-{key.hexdigest()[:16]}"


def _alone(lock):
    """A lock that one process holds; the system gives it back when that process ends."""
    lock = filelock.FileLock(lock)
    try:
        return lock.acquire(timeout=0)
    except filelock.Timeout:
        print("Another process prepares these clips: waiting for it.", file=sys.stderr)
        return lock.acquire()


def _is_whole(cache):
    try:
        return bool(Prepared(cache))
    except CourseError:
        return False


def _write(entries, folder, size, name, fit, told):
    """Write a whole cache of entries to an empty folder."""
    seen = [{"refused": why} if (why := _refusal(entry))
            else look(entry.path, entry.first, entry.last)
            for entry in progress(iterable=entries, desc="looking", unit="clip")]
    frame, clips = frame_of(seen, size), []
    files = [open(folder / f"{part}.raw", "wb") for part in ("video", "audio", "heard")]
    todo = zip(entries, seen, strict=True)
    for entry, first in progress(iterable=todo, total=len(entries), desc="preparing", unit="clip"):
        why = first.get("refused") or first.get("out")
        parts, notes = (None, [why]) if why else read(entry, frame, fit)
        for file, part in zip(files, parts or (), strict=False):
            file.write(part.tobytes())
        in_table = "refused" in first and entry.line  # the table must be mended
        named = f"{entry.name}, line {entry.line}" if in_table else entry.name
        clips.append((named, entry.caption, len(parts[0]) if parts else 0, notes))
    for file in files:
        file.close()
    _finish(folder, clips, frame, {"name": name, "notes": told})


def _refusal(entry):
    """Why a clip is left out before its file is opened, or ""."""
    if entry.fault:
        return entry.fault
    path = os.path.abspath(entry.path)
    if entry.folder and not Path(path).is_relative_to(os.path.abspath(entry.folder)):
        return "outside: the path leaves the folder of the clips"
    if not os.path.isfile(path):
        return "missing: there is no such file"
    return caption_refused(entry.caption)


def caption_refused(caption):
    """Why a caption cannot be used, or ""."""
    try:
        if (words := len(tokens(caption))) > WORDS:
            return f"caption refused: it has {words} words, more than {WORDS}"
    except CourseError as error:
        return f"caption refused: {error}".rstrip(".")
    return ""


def frame_of(seen, size):
    """(H, W, C) of all frames, by the median shape of clips that `film_reader.look` has seen."""
    ratio = float(np.median([first["ratio"] for first in seen if "ratio" in first] or [1.0]))
    H, W = (min(128, max(32, 16 * round(side / 16)))
            for side in (size / ratio ** 0.5, size * ratio ** 0.5))
    return H, W, 3 if any(first.get("color") for first in seen) else 1


def _finish(folder, clips, frame, facts):
    """Number the words and the captions that are used, and write what is known of the clips."""
    used = [(caption, pieces) for _, caption, pieces, _ in clips if pieces]
    if not clips:
        raise CourseError(f"There are no {facts['name']} to prepare: give at least one entry.")
    if not used:
        why = "; ".join(f"{file}: {notes[-1].rstrip('.')}" for file, *_, notes in clips[:3])
        raise CourseError(f"None of the {len(clips)} {facts['name']} can be used ({why}): mend the "
                          f"files or their captions.")
    words = vocabulary(caption for caption, _ in used)
    rows = encode([caption for caption, _ in used], words).numpy()             # (used, L)
    _, which = np.unique(rows, axis=0, return_inverse=True)
    counts = [pieces for _, pieces in used]
    for name, values in (("ids", rows), ("which", which.reshape(-1))):
        values.repeat(counts, axis=0).astype(KINDS[name]).tofile(folder / f"{name}.raw")
    P = sum(counts)
    shapes = {"video": (P, FRAMES, *frame), "audio": (P, SAMPLES), "heard": (P,),
              "ids": (P, rows.shape[1]), "which": (P,)}
    facts |= {"clips": clips, "vocabulary": words, "shapes": shapes}
    write_whole(folder / FACTS, json.dumps(facts).encode())
