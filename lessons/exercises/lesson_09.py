"""Checks of lesson 9: ways between walls, ranges of frames, moments of a film, a share of a batch,
what travels between GPUs, what a training costs, and whether picture and voice agree."""

import math
import re

import torch

from lessons.exercises import Exercise, both, rng
from lessons.judges import voices
from lessons.sources import kth, moving_digits


# 9.1 -------------------------------------------------------------------------------------------
def _ways():
    """Ways that meet no wall, one, and many; to the right and to the left."""
    t = torch.arange(16.)
    return [(torch.tensor([3.0, 7.0, 11.0, -2.0]), 1, 5), (20 + 3 * t, 11, 37),
            (12 - 2.5 * t, 11, 37), (13 + 0.5 * t, 11, 37),
            (60 * torch.rand(4, 16, 2, generator=rng()) - 20, 0, 10), (9 * t - 30, -4, 4),
            (1000 * t - 4000, 0, 10), (3 * t - 20, 0.5, 4.25), (3.3 * t.double(), 0, 7)]


def _folded(period=2, origin=True, clamp=False, flip=False):
    def wrong(way, low, high):
        if clamp:
            return way.clamp(low, high)
        room = high - low
        away = ((way - low * origin).remainder(period * room) - room).abs()
        return low + away if flip else high - away
    return wrong


def _once(way, low, high):
    way = torch.where(way > high, 2 * high - way, way)
    return torch.where(way < low, 2 * low - way, way)


Exercise("9.1", ours=moving_digits.folded, cases=_ways, mistakes=[
    ("The digit stops at the wall: clamping holds it there, and it should turn back.",
     _folded(clamp=True)),
    ("It turns back at the first wall only: after the second it leaves. Use a remainder, so that "
     "it goes on for ever.", _once),
    ("It jumps from one wall to the other: the period is *twice* the room, there and back.",
     lambda way, low, high: low + (way - low).remainder(high - low)),
    ("`fmod` keeps the sign of what it divides: a way to the left of `low` needs `remainder`.",
     lambda way, low, high: high - (torch.fmod(way - low, 2 * (high - low)) - (high - low)).abs()),
    ("Count from the lower wall: take `low` away before the remainder.", _folded(origin=False)),
    ("It begins at the wrong wall: at `low` the distance to `low` is 0, so take the absolute value "
     "away from `high`.", _folded(flip=True)),
    ("It comes out where it would be without walls.", lambda way, low, high: way + 0),
    ("The result lies between 0 and the room: add `low` again.",
     lambda way, low, high: moving_digits.folded(way, low, high) - low),
    ("The absolute value is missing: on its way back it would be outside.",
     lambda way, low, high: high - ((way - low).remainder(2 * (high - low)) - (high - low))),
    ("The room is high - low, not high.",
     lambda way, low, high: high - ((way - low).remainder(2 * high) - high).abs()),
])


# 9.2 -------------------------------------------------------------------------------------------
def _read():
    def some(*shape, seed):
        return torch.randn(*shape, generator=rng(seed)).mul(2).softmax(-1)
    seen = some(40, 16, 10, seed=1)
    heard = torch.where(torch.rand(40, 1, generator=rng(2)) < 0.7, seen.mean(1),
                        some(40, 10, seed=3))
    other = some(60, 3, 10, seed=9)
    said = other.mean(1).clone()
    said[::3] = said[::3].roll(1, 1)
    first = torch.eye(10)[[3, 3, 7]]  # two films of two frames
    few = torch.stack([first[:2], first[1:]]) * 0.8 + 0.02
    return [(few, first[:2]), (seen, heard), (other, said),
            (some(7, 5, 10, seed=4), some(7, 10, seed=5))]


Exercise("9.2", ours=voices.agreement, cases=_read, asked="float",
         mistakes=[
    ("You look at the first frame alone: take the mean over the frames first.",
     lambda seen, heard: float((seen[:, 0].argmax(1) == heard.argmax(1)).float().mean())),
    ("You compare frame by frame: a film is one picture of one digit, so take the mean of the "
     "probabilities over its frames before you decide.",
     lambda seen, heard: float((seen.argmax(2) == heard.argmax(1)[:, None]).float().mean())),
    ("You multiply probabilities: two judges that are unsure then agree less than they do. Let "
     "each decide, and compare.",
     lambda seen, heard: float((seen.mean(1) * heard).sum(1).mean())),
    ("You look at the last frame alone: take the mean over the frames first.",
     lambda seen, heard: voices.agreement(seen[:, -1:], heard)),
    ("This is the share that does *not* agree.",
     lambda seen, heard: 1 - voices.agreement(seen, heard)),
    ("You take the frame that is surest: take the mean of the probabilities over the frames.",
     lambda seen, heard: voices.agreement(seen.amax(1, keepdim=True), heard)),
    ("Each frame has a vote in yours: take the mean of the probabilities, then decide once.",
     lambda seen, heard: float((seen.argmax(2).mode(1).values == heard.argmax(1)).float().mean())),
    ("A film counts in yours where all of its frames agree with the voice.",
     lambda seen, heard: float((seen.argmax(2) == heard.argmax(1)[:, None]).all(1).float().mean())),
    ("You count films; the share is asked for: divide by their number.",
     lambda seen, heard: float((seen.mean(1).argmax(1) == heard.argmax(1)).sum())),
])


