"""Checks of lesson 8: what a line takes from the line before, where a shot begins, rows of
subtitles, and whether two lists of scores lie apart."""

import torch

from lessons import short_film
from lessons.display import subtitles
from lessons.exercises import Exercise, rng
from lessons.short_film import MARGIN
from lessons.studies import ablations
from lessons.world.captions import Reading
from lessons.world.scene import Scene

OPEN = {"actor": "man", "color": "red", "direction": "right", "music": "none"}


# 8.1 -------------------------------------------------------------------------------------------
def _lines():
    before = Scene("child", "green", ("walk",), "left", "calm")
    return [(before, Reading(("run",))), (before, Reading(("jump",), actor="man")),
            (before, Reading(("run", "stand"), direction="right", music="none")),
            (before, Reading(("wave",), "woman", "red", "right", "cheerful"))]


def _told(answer, before, said):
    scene = answer(before, said)
    if not isinstance(scene, Scene):
        return scene
    return [scene.actor, scene.color, *scene.actions, scene.direction, scene.music]


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
])


# 8.2 -------------------------------------------------------------------------------------------
def _places():
    """Ways of several shots: with room, without it, longer than the stage."""
    return [(torch.tensor([[0.2, 0.3, 0.4], [0.6, 0.7, 0.8], [0.3, 0.5, 0.6]]),),
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
])


# 8.3 -------------------------------------------------------------------------------------------
def _texts():
    text = "a red man walks to the right with cheerful music then he runs".split()
    return [(text, " ", len, 20), (text, " ", len, 9), (list("一个红衣男人先走后跑"), "", len, 4),
            (["incomprehensibly", "long"], " ", len, 6), (["one"], " ", len, 3),
            (["ab", "cd", "ef"], " ", len, 5)]


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


Exercise("8.3", ours=subtitles.wrap, cases=_texts, mistakes=[
    ("Chinese gets gaps: put `between` between the words, not a space.", _wrapped(joint=" ")),
    ("The words stick together: `between` is missing.", _wrapped(joint="")),
    ("A row that fits exactly is broken: it may be as long as `most`.",
     _wrapped(fits=lambda long, most: long < most)),
    ("A row is measured before the word is added, so it grows too long: measure the row with the "
     "word.", _wrapped(late=True)),
    ("Every row has the same number of words: how long they are is what counts.", _by_words),
])


# 8.4 -------------------------------------------------------------------------------------------
def _scores():
    return [([0.9, 0.95, 0.93], [0.5, 0.6, 0.7]), ([0.9, 0.5, 0.93], [0.4, 0.6, 0.2]),
            ([1.1, 1.2, 1.15], [1.9, 1.3, 2.0]), ([0.2, 0.3, 0.25], [0.31, 0.9, 0.28]),
            ([0.5], [0.5]), ([0.1, 0.9], [0.4, 0.6])]


def _by_mean(whole, without):
    return sum(whole) / len(whole) != sum(without) / len(without)


Exercise("8.4", ours=ablations.ranges_apart, cases=_scores, mistakes=[
    ("You compare the means: they nearly always differ, even by chance alone. Ask whether the "
     "ranges overlap.", _by_mean),
    ("Only a fall counts for you: for jerk or the Fréchet distance, a rise is the loss. Look at "
     "both sides.", lambda whole, without: min(whole) > max(without)),
    ("You compare the best with the best and the worst with the worst: the worst of the one must "
     "be better than the best of the other.",
     lambda whole, without: max(whole) > max(without) or min(whole) < min(without)),
    ("You ask whether they overlap; the question is whether they lie apart.",
     lambda whole, without: not ablations.ranges_apart(whole, without)),
])
