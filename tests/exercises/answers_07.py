"""Lesson 7: answers as learners write them, right and wrong."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from lessons import audio


def _transform(waves, window, hop):
    starts = range(0, waves.shape[1] - len(window) + 1, hop)
    pieces = torch.stack([waves[:, at:at + len(window)] * window for at in starts], 2)
    return torch.fft.fft(pieces, dim=1)[:, :len(window) // 2 + 1].abs()


def _by_definition(waves, window, hop):
    """The sum of the card, with sines and cosines, all in float32."""
    W = len(window)
    n, b = torch.arange(W), torch.arange(W // 2 + 1)[:, None]
    angle = 2 * math.pi * b * n / W                                            # (B, W)
    pieces = waves.unfold(1, W, hop) * window                                  # (N, C, W)
    real, imaginary = pieces @ angle.cos().T, pieces @ angle.sin().T           # (N, C, B)
    return (real ** 2 + imaginary ** 2).sqrt().transpose(1, 2)


def _by_stft(waves, window, hop):
    return torch.stft(waves, len(window), hop, window=window, center=False,
                      return_complex=True).abs()


def _columns(waves, window, hop):
    return torch.fft.rfft(waves.unfold(1, len(window), hop) * window).abs().mT


def _scales_waves(waves, window, hop):
    waves /= waves.abs().max()
    return _columns(waves, window, hop)


def _where(columns, size):
    still = columns.abs() == 0
    return torch.where(still, torch.zeros_like(columns),
                       columns / torch.where(still, 1, columns.abs()) * size)


def _zero_filled(columns, size):
    columns[columns == 0] = 1
    return size * columns / columns.abs()


def _shifted(heard, seen, k):
    late, T = heard[:, k:], seen.shape[1]
    return (late, seen[:, torch.arange(k, T)]), (late, seen[:, torch.arange(T - k)])


def _lists(heard, seen, k):
    sound = heard[:, k:].clone()
    return [[sound, seen[:, k:].clone()], [sound, seen[:, :seen.shape[1] - k].clone()]]


def _narrow(heard, seen, k):
    n = heard.size(1) - k
    return ((heard.narrow(1, k, n), seen.narrow(1, k, n)),
            (heard.narrow(1, k, n), seen.narrow(1, 0, n)))


def _best(heard, seen, within=1 / 8):
    best = [[0] * (len(seen) + 1) for _ in range(len(heard) + 1)]
    for i, one in enumerate(heard):
        for j, other in enumerate(seen):
            pair = best[i][j] + int(abs(one - other) <= within)
            best[i + 1][j + 1] = max(pair, best[i][j + 1], best[i + 1][j])
    return best[-1][-1]


def _first_left(heard, seen, within=1 / 8):
    """Each sound takes the first moment that is left and near enough: in order that is fair."""
    left, count = list(seen), 0
    for one in heard:
        near = [other for other in left if abs(other - one) <= within]
        if near:
            left = left[left.index(near[0]) + 1:]
            count += 1
    return np.int64(count)


def _queues(heard, seen, within=1 / 8):
    heard, seen, count = list(heard)[::-1], list(seen)[::-1], 0
    while heard and seen:
        gap = heard[-1] - seen[-1]
        if -within <= gap <= within:
            heard.pop()
            seen.pop()
            count += 1
        elif gap < 0:
            heard.pop()
        else:
            seen.pop()
    return count


def _pops(heard, seen, within=1 / 8):
    count = 0
    for one in heard:
        while seen and seen[0] < one - within:
            seen.pop(0)
        if seen and seen[0] <= one + within:
            seen.pop(0)
            count += 1
    return count


def _endless(heard, seen, within=1 / 8):
    i = j = count = 0
    while i < len(heard) and j < len(seen):
        if abs(heard[i] - seen[j]) <= within:
            i, j, count = i + 1, j + 1, count + 1
        elif heard[i] < seen[j]:
            i += 1
    return count


def _skips(heard, seen, within=1 / 8):
    i = j = count = 0
    while i < len(heard) and j < len(seen):
        if abs(heard[i] - seen[j]) <= within:
            count += 1
        i, j = i + 1, j + 1
    return count


def _other_way(heard, seen, within=1 / 8):
    i = j = count = 0
    while i < len(heard) and j < len(seen):
        if abs(heard[i] - seen[j]) <= within:
            i, j, count = i + 1, j + 1, count + 1
        elif heard[i] > seen[j]:
            i += 1
        else:
            j += 1
    return count


def _lags_by_search(heard, seen):
    found = []
    for one, other in zip(heard, seen, strict=True):
        if len(other) == 0:
            continue
        for moment in one:
            nearest = other[0]
            for footfall in other:
                if abs(footfall - moment) < abs(nearest - moment):
                    nearest = footfall
            found.append(moment - nearest)
    return np.array(found)


def _lags_by_table(heard, seen):
    found = [one[:, None] - other for one, other in zip(heard, seen, strict=True) if len(other)]
    return np.concatenate([row[np.arange(len(row)), np.abs(row).argmin(1)] for row in found])


def _lags_by_min(heard, seen):
    return np.array([min((moment - footfall for footfall in other), key=abs)
                     for one, other in zip(heard, seen, strict=True) if len(other)
                     for moment in one])


def _kept_for_the_clip(heard, seen):
    found = []
    for one, other in zip(heard, seen, strict=True):
        nearest = 0.0
        for moment in one if len(other) else []:
            for footfall in other:
                if abs(footfall - moment) < abs(nearest - moment):
                    nearest = footfall
            found.append(moment - nearest)
    return np.array(found)


def _align(heard, seen, within=1 / 8):
    if len(heard) == 0 and len(seen) == 0:
        return float("nan")
    pairs = _best(heard, seen, within)
    return pairs / (pairs + (len(heard) - pairs) + (len(seen) - pairs))


def _divided(heard, seen, within=1 / 8):
    pairs = audio.hits(heard, seen, within)
    return np.divide(float(pairs), len(heard) + len(seen) - pairs)


RIGHT = {
    "7.1": [_transform, _by_definition, _by_stft],
    "7.2": [_where, lambda columns, size: torch.polar(size, columns.angle()) * (columns != 0),
            lambda columns, size: columns.sgn() * size,
            lambda columns, size: torch.complex(size * columns.angle().cos(),
                                                size * columns.angle().sin()) * (columns != 0)],
    "7.3": [_shifted, _lists, _narrow],
    "7.4": [_best, _first_left, _queues],
    "7.5": [_lags_by_search, _lags_by_table, _lags_by_min],
    "7.6": [_align, _divided,
            lambda heard, seen, within=1 / 8: torch.tensor(_align(heard, seen, within))],
}

WRONG = {
    "7.1": [_scales_waves, lambda x, w, h: _columns(x, w, h).clamp(min=0.02),
            lambda x, w, h: _columns(x, w, h).flip(1),
            lambda x, w, h: _columns(x, w, h)[:, :-1], lambda x, w, h: _columns(x, w, h)[:, 1:],
            lambda x, w, h: _columns(x, w, h) / w.sum(),
            lambda x, w, h: _columns(x, torch.hamming_window(len(w)), h),
            lambda x, w, h: torch.fft.rfft(x.unfold(1, len(w), h) * w).imag.mT,
            lambda x, w, h: torch.fft.rfft(x.unfold(1, len(w), h)).abs().mT * w.mean(),
            lambda x, w, h: _columns(x, w, h).sqrt(), lambda x, w, h: _columns(x, w, h // 2 or 1),
            lambda x, w, h: _columns(x, w.flip(0) ** 0.5, h),
            lambda x, w, h: _columns(F.pad(x, (0, len(w))), w, h),
            lambda x, w, h: torch.fft.rfft(x.unfold(1, len(w), h) * w).real.abs().mT],
    "7.2": [_zero_filled, lambda c, s: s * c / (c.abs() + 1e-3),
            lambda c, s: s * (c / c.abs()).nan_to_num(1.0), lambda c, s: s * c.angle(),
            lambda c, s: torch.polar(c.abs(), s), lambda c, s: s.sqrt() * c.sgn(),
            lambda c, s: s * torch.exp(c.angle()), lambda c, s: (s * c.sgn()).real,
            lambda c, s: s * c.sgn().conj(), lambda c, s: c.sgn() * s.mean(),
            lambda c, s: s, lambda c, s: c + s],
    "7.3": [lambda h, s, k: (h[:, k:], s[:, k:], h[:, k:], s[:, :-k]),
            lambda h, s, k: ((h[:, :-k], s[:, k:]), (h[:, :-k], s[:, :-k])),
            lambda h, s, k: ((h[:, :-k], s[:, :-k]), (h[:, k:], s[:, :-k])),
            lambda h, s, k: _shifted(h, s, 3), lambda h, s, k: _shifted(h, s, k)[0],
            lambda h, s, k: ((h[:, k:], s[:, k:]), (h[:, k:], s.roll(k, 1)[:, k:].flip(1))),
            lambda h, s, k: ((h[:, k:], s[:, k:]), (h[:, k:], s[:, k:].flip(1))),
            lambda h, s, k: ((h[:, k:], s[:, k:]), (h[:, k:], s[:, k:].roll(1, 0))),
            lambda h, s, k: ((h, s), (h, F.pad(s, (0, 0, k, 0))[:, :s.shape[1]])),
            lambda h, s, k: ((h[:, k:], s[:, k:]), (h[:, k:], s[:, -k:]))],
    "7.4": [_pops, _skips, _other_way, _endless,
            lambda h, s, w=1 / 8: _best(h, s, w) / max(1, len(h)),
            lambda h, s, w=1 / 8: _best(h, s, 0.06), lambda h, s, w=1 / 8: _best(h, s, 2 * w),
            lambda h, s, w=1 / 8: float(_best(h, s, w)) + 0.5, lambda h, s, w=1 / 8: len(h),
            lambda h, s, w=1 / 8: _best(h, s, w) if h and s else None,
            lambda h, s, w=1 / 8: len(set(np.round(h, 1)) & set(np.round(s, 1))),
            lambda h, s, w=1 / 8: _best(h, s, w / 2)],
    "7.5": [_kept_for_the_clip, lambda h, s: -_lags_by_min(h, s),
            lambda h, s: _lags_by_min(h[:1], s[:1]),
            lambda h, s: [_lags_by_min([one], [other]) for one, other in zip(h, s, strict=True)],
            lambda h, s: np.unique(_lags_by_min(h, s)),
            lambda h, s: _lags_by_min(h, s).clip(-0.125, 0.125),
            lambda h, s: _lags_by_min(h, s)[::-1],
            lambda h, s: _lags_by_min([np.concatenate(h)], [np.concatenate(s)]),
            lambda h, s: _lags_by_min(h, [one[1:] for one in s]),
            lambda h, s: _lags_by_min(h, s) / 2],
    "7.6": [lambda h, s, w=1 / 8: _best(h, s, w) / (len(h) + len(s) - _best(h, s, w)),
            lambda h, s, w=1 / 8: _align(h, s, w) if h or s else None,
            lambda h, s, w=1 / 8: 1 - _align(h, s, w), lambda h, s, w=1 / 8: _align(h, s, 2 * w),
            lambda h, s, w=1 / 8: _best(h, s, w) / (len(h) + len(s) + 1e-9),
            lambda h, s, w=1 / 8: round(_align(h, s, w), 1) if h or s else math.nan,
            lambda h, s, w=1 / 8: _best(h, s, w) / max(1, len(h) + len(s) - _best(h, s, w)),
            lambda h, s, w=1 / 8: 100 * _align(h, s, w), lambda h, s, w=0.1: _align(h, s, w),
            lambda h, s, w=1 / 8: _best(h, s, w) / len({*h, *s}) if h or s else math.nan],
}
