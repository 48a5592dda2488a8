"""Checks of lesson 0: what a film is made of."""

import dataclasses

import numpy as np

from lessons import measuring
from lessons.exercises import Exercise, Seen, seed
from lessons.signals import windows
from lessons.world import captions


def _videos():
    """Random films of different sizes, no axis as long as another; the first is tiny."""
    rng = np.random.default_rng(seed())
    return [(rng.integers(0, 256, shape, dtype=np.uint8),)
            for shape in ((1, 2, 1, 4, 3), (2, 5, 6, 7, 3), (3, 4, 8, 9, 3))]


Exercise("0.1", ours=16 * 48 * 48 * 3, observe=lambda answer: answer, used=False, mistakes=[
    ("This is the count for one frame: a film has 16 of them.", 48 * 48 * 3),
    ("Each pixel has three numbers: red, green and blue.", 16 * 48 * 48),
    ("One side of the frame is missing: it has 48 rows and 48 columns.", 16 * 48 * 3),
    ("The lengths of the axes are added: multiply them.", 16 + 48 + 48 + 3),
    ("This is a film of 8 frames: it has 16, 8 a second for two seconds.", 8 * 48 * 48 * 3),
    ("These are four numbers for each pixel: there are three, red, green and blue.",
     16 * 48 * 48 * 4),
    ("These are bits: one number here is a byte, of 8 bits.", 8 * 16 * 48 * 48 * 3),
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
    ("The changes are squared: take the absolute value.",
     lambda video: np.square(np.diff(video.astype(float), axis=1)).mean((2, 3, 4)) / 255),
    ("Each film is compared with its first frame: compare each frame with the one before it.",
     lambda video: abs(video[:, 1:].astype(float) - video[:, :1]).mean((2, 3, 4)) / 255),
    ("White is 255, not 256.", lambda video: measuring.frame_change(video) * 255 / 256),
    ("The colours are summed: take the mean over them as well.",
     lambda video: measuring.frame_change(video) * 3),
    ("Rows, columns and colours are summed: take the mean.",
     lambda video: measuring.frame_change(video) * video[0, 0].size),
])


def _stages():
    """The films, and one whose colours lie about the threshold of 90, in frames of many pixels."""
    rng = np.random.default_rng(seed(1))
    figure = rng.integers(0, 90, (2, 2, 12, 16, 3), dtype=np.uint8)
    figure[:, :, 3:10, 2:5] = rng.integers(60, 256, (2, 2, 7, 3, 3), dtype=np.uint8)
    figure[:, :, 8, 5:9] = 200
    return [*_videos(), (figure,), (rng.integers(80, 94, (2, 3, 20, 30, 3), dtype=np.uint8),)]


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


def _by_colours(video):
    columns = (video > 90).sum((2, 4))
    return (columns * (np.arange(video.shape[3]) + 0.5)).sum(2) / columns.sum(2) / video.shape[3]


def _by_brightness(video):
    bright = video.max(4)
    columns = np.where(bright > 90, bright, 0).sum(2).astype(float)
    return (columns * (np.arange(video.shape[3]) + 0.5)).sum(2) / columns.sum(2) / video.shape[3]


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
    ("A pixel whose brightest colour is exactly 90 is stage: >, not >=.", _from_90),
    ("This is the column, not the place: divide by the width.",
     lambda video: windows.place(video) * video.shape[3]),
    ("The middle of column i is (i + 0.5) / W: from i / (W - 1) the places come out too far apart.",
     lambda video: (windows.place(video) * video.shape[3] - 0.5) / (video.shape[3] - 1)),
    ("The middle of column i lies at (i + 0.5) / W: here it is one column further right.",
     lambda video: windows.place(video) + 0.5 / video.shape[3]),
    ("A pixel counts when *one* of its colours is bright: here their mean must be.",
     lambda video: windows.place(video.mean(4, keepdims=True))),
    ("A pixel counts when *one* of its colours is bright: here all of them must be.",
     lambda video: windows.place(video.min(4, keepdims=True))),
    ("A pixel counts when *one* of its colours is bright: here the first alone is asked.",
     lambda video: windows.place(video[..., :1])),
    ("A pixel counts once: here it counts once for each colour that is bright.", _by_colours),
    ("A column counts by its number of bright pixels: here each that has any counts once.",
     lambda video: windows.place(video.max((2, 4), keepdims=True))),
    ("Bright pixels count more here: each pixel of the actor counts the same.", _by_brightness),
])


def _reading(answer):
    reading = dataclasses.asdict(captions.parse(answer))
    return Seen({f"caption's {name}": "left open" if value is None else value
                 for name, value in reading.items() if name != "language"})


def _saying(part, *captions):
    return [(f"Your caption {part}", caption) for caption in captions]


Exercise("0.4", ours="a woman walks, then jumps, with calm music", observe=_reading, mistakes=[
    *_saying("names a colour: leave it open, the model should be free to choose it.",
             *(f"a {color} woman walks, then jumps, with calm music"
               for color in ("red", "blue", "green", "yellow"))),
    *_saying("names a direction: leave it open, the model should be free to choose it.",
             *(f"a woman walks, then jumps to the {side}, with calm music"
               for side in ("left", "right"))),
    ("The order is wrong: she walks first.", "a woman jumps, then walks, with calm music"),
    *_saying("has one action: she walks first and then jumps.",
             *(f"a woman {does}, with calm music" for does in ("walks", "jumps"))),
    *_saying("leaves the music open: say that it is calm.", "a woman walks, then jumps"),
    *_saying("asks for other music: say that it is calm.",
             "a woman walks, then jumps, with cheerful music",
             "a woman walks, then jumps, without music"),
    *_saying("is about somebody else: a woman is asked for.",
             *(f"a {who} walks, then jumps, with calm music" for who in ("man", "child"))),
])
