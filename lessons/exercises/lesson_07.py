"""Checks of lesson 7: a spectrogram, phases that are kept, pairs that are out of time, moments that
belong together, and a score that stands empty lists."""

import math

import numpy as np
import torch

from lessons import audio
from lessons.exercises import Exercise, rng
from lessons.signals import spectrogram


# 7.1 -------------------------------------------------------------------------------------------
def _waves():
    """Two batches of waves and their windows, of several lengths."""
    return [(torch.randn(N, S, generator=rng(S)), torch.hann_window(W), hop)
            for N, S, W, hop in ((3, 400, 64, 20), (2, 300, 50, 30))]


def _columns(faded=True, size=torch.abs, axis=2, turned=True, hop=None):
    def wrong(waves, window, step):
        pieces = waves.unfold(1, len(window), hop(window) if hop else step)
        pieces = pieces * window if faded else pieces
        result = size(torch.fft.rfft(pieces, dim=axis))
        return result.transpose(1, 2) if turned else result
    return wrong


Exercise("7.1", ours=spectrogram.columns, cases=_waves, mistakes=[
    ("The window is missing: each piece must be faded at both ends before its Fourier transform.",
     _columns(faded=False)),
    ("These are squares: the magnitude is the length of the complex number, abs alone.",
     _columns(size=lambda x: x.abs().square())),
    ("This is the real part: it depends on where in its swing a tone is cut. Take abs.",
     _columns(size=torch.real)),
    ("The axes are interchanged: frequencies first, (N, B, C), then moments.",
     _columns(turned=False)),
    ("The pieces stand side by side: they must overlap, one every `hop` samples.",
     _columns(hop=len)),
    ("The Fourier transform runs over the pieces: it must run over the samples of each piece, the "
     "last axis.", _columns(axis=1)),
])


# 7.2 -------------------------------------------------------------------------------------------
def _phases():
    """Complex columns with zeros among them, and the sizes that they shall have."""
    cases = []
    for seed, shape in enumerate(((2, 5, 7), (3, 4, 6))):
        columns = torch.complex(*(torch.randn(shape, generator=rng(10 * seed + i))
                                  for i in range(2)))
        columns[0, 0] = 0
        cases.append((columns, 3 * torch.rand(shape, generator=rng(seed + 5))))
    return cases


def _as_numbers(answer, columns, size):
    """A complex answer as real and imaginary part, side by side; nan as a number of its own."""
    result = answer(columns, size)
    if isinstance(result, torch.Tensor) and result.is_complex():
        result = torch.view_as_real(result)
    return result.nan_to_num(1e6, 1e6, -1e6) if isinstance(result, torch.Tensor) else result


Exercise("7.2", ours=spectrogram.with_size, cases=_phases, observe=_as_numbers, mistakes=[
    ("You multiplied and kept the old magnitude: divide by it first.", lambda x, size: size * x),
    ("0 / 0 is nan, and one nan fills the whole sound in the next round: clamp the divisor, or use "
     "torch.polar with the angle.", lambda x, size: size * x / x.abs()),
    ("The phases are gone: what you return has the angle 0 everywhere.",
     lambda x, size: torch.complex(size, torch.zeros_like(size))),
    ("The phases have the wrong sign: the sound would run backwards in each column.",
     lambda x, size: torch.polar(size, -x.angle())),
    ("You kept the old columns: the wanted magnitudes are not used.", lambda x, size: 1 * x),
])


# 7.3 -------------------------------------------------------------------------------------------
def _frames():
    return [(torch.randn(2, T, 5, generator=rng(T)), torch.randn(2, T, 3, generator=rng(T + 1)), k)
            for T, k in ((8, 3), (16, 1), (16, 7))]


def _pairs(answer, *given):
    own, early = answer(*given)
    return {"sound of the first pair": own[0], "picture of the first pair": own[1],
            "sound of the second pair": early[0], "picture of the second pair": early[1]}