# 9.3 -------------------------------------------------------------------------------------------
def _texts():
    return [("1-95, 96-185, 186-245, 246-360",), ("1-50, 40-90",), ("200-300, 1-95",),
            ("12-212, 100-150, 140-170",), ("7-7",), ("1-50, 50-90",), ("1-50, 40-50",),
            ("100-150, 200-300, 1-50",), ("1-95, 980-1492",)]


def _cut(first=1, last=0, order=True, overlap=True):
    def wrong(text):
        pairs = [(int(a), int(b)) for a, b in re.findall(r"(\d+)-(\d+)", text)]
        found, end = [], 0
        for a, b in sorted(pairs) if order else pairs:
            if b > end or not overlap:
                found.append((max(a - first, end) if overlap else a - first, b - last))
                end = b
        return found
    return wrong


def _forgetful(text):
    found, end = [], 0
    for a, b in sorted((int(a), int(b)) for a, b in re.findall(r"(\d+)-(\d+)", text)):
        found.append((max(a - 1, end), b))
        end = b
    return found


def _pairs(answer, text):
    result = answer(text)
    return [tuple(pair) for pair in result] if isinstance(result, (list, tuple)) else result


def _plain(first=1, last=0):
    def wrong(text):
        return sorted((int(a) - first, int(b) - last) for a, b in
                      re.findall(r"(\d+)-(\d+)", text))
    return wrong


Exercise("9.3", ours=kth.ranges, cases=_texts, observe=_pairs, used=False,
         mistakes=[
    ("Two things: the first frame of each range is one too high, since Python counts from 0; and "
     "none may begin before an earlier one has ended.", _plain(first=0)),
    ("Two things: the end of each range is one too low, since an end is excluded; and none may "
     "begin before an earlier one has ended.", _plain(last=1)),
    ("Frames count from 0 in Python and from 1 in the file: take 1 from the first frame of each "
     "range.", _cut(first=0)),
    ("The last frame is lost: the file's last frame belongs to the range, and counted from 0 it is "
     "the one before your end. So the number itself is the end that is excluded.", _cut(last=1)),
    ("The ranges are as the file has them, but two films have theirs out of order: sort them.",
     _cut(order=False)),
    ("A range that lies within an earlier one comes out backwards, and what follows it begins too "
     "early: where nothing is left of a range, drop it and keep `end`.", _forgetful),
    ("Frames count from 0 in Python and from 1 in the file, and both ends of a range are inside: "
     "frames 1 to 95 are (0, 95).", lambda text: [(int(a), int(b)) for a, b in re.findall(
         r"(\d+)-(\d+)", text)]),
    ("The counting is right. Now sort the ranges, and let none begin before an earlier one has "
     "ended.", _cut(order=False, overlap=False)),
    ("Two ranges share frames, so that one and the same picture could be learnt twice: let a range "
     "begin no earlier than the last one ends.", _cut(overlap=False)),
])


# 9.4 -------------------------------------------------------------------------------------------
def on_screen(times, fps):
    """Which frame of a film is on the screen at 0, 1 / fps, 2 / fps, ... seconds: int64 (n,).

    times (N,): seconds at which each frame appears, the first at 0; the last moment is no later
    than the last frame.
    """
    moments = torch.arange(int(times[-1] * fps + 1e-6) + 1) / fps             # (n,)
    return torch.searchsorted(times, moments + 1e-6, right=True) - 1


def _films():
    even = torch.arange(25) / 25
    uneven = torch.tensor([0, 0.1, 0.12, 0.5, 0.55, 0.9, 1.4])
    return [(torch.tensor([0, 0.3, 0.5]), 4), (even, 8), (torch.arange(10) / 5, 8),
            (uneven, 8), (uneven, 4), (torch.arange(40) / 30, 10), (torch.zeros(1), 8), (even, 7.5),
            (torch.arange(25) * (1 / 10), 5), (torch.arange(31) * (1 / 25), 5)]


