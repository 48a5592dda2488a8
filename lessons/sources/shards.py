"""Clips in tar files, the WebDataset layout, read as a stream: those that this course writes, whose
films are arrays, and those of others, which hold mp4 or webm with txt or json.

The library webdataset is not used: its decoders unpickle some members, its addresses may start
programs ("pipe:"), and a shard that ends early passes for a short one.
"""

import io
import itertools
import json
import sys
import tarfile
from pathlib import Path

import numpy as np
import torch

from lessons.engine import distributed
from lessons.engine.checkpoints import write_whole
from lessons.engine.vocabulary import Vocabulary
from lessons.errors import CourseError
from lessons.signals.clip import FRAMES, SAMPLES
from lessons.sources import film_reader, words
from lessons.sources.clips import Entry, caption_refused, frame_of
from lessons.sources.words import tokens

INDEX = "shards.json"  # beside the shards: what must be known before the first clip is read
FILMS = ("mp4", "webm", "mkv", "mov", "avi", "gif")  # endings of a film in shards of others
ARRAYS = {"video": (np.uint8, 4), "audio": (np.int16, 1)}  # of ours: kind and number of axes
BROKEN = tarfile.TarError, OSError, EOFError, ValueError, MemoryError  # of a damaged shard
LARGEST = 2 ** 29      # bytes of a member
LOOKED_AT = 50         # films that the shape of frames follows


# Shards -----------------------------------------------------------------------------------------
def write_shards(clips, folder, per_shard=256):
    """Write clips to folder as clips-000000.tar, clips-000001.tar, ..., then their index.

    clips: an iterable of dicts, "key" (letters, digits, - and _), "video" uint8 (T, H, W, C),
    "audio" int16 (S,) and "caption", all of one shape. Each file appears whole or not at all.
    Raises CourseError for a folder that holds shards already, and where one cannot be written.
    """
    folder, clips = Path(folder), iter(clips)
    if any(folder.glob("*.tar")):
        raise CourseError(f"The folder {folder} holds shards already: give an empty one.")
    for number in itertools.count():
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as tar:
            some = [_pack(tar, clip) for clip in itertools.islice(clips, per_shard)]
        if not some:
            return index_shards(folder)
        write_whole(folder / f"clips-{number:06}.tar", file.getbuffer())


def _pack(tar, clip):
    """Add a clip to an open tar file."""
    if not str(clip["key"]).replace("-", "").replace("_", "").isalnum():
        raise CourseError(f"The key '{clip['key']}' cannot name files: use letters, digits, - "
                          f"and _.")
    contents = {"txt": clip["caption"].encode()}
    for part in ARRAYS:
        np.save(file := io.BytesIO(), clip[part], allow_pickle=False)
        contents[f"{part}.npy"] = file.getvalue()
    for ending, content in contents.items():
        member = tarfile.TarInfo(f"{clip['key']}.{ending}")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))


def index_shards(folder, place=None):
    """Read all shards of folder once and write shards.json to the folder place, without one beside
    them; returns what it says.

    A dict: "shards", name -> number of clips; "vocabulary"; "words", L of the longest caption; for
    arrays "shape" (T, H, W, C) and "samples" S, for films "seen", what `film_reader.look` says of
    the first ones. Clips whose captions are refused are left out, and this is told.
    """
    counts, known, longest, ready, seen, refused = {}, set(), 0, set(), [], []
    for path in _shards(folder):
        for count, clip in enumerate(_clips_of(path), 1):
            counts[path.name] = count
            if why := caption_refused(clip["caption"]):
                refused.append(f"'{clip['key']}' in {path.name}: {why}")
                continue
            known.update(said := tokens(clip["caption"]))
            longest = max(longest, len(said))
            ready.add((clip["video"].shape, len(clip["audio"])) if "video" in clip else None)
            if len(ready) > 1:
                raise CourseError(f"The clip '{clip['key']}' in {path} has another shape than "
                                  f"those before it: bring all to one.")
            if "film" in clip and len(seen) < LOOKED_AT:
                seen.append(film_reader.look(clip["film"]))
    if refused:
        print(f"{len(refused)} clips are left out, as {refused[0]}", file=sys.stderr)
    if not ready:
        raise CourseError(f"No clip in the shards of {folder} can be used: mend the captions.")
    facts = {"shards": counts, "words": longest, "vocabulary": ["", *sorted(known)]}
    if (form := ready.pop()) is None:
        facts["seen"] = seen
    else:
        facts["shape"], facts["samples"] = form
    write_whole(Path(place or folder) / INDEX, json.dumps(facts).encode())
    return facts