Exercise("7.3", ours=audio.shifted, cases=_frames, observe=_pairs, mistakes=[
    ("You rolled the frames round: where the end meets the beginning is a seam, and a "
     "discriminator would learn to see the seam.", lambda h, s, k: ((h, s), (h, s.roll(k, 1)))),
    ("Both pairs are in time: cut the picture of the second at the other end.",
     lambda h, s, k: ((h[:, k:], s[:, k:]), (h[:, k:], s[:, k:]))),
    ("In your second pair the picture comes late: the sound must lose its first k frames, and the "
     "picture its last k.", lambda h, s, k: ((h[:, :-k], s[:, :-k]), (h[:, :-k], s[:, k:]))),
    ("The first pair has all T frames and the second T - k: a discriminator could count. Cut both.",
     lambda h, s, k: ((h, s), (h[:, k:], s[:, :-k]))),
    ("You cut the numbers of a frame, axis 2: time is axis 1.",
     lambda h, s, k: ((h[..., 1:], s[..., 1:]), (h[..., 1:], s[..., :-1]))),
])


# 7.4 -------------------------------------------------------------------------------------------
def _moments():
    """Sorted moments, some of them near each other, some lists empty."""
    cases = [([0.10, 0.20], [0.15], 0.125), ([], [0.3], 0.125), ([0.3], [], 0.125), ([], [], 0.125),
             ([0.5], [0.45, 0.62], 0.125), ([0.2, 0.3], [0.1, 0.31], 0.125),
             ([0.5, 1.0, 1.5], [0.9], 0.125), ([1.0], [1.25], 0.25)]
    for seed in range(6):
        rows = np.random.default_rng(seed)
        cases.append((sorted(rows.random(rows.integers(2, 9)).round(3).tolist()),
                      sorted(rows.random(rows.integers(2, 9)).round(3).tolist()), 0.06))
    return cases


def _again(heard, seen, within):
    return sum(any(abs(a - b) <= within for b in seen) for a in heard)


def _in_order(heard, seen, within):
    return sum(abs(a - b) <= within for a, b in zip(heard, seen, strict=False))


def _late_only(heard, seen, within):
    return audio.hits(*([x + shift for x in row] for row, shift in
                        ((heard, -within / 2), (seen, 0))), within / 2)


def _any_distance(heard, seen, within):
    return min(len(heard), len(seen))


def _strictly(heard, seen, within):
    return audio.hits(heard, seen, within * (1 - 1e-9))


Exercise("7.4", ours=audio.hits, cases=_moments, mistakes=[
    ("A moment is used more than once: two steps beside one footfall are one hit and one step too "
     "many.", _again),
    ("You pair the first with the first, the second with the second: one that is missing at the "
     "beginning then spoils all that follow.", _in_order),
    ("You count only sounds that come later than what is seen: early ones within the limit count, "
     "too, so take abs.", _late_only),
    ("The distance does not matter to you: a pair must be at most `within` apart.", _any_distance),
    ("A pair that is exactly `within` apart counts, too: <=, not <.", _strictly),
])


# 7.5 -------------------------------------------------------------------------------------------
def _lists():
    return [([0.1, 0.5, 0.9], [0.12, 0.93]), ([0.1], [0.8, 1.2]), ([], [0.4]), ([0.4], []),
            ([], []), ([0.2, 0.7], [0.2, 0.7]), ([0.2, 0.6, 1.0, 1.4], [0.25, 1.38, 1.9])]


def _finite(answer, heard, seen):
    """The answer, -1 in the place of nan: a nan equals nothing, not even itself."""
    result = answer(heard, seen)
    return -1.0 if isinstance(result, float) and math.isnan(result) else result


def _over(below, empty=math.nan):
    def wrong(heard, seen):
        pairs = audio.hits(heard, seen)
        under = below(len(heard), len(seen), pairs)
        return pairs / under if under else empty
    return wrong


def _union(a, b, pairs):
    return a + b - pairs


Exercise("7.5", ours=audio.av_align, cases=_lists, observe=_finite, mistakes=[
    ("Hits are counted twice below: they are in both lists, so the union is heard + seen - hits.",
     _over(lambda a, b, pairs: a + b)),
    ("You divide by what is heard alone: a film with one right step and ten missing ones would be "
     "perfect.", _over(lambda a, b, pairs: a)),
    ("You divide by what is seen alone: steps too many would cost nothing.",
     _over(lambda a, b, pairs: b)),
    ("Two empty lists get 0, as if sound and picture disagreed: there is nothing to judge, so "
     "return nan.", _over(_union, 0.0)),
    ("Two empty lists get 1: films in which nothing happens would raise the mean. Return nan.",
     _over(_union, 1.0)),
])
