"""Sound as a picture and back: spectrograms, mel bands, and phases that fit.

Axes: N sounds, S samples, B frequencies, C columns in time.
"""

import math

import torch
from torch.nn import functional as F

from lessons.signals.clip import FPS, FRAMES, RATE


def fade(waves, rate, seconds=0.004):
    """Waves (N, S) that rise from zero and sink to zero again within so many seconds: no clicks."""
    edge = (torch.arange(waves.shape[1], device=waves.device) / (seconds * rate)).clamp(max=1)
    return waves * edge * edge.flip(0)


WINDOW, HOP = 256, 100           # samples that one column looks at, and from column to column
BINS = WINDOW // 2 + 1           # frequencies, RATE / WINDOW = 31.25 Hz apart
A_FRAME = RATE // FPS // HOP     # columns that belong to one frame of the film
COLUMNS = A_FRAME * FRAMES
FLOOR = 0.02                     # a magnitude that counts as silence; a loud tone has about 8
LOUDEST = 2.35                   # the level that none is above, see `spectrogram`


# Sound and its pictures -----------------------------------------------------------------------
def columns(waves, window, hop):
    """Magnitudes of the Fourier transforms of pieces of waves: (N, S) -> (N, B, C).

    window (W,): each piece of W samples, one every `hop`, is multiplied by it; B = W // 2 + 1.
    """
    pieces = waves.unfold(1, len(window), hop) * window                        # (N, C, W)
    return torch.fft.rfft(pieces).abs().transpose(1, 2)                        # (N, B, C)


def transform(waves):
    """The short-time Fourier transform of waves (N, S): complex (N, B, C), C = S / HOP.

    A column is the Fourier transform of WINDOW samples around its moment, faded at both sides.
    """
    window = torch.hann_window(WINDOW, device=waves.device)
    columns = torch.stft(waves, WINDOW, HOP, window=window, pad_mode="constant",
                         return_complex=True)                                  # (N, B, C + 1)
    return columns[..., :waves.shape[1] // HOP]


def inverse(columns):
    """The waves (N, S) of complex columns (N, B, C): overlapping pieces, added and divided by the
    windows' sum. Columns that belong to no wave give the wave whose own are nearest."""
    window = torch.hann_window(WINDOW, device=columns.device)
    return torch.istft(columns, WINDOW, HOP, window=window, length=columns.shape[2] * HOP)


def spectrogram(waves):
    """How loud each frequency is at each moment: waves (N, S) -> levels (N, B, C), 0 for silence.

        level = log(1 + |X| / FLOOR) / 3,   X the short-time Fourier transform

    A level of 2 is a loud tone; from 1 to 2 the magnitude grows twentyfold.
    """
    return torch.log1p(transform(waves).abs() / FLOOR) / 3


def magnitudes(levels):
    """Levels (N, B, C) of `spectrogram` -> magnitudes |X|, of the same shape."""
    return FLOOR * torch.expm1(3 * levels.clamp(min=0))


def mel_filters(bands=64, top=RATE / 2):
    """Triangles that sum frequencies into bands as wide as they sound: float (bands, B).

        mel = 2595 log10(1 + Hz / 700)

    The bands lie evenly in mel, each reaching from the middle of the last to that of the next.
    Source of the formula: O'Shaughnessy, Speech Communication, 1987.
    """
    highest = 2595 * math.log10(1 + top / 700)
    edges = 700 * (10 ** (torch.linspace(0, highest, bands + 2) / 2595) - 1)   # in Hz
    hertz = torch.linspace(0, RATE / 2, BINS)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]   # (bands, 1) each
    return torch.minimum((hertz - low) / (middle - low), (high - hertz) / (high - middle)).clamp(0)


def first_phases(size):
    """A guess of the phases (N, B, C) that belong to magnitudes `size` (N, B, C).

    Each bin turns as fast as the tone that is loudest near it: its frequency lies between two bins
    and is read from a parabola through three neighbours.
    """
    level = F.pad((size + 1e-5).log(), (0, 0, 1, 1), mode="replicate")
    left, middle, right = level[:, :-2], level[:, 1:-1], level[:, 2:]
    peak = (right - left) / (2 * (2 * middle - left - right)).clamp(min=1e-3)  # in bins
    bins = torch.arange(size.shape[1], device=size.device)[:, None] + peak.clamp(-2, 2)
    return (2 * math.pi * HOP / WINDOW * bins).cumsum(2)


def with_size(columns, size):
    """Complex columns with other magnitudes and the phases that they have, both (N, B, C)."""
    return size * columns / columns.abs().clamp(min=1e-9)


def to_wave(levels, rounds=32, speed=0.99, with_size=with_size):
    """Back to sound: levels (N, B, C) -> waves (N, S), faded at both ends, at most 0.95 high.

    The phases are lost, so they are guessed and then made to agree: in each round the columns
    become a wave, the wave becomes columns, and these keep their phases and take the magnitudes
    that are wanted (with_size). speed: how much of the last step is made once more (0 for the plain
    method).
    Source: Griffin and Lim, 1984, doi 10.1109/TASSP.1984.1164317; the fast form is that of
    Perraudin et al., 2013, doi 10.1109/WASPAA.2013.6701851.
    """
    size = magnitudes(levels)
    columns, last = torch.polar(size, first_phases(size)), 0
    for _ in range(rounds):
        now = transform(inverse(columns))
        columns, last = with_size(now + speed * (now - last), size), now
    waves = fade(inverse(columns), RATE, 0.008)
    highest = waves.abs().amax(1, keepdim=True)
    return waves * (0.95 / highest.clamp(min=0.95))  # turned down as a whole, not clipped
