"""Lesson 9: answers as learners write them, right and wrong."""

import math
import re

import numpy as np
import torch


def _bounce(way, low, high):
    """Step by step: mirrored at a wall as often as it is beyond one."""
    way = way.clone()
    while ((way > high) | (way < low)).any():
        way = torch.where(way > high, 2 * high - way, way)
        way = torch.where(way < low, 2 * low - way, way)
    return way


def _triangle(way, low, high):
    room = high - low
    phase = ((way - low) % (2 * room)) / room
    return low + room * torch.minimum(phase, 2 - phase)


def _by_cosine(way, low, high):
    angle = math.pi * (way.double() - low) / (high - low)
    return low + (high - low) * torch.arccos(angle.cos()) / math.pi


def _moves(way, low, high):
    way -= low
    room = high - low
    return high - (way.remainder(2 * room) - room).abs()


def _folded(way, low, high, period=2):
    room = high - low
    return high - ((way - low).remainder(period * room) - room).abs()


def _agree(seen, heard):
    return sum(a.sum(0).argmax() == b.argmax() for a, b in zip(seen, heard, strict=True)).item() \
        / len(heard)


def _share(seen, heard):
    return ((seen.mean(1).argmax(1) - heard.argmax(1)) == 0).double().mean().item()


def _by_numpy(seen, heard):
    return np.mean(seen.numpy().mean(1).argmax(-1) == heard.numpy().argmax(-1))


def _log_probabilities(seen, heard):
    return float((seen.log().mean(1).argmax(1) == heard.argmax(1)).float().mean())


def _in_order(text):
    found = []
    for part in sorted(text.split(","), key=lambda part: int(part.split("-")[0])):
        first, last = map(int, part.split("-"))
        if found and first <= found[-1][1]:
            first = found[-1][1] + 1
        if first <= last:
            found.append((first - 1, last))
    return found


def _with_iterator(text):
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    result, end = [], 0
    for first, last in sorted(zip(numbers[::2], numbers[1::2], strict=True)):
        begin = first - 1 if first - 1 > end else end
        if begin < last:
            result.append([begin, last])
            end = last
    return result


def _frame_by_frame(text):
    ranges = sorted(tuple(map(int, p.strip().split("-"))) for p in text.split(", "))
    taken, result = set(), []
    for first, last in ranges:
        left = [k for k in range(first - 1, last) if k not in taken]
        taken |= set(left)
        if left:
            result.append((left[0], left[-1] + 1))
    return result


def _cut(text, order=sorted, start=1, end=0, overlap=True):
    result, before = [], 0
    for a, b in order((int(a), int(b)) for a, b in re.findall(r"(\d+)-(\d+)", text)):
        first = max(a - start, before) if overlap else a - start
        if b > before:
            result.append((first, b + end))
            before = b
    return result


def _merged(text):
    result = []
    for a, b in _cut(text):
        if result and result[-1][1] == a:
            result[-1] = (result[-1][0], b)
        else:
            result.append((a, b))
    return result


def _shown(times, fps):
    found, k = [], 0
    for i in range(int(float(times[-1]) * fps + 1e-6) + 1):
        while k + 1 < len(times) and times[k + 1] <= i / fps + 1e-6:
            k += 1
        found.append(k)
    return torch.tensor(found)


def _compared(times, fps):
    moments = torch.arange(int(times[-1] * fps + 1e-6) + 1) / fps
    return (times[None] <= moments[:, None] + 1e-6).sum(1) - 1


def _numpy_search(times, fps):
    moments = np.arange(int(float(times[-1]) * fps + 1e-6) + 1) / fps + 1e-6
    return torch.from_numpy(np.searchsorted(times.numpy(), moments, side="right") - 1)


def _screen(times, fps, small=1e-6, more=1, right=True, shift=1):
    moments = torch.arange(int(times[-1] * fps + small) + more) / fps
    return torch.searchsorted(times, moments + small, right=right) - shift


def _block(rows, processes, rank):
    n = len(rows) // processes
    return rows[rank * n:(rank + 1) * n]


def _overwrites(rows, processes, rank):
    part = _block(rows, processes, rank)
    rows *= 0
    return part


def _ring(gpus, weights):
    part = 4 * weights / gpus
    return part * (gpus - 1) + part * (gpus - 1)