def _index(folder):
    """What shards.json says, {} where there is none that this course wrote."""
    try:
        facts = json.loads((Path(folder) / INDEX).read_text(encoding="utf-8"))
        ours = {"shards", "words", "vocabulary"} <= set(facts) and \
            bool({"shape", "seen"} & set(facts))
        return facts if ours else {}
    except (OSError, ValueError, TypeError):
        return {}


def _shards(folder):
    if shards := sorted(Path(folder).glob("*.tar")):
        return shards
    raise CourseError(f"The folder {folder} holds no shards (.tar): write some first.")


def read_shards(folder, rank=0, world=1, epoch=0, seed=0):
    """The clips of one of `world` workers in one epoch, one by one: as `write_shards` takes them,
    or, in shards of others, "key", "caption" and "film", the bytes of a file.

    Each worker reads shards of its own, in an order that (seed, epoch) decides. Raises CourseError
    for fewer shards than workers, and for a damaged one, or one with fewer clips than indexed.
    """
    shards, counts = _shards(folder), _index(folder).get("shards", {})
    if len(shards) < world:
        raise CourseError(f"The folder {folder} holds {len(shards)} shards for {world} workers: "
                          f"write more and smaller ones.")
    order = np.random.default_rng([seed, epoch]).permutation(len(shards))
    for path in (shards[number] for number in order[rank::world]):
        yield from _clips_of(path, counts.get(path.name))


def _clips_of(path, count=None):
    """The clips of a shard: members that follow each other under one key. count: how many."""
    found = 0
    try:
        with tarfile.open(path, "r|") as tar:  # a stream: it is never gone back in
            for key, members in itertools.groupby(_members(tar), lambda member: member[0]):
                yield _clip(key, {ending: content for _, ending, content in members})
                found += 1
        if not found or count not in (None, found):
            raise ValueError(f"it ends after {found} clips")
    except BROKEN as error:
        raise CourseError(f"The shard {path} is damaged or holds no clips ({error}): a clip is an "
                          f"mp4 or webm and a txt or json with its caption, under one name; fetch "
                          f"or write it again.") from None


def _members(tar):
    """(key, ending, content) of each file in a tar file."""
    for member in tar:
        tar.members = []  # else it would remember all
        place, _, name = member.name.rpartition("/")
        key, _, ending = name.partition(".")
        if member.isfile() and key and not name.startswith("._"):
            if member.size > LARGEST:
                raise ValueError(f"its member '{member.name}' has {member.size} bytes")
            yield f"{place}/{key}" if place else key, ending.lower(), tar.extractfile(member).read()


def _clip(key, members):
    """A clip of the members that it has: a dict ending -> content."""
    clip = {"key": key, "caption": _caption(members)}
    if film := next((members[ending] for ending in FILMS if ending in members), None):
        clip["film"] = film
    else:
        clip |= {part: _array(part, members.get(f"{part}.npy")) for part in ARRAYS}
    if missing := [part for part, value in clip.items() if value is None]:
        raise ValueError(f"the clip '{key}' has no {missing[0]}, it has {', '.join(members)}")
    return clip


def _caption(members):
    if "txt" in members:
        return members["txt"].decode()
    facts = json.loads(members.get("json", b"{}"))
    said = isinstance(facts, dict) and (facts.get("caption") or facts.get("text"))
    return said if isinstance(said, str) else None


def _array(part, content):
    """An array of the right kind; never a pickle, which runs code."""
    if content is None:
        return None
    value, (kind, axes) = np.load(io.BytesIO(content), allow_pickle=False), ARRAYS[part]
    if not isinstance(value, np.ndarray) or (value.dtype, value.ndim) != (kind, axes):
        raise ValueError(f"{part} is not {kind.__name__} with {axes} axes")
    return value