def _moments(times, fps):
    return torch.arange(int(times[-1] * fps + 1e-6) + 1) / fps


def _rate(times):
    return max(1, len(times) - 1) / max(float(times[-1]), 1e-9)


def _strided(times, fps):
    rate = _rate(times)
    count = int(times[-1] * fps + 1e-6) + 1
    return (torch.arange(count) * max(1, round(rate / fps))).clamp(max=len(times) - 1)


def _by_rate(times, fps):
    rate = _rate(times)
    return (_moments(times, fps) * rate + 1e-4).long().clamp(max=len(times) - 1)


Exercise("9.4", ours=on_screen, cases=_films, asked="int64", used=False, mistakes=[
    ("You take every so many frames: 25 frames a second are not a multiple of 8, and a film of a "
     "telephone is not even. Ask at each moment which frame is there.", _strided),
    ("You trust the mean frame rate. In a film with uneven times frame k does not appear at k / "
     "rate: look at `times`.", _by_rate),
    ("You take the nearest frame, which may not have appeared yet: a screen shows the *last* one "
     "that has.", lambda times, fps: (_moments(times, fps)[:, None] - times).abs().argmin(1)),
    ("You take the frame that comes next: `searchsorted` says how many have appeared; the one on "
     "the screen is the one before.",
     lambda times, fps: torch.searchsorted(times, _moments(times, fps) + 1e-6, right=True)
     .clamp(max=len(times) - 1)),
    ("You count the frames that have appeared; the last of them has a number that is one less.",
     lambda times, fps: torch.searchsorted(times, _moments(times, fps) + 1e-6, right=True)),
    ("A frame that appears at the very moment is on the screen: count it, with `right=True`.",
     lambda times, fps: torch.searchsorted(times, _moments(times, fps)) - 1),
])


# 9.5 -------------------------------------------------------------------------------------------
def share(rows, processes, rank):
    """The rows of a joint batch (N, ...) that one of several processes works on: a block of N /
    processes, so that rows 2i and 2i + 1, two films of one caption, stay together."""
    return rows.chunk(processes)[rank]


def _batches():
    rows = torch.randn(8, 3, generator=rng())
    return [(torch.tensor([1.0, 2, 3, 4]), 2, 1), (rows, 1, 0), (rows, 2, 0), (rows, 2, 1),
            (rows, 4, 2), (rows, 4, 3), (torch.arange(24), 3, 2),
            (torch.randn(8, 2, 3, 4, generator=rng(1)), 2, 1)]


