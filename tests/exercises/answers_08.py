"""Lesson 8: answers as learners write them, right and wrong."""

import numpy as np
import torch

from lessons.world.scene import Scene

FIELDS = ("actor", "color", "direction", "music")


def _unrolled(before, said):
    actor, color, direction, music = (
        getattr(before, name) if getattr(said, name) is None else getattr(said, name)
        for name in FIELDS)
    return Scene(actor, color, said.actions, direction, music)


def _with_ifs(before, said):
    told = dict(vars(before))
    for name, value in vars(said).items():
        if name in told and value is not None:
            told[name] = value
    return Scene(**told)


def _or(before, said):
    return Scene(actor=said.actor or before.actor, color=said.color or before.color,
                 actions=list(said.actions), direction=said.direction or before.direction,
                 music=said.music or before.music)


def _but(**other):
    def wrong(before, said):
        told = {name: getattr(said, name) or getattr(before, name) for name in FIELDS}
        return Scene(**{"actions": said.actions, **told, **other})
    return wrong


def _in_place(place):
    place = place.clone()
    for k in range(1, len(place)):
        if place[k].max() - place[k].min() > 1 - 2 * 0.26:
            continue
        place[k] += place[k - 1, -1] - place[k, 0]
        place[k] += max(0.0, 0.26 - float(place[k].min()))
        place[k] -= max(0.0, float(place[k].max()) - 0.74)
    return place


def _in_numpy(place):
    shots = [place[0].numpy()]
    for way in place[1:].numpy():
        least, most = 0.26 - way.min(), 0.74 - way.max()
        shift = np.clip(shots[-1][-1] - way[0], least, most) if least <= most else 0
        shots.append(way + shift)
    return np.stack(shots)


def _min_max(place, margin=0.26, end=lambda shots: shots[-1][-1], order=True, keep=False):
    shots = [place[0]]
    for way in place[1:]:
        wish = float(end(shots) - way[0])
        least, most = margin - float(way.min()), 1 - margin - float(way.max())
        shift = min(max(wish, least), most) if order else max(min(wish, most), least)
        shots.append(way + (shift if least <= most or keep else 0.0))
    return torch.stack(shots)


def _own_place(place):
    for k in range(1, len(place)):
        place[k] = _min_max(place[k - 1:k + 1])[1]
    return place


def _rows(words, between, length, most):
    rows, row = [], []
    for word in words:
        if row and length(between.join([*row, word])) > most:
            rows.append(between.join(row))
            row = []
        row.append(word)
    return [*rows, between.join(row)]


def _greedy(words, between, length, most):
    rows, rest = [], list(words)
    while rest:
        n = max([k for k in range(1, len(rest) + 1) if length(between.join(rest[:k])) <= most],
                default=1)
        rows.append(between.join(rest[:n]))
        rest = rest[n:]
    return rows


def _string(words, between, length, most):
    rows = []
    for word in words:
        if rows and length(f"{rows[-1]}{between}{word}") <= most:
            rows[-1] += between + word
        else:
            rows += [word]
    return tuple(rows)


def _empties(words, between, length, most):
    rows = [words.pop(0)]
    while words:
        word = words.pop(0)
        if length(rows[-1] + between + word) <= most:
            rows[-1] += between + word
        else:
            rows.append(word)
    return rows


def _even(words, between, length, most):
    """Rows of about the same length, not filled from the first."""
    for count in range(1, len(words) + 1):
        rows = [between.join(part) for part in np.array_split(np.array(words, object), count)]
        if all(length(row) <= most for row in rows):
            return rows
    return list(words)


def _clear(whole, without):
    signs = {np.sign(a - b) for a in whole for b in without}
    return len(signs) == 1 and 0 not in signs


RIGHT = {
    "8.1": [_unrolled, _with_ifs, _or],
    "8.2": [_in_place, _in_numpy, _min_max],
    "8.3": [_rows, _greedy, _string],
    "8.4": [_clear, lambda a, b: np.min(a) > np.max(b) or np.min(b) > np.max(a),
            lambda a, b: all(x > y for x in a for y in b) or all(x < y for x in a for y in b),
            lambda a, b: torch.tensor(min(a) > max(b)) | torch.tensor(min(b) > max(a))],
}

WRONG = {
    "8.1": [_but(actor="man"), _but(color="red"), _but(direction="left"), _but(music="calm"),
            lambda before, said: said, lambda before, said: before, lambda before, said: vars(said),
            lambda before, said: Scene(said.actor, said.color, said.actions, said.direction),
            lambda before, said: _or(before, said).actor,
            lambda before, said: _but(actions=said.actions[::-1])(before, said),
            lambda before, said: _but(actor=before.actor)(before, said)],
    "8.2": [_own_place, lambda p: _min_max(p, 0.1), lambda p: _min_max(p, 0.3),
            lambda p: _min_max(p, end=lambda shots: shots[-1].mean()),
            lambda p: _min_max(p, keep=True), lambda p: _min_max(p, end=lambda s: s[-1].max()),
            lambda p: _min_max(p)[1:], lambda p: _min_max(p).clamp(0.26, 0.74),
            lambda p: p - p[:, :1] + p[0, -1], lambda p: _min_max(p).flip(1),
            lambda p: torch.cat([p[:1], _min_max(p[:-1])])],
    "8.3": [_empties, _even, lambda w, b, n, m: b.join(w),
            lambda w, b, n, m: _rows(w, b, n, m - 1), lambda w, b, n, m: _rows(w, b, n, m + 1),
            lambda w, b, n, m: [row + b for row in _rows(w, b, n, m)],
            lambda w, b, n, m: _rows(w, b, n, m)[::-1], lambda w, b, n, m: _rows(w, " ", n, m),
            lambda w, b, n, m: [b.join(w)[i:i + m] for i in range(0, len(b.join(w)), m)],
            lambda w, b, n, m: _rows([x[:m] for x in w], b, n, m),
            lambda w, b, n, m: _rows(sorted(w), b, n, m),
            lambda w, b, n, m: _rows(w, b, lambda row: len(row.encode()), m)],
    "8.4": [lambda a, b: np.mean(a) - np.std(a) > np.mean(b) + np.std(b),
            lambda a, b: min(a) > max(b) and max(a) < min(b), lambda a, b: a > b or a < b,
            lambda a, b: abs(np.mean(a) - np.mean(b)) > 0.2, lambda a, b: min(a) > max(b) or None,
            lambda a, b: sorted(a) > sorted(b), lambda a, b: not set(a) & set(b),
            lambda a, b: min(a) > max(b) + 0.05 or max(a) < min(b) - 0.05,
            lambda a, b: a.sort() or b.sort() or a[0] > b[-1] or a[-1] < b[0],
            lambda a, b: max(a) < min(b) or min(a) >= max(b),
            lambda a, b: sum(a) > sum(b) and min(a) > max(b) or max(a) < min(b),
            lambda a, b: len(a) == len(b) and _clear(a, b)],
}
