"""Checks of lesson 4: content and motion, the window that is put back, the turning, the swap."""

import math

import torch

from lessons import frames, priors, video
from lessons.exercises import Exercise, rng
from lessons.frames import CONTENT, MOTION, PATH
from lessons.priors import SLOWEST
from lessons.signals.windows import paste, window_columns


# 4.1 -------------------------------------------------------------------------------------------
def _codes():
    return [(torch.randn(N, T, CONTENT + MOTION, generator=rng(N)),) for N, T in ((3, 5), (4, 7))]


def _averaged(what, axis):
    def wrong(codes):
        parts = list(codes.split([CONTENT, MOTION], 2))
        for i in what:
            parts[i] = parts[i].mean(axis, keepdim=True).expand_as(parts[i])
        return torch.cat(parts, 2)
    return wrong


def _not_repeated(codes):
    return torch.cat([codes[:, :1, :CONTENT].mean(1, keepdim=True), codes[:, :1, CONTENT:]], 2)


def _first_frame(codes):
    content = codes[:, :1, :CONTENT].expand(-1, codes.shape[1], -1)
    return torch.cat([content, codes[..., CONTENT:]], 2)


Exercise("4.1", ours=frames.one_content, cases=_codes, trained=True, mistakes=[
    ("You averaged over the films of the batch, axis 0: everyone becomes the same person. The "
     "frames are axis 1.", _averaged([0], 0)),
    ("You averaged the motion as well: now nobody moves.", _averaged([0, 1], 1)),
    ("You averaged the motion and kept the content: it should be the other way round.",
     _averaged([1], 1)),
    ("You took the content of the first frame for all: average over the frames, so that the "
     "mistake of one frame counts less.", _first_frame),
    ("You averaged over the numbers of a frame, the last axis: the frames are axis 1.",
     _averaged([0], 2)),
    ("You took the content of the last frame for all: average over the frames.",
     lambda codes: torch.cat([codes[:, -1:, :CONTENT].expand(-1, codes.shape[1], -1),
                              codes[..., CONTENT:]], 2)),
    ("Motion stands before content: content first, then motion.",
     lambda codes: frames.one_content(codes).roll(MOTION, 2)),
    ("You summed the content over the frames: take the mean.",
     lambda codes: torch.cat([codes[..., :CONTENT].sum(1, keepdim=True)
                              .expand(-1, codes.shape[1], -1), codes[..., CONTENT:]], 2)),
    ("Your film has one frame left: the mean must be repeated for each frame (expand_as).",
     _not_repeated),
])