def _bill(clips, epochs, batch, step_seconds, gpus, efficiency, price):
    steps = int(-(-clips * epochs // batch))
    gpu_hours = steps * step_seconds / efficiency / 3600
    return steps, gpu_hours / gpus, gpu_hours * price


def _list_bill(clips, epochs, batch, step_seconds, gpus, efficiency, price):
    steps = (clips * epochs + batch - 1) // batch
    hours = steps * (step_seconds / gpus / efficiency) / 60 / 60
    return [steps, hours, price * gpus * hours]


def _numpy_bill(clips, epochs, batch, step_seconds, gpus, efficiency, price):
    steps = np.ceil(clips * epochs / batch)
    hours = steps * step_seconds / 3600 / gpus / efficiency
    return np.array([steps, hours, hours * gpus * price])


def _bill_but(change):
    return lambda *given: tuple(change(*_bill(*given), *given))


RIGHT = {
    "9.1": [_bounce, _triangle, _by_cosine],
    "9.2": [_agree, _share, _by_numpy],
    "9.3": [_in_order, _with_iterator, _frame_by_frame],
    "9.4": [_shown, _compared, _numpy_search],
    "9.5": [_block, lambda rows, processes, rank: torch.tensor_split(rows, processes)[rank],
            lambda rows, processes, rank: rows.reshape(processes, -1, *rows.shape[1:])[rank],
            lambda rows, processes, rank: rows[[k for k in range(len(rows))
                                                if k // (len(rows) // processes) == rank]]],
    "9.6": [_ring, lambda gpus, weights: 8 * weights - 8 * weights / gpus,
            lambda gpus, weights: sum(4 * weights / gpus for _ in range(2 * (gpus - 1)))],
    "9.7": [_bill, _list_bill, _numpy_bill],
}

WRONG = {
    "9.1": [_moves, lambda w, a, b: _folded(w, a, b, 1), lambda w, a, b: _folded(w, a, b, 4),
            lambda w, a, b: _folded(w.round(), a, b), lambda w, a, b: _folded(w, a, b + 1),
            lambda w, a, b: _folded(w, 0, b), lambda w, a, b: a + b - _folded(w, a, b),
            lambda w, a, b: _folded(w.abs(), a, b), lambda w, a, b: _folded(w, a, b) / b,
            lambda w, a, b: _folded(w, a, b).clamp(min=0), lambda w, a, b: _folded(w, a, b)[:1],
            lambda w, a, b: a + (b - a) * torch.sin((w - a) / (b - a)).abs()],
    "9.2": [_log_probabilities, lambda s, h: _share(s.cumsum(1)[:, :2], h),
            lambda s, h: _share(s, h) * 100, lambda s, h: _share(s.flip(2), h),
            lambda s, h: (s.mean(1).argmax(1) == h.argmax(1)),
            lambda s, h: torch.tensor(_share(s, h)), lambda s, h: round(_share(s, h), 1),
            lambda s, h: float((s.mean(1) - h).abs().mean()),
            lambda s, h: float((s.mean(1).argmax(0) == h.argmax(0)).float().mean()),
            lambda s, h: float((s.mean(1).amax(1) == h.amax(1)).float().mean()),
            lambda s, h: float((s.argmax(2) == h.argmax(1)[:, None]).any(1).float().mean())],
    "9.3": [_merged, lambda t: _cut(t, order=list), lambda t: _cut(t, end=-1),
            lambda t: _cut(t, start=0), lambda t: _cut(t, overlap=False),
            lambda t: _cut(t, order=lambda p: sorted(p, reverse=True)), lambda t: dict(_cut(t)),
            lambda t: [range(a, b) for a, b in _cut(t)], lambda t: [(a, b - a) for a, b in _cut(t)],
            lambda t: _cut(t)[:1], lambda t: [(str(a), str(b)) for a, b in _cut(t)],
            lambda t: _cut(t, order=lambda p: sorted(p, key=lambda x: x[1]))],
    "9.4": [lambda t, f: _screen(t, f, more=0), lambda t, f: _screen(t, f, small=0),
            lambda t, f: _screen(t, f, shift=0), lambda t, f: _screen(t, f).float(),
            lambda t, f: _screen(t, f).int(), lambda t, f: _screen(t, 8),
            lambda t, f: _screen(t, f, shift=2).clamp(min=0), lambda t, f: _screen(t, f).tolist(),
            lambda t, f: _screen(t, f, more=2), lambda t, f: t[_screen(t, f)],
            lambda t, f: torch.arange(int(t[-1] * f) + 1), lambda t, f: _screen(t, f).unique(),
            lambda t, f: torch.linspace(0, len(t) - 1, int(t[-1] * f + 1e-6) + 1).long()],
    "9.5": [_overwrites, lambda r, p, k: r.detach().chunk(p)[k], lambda r, p, k: r.chunk(p),
            lambda r, p, k: r.chunk(p)[k].clone().detach(), lambda r, p, k: r.chunk(p)[k][:1],
            lambda r, p, k: r.chunk(p)[k].mean(0, keepdim=True), lambda r, p, k: r[k * p:][:p],
            lambda r, p, k: r.chunk(p)[k].flip(0), lambda r, p, k: r.chunk(p)[(k + 1) % p],
            lambda r, p, k: r.chunk(2)[k % 2], lambda r, p, k: r.chunk(p)[k] / p,
            lambda r, p, k: r.split(p)[k]],
    "9.6": [lambda g, w: 2 * (g - 1) / g * w * 2, lambda g, w: _ring(g, w) / 1e6,
            lambda g, w: 2 * (g + 1) / g * 4 * w, lambda g, w: 2 * (g - 1) // g * 4 * w,
            lambda g, w: 8 * w * (1 - 1 / g) + 1, lambda g, w: 4 * w, lambda g, w: 2 * g * 4 * w,
            lambda g, w: 2 * (g - 1) / g * 4 * 900_000, lambda g, w: _ring(g, w) / g,
            lambda g, w: _ring(2, w), lambda g, w: 8 * w / (g - 1) if g > 1 else 0.0],
    "9.7": [_bill_but(lambda s, h, m, *rest: (s, h, h)), _bill_but(lambda s, h, m, *r: (s, m, h)),
            _bill_but(lambda s, h, m, *r: (s, h * 3600, m)), _bill_but(lambda s, h, m, *r: (s, h)),
            _bill_but(lambda s, h, m, *r: (s + 1, h, m)),
            _bill_but(lambda s, h, m, *r: (s, h / 60, m)),
            _bill_but(lambda s, h, m, c, e, b, *r: (c * e / b, h, m)),
            _bill_but(lambda s, h, m, c, e, *r: (s // e, h, m)),
            _bill_but(lambda s, h, m, *r: (s, h, round(m))),
            _bill_but(lambda s, h, m, *r: (s, round(h), m)),
            _bill_but(lambda s, h, m, *r: {"steps": s, "hours": h, "money": m}),
            _bill_but(lambda s, h, m, *r: (s, h, m * r[-2]))],
}
