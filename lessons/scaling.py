"""Lesson 9: what ten million clips would cost, and clips beyond one disk, read as a stream.

First formulas, for paper; then shards: tar files in the layout of WebDataset, of which every
process reads its own from beginning to end; then how to start many processes.

Axes: N clips, T frames of H x W pixels with C channels, S samples of sound, L words of a caption.
"""

import dataclasses
import hashlib
import io
import itertools
import json
import math
import tarfile
from pathlib import Path

import numpy as np
import torch

from lessons import film_reader, own_clips, training
from lessons.checkpoints import write_whole
from lessons.errors import CourseError

INDEX = "shards.json"  # beside the shards: what must be known before the first clip is read
MEMBERS = {"video.npy": "video", "audio.npy": "audio", "txt": "caption"}  # of a clip in a shard
DIMENSIONS = {"video": (np.uint8, 4), "audio": (np.int16, 1)}
BROKEN = tarfile.TarError, OSError, EOFError, ValueError, MemoryError  # of a damaged shard


# On paper ---------------------------------------------------------------------------------------
def pixel_bytes(clips, seconds, fps, height, width):
    """Bytes of clips as plain pixels: seconds x fps x height x width x 3 a clip."""
    return clips * seconds * fps * height * width * 3


def coded_bytes(clips, seconds, kbit_rate):
    """Bytes of clips as files of H.264 with sound, kbit_rate in 1000 bits a second."""
    return clips * seconds * kbit_rate * 1000 / 8


def cache_bytes(clips, size, channels=3):
    """Bytes of clips as training reads them: 16 frames of size x size pixels, and 2 seconds of
    sound, 8000 samples of 2 bytes each."""
    return clips * (16 * size ** 2 * channels + 2 * 8000 * 2)


@dataclasses.dataclass(frozen=True)
class Plan:
    """A training on paper: inputs with their units, results as properties.

    step_seconds is measured on one GPU with the whole batch. useful_batch: the largest batch that
    still helps; from there on, twice the batch is no longer worth half the steps (McCandlish et
    al., 2018, arXiv 1812.06162). 2048 is the largest that Brock et al., 2018, arXiv 1809.11096,
    found to help a GAN; it is an assumption here.
    """

    clips: int
    clip_bytes: float       # that are read of each clip in each epoch
    epochs: float
    batch: int              # of all GPUs together
    weights: int            # whose gradients travel, 4 bytes each
    step_seconds: float     # on one GPU, for the whole batch
    gpus: int
    gpu_price: float        # money for a GPU and an hour
    disk_bytes: float       # room
    read_rate: float        # bytes a second that the disk, or the network before it, gives to all
    network_rate: float     # bytes a second from a GPU to the next
    efficiency: float = 0.9  # of many GPUs: share of the time in which they compute
    useful_batch: int = 2048

    @property
    def bytes(self):
        """clips x clip_bytes"""
        return self.clips * self.clip_bytes

    @property
    def steps(self):
        """clips x epochs / batch, rounded up"""
        return math.ceil(self.clips * self.epochs / self.batch)

    @property
    def shared_step(self):
        """Seconds of a step on all GPUs: step_seconds / (gpus x efficiency); one loses nothing."""
        return self.step_seconds / (self.gpus * self.efficiency if self.gpus > 1 else 1)

    @property
    def hours(self):
        """steps x shared_step / 3600"""
        return self.steps * self.shared_step / 3600

    @property
    def money(self):
        """hours x gpus x gpu_price"""
        return self.hours * self.gpus * self.gpu_price

    @property
    def needed_rate(self):
        """Bytes of clips a second, for all GPUs: batch x clip_bytes / shared_step."""
        return self.batch * self.clip_bytes / self.shared_step

    @property
    def gradient_bytes(self):
        """What each GPU sends in a step, by a ring: 2 (gpus - 1) / gpus x 4 bytes x weights."""
        return 2 * (self.gpus - 1) / self.gpus * 4 * self.weights

    @property
    def most_gpus(self):
        """From so many GPUs on, a step sends longer than it computes: the gpus for which
        step_seconds / gpus = gradient_bytes / network_rate."""
        return 1 + self.step_seconds * self.network_rate / (8 * self.weights)

    def loads(self):
        """What is asked of each limit as a share of what it gives; above 1 it does not hold."""
        return {"disk space": self.bytes / self.disk_bytes,
                "reading clips": self.needed_rate / self.read_rate,
                "sending gradients": self.gradient_bytes / self.network_rate / self.shared_step,
                "batch too large to help": self.batch / self.useful_batch}

    def breaks_first(self):
        """The limit that is nearest to breaking, or farthest beyond it: (name, load)."""
        return max(self.loads().items(), key=lambda load: load[1])


