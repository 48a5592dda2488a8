"""Checks of lesson 8: what a line takes from the line before, where a shot begins, rows of
subtitles, and whether two lists of scores lie apart."""

import torch

from lessons import short_film
from lessons.display import subtitles
from lessons.errors import CourseError
from lessons.exercises import Exercise, Seen, rng
from lessons.short_film import MARGIN
from lessons.studies import ablations
from lessons.world.captions import Reading
from lessons.world.scene import Scene

OPEN = {"actor": "man", "color": "red", "direction": "right", "music": "none"}


# 8.1 -------------------------------------------------------------------------------------------
def _lines():
    before = Scene("child", "green", ("walk",), "left", "calm")
    other = Scene("woman", "blue", ("run", "jump"), "right", "cheerful")
    return [(before, Reading(("run",))), (other, Reading(("walk", "wave"))),
            (before, Reading(("jump",), actor="man")),
            (before, Reading(("run", "stand"), direction="right", music="none")),
            (before, Reading(("wave",), "woman", "red", "right", "cheerful"))]


def _told(answer, before, said):
    scene = answer(before, said)
    if not isinstance(scene, Scene):
        raise CourseError("Return a scene: Scene(actions=..., actor=..., and so on).")
    return Seen({f"new scene's {name}": getattr(scene, name)
                 for name in ("actor", "color", "actions", "direction", "music")})


def _carried(fields=("actor", "color", "direction", "music"), first="said", actions="said"):
    def wrong(before, said):
        sources = {"said": said, "before": before}
        other = {"said": before, "before": said}[first]
        told = {field: getattr(sources[first], field) or getattr(other, field) for field in fields}
        left = {field: getattr(said, field) or OPEN[field]
                for field in ("actor", "color", "direction", "music") if field not in fields}
        return Scene(actions=sources[actions].actions, **told, **left)
    return wrong


Exercise("8.1", ours=short_film.carry_on, cases=_lines, observe=_told, mistakes=[
    ("The line before wins: what the new line says must come first, and only what it leaves open "
     "is taken from before.", _carried(first="before")),
    ("The actions are those of the line before: a new line always says its own.",
     _carried(actions="before")),
    ("The music is not carried on: take it from the line before, too.",
     _carried(("actor", "color", "direction"))),
    ("The direction is not carried on: take it from the line before, too.",
     _carried(("actor", "color", "music"))),
    ("The actor is not carried on: take it from the line before, too.",
     _carried(("color", "direction", "music"))),
    ("The colour is not carried on: take it from the line before, too.",
     _carried(("actor", "direction", "music"))),
    ("This is the scene of the line before, as it was.", lambda before, said: Scene(
        before.actor, before.color, before.actions, before.direction, before.music)),
    ("The actions of both lines are joined: those of the new line alone are played.",
     lambda before, said: Scene(said.actor or before.actor, said.color or before.color,
                                (*before.actions, *said.actions)[:2],
                                said.direction or before.direction, said.music or before.music)),
    ("Only the first action is kept: a line may have two.",
     lambda before, said: Scene(said.actor or before.actor, said.color or before.color,
                                said.actions[:1], said.direction or before.direction,
                                said.music or before.music)),
])


# 8.2 -------------------------------------------------------------------------------------------
def _places():
    """Ways of several shots: with room, without it, longer than the stage."""
    return [(torch.tensor([[0.3, 0.4], [0.6, 0.7]]),), (torch.tensor([[0.3, 0.4], [0.05, 0.5]]),),
            (torch.tensor([[0.2, 0.3, 0.4], [0.6, 0.7, 0.8], [0.3, 0.5, 0.6]]),),
            (torch.tensor([[0.7, 0.5, 0.3], [0.8, 0.6, 0.5], [0.5, 0.5, 0.5]]),),
            (torch.tensor([[0.5, 0.6], [0.1, 0.95], [0.5, 0.4]]),),
            (0.3 + 0.4 * torch.rand(4, 6, generator=rng(1)),)]


