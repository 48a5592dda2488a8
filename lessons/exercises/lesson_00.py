"""Checks of lesson 0: what a film is made of."""

import dataclasses

import numpy as np

from lessons import measuring
from lessons.exercises import Exercise
from lessons.signals import windows
from lessons.world import captions


def _videos():
    """Random films of different sizes, no axis as long as another."""
    rng = np.random.default_rng(0)
    return [(rng.integers(0, 256, shape, dtype=np.uint8),)
            for shape in ((2, 5, 6, 7, 3), (3, 4, 8, 9, 3))]


Exercise("0.1", ours=16 * 48 * 48 * 3, observe=lambda answer: answer, mistakes=[
    ("You counted one frame: a film has 16 of them.", 48 * 48 * 3),
    ("Each pixel has three numbers: red, green and blue.", 16 * 48 * 48),
    ("You left out the height or the width of the frame.", 16 * 48 * 3),
])


def _wraps(video):
    return np.abs(video[:, 1:] - video[:, :-1]).mean(axis=(2, 3, 4)) / 255


def _unscaled(video):
    return measuring.frame_change(video) * 255


def _signed(video):
    values = video.astype("float32") / 255
    return (values[:, 1:] - values[:, :-1]).mean(axis=(2, 3, 4))


def _across_films(video):
    values = video.astype("float32") / 255
    return abs(values[1:] - values[:-1]).mean(axis=(2, 3, 4))


Exercise("0.2", ours=measuring.frame_change, cases=_videos, mistakes=[
    ("This looks like a subtraction of bytes: 3 - 5 wraps around to 254. Turn the video into "
     "floats before you subtract.", _wraps),
    ("The scale is off: divide by 255, so that the change lies between 0 and 1.", _unscaled),
    ("Ups and downs cancel out here: take the absolute value before the mean.", _signed),
    ("You compare one film with the next: axis 0 counts films, axis 1 counts frames.",
     _across_films),
])


def _stages():
    """The films, and one whose colours lie about the threshold of 90, in frames of many pixels."""
    rng = np.random.default_rng(1)
    return [*_videos(), (rng.integers(80, 94, (2, 3, 20, 30, 3), dtype=np.uint8),)]


def _height(video):
    return windows.place(video.swapaxes(2, 3))


def _in_pixels(video):
    return windows.place(video) * video.shape[3] - 0.5


def _edges(video):
    return windows.place(video) - 0.5 / video.shape[3]


def _no_threshold(video):
    columns = video.max(axis=4).sum(axis=2).astype(float)
    x = (np.arange(video.shape[3]) + 0.5) / video.shape[3]
    return (columns * x).sum(axis=2) / columns.sum(axis=2)


def _from_90(video):
    return windows.place(np.where(video == 90, 91, video))


Exercise("0.3", ours=windows.place, cases=_stages, mistakes=[
    ("This is the height of the figure, not its place from left to right: axis 2 counts rows, "
     "axis 3 counts columns.", _height),
    ("This is the place in pixels: divide by the width, so that 0 is the left edge and 1 the "
     "right edge.", _in_pixels),
    ("You measure from the left edge of each column: its middle is half a pixel further right.",
     _edges),
    ("The stage is counted too: keep only pixels of which some colour is brighter than 90.",
     _no_threshold),
    ("Your threshold is a little too low: a pixel whose brightest colour is exactly 90 is stage.",
     _from_90),
])


def _reading(answer):
    reading = dataclasses.asdict(captions.parse(answer))
    return {f"caption's {name}": value for name, value in reading.items() if name != "language"}


Exercise("0.4", ours="a woman walks, then jumps, with calm music", observe=_reading, mistakes=[
    ("Your caption names a colour: the model should be free to choose it.",
     "a red woman walks, then jumps, with calm music"),
    ("Your caption names a direction: the model should be free to choose it.",
     "a woman walks, then jumps to the left, with calm music"),
    ("The order is wrong: she walks first.", "a woman jumps, then walks, with calm music"),
    ("Your caption leaves the music open: say that it is calm.", "a woman walks, then jumps"),
])