def table(plan, counts=(10 ** 4, 10 ** 6, 10 ** 7)):
    """A plan for several numbers of clips: a dict a number, bytes, steps, hours, money, and what
    breaks first."""
    plans = (dataclasses.replace(plan, clips=count) for count in counts)
    return [{"clips": one.clips, "bytes": one.bytes, "steps": one.steps, "hours": one.hours,
             "money": one.money, "breaks first": one.breaks_first()} for one in plans]


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
            said = own_clips.tokens(clip["caption"])
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
    `training.together`) each has its own shards; all draw the same slots. shape: (H, W, C). A run
    that is resumed begins the stream anew.
    """

    def __init__(self, folder, slots=1024, seed=0):
        self.folder, self.slots, self.seed = Path(folder), slots, seed
        facts = _index(folder)
        if facts.get("shards", {}).keys() != {path.name for path in _shards(folder)}:
            raise CourseError(f"There is no {INDEX} in {folder} that lists the shards there: make "
                              f"it with index_shards.")
        frames, *self.shape = facts["shape"]
        self.vocabulary, self.length = tuple(facts["vocabulary"]), facts["words"]
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
        """Clips of slots (n,), as `own_clips.Prepared.load` gives them: video uint8 (n, T, H, W,
        C), audio float32 (n, S) in [-1, 1], ids (n, L), which (n, 1), heard bool (n,)."""
        audio = self.audio[rows]
        heard = (audio.int().abs() > film_reader.SILENT).any(1)
        clips = self.video[rows], audio.float() / 32768, self.ids[rows], self.which[rows], heard
        self._fill(rows.unique())
        return clips

    def _endless(self):
        for epoch in itertools.count():
            yield from read_shards(self.folder, training.rank(), training.processes(), epoch,
                                   self.seed)

    def _fill(self, slots):
        """Put the next clips of the stream into slots (n,)."""
        clips = list(itertools.islice(self.coming, len(slots)))
        for name in DIMENSIONS:
            getattr(self, name)[slots] = torch.from_numpy(np.stack([clip[name] for clip in clips]))
        texts = [clip["caption"] for clip in clips]
        self.ids[slots] = own_clips.encode(texts, self.vocabulary, self.length)
        self.which[slots, 0] = torch.tensor([_number(text) for text in texts])


def _number(caption):
    """A number of 63 bits that is the same for captions of the same words, on every machine."""
    words = " ".join(own_clips.tokens(caption)).encode()
    return int.from_bytes(hashlib.sha256(words).digest()[:8], "big") >> 1


# Starting many ----------------------------------------------------------------------------------
LAUNCH = {
    "one machine": """\
# one process for each of 4 GPUs; the same line with --resume goes on after a stop
torchrun --standalone --nproc-per-node 4 -m lessons train --data theatre --out runs/mine
""",
    "two machines": """\
# the same on both; HOST is one of them, and /shared a folder that both see
torchrun --nnodes 2 --nproc-per-node 4 --rdzv-id mine --rdzv-backend c10d \\
    --rdzv-endpoint HOST:29400 -m lessons train --data theatre --out /shared/runs/mine
""",
    "Slurm": """\
#!/bin/bash
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1    # one torchrun a machine; it starts a process for each GPU
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --time=04:00:00
#SBATCH --requeue              # once more when a machine fails; --resume then goes on
host=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
srun torchrun --nnodes "$SLURM_NNODES" --nproc-per-node 4 --rdzv-id "$SLURM_JOB_ID" \\
    --rdzv-backend c10d --rdzv-endpoint "$host:29400" \\
    -m lessons train --data theatre --out /shared/runs/mine --resume
""",
}