def _stood(first=lambda moved: moved[-1][-1], keep=True, whole=True, origin="moved"):
    def wrong(place):
        moved = [place[0]]
        for k, way in enumerate(place[1:], 1):
            before = moved if origin == "moved" else [place[k - 1]]
            shift = first(before) - way[0]
            least, most = MARGIN - way.min(), 1 - MARGIN - way.max()
            if keep and whole:
                shift = shift.clamp(least, most) if least <= most else 0.0
            moved.append(way + shift if whole else (way + shift).clamp(MARGIN, 1 - MARGIN))
        return torch.stack(moved)
    return wrong


def _crossed(place):
    moved = [place[0]]
    for way in place[1:]:
        moved.append(way + (moved[-1][-1] - way[0]).clamp(MARGIN - way.min(),
                                                          1 - MARGIN - way.max()))
    return torch.stack(moved)


def _margin(margin):
    def wrong(place):
        moved = [place[0]]
        for way in place[1:]:
            least, most = margin - way.min(), 1 - margin - way.max()
            moved.append(way + ((moved[-1][-1] - way[0]).clamp(least, most)
                                if least <= most else 0.0))
        return torch.stack(moved)
    return wrong


Exercise("8.2", ours=short_film.stand_where_it_stood, cases=_places, mistakes=[
    ("Nothing keeps the figure on the stage: limit the shift so that its whole way has room.",
     _stood(keep=False)),
    ("Each place is pressed to the edge by itself, and the figure marches on the spot: move the "
     "way as a whole.", _stood(whole=False)),
    ("A shot begins where the last one *began*: take its last frame.",
     _stood(first=lambda moved: moved[-1][0])),
    ("You ask where the last shot ended before *it* was moved: use the shot as it is now.",
     _stood(origin="old")),
    ("A way that is longer than the stage is moved all the same: where the least shift is above "
     "the greatest, leave the shot as it is.", _crossed),
    ("Nothing is moved: this is `place` as it was.", lambda place: place + 0),
    ("The shot is moved the other way: by the end of the last one minus its own beginning.",
     _stood(first=lambda moved: 2 * moved[-1][0] - moved[-1][-1])),
    ("The margin is missing: the middle of a figure keeps MARGIN away from either edge.",
     _margin(0.0)),
    ("Every shot is limited to the stage, the first one, too: leave that as it is.",
     lambda place: short_film.stand_where_it_stood(place.clamp(MARGIN, 1 - MARGIN))),
    ("Each shot begins where the *first* one ended: take the one before it.",
     _stood(first=lambda moved: moved[0][-1])),
])


# 8.3 -------------------------------------------------------------------------------------------
def _texts():
    def wide(row):  # a Chinese character is twice as wide as a letter
        return sum(1 + (letter > "z") for letter in row)

    text = "a red man walks to the right with cheerful music then he runs".split()
    return [(text, " ", len, 20), (text, " ", len, 9), (list("一个红衣男人先走后跑"), "", len, 4),
            (["incomprehensibly", "long"], " ", len, 6), (["one"], " ", len, 3),
            (["ab", "cd", "ef"], " ", len, 5), (["ab", "cd"], " ", len, 4),
            (list("一个红衣男人先走后跑"), "", wide, 6), (["ab", "cd", "ef"], ", ", len, 6)]


def _wrapped(joint=None, fits=lambda long, most: long <= most, late=False):
    def wrong(words, between, length, most):
        rows = [words[0]]
        for word in words[1:]:
            longer = rows[-1] + (between if joint is None else joint) + word
            if fits(length(rows[-1] if late else longer), most):
                rows[-1] = longer
            else:
                rows.append(word)
        return rows
    return wrong


def _by_words(words, between, length, most):
    return [between.join(words[i:i + 3]) for i in range(0, len(words), 3)]


def _unjoined(words, between, length, most):
    rows = [[words[0]]]
    for word in words[1:]:
        if length("".join([*rows[-1], word])) <= most:
            rows[-1].append(word)
        else:
            rows.append([word])
    return [between.join(row) for row in rows]


def _empty_row(words, between, length, most):
    rows = [""]
    for word in words:
        longer = rows[-1] + between + word if rows[-1] else word
        rows[-1:] = [longer] if length(longer) <= most else [rows[-1], word]
    return rows


def _as_lists(words, between, length, most):
    rows = [[words[0]]]
    for word in words[1:]:
        rows[-1:] = [[*rows[-1], word]] if length(between.join([*rows[-1], word])) <= most \
            else [rows[-1], [word]]
    return rows