# 4.2 -------------------------------------------------------------------------------------------
def _windows():
    """Windows with places at both edges, beyond them, and between pixels."""
    cases = []
    for k, (size, H) in enumerate(((16, 5), (24, 7)), 1):
        place = torch.tensor([0.0, -3.0, size + 2.0, size / 2, 0.3 * size, 0.71 * size, size - 0.4])
        cases.append((torch.randn(len(place), 3, H, size // 2, generator=rng(k)), place, size))
    return cases


def _pasted(crop=None, way="wide"):
    def wrong(windows, place, size):
        columns = window_columns(place, size, size // 2)[:, None, None].expand_as(windows)
        columns = columns + {"late": size // 4, "one": 1}.get(way, 0)
        if way == "fixed":
            columns = columns[:1].expand_as(windows)
        if way == "around":
            frame = windows.new_zeros(*windows.shape[:3], size)
            return frame.scatter(3, (columns - size // 2) % size, windows)
        if way == "pressed":
            frame = windows.new_zeros(*windows.shape[:3], size)
            return frame.scatter(3, (columns - size // 2).clamp(0, size - 1), windows)
        wide = windows.new_zeros(*windows.shape[:3], 2 * size).scatter(3, columns, windows)
        return wide if crop is None else wide[..., crop[0](size):crop[1](size)]
    return wrong


_MIDDLE = (lambda size: size // 2, lambda size: -(size // 2))
Exercise("4.2", ours=paste, cases=_windows, trained=("windows",), mistakes=[
    ("The result is as wide as the canvas with its margins: cut size / 2 columns off on either "
     "side.", _pasted()),
    ("You kept the left part of the canvas: the frame is its middle, size / 2 columns in from "
     "either side.", _pasted((lambda size: 0, lambda size: size))),
    ("What leaves on one side comes in on the other: paste on a canvas with margins, then cut "
     "them off.", _pasted(way="around")),
    ("What should be cut off is pressed into the outermost column: paste on a canvas with "
     "margins, then cut them off.", _pasted(way="pressed")),
    ("All is a quarter of a frame too far to the right, as if the window began at the place "
     "instead of having it in its middle.", _pasted(_MIDDLE, "late")),
    ("You kept the right part of the canvas: the frame is its middle, size / 2 columns in from "
     "either side.", _pasted((lambda size: size, lambda size: 2 * size))),
    ("All windows are pasted where the first one belongs: each has its own columns.",
     _pasted(_MIDDLE, "fixed")),
    ("All is one column too far to the right.", _pasted(_MIDDLE, "one")),
])


# 4.3 -------------------------------------------------------------------------------------------
def _oscillators():
    return [(torch.randn(N, K, generator=rng(N)), torch.randn(N, T, K, generator=rng(K)))
            for N, T, K in ((1, 3, 1), (2, 5, 3), (4, 6, 7))]


def _begin(start):
    return 2 * math.pi * start[:, None]


def _pace(speed):
    return SLOWEST * (1 + speed.sigmoid())


Exercise("4.3", ours=priors.turns, cases=_oscillators, trained=True, mistakes=[
    ("You added up over the films, axis 0: the frames are axis 1.",
     lambda start, speed: _begin(start) + _pace(speed).cumsum(0)),
    ("You added up over the oscillators, the last axis: the frames are axis 1.",
     lambda start, speed: _begin(start) + _pace(speed).cumsum(2)),
    ("Nothing is added up: this is the speed at each frame, not how far it has turned.",
     lambda start, speed: _begin(start) + _pace(speed)),
    ("A speed may come out negative: without sigmoid an oscillator can turn back.",
     lambda start, speed: _begin(start) + SLOWEST * (1 + speed).cumsum(1)),
    ("The sum was taken before sigmoid: bound each speed first, then add up.",
     lambda start, speed: _begin(start) + _pace(speed.cumsum(1))),
    ("The 1 is added once instead of at every frame: it belongs inside the sum.",
     lambda start, speed: _begin(start) + SLOWEST * (1 + speed.sigmoid().cumsum(1))),
    ("The 1 is missing: an oscillator could stand still.",
     lambda start, speed: _begin(start) + SLOWEST * speed.sigmoid().cumsum(1)),
    ("The start is missing: all films would begin with the same foot.",
     lambda start, speed: _pace(speed).cumsum(1)),
    ("The start is counted in turns, the result in radians: a turn is 2 pi.",
     lambda start, speed: start[:, None] + _pace(speed).cumsum(1)),
    ("The first frame's speed counts already: the sum begins with it.",
     lambda start, speed: _begin(start) + _pace(speed).cumsum(1) - _pace(speed)),
    ("SLOWEST is missing: the sum is in radians only when it is multiplied by it.",
     lambda start, speed: _begin(start) + (1 + speed.sigmoid()).cumsum(1)),
    ("The start is added at every frame anew: it belongs outside the sum.",
     lambda start, speed: (_begin(start) + _pace(speed)).cumsum(1)),
])


# 4.4 -------------------------------------------------------------------------------------------
def _two():
    return [tuple(torch.randn(N, T, PATH, generator=rng(k + N)) for k in (0, 9))
            for N, T in ((2, 5), (3, 4), (1, 20))]  # and a film longer than a frame has content


Exercise("4.4", ours=video.swap_motion, cases=_two, mistakes=[
    ("Figures and events are swapped: the content belongs to `who`, the rest to `what`.",
     lambda who, what: torch.cat([what[..., :CONTENT], who[..., CONTENT:]], 2)),
    ("The place came with the figure: it belongs to what happens, so cut right after the content.",
     lambda who, what: torch.cat([who[..., :CONTENT + 1], what[..., CONTENT + 1:]], 2)),
    ("You cut the frames, not the numbers of a frame: the numbers are the last axis.",
     lambda who, what: torch.cat([who[:, :CONTENT], what[:, CONTENT:]], 1)),
    ("This is the mean of both films: take each number from one of them.",
     lambda who, what: (who + what) / 2),
    ("This is `who` as it was: only its content belongs in the result.", lambda who, what: who + 0),
    ("This is `what` as it was: its content must come from `who`.", lambda who, what: what + 0),
    ("Content comes first, then place and motion.",
     lambda who, what: torch.cat([what[..., CONTENT:], who[..., :CONTENT]], 2)),
    ("The place is missing: everything behind the content comes from `what`.",
     lambda who, what: torch.cat([who[..., :CONTENT], what[..., CONTENT + 1:]], 2)),
    ("Both paths are in full: cut each before you join them.",
     lambda who, what: torch.cat([who, what], 2)),
])
