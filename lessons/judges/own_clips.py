"""Judging a model of your own clips from the clips alone: no judge knows your cats, so one is
trained on the spot, and says how often it is right itself.

Axes: N films, T frames of H x W pixels with C channels; P real pieces.
"""

import torch
from torch.nn import functional as F

from lessons.judges import two_samples

FEW = 4       # pieces of different clips that a caption, or a class, must have at least
SIDE = 24     # pixels that films are made small to
STEPS = 120
LEGEND = {
    "nearest": "distance of a made film to the nearest training clip; real ones from each other: "
               "1; near 0: it copies",
    "spread": "how far films of one caption lie apart, as a share of real ones: 1 is right, 0: "
              "all alike",
    "told apart": "share of films, made or real, that a classifier names rightly, films that it "
                  "has not seen: 0.5: none can be told; 1: all",
    "obeyed": "share of made films in which a judge of your captions sees the caption asked for",
    "judge right": "share of real films, kept aside from it, in which that judge is right",
    "chance": "what guessing would reach"}


def small(films):
    """Films uint8 (N, T, H, W, C), made small: uint8 (N, C, T, SIDE, SIDE)."""
    return two_samples.smaller(two_samples.as_bytes(films), SIDE)


def score_own_clips(real, clips, captions, made, asked):
    """What the clips alone say of films made, a dict of floats, NaN where they are too few to tell.

    real: pieces uint8 (P, T, H, W, C); clips, captions int64 (P,): which clip a piece is of, and
    which caption it has; made: films (N, T, H, W, C) of the captions asked int64 (N,).
    """
    real, made = small(real), small(made)
    aside = clips % 4 == 0  # pieces of one clip are never on both sides
    scores = dict.fromkeys(LEGEND, float("nan"))
    if len(clips.unique()) > 1:
        scores["nearest"] = float(_apart(made, real).amin(1).median()
                                  / _apart(real, real, clips, clips).amin(1).median())
    scores["spread"] = float(_spread(made, asked) / _spread(real, captions))
    half = torch.arange(len(made)) % 4 == 0
    if min(int(aside.sum()), int(half.sum())) >= FEW:
        scores["told apart"] = two_samples.told_apart(
            (real[~aside], made[~half]), (real[aside], made[half]), STEPS, batch=32)
    return scores | _obeyed(real, clips, captions, made, asked)


def _obeyed(real, clips, captions, made, asked):
    """The captions that enough clips have, by a judge trained on three quarters of these clips."""
    counts = {k: len(clips[captions == k].unique()) for k in captions.unique().tolist()}
    known = [k for k, count in counts.items() if count >= FEW]
    if len(known) < 2:
        return {}
    aside = torch.zeros(len(captions), dtype=torch.bool)
    for k in known:  # every fourth clip of a caption
        aside |= (captions == k) & torch.isin(clips, clips[captions == k].unique()[::4])
    learnt = torch.isin(captions, torch.tensor(known)) & ~aside
    number = torch.full((int(max(captions.max(), asked.max())) + 1,), -1)
    number[known] = torch.arange(len(known))
    films, labels, shown = real[learnt], number[captions[learnt]], number[asked] >= 0

    def draw(n, rng):
        rows = torch.randint(len(films), (n,), generator=rng)
        return films[rows], labels[rows]
    judge = two_samples.taught(draw, len(known), STEPS, batch=32)
    found = {"judge right": two_samples.right(judge, real[aside], number[captions[aside]]),
             "chance": 1 / len(known)}
    if shown.any():
        found["obeyed"] = two_samples.right(judge, made[shown], number[asked[shown]])
    return found


def _apart(films, others, of=None, of_others=None):
    """Distances of small films (N, M), a root mean square; infinite within one clip."""
    a, b = (F.avg_pool3d(some.float() / 255, 2).flatten(1) for some in (films, others))
    apart = torch.cdist(a, b) / a.shape[1] ** 0.5
    return apart if of is None else apart.masked_fill(of[:, None] == of_others, float("inf"))


def _spread(films, captions):
    """The mean distance of films of one caption, over the captions that have several."""
    found = [_apart(some, some).sum() / (len(some) * (len(some) - 1))
             for k in captions.unique() if len(some := films[captions == k]) > 1]
    return torch.stack(found).mean() if found else torch.tensor(float("nan"))
