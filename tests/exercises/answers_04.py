"""Lesson 4: answers as learners write them, right and wrong."""

import math

import torch

from lessons.frames import CONTENT
from lessons.priors import SLOWEST
from lessons.signals.windows import window_columns


def _in_place_of_copy(codes):
    codes = codes.clone()
    codes[..., :16] = codes[..., :16].sum(1, keepdim=True) / codes.shape[1]
    return codes


def _one_content(codes):
    mean = codes[:, :, :CONTENT].mean(dim=1)
    return torch.cat([mean[:, None].repeat(1, codes.shape[1], 1), codes[:, :, CONTENT:]], -1)


def _content(codes, content):
    content = content.expand(*codes.shape[:2], CONTENT)
    return torch.cat([content, codes[..., CONTENT:]], 2)


def _film_by_film(codes):
    films = []
    for film in codes:
        mean = torch.stack(list(film[:, :16])).mean(0)
        films.append(torch.stack([torch.cat([mean, frame[16:]]) for frame in film]))
    return torch.stack(films)


def _changes_codes(codes):
    codes[..., :CONTENT] = codes[..., :CONTENT].mean(1, keepdim=True)
    return codes


def _pixel_by_pixel(windows, place, size):
    frames = torch.zeros(*windows.shape[:3], size)
    for i, middle in enumerate(place.clamp(0, size).round().int().tolist()):
        for x in range(size // 2):
            if 0 <= (at := middle - size // 4 + x) < size:
                frames[i, :, :, at] = windows[i, :, :, x]
    return frames


def _gathered(windows, place, size):
    first = window_columns(place, size, size // 2)[:, 0] - size // 2
    frames = []
    for window, left in zip(windows, first.tolist(), strict=True):
        wide = torch.nn.functional.pad(window, (size, size))
        frames.append(wide[..., size - left:2 * size - left])
    return torch.stack(frames)


def _scattered(windows, place, size):
    wide = torch.zeros(*windows.shape[:-1], 2 * size)
    index = window_columns(place, size, size // 2)[:, None, None].repeat(1, *windows.shape[1:3], 1)
    wide.scatter_(3, index, windows)
    return wide.narrow(3, size // 2, size)


def _paste(windows, place, size, shift=0, cut=None, back=0.0):
    index = (window_columns(place, size, size // 2) + shift)[:, None, None].expand_as(windows)
    wide = torch.full((*windows.shape[:3], 2 * size), back).scatter(3, index, windows)
    cut = size // 2 if cut is None else cut
    return wide[..., cut:cut + size]


def _loop(start, speed):
    angle, angles = start * 2 * torch.pi, []
    for t in range(speed.shape[1]):
        angle = angle + 3 * torch.pi / 16 * (2 - 1 / (1 + speed[:, t].exp()))
        angles.append(angle)
    return torch.stack(angles, 1)


def _with_matrix(start, speed):
    T = speed.shape[1]
    pace = SLOWEST * (torch.ones_like(speed) + torch.sigmoid(speed))
    turned = torch.einsum("ts,nsk->ntk", torch.ones(T, T).tril(), pace)
    return math.tau * start.unsqueeze(1) + turned


def _turns(start, speed, begin=math.tau, base=1.0, squash=torch.sigmoid):
    return begin * start[:, None] + SLOWEST * (base + squash(speed)).cumsum(1)


RIGHT = {
    "4.1": [_in_place_of_copy, _one_content, _film_by_film],
    "4.2": [_pixel_by_pixel, _gathered, _scattered],
    "4.3": [_loop, _with_matrix,
            lambda start, speed: torch.cumsum(SLOWEST + SLOWEST / (1 + torch.exp(-speed)), dim=1)
            + start.unsqueeze(1) * 2 * math.pi],
    "4.4": [lambda who, what: torch.where(torch.arange(who.shape[2]) < 16, who, what),
            lambda who, what: torch.cat((who[:, :, :16], what[:, :, 16:]), dim=-1),
            lambda who, what: torch.cat([who.split([16, 17], 2)[0], what.split([16, 17], 2)[1]], 2),
            lambda who, what: torch.cat([who[..., :16], what[..., 16:]], 2).numpy()],
}

WRONG = {
    "4.1": [_changes_codes, lambda c: _one_content(c).detach(), lambda c: c.mean(1, keepdim=True),
            lambda c: torch.cat([c[..., :CONTENT].mean(1, keepdim=True).expand(-1, c.shape[1], -1)
                                 .detach(), c[..., CONTENT:]], 2),
            lambda c: c, lambda c: _content(c, c[..., :CONTENT].median(1, keepdim=True).values),
            lambda c: _content(c, c[..., :CONTENT].mean().reshape(1, 1, 1)),
            lambda c: _one_content(c)[..., :CONTENT], lambda c: _one_content(c.roll(16, 2)),
            lambda c: torch.cat([c[..., :8].mean(1, keepdim=True).expand(-1, c.shape[1], -1),
                                 c[..., 8:]], 2)],
    "4.2": [lambda w, p, s: _paste(w, p, s).detach(), lambda w, p, s: _paste(w, p, s, shift=-1),
            lambda w, p, s: _paste(w, p, s, cut=s // 4), lambda w, p, s: _paste(w, p, s, back=1.0),
            lambda w, p, s: _paste(w, p.clamp(s // 4, s - s // 4), s),
            lambda w, p, s: _paste(w, s - p, s), lambda w, p, s: _paste(w.flip(3), p, s),
            lambda w, p, s: torch.cat([torch.zeros_like(w)[..., :s // 4], w,
                                       torch.zeros_like(w)[..., :s // 4]], 3),
            lambda w, p, s: _paste(w, p.floor(), s), lambda w, p, s: _paste(w, p, 16),
            lambda w, p, s: _paste(w, p * 0 + s / 2, s)],
    "4.3": [lambda a, b: _turns(a, b).detach(), lambda a, b: _turns(a, b.detach()),
            lambda a, b: _turns(a.detach(), b), lambda a, b: _turns(a, b) % math.tau,
            lambda a, b: _turns(a, b, begin=math.pi), lambda a, b: _turns(a, b, begin=360),
            lambda a, b: _turns(a, b, squash=torch.tanh), lambda a, b: _turns(a, b, base=0.5),
            lambda a, b: _turns(a, b, squash=torch.relu), lambda a, b: _turns(a, b) / math.tau,
            lambda a, b: math.tau * a[:, None] + SLOWEST * (1 + b.sigmoid()).sum(1, keepdim=True),
            lambda a, b: _turns(a, b) - SLOWEST],
    "4.4": [lambda who, what: torch.cat([who[..., :CONTENT - 1], what[..., CONTENT - 1:]], 2),
            lambda who, what: torch.cat([who[:, :1, :CONTENT].expand(-1, who.shape[1], -1),
                                         what[..., CONTENT:]], 2),
            lambda who, what: who.copy_(torch.cat([who[..., :CONTENT], what[..., CONTENT:]], 2)),
            lambda who, what: torch.cat([who[..., :CONTENT], what[..., :17]], 2),
            lambda who, what: torch.cat([who[..., :CONTENT], what[..., CONTENT:]], 2).flip(0),
            lambda who, what: torch.cat([who[..., :17], what[..., 16:]], 2),
            lambda who, what: torch.cat([who[..., :CONTENT], what[..., CONTENT:]], 2)[0]],
}
