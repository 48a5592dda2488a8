"""Judging a model of your own clips from the clips alone: no judge knows your cats, so one is
trained on the spot, and says how often it is right itself.

Axes: N films, T frames of H x W pixels with C channels; P real pieces.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

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


class FilmJudge(nn.Module):
    """Small films (N, C, T, SIDE, SIDE) in [0, 1] -> scores of classes (N, classes)."""

    def __init__(self, channels, classes):
        super().__init__()
        layers, width = [], 2 * channels
        for out in (16, 32, 64):
            layers += [nn.Conv3d(width, out, 3, stride=2, padding=1), nn.BatchNorm3d(out),
                       nn.ReLU()]
            width = out
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten(),
                                    nn.Dropout(0.3), nn.Linear(width, classes))

    def forward(self, films):
        change = F.pad(films.diff(dim=2), (0, 0, 0, 0, 0, 1))
        return self.layers(torch.cat([films - 0.5, 4 * change], 1))


def small(films):
    """Films uint8 (N, T, H, W, C) as float32 (N, C, T, SIDE, SIDE) in [0, 1]."""
    films = torch.as_tensor(np.ascontiguousarray(films)).permute(0, 4, 1, 2, 3).float() / 255
    return F.interpolate(films, (films.shape[2], SIDE, SIDE), mode="area")


def taught(films, classes, seed=0):
    """A `FilmJudge` trained on small films and their classes int64 (N,), a little shifted."""
    torch.manual_seed(seed)
    judge = FilmJudge(films.shape[1], int(classes.max()) + 1)
    optimizer = torch.optim.AdamW(judge.parameters(), 3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=STEPS)
    for _ in range(STEPS):
        rows = torch.randint(len(films), (32,))
        batch = films[rows] + 0.03 * torch.randn(len(rows), *films.shape[1:])
        batch = batch.roll(tuple(torch.randint(-2, 3, (2,)).tolist()), (3, 4))
        optimizer.zero_grad()
        F.cross_entropy(judge(batch), classes[rows]).backward()
        optimizer.step()
        schedule.step()
    return judge.eval()


@torch.no_grad()
def right(judge, films, classes):
    """The share of small films that a judge puts into their class."""
    return float((judge(films).argmax(1) == classes).float().mean())


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
        films = torch.cat([real, made])
        classes = torch.cat([torch.zeros(len(real)), torch.ones(len(made))]).long()
        kept = torch.cat([aside, half])
        judge = taught(films[~kept], classes[~kept])
        scores["told apart"] = (right(judge, real[aside], 0) + right(judge, made[half], 1)) / 2
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
    judge, shown = taught(real[learnt], number[captions[learnt]]), number[asked] >= 0
    found = {"judge right": right(judge, real[aside], number[captions[aside]]),
             "chance": 1 / len(known)}
    if shown.any():
        found["obeyed"] = right(judge, made[shown], number[asked[shown]])
    return found


def _apart(films, others, of=None, of_others=None):
    """Distances of small films (N, M), a root mean square; infinite within one clip."""
    a, b = (F.avg_pool3d(some, 2).flatten(1) for some in (films, others))
    apart = torch.cdist(a, b) / a.shape[1] ** 0.5
    return apart if of is None else apart.masked_fill(of[:, None] == of_others, float("inf"))


def _spread(films, captions):
    """The mean distance of films of one caption, over the captions that have several."""
    found = [_apart(some, some).sum() / (len(some) * (len(some) - 1))
             for k in captions.unique() if len(some := films[captions == k]) > 1]
    return torch.stack(found).mean() if found else torch.tensor(float("nan"))
