"""Clips in tar files, the WebDataset layout, read as a stream."""

import hashlib
import io
import itertools
import json
import tarfile
from pathlib import Path

import numpy as np
import torch

from lessons.engine import distributed
from lessons.engine.checkpoints import write_whole
from lessons.engine.vocabulary import Vocabulary
from lessons.errors import CourseError
from lessons.sources import film_reader, words
from lessons.sources.words import tokens

INDEX = "shards.json"  # beside the shards: what must be known before the first clip is read
MEMBERS = {"video.npy": "video", "audio.npy": "audio", "txt": "caption"}  # of a clip in a shard
DIMENSIONS = {"video": (np.uint8, 4), "audio": (np.int16, 1)}
BROKEN = tarfile.TarError, OSError, EOFError, ValueError, MemoryError  # of a damaged shard


# Shards -----------------------------------------------------------------------------------------
def write_shards(clips, folder, per_shard=256):
    """Write clips to folder as clips-000000.tar, clips-000001.tar, ..., then their index.

    clips: an iterable of dicts, "key" (letters, digits, - and _), "video" uint8 (T, H, W, C),
    "audio" int16 (S,) and "caption", all of one shape. Each file appears whole or not at all, and
    one shard at a time is in memory. Raises CourseError for a folder that holds shards already, and
    where one cannot be written.
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
    """Add a clip to an open tar file; returns its key."""
    if not str(clip["key"]).replace("-", "").replace("_", "").isalnum():
        raise CourseError(f"The key '{clip['key']}' cannot name files: use letters, digits, - "
                          f"and _.")
    for ending, part in MEMBERS.items():
        content = io.BytesIO()
        if part == "caption":
            content.write(clip[part].encode())
        else:
            np.save(content, clip[part], allow_pickle=False)
        member = tarfile.TarInfo(f"{clip['key']}.{ending}")
        member.size = content.tell()
        content.seek(0)
        tar.addfile(member, content)
    return clip["key"]


def index_shards(folder):
    """Read all shards of folder once and write shards.json beside them; returns what it says.

    A dict: "shards", name -> number of clips; "shape" (T, H, W, C); "samples" S; "vocabulary";
    "words", L of the longest caption. Shards that others made need it, too.
    """
    counts, words, shapes, longest = {}, set(), set(), 0
    for path in _shards(folder):
        for count, clip in enumerate(_clips_of(path), 1):
            counts[path.name] = count
            said = tokens(clip["caption"])
            words.update(said)
            longest = max(longest, len(said))
            shapes.add((clip["video"].shape, len(clip["audio"])))
            if len(shapes) > 1:
                raise CourseError(f"The clip '{clip['key']}' in {path} has another shape than "
                                  f"those before it: bring all to one.")
    (shape, samples), = shapes
    facts = {"shards": counts, "shape": shape, "samples": samples, "words": longest,
             "vocabulary": ["", *sorted(words)]}
    write_whole(Path(folder) / INDEX, json.dumps(facts).encode())
    return facts


def _index(folder):
    """What shards.json says, {} where there is none."""
    try:
        return json.loads((Path(folder) / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _shards(folder):
    if shards := sorted(Path(folder).glob("*.tar")):
        return shards
    raise CourseError(f"The folder {folder} holds no shards (.tar): write some first.")


def read_shards(folder, rank=0, world=1, epoch=0, seed=0):
    """The clips of one of `world` workers in one epoch, as `write_shards` takes them, one by one.

    Each worker reads shards of its own, in an order that (seed, epoch) decides; together they read
    all. Nothing is extracted, and one clip at a time is in memory. Raises CourseError for fewer
    shards than workers, and for a damaged shard, or one with fewer clips than the index says.
    """
    shards, counts = _shards(folder), _index(folder).get("shards", {})
    if len(shards) < world:
        raise CourseError(f"The folder {folder} holds {len(shards)} shards for {world} workers: "
                          f"write more and smaller ones.")
    order = np.random.default_rng([seed, epoch]).permutation(len(shards))
    for path in (shards[number] for number in order[rank::world]):
        yield from _clips_of(path, counts.get(path.name))


def _clips_of(path, count=None):
    """The clips of a shard: members that follow each other under one key, in any order. count: how
    many there must be, where that is known."""
    found = 0
    try:
        with tarfile.open(path, "r|") as tar:  # a stream: it is never gone back in
            for key, members in itertools.groupby(_members(tar), lambda member: member[0]):
                clip = {"key": key} | {part: value for _, part, value in members}
                if missing := [part for part in MEMBERS.values() if part not in clip]:
                    raise ValueError(f"the clip '{key}' has no {missing[0]}")
                found += 1
                yield clip
        if not found or count not in (None, found):
            raise ValueError(f"it ends after {found} clips")
    except BROKEN as error:
        raise CourseError(f"The shard {path} is damaged or holds no clips ({error}): fetch or "
                          f"write it again.") from None


def _members(tar):
    """(key, part, value) of each member of a tar file that belongs to a clip."""
    for member in tar:
        tar.members = []  # else it would remember all
        place, _, name = member.name.rpartition("/")
        key, _, ending = name.partition(".")
        if member.isfile() and ending in MEMBERS:
            part = MEMBERS[ending]
            yield f"{place}/{key}" if place else key, part, _value(part, tar.extractfile(member))


def _value(part, file):
    """What a member holds: text, or an array of the right kind; never a pickle, which runs code."""
    content = file.read()
    if part == "caption":
        return content.decode()
    value = np.load(io.BytesIO(content), allow_pickle=False)
    if not isinstance(value, np.ndarray) or (value.dtype, value.ndim) != DIMENSIONS[part]:
        raise ValueError(f"{part} is not {DIMENSIONS[part][0].__name__} with "
                         f"{DIMENSIONS[part][1]} axes")
    return value


class Stream:
    """Clips for `training.fit` from shards without end: a buffer, from which they are drawn by
    chance, and in which each that was drawn makes room for the next.

    slots: size of the buffer, all that is ever in memory. Among several processes (see
    `distributed.together`) each has its own shards; all draw the same slots. shape: (H, W, C).
    A run that is resumed begins the stream anew.
    """

    def __init__(self, folder, slots=1024, seed=0):
        self.folder, self.slots, self.seed = Path(folder), slots, seed
        facts = _index(folder)
        if facts.get("shards", {}).keys() != {path.name for path in _shards(folder)}:
            raise CourseError(f"There is no {INDEX} in {folder} that lists the shards there: make "
                              f"it with index_shards.")
        frames, *self.shape = facts["shape"]
        self.vocabulary, self.length = Vocabulary(facts["vocabulary"]), facts["words"]
        self.video = torch.empty(slots, frames, *self.shape, dtype=torch.uint8)
        self.audio = torch.empty(slots, facts["samples"], dtype=torch.int16)
        self.ids = torch.empty(slots, self.length, dtype=torch.long)
        self.which = torch.empty(slots, 1, dtype=torch.long)
        self.coming = self._endless()
        for some in torch.arange(slots).split(64):
            self._fill(some)

    def draw(self, n, rng):
        """(slots int64 (n,),) by chance; rng: a torch.Generator."""
        return (torch.randint(self.slots, (n,), generator=rng),)

    def load(self, rows):
        """Clips of slots (n,), as `clips.Prepared.load` gives them: video uint8 (n, T, H, W,
        C), audio float32 (n, S) in [-1, 1], ids (n, L), which (n, 1), heard bool (n,)."""
        audio = self.audio[rows]
        heard = (audio.int().abs() > film_reader.SILENT).any(1)
        clips = self.video[rows], audio.float() / 32768, self.ids[rows], self.which[rows], heard
        self._fill(rows.unique())
        return clips

    def _endless(self):
        for epoch in itertools.count():
            yield from read_shards(self.folder, distributed.rank(), distributed.processes(), epoch,
                                   self.seed)

    def _fill(self, slots):
        """Put the next clips of the stream into slots (n,)."""
        clips = list(itertools.islice(self.coming, len(slots)))
        for name in DIMENSIONS:
            getattr(self, name)[slots] = torch.from_numpy(np.stack([clip[name] for clip in clips]))
        texts = [clip["caption"] for clip in clips]
        self.ids[slots] = words.encode(texts, self.vocabulary, self.length)
        self.which[slots, 0] = torch.tensor([_number(text) for text in texts])


def _number(caption):
    """A number of 63 bits that is the same for captions of the same words, on every machine."""
    words = " ".join(tokens(caption)).encode()
    return int.from_bytes(hashlib.sha256(words).digest()[:8], "big") >> 1