Exercise("8.3", ours=subtitles.wrap, cases=_texts, mistakes=[
    ("Chinese gets gaps: put `between` between the words, not a space.", _wrapped(joint=" ")),
    ("The words stick together: `between` is missing.", _wrapped(joint="")),
    ("A row that fits exactly is broken: it may be as long as `most`.",
     _wrapped(fits=lambda long, most: long < most)),
    ("A row is measured before the word is added, so it grows too long: measure the row with the "
     "word.", _wrapped(late=True)),
    ("`len` is not `length`: a row is as long as `length(row)` says, and a Chinese character may "
     "be twice as wide as a letter.",
     lambda words, between, length, most: subtitles.wrap(words, between, len, most)),
    ("The words are counted without what stands between them: measure the row as it will be.",
     _unjoined),
    ("The last row is lost.", lambda *given: subtitles.wrap(*given)[:-1]),
    ("Each word has a row of its own: fill a row as far as `most` allows.",
     lambda words, *rest: list(words)),
    ("All words are in one row: begin a new one where it would be longer than `most`.",
     lambda words, between, *rest: [between.join(words)]),
    ("A word that is too long by itself is left out: give it a row of its own.",
     lambda words, between, length, most: [
         row for row in subtitles.wrap(words, between, length, most) if length(row) <= most]),
    ("A word that is too long leaves an empty row before it.", _empty_row),
    ("The rows are lists of words: join each with `between`.", _as_lists),
    ("Every row has the same number of words: how long they are is what counts.", _by_words),
])


# 8.4 -------------------------------------------------------------------------------------------
def _scores():
    return [([0.9, 0.95, 0.93], [0.5, 0.6, 0.7]), ([0.9, 0.5, 0.93], [0.4, 0.6, 0.2]),
            ([1.1, 1.2, 1.15], [1.9, 1.3, 2.0]), ([0.2, 0.3, 0.25], [0.31, 0.9, 0.28]),
            ([0.5], [0.5]), ([0.5, 0.5], [0.5]), ([1.01], [1.0]), ([1.0], [1.01]),
            ([2.0], [1.0, 1.5]), ([1.0, 1.5], [2.0]),
            ([0.1, 0.9], [0.4, 0.6]), ([0.4, 0.6], [0.1, 0.9]), ([2.0], [1.0]),
            ([1.0], [2.0]), ([1.0, 2.0], [2.0, 3.0]), ([2.0, 3.0], [1.0, 2.0])]


def _by_mean(whole, without):
    return sum(whole) / len(whole) != sum(without) / len(without)


Exercise("8.4", ours=ablations.ranges_apart, cases=_scores, mistakes=[
    ("You compare the means: they nearly always differ, even by chance alone. Ask whether the "
     "ranges overlap.", _by_mean),
    ("You look at one side only, `whole` above `without`: the other way round they lie apart, too.",
     lambda whole, without: min(whole) > max(without)),
    ("You look at one side only, `without` above `whole`: the other way round they lie apart, too.",
     lambda whole, without: max(whole) < min(without)),
    ("Two ranges that touch do not lie apart: every number must be above, so > and not >=.",
     lambda whole, without: min(whole) >= max(without) or max(whole) <= min(without)),
    ("You compare seed with seed: every number of the one must be above *every* number of the "
     "other.", lambda whole, without: all(a > b for a, b in zip(whole, without, strict=False))
     or all(a < b for a, b in zip(whole, without, strict=False))),
    ("`and` cannot be: not both lists are above each other. One of the two is enough, `or`.",
     lambda whole, without: False),
    ("You ask whether there are any two numbers of which one is above the other.",
     lambda whole, without: max(whole) > min(without) or max(without) > min(whole)),
    ("This lies at the best alone: each list's worst counts as well.",
     lambda whole, without: max(whole) > max(without)),
    ("You compare the best with the best and the worst with the worst: the worst of the one must "
     "be better than the best of the other.",
     lambda whole, without: max(whole) > max(without) or min(whole) < min(without)),
    ("You ask whether they overlap; the question is whether they lie apart.",
     lambda whole, without: not ablations.ranges_apart(whole, without)),
])