Exercise("9.5", ours=share, cases=_batches, trained=True, mistakes=[
    ("You deal the rows out one by one. Rows 2i and 2i + 1 are two films of one caption, which the "
     "energy score compares: keep blocks together.",
     lambda rows, processes, rank: rows[rank::processes]),
    ("Every process takes the whole batch: then all of them do the same work.",
     lambda rows, processes, rank: rows + 0),
    ("Every process takes the first block: `rank` says which one is its own.",
     lambda rows, processes, rank: rows.chunk(processes)[0]),
    ("The blocks are dealt out backwards: process 0 takes the first one.",
     lambda rows, processes, rank: rows.chunk(processes)[-1 - rank]),
    ("The blocks count from 0: process 0 takes the first one.",
     lambda rows, processes, rank: (rows.chunk(processes) * 2)[rank + 1]),
    ("A block has N / processes rows, not as many as there are processes.",
     lambda rows, processes, rank: rows[rank * processes:(rank + 1) * processes]),
    ("Each process begins one row later, instead of one block later.",
     lambda rows, processes, rank: rows[rank:rank + len(rows) // processes]),
    ("Two rows go to each: the block must have N / processes rows.",
     lambda rows, processes, rank: rows[2 * rank:2 * rank + 2]),
    ("All rows from the beginning of its block to the end: stop where the next block begins.",
     lambda rows, processes, rank: rows[rank * len(rows) // processes:]),
])


# 9.6 -------------------------------------------------------------------------------------------
def gradient_bytes(gpus, weights):
    """Bytes that each of so many GPUs sends in a step, around a ring: weights in 4 bytes each."""
    return 2 * (gpus - 1) / gpus * 4 * weights


Exercise("9.6", ours=gradient_bytes,
         cases=lambda: [(1, 900_000), (2, 900_000), (8, 900_000), (512, 10 ** 9), (3, 10)],
         mistakes=[
    ("Everybody sends everything to everybody: that is the traffic without a ring. On a ring each "
     "part of the gradient goes round, and a GPU passes on one part at a time.",
     lambda gpus, weights: (gpus - 1) * 4.0 * weights),
    ("That is half of it: count both rounds (the first adds the gradients up, the second tells all "
     "the sum).",
     lambda gpus, weights: (gpus - 1) / gpus * 4 * weights),
    ("You count numbers, not bytes: a weight's gradient has 4 bytes.",
     lambda gpus, weights: 2 * (gpus - 1) / gpus * weights),
    ("A GPU need not send what it gives to itself: of `gpus` parts it passes on `gpus` - 1.",
     lambda gpus, weights: 2 * 4.0 * weights),
    ("gpus / (gpus - 1) is upside down: of `gpus` parts a GPU passes on `gpus` - 1.",
     lambda gpus, weights: 8 * weights * gpus / (gpus - 1) if gpus > 1 else 0),
    ("These are bits: a byte has 8 of them, and bytes are asked for.",
     lambda gpus, weights: 64 * (gpus - 1) / gpus * weights),
    ("A number has 4 bytes here, not 8.",
     lambda gpus, weights: 16 * (gpus - 1) / gpus * weights),
    ("This is what all GPUs send together: of one of them is asked.",
     lambda gpus, weights: 8 * (gpus - 1) * weights),
    ("This is one part, passed on once: it passes on gpus - 1 of them in each of two rounds.",
     lambda gpus, weights: 4 * weights / gpus),
    ("`//` rounds: (gpus - 1) // gpus is 0.", lambda gpus, weights: 2 * ((gpus - 1) // gpus) * 4),
])


# 9.7 -------------------------------------------------------------------------------------------
def bill(clips, epochs, batch, step_seconds, gpus, efficiency, price):
    """What a training takes: (steps, hours, money).

    step_seconds: of the whole batch on one GPU; of many GPUs each works the share `efficiency` of
    the time; price: of a GPU and an hour.
    """
    steps = math.ceil(clips * epochs / batch)
    hours = steps * step_seconds / (gpus * efficiency) / 3600
    return steps, hours, hours * gpus * price


def _billed(batch=1, parts=True, lost=True, all_gpus=True, up=math.ceil):
    def wrong(clips, epochs, size, step_seconds, gpus, efficiency, price):
        steps = up(clips * epochs / (size * (gpus if batch > 1 else 1)))
        hours = steps * step_seconds / 3600
        hours /= (gpus if parts else 1) * (efficiency if lost else 1)
        return steps, hours, hours * (gpus if all_gpus else 1) * price
    return wrong


def _by_epoch(clips, epochs, batch, step_seconds, gpus, efficiency, price):
    steps = math.ceil(clips / batch) * epochs
    hours = steps * step_seconds / (gpus * efficiency) / 3600
    return steps, hours, hours * gpus * price


def _hurried(clips, epochs, batch, step_seconds, gpus, efficiency, price):
    steps = math.ceil(clips * epochs / batch)
    hours = steps * step_seconds * efficiency / gpus / 3600
    return steps, hours, hours * gpus * price


Exercise("9.7", ours=bill, used=False,
    observe=both("number of steps", "number of hours", "sum of money"),
    cases=lambda: [(10_000_000, 10, 1024, 2.0, 64, 0.9, 2.5), (1000, 3, 64, 200.0, 1, 1.0, 2.0),
                   (10_001, 1, 100, 0.5, 8, 0.8, 3.0), (1024, 10, 512, 2.0, 8, 0.9, 2.0),
                   (51, 10, 512, 1.0, 2, 0.7, 1.5)],
    mistakes=[
    ("The batch is that of all GPUs together: more GPUs do not make fewer steps, but shorter ones.",
     _billed(batch=2, parts=False)),
    ("The batch is that of all GPUs together: it is not multiplied by their number.",
     _billed(batch=2)),
    ("Half a step is a step: round up.", _billed(up=math.floor)),
    ("Half a step is a step: round up, also what is below a half.", _billed(up=round)),
    ("Where the batches come out even there is no step more: `math.ceil`.",
     _billed(up=lambda x: math.floor(x) + 1)),
    ("No machine computes all of the time: divide by the efficiency, too.", _billed(lost=False)),
    ("You round up in every epoch: batches run on from one epoch into the next, so round up once.",
     _by_epoch),
    ("You multiply by the efficiency: who works nine tenths of the time needs *longer*, so divide.",
     _hurried),
    ("You pay for one GPU: all of them run for these hours.", _billed(all_gpus=False)),
    ("A step is shared: with many GPUs it takes a share of its time.", _billed(parts=False)),
])
