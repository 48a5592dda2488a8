"""Checks of lesson 7: a spectrogram, phases that are kept, pairs that are out of time, moments that
belong together, lags to mend, and a score that stands empty lists."""

import math

import numpy as np
import torch

from lessons import audio
from lessons.errors import CourseError
from lessons.exercises import Exercise, Seen, rng, seed
from lessons.signals import spectrogram


# 7.1 -------------------------------------------------------------------------------------------
def _waves():
    """Batches of waves and their windows, of several lengths; the first is tiny."""
    cases = [(torch.randn(N, S, generator=rng(S)), torch.hann_window(W), hop)
             for N, S, W, hop in ((1, 5, 4, 1), (3, 400, 64, 20), (2, 300, 50, 30))]
    cases[-1][0][1] = 0  # a silent one
    return cases


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
    ("This keeps all W frequencies: a real wave needs W // 2 + 1 of them, as `rfft` gives.",
     lambda waves, window, hop: torch.fft.fft(waves.unfold(1, len(window), hop) * window)
     .abs().mT),
    ("These are angles, not magnitudes: take abs.", _columns(size=torch.angle)),
    ("These are the complex numbers: take their length, abs.", _columns(size=lambda x: x)),
    ("These are logarithms: the magnitudes themselves are asked for.",
     _columns(size=lambda x: (1 + x.abs() / 0.02).log() / 3)),
    ("The waves were padded at both ends: the first piece begins at the first sample "
     "(`center=False` in torch.stft).",
     lambda waves, window, hop: torch.stft(waves, len(window), hop, window=window,
                                           return_complex=True).abs()),
    ("The window is applied twice.",
     lambda waves, window, hop: spectrogram.columns(waves, window ** 2, hop)),
    ("The result is divided by the length of a piece: leave the sum as it is.",
     lambda waves, window, hop: spectrogram.columns(waves, window, hop) / len(window)),
])


# 7.2 -------------------------------------------------------------------------------------------
def _phases():
    """Complex columns with zeros among them, and the sizes that they shall have."""
    cases = []
    for k, shape in enumerate(((1, 2, 1), (2, 5, 7), (3, 4, 6))):
        columns = torch.complex(*(torch.randn(shape, generator=rng(10 * k + i))
                                  for i in range(2)))
        columns[0, 0] = 0
        cases.append((columns, 3 * torch.rand(shape, generator=rng(k + 5))))
    return cases