class Stream:
    """Clips for `training.fit` from shards without end: a buffer, from which they are drawn by
    chance, and in which each that was drawn makes room for the next.

    slots: size of the buffer, all that is ever in memory; where all clips fit in, they stay. Films
    are decoded as they come, to frames that size and fit decide as in `clips.prepare`. Each of
    several processes has its own shards. place: a folder for shards.json, where it is not to lie
    beside the shards. shape: (H, W, C). A run that is resumed begins the stream anew.
    """

    def __init__(self, folder, slots=1024, seed=0, size=None, fit=None, place=None):
        self.folder, self.seed, self.fit = Path(folder), seed, fit or "crop"
        facts = self._facts(Path(place or folder))
        ready = "shape" in facts
        if ready and (size or fit) and distributed.rank() == 0:
            print(f"The shards of {folder} hold frames that are ready: --size and --fit change "
                  f"nothing.", file=sys.stderr)
        frames, *self.shape = facts["shape"] if ready else \
            (FRAMES, *frame_of(facts["seen"], size or 48))
        samples = facts["samples"] if ready else SAMPLES
        self.vocabulary = Vocabulary(facts["vocabulary"])
        self.contents = [f"{name}: {count} clips" for name, count in facts["shards"].items()]
        clips = sum(facts["shards"].values())
        self.slots = min(slots, clips * (1 if ready else film_reader.PIECES))
        self.video = torch.empty(self.slots, frames, *self.shape, dtype=torch.uint8)
        self.audio = torch.empty(self.slots, samples, dtype=torch.int16)
        self.ids = torch.empty(self.slots, facts["words"], dtype=torch.long)
        self._begin()

    def _facts(self, place):
        """What is known of the shards, from beside them or from place; else they are listed."""
        names = {path.name for path in _shards(self.folder)}
        for facts in map(_index, (self.folder, place)):
            if facts.get("shards", {}).keys() == names:
                return facts
        if (place / INDEX).exists() and not _index(place):
            raise CourseError(f"The file {place / INDEX} is of an older version or of another "
                              f"program: move it away, and the shards are listed anew.")
        return index_shards(self.folder, place)

    def _begin(self):
        """Fill the buffer; where one process has room for all clips, they stay there."""
        alone = distributed.processes() == 1
        endless = itertools.chain.from_iterable(map(self._epoch, itertools.count(int(alone))))
        coming, filled = self._epoch(0) if alone else endless, 0
        while some := list(itertools.islice(coming, min(64, self.slots - filled))):
            self._fill(torch.arange(filled, filled + len(some)), some)
            filled += len(some)
        if not filled:
            raise CourseError(f"No clip in the shards of {self.folder} can be used: mend them.")
        more, self.slots = next(coming, None), filled
        self.coming = itertools.chain([more], coming, endless) if more else None

    def draw(self, n, rng):
        """(slots int64 (n,),) by chance; rng: a torch.Generator."""
        return (torch.randint(self.slots, (n,), generator=rng),)

    def load(self, rows):
        """Clips of slots (n,), as `clips.Prepared.load` gives them; which (n, L) are the words."""
        audio = self.audio[rows]
        heard = (audio.int().abs() > film_reader.SILENT).any(1)
        clips = self.video[rows], audio.float() / 32768, self.ids[rows], self.ids[rows], heard
        if self.coming:
            used = rows.unique()
            self._fill(used, list(itertools.islice(self.coming, len(used))))
        return clips

    def _epoch(self, epoch):
        """The clips of an epoch, films cut to pieces; the first time it tells what is left out."""
        for clip in read_shards(self.folder, distributed.rank(), distributed.processes(), epoch,
                                self.seed):
            if caption_refused(clip["caption"]):
                continue
            if "video" in clip:
                yield clip
                continue
            parts, notes = film_reader.read(Entry(clip["film"], clip["caption"]),
                                            self.shape, self.fit)
            if not parts and epoch == 0:
                print(f"'{clip['key']}' in {self.folder} is left out: {notes[-1]}",
                      file=sys.stderr)
            for video, audio, _ in zip(*parts or ((), (), ()), strict=True):
                yield {"video": video, "audio": audio, "caption": clip["caption"]}

    def _fill(self, slots, clips):
        """Put clips into slots (n,)."""
        for name in ARRAYS:
            getattr(self, name)[slots] = torch.from_numpy(np.stack([clip[name] for clip in clips]))
        texts = [clip["caption"] for clip in clips]
        self.ids[slots] = words.encode(texts, self.vocabulary, self.ids.shape[1])


def summary(stream):
    """A line on a `Stream`: what it holds."""
    H, W, _ = stream.shape
    return (f"{stream.folder.name}: {len(stream.contents)} shards, frames of {H} x {W} pixels, "
            f"words: {len(stream.vocabulary) - 1}")