Exercise("7.2", ours=spectrogram.with_size, cases=_phases, mistakes=[
    ("You multiplied and kept the old magnitude: divide by it first.", lambda x, size: size * x),
    ("0 / 0 is nan, and one nan fills the whole sound in the next round: clamp the divisor.",
     lambda x, size: size * x / x.abs()),
    ("Where a column is 0 it has no phase, and 0 is to stay there; torch.polar and `angle` give it "
     "the phase 0 and the full size.", lambda x, size: torch.polar(size, x.angle())),
    ("The divisor is never 0, but what you add to it changes the other columns, too: use "
     "`clamp(min=1e-9)`.", lambda x, size: size * x / (x.abs() + 1e-2)),
    ("You divide by the size instead of multiplying by it.",
     lambda x, size: x / x.abs().clamp(min=1e-9) / size),
    ("The size is not used: all columns have length 1.",
     lambda x, size: x / x.abs().clamp(min=1e-9)),
    ("You divide by the real part: the length of a complex number is its abs.",
     lambda x, size: torch.where(x == 0, 0, size * x / x.real)),
    ("You divide by the square of the length: take abs alone.",
     lambda x, size: size * x / x.abs().square().clamp(min=1e-9)),
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
    result = answer(*given)
    if not isinstance(result, (tuple, list)) or [*map(len, result)] != [2, 2] \
            or isinstance(result[0], torch.Tensor):
        raise CourseError("Return two pairs, (sound, picture) and (sound, picture): first the one "
                          "in time.")
    (sound, picture), (other, late) = result
    return Seen({"sound of the first pair": sound, "picture of the first pair": picture,
                 "sound of the second pair": other, "picture of the second pair": late})


Exercise("7.3", ours=audio.shifted, cases=_frames, observe=_pairs, used=False,
         mistakes=[
    ("You rolled the frames round: where the end meets the beginning is a seam, and a "
     "discriminator would learn to see the seam.", lambda h, s, k: ((h, s), (h, s.roll(k, 1)))),
    ("Both pairs are in time: cut the picture of the second at the other end.",
     lambda h, s, k: ((h[:, k:], s[:, k:]), (h[:, k:], s[:, k:]))),
    ("In your second pair the picture comes early: the sound must lose its first k frames, and the "
     "picture its last k.", lambda h, s, k: ((h[:, :-k], s[:, :-k]), (h[:, :-k], s[:, k:]))),
    ("The first pair has all T frames and the second T - k: a discriminator could count. Cut both.",
     lambda h, s, k: ((h, s), (h[:, k:], s[:, :-k]))),
    ("The pairs have changed places: first the one in time.",
     lambda h, s, k: audio.shifted(h, s, k)[::-1]),
    ("Sound and picture have changed places: a pair is (sound, picture).",
     lambda h, s, k: tuple(pair[::-1] for pair in audio.shifted(h, s, k))),
    ("Your first pair loses its last k frames: the sound of both pairs is the same, without its "
     "first k.", lambda h, s, k: ((h[:, :-k], s[:, :-k]), (h[:, k:], s[:, :-k]))),
    ("The sound of both pairs loses its last k frames: its first k must go.",
     lambda h, s, k: ((h[:, :-k], s[:, k:]), (h[:, :-k], s[:, :-k]))),
    ("In your second pair the sound loses its last frames: its first k must go, as in the first.",
     lambda h, s, k: ((h[:, k:], s[:, k:]), (h[:, :-k], s[:, :-k]))),
    ("In your first pair sound and picture are not in time: cut both at the beginning.",
     lambda h, s, k: ((h[:, k:], s[:, :-k]), (h[:, k:], s[:, :-k]))),
    ("You cut one frame: cut k of them.", lambda h, s, k: audio.shifted(h, s, 1)),
    ("You cut films, axis 0: time is axis 1.",
     lambda h, s, k: ((h[k:], s[k:]), (h[k:], s[:-k]))),
    ("You cut the numbers of a frame, axis 2: time is axis 1.",
     lambda h, s, k: ((h[..., 1:], s[..., 1:]), (h[..., 1:], s[..., :-1]))),
])


# 7.4 -------------------------------------------------------------------------------------------
def _moments():
    """Sorted moments, some of them near each other, some lists empty."""
    cases = [([0.10, 0.20], [0.15], 0.125), ([], [0.3], 0.125), ([0.3], [], 0.125), ([], [], 0.125),
             ([0.5], [0.45, 0.62], 0.125), ([0.2, 0.3], [0.1, 0.31], 0.125),
             ([0.5, 1.0, 1.5], [0.9], 0.125), ([1.0], [1.25], 0.25), ([1.25], [1.0], 0.25),
             ([0.1, 0.2], [0.02, 0.13], 0.1), ([0.02, 0.13], [0.1, 0.2], 0.1),  # not the nearest
             ([0.5], [0.62]), ([0.5], [0.64])]  # `within` by itself is one frame, 1 / 8 s
    for k in range(6):
        rows = np.random.default_rng(seed(k))
        cases.append((sorted(rows.random(rows.integers(2, 9)).round(3).tolist()),
                      sorted(rows.random(rows.integers(2, 9)).round(3).tolist()), 0.06))
    return cases


def _again(heard, seen, within=1 / 8):
    return sum(any(abs(a - b) <= within for b in seen) for a in heard)


def _in_order(heard, seen, within=1 / 8):
    return sum(abs(a - b) <= within for a, b in zip(heard, seen, strict=False))


def _late_only(heard, seen, within=1 / 8):
    return audio.hits(*([x + shift for x in row] for row, shift in
                        ((heard, -within / 2), (seen, 0))), within / 2)


def _any_distance(heard, seen, within=1 / 8):
    return min(len(heard), len(seen))


def _nearest(heard, seen, within=1 / 8):
    """Each sound takes the nearest moment that is left."""
    left, count = list(seen), 0
    for one in heard:
        near = min(left, key=lambda other: abs(other - one), default=math.inf)
        if abs(near - one) <= within:
            left.remove(near)
            count += 1
    return count


def _nearest_pairs(heard, seen, within=1 / 8):
    """The nearest pair first, then the nearest of those that are left."""
    pairs = sorted((abs(a - b), i, j) for i, a in enumerate(heard) for j, b in enumerate(seen))
    used, count = set(), 0
    for gap, i, j in pairs:
        if gap <= within and not used & {("h", i), ("s", j)}:
            used |= {("h", i), ("s", j)}
            count += 1
    return count


def _early_only(heard, seen, within=1 / 8):
    return audio.hits([x + within / 2 for x in heard], seen, within / 2)


def _without_taking(heard, seen, within=1 / 8):
    """Only sounds are used up: what is seen may be a partner again."""
    i = j = count = 0
    while i < len(heard) and j < len(seen):
        if abs(heard[i] - seen[j]) <= within:
            i, count = i + 1, count + 1
        elif heard[i] < seen[j]:
            i += 1
        else:
            j += 1
    return count


def _strictly(heard, seen, within=1 / 8):
    return audio.hits(heard, seen, within * (1 - 1e-9))


Exercise("7.4", ours=audio.hits, cases=_moments, mistakes=[
    ("A moment is used more than once: two steps beside one footfall are one hit and one step too "
     "many.", _again),
    ("You pair the first with the first, the second with the second: one that is missing at the "
     "beginning then spoils all that follow.", _in_order),
    ("You count only sounds that come later than what is seen: early ones within the limit count, "
     "too, so take abs.", _late_only),
    ("The distance does not matter to you: a pair must be at most `within` apart.", _any_distance),
    ("You count only sounds that come earlier than what is seen: late ones within the limit count, "
     "too, so take abs.", _early_only),
    ("You give each sound the nearest moment that is left. The next sound may have needed it: walk "
     "through both lists in order.", _nearest),
    ("You make the nearest pair first. It may part two pairs that were a little wider: walk "
     "through both lists in order.", _nearest_pairs),
    ("This is how many seen moments have a sound near them: one sound may serve several.",
     lambda heard, seen, *within: _again(seen, heard, *within)),
    ("This is the number of all pairs that are near enough: each moment may be used once.",
     lambda heard, seen, within=1 / 8: sum(abs(a - b) <= within for a in heard for b in seen)),
    ("`within` is always 1/8 s in yours: use what is passed.",
     lambda heard, seen, within=1 / 8: audio.hits(heard, seen)),
    ("A pair that is exactly `within` apart counts, too: <=, not <.", _strictly),
])


# 7.5 -------------------------------------------------------------------------------------------
def _clips():
    """Moments of several clips; in some nothing is seen or heard, in others the nearest is the
    first, the last, earlier or later. No moment has two that are equally near."""
    cases = [([[0.5]], [[0.4]]), ([[0.3], [0.9]], [[0.5], [0.1, 0.8, 1.5]]),
             ([[0.2, 1.0], [0.7], []], [[0.9], [], [0.4]]), ([[0.1, 0.6]], [[1.7, 1.9]])]
    for k in range(4):
        rows = np.random.default_rng(seed(k))
        cases.append(tuple([sorted(rows.uniform(0, 2, n).round(4).tolist()) for n in sizes]
                           for sizes in ((3, 5, 2, 4), (4, 0, 6, 1))))
    return [tuple([np.array(row, dtype=float) for row in part] for part in case) for case in cases]


def _stale(start=0.0, sign=-1, again="never"):
    """The broken code; again: how often it begins its search anew."""
    def wrong(heard, seen):
        found, nearest = [], start
        for one, other in zip(heard, seen, strict=True):
            for moment in one:
                nearest = start if again == "moment" else nearest
                for footfall in other:
                    if abs(footfall - moment) < abs(nearest - moment):
                        nearest = footfall
                found.append(sign * (moment - nearest))
        return np.array(found)
    return wrong


def _to(choose, lag=lambda moment, other: moment - other, empty=()):
    """Lags to the footfall that choose(footfalls, moment) gives, if any."""
    def wrong(heard, seen):
        found = []
        for one, other in zip(heard, seen, strict=True):
            for moment in one:
                near = choose(other, moment) if len(other) else empty
                found += [lag(moment, near[0])] if len(near) else []
        return np.array(found)
    return wrong


def _near(other, moment):
    return other[np.abs(other - moment).argsort()]


Exercise("7.5", ours=audio.lags, cases=_clips, mistakes=[
    ("This is the broken code as it was: three things are wrong in it.", _stale()),
    ("The sign is right now. `nearest` is still the footfall of an earlier moment, perhaps of "
     "another clip: begin each search anew, with a footfall of this clip.", _stale(sign=1)),
    ("Above 0 must mean that the sound is late: what is heard minus what is seen.",
     _to(_near, lambda moment, other: other - moment)),
    ("Each search begins at second 0, where no foot has landed: begin with a footfall of this "
     "clip.", _stale(sign=1, again="moment")),
    ("Each search begins at second 0, where no foot has landed, and the sign is still wrong.",
     _stale(again="moment")),
    ("A clip in which nothing is seen has no lags: yours has a number for it.",
     _to(_near, empty=(0.0,))),
    ("Yours has a nan or an infinite number where nothing is seen: such a clip has no lags.",
     _stale(math.inf, 1, "moment")),
    ("You look at footfalls that come later only: the nearest may have been before.",
     _to(lambda other, moment: other[other >= moment])),
    ("You look at footfalls that came before only: the nearest may come later.",
     _to(lambda other, moment: other[other <= moment][::-1])),
    ("You always take the first footfall of the clip: take the nearest.",
     _to(lambda other, moment: other)),
    ("This is how far away the nearest is, without a sign: below 0 the sound is early.",
     _to(_near, lambda moment, other: abs(moment - other))),
    ("This is the farthest footfall.", _to(lambda other, moment: _near(other, moment)[::-1])),
    ("These are milliseconds: seconds are asked for.",
     _to(_near, lambda moment, other: 1000 * (moment - other))),
    ("This is the lag from each footfall to the nearest sound: one for each moment heard is asked "
     "for.", lambda heard, seen: -audio.lags(seen, heard)),
    ("This is the mean: the histogram needs each lag.",
     lambda heard, seen: audio.lags(heard, seen).mean()),
])


# 7.6 -------------------------------------------------------------------------------------------
def _lists():
    return [([0.1, 0.5, 0.9], [0.12, 0.93]), ([0.1], [0.8, 1.2]), ([], [0.4]), ([0.4], []),
            ([], []), ([0.2, 0.7], [0.2, 0.7]), ([0.2, 0.6, 1.0, 1.4], [0.25, 1.38, 1.9]),
            ([0.1], [0.22]), ([0.1, 0.9], [0.3, 1.5]), ([0.1, 0.9], [0.3, 1.5], 0.3),
            ([0.1, 0.9], [0.2, 0.97], 0.05)]


def _over(below, empty=math.nan):
    def wrong(heard, seen, *within):
        pairs = audio.hits(heard, seen, *within)
        under = below(len(heard), len(seen), pairs)
        return pairs / under if under else empty
    return wrong


def _union(a, b, pairs):
    return a + b - pairs


Exercise("7.6", ours=audio.av_align, cases=_lists, mistakes=[
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
    ("`within` is not used: pass it on to `hits`.", lambda heard, seen, within=1 / 8:
     audio.av_align(heard, seen)),
    ("This is 2 hits / (heard + seen), the score of before: here the union stands below.",
     _over(lambda a, b, pairs: (a + b) / 2)),
    ("You divide by the shorter list: one right step and ten missing ones would be perfect.",
     _over(lambda a, b, pairs: min(a, b))),
    ("You divide by the longer list: the union is heard + seen - hits.",
     _over(lambda a, b, pairs: max(a, b))),
    ("One empty list is no reason for nan: there is something to judge, and the score is 0.",
     lambda heard, seen, *within: audio.av_align(heard, seen, *within) if heard and seen
     else math.nan),
    ("This is the number of hits: divide it by the union.",
     lambda heard, seen, *within: audio.hits(heard, seen, *within) if heard or seen else math.nan),
])
