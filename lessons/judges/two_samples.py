"""The classifier two-sample test: can a network that is trained for it tell real from generated?

    score = share of other films, half of them real, that it puts on the right side

1/2 is best: it found nothing that tells them apart. Source: Lopez-Paz and Oquab, 2017,
arXiv 1610.06545. No generator may learn from it.

Axes: N films, T frames of H x W pixels with C colours.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lessons.engine import training


class Classifier(nn.Module):
    """Frames uint8 (N, C, H, W) or films uint8 (N, C, T, H, W) -> logits (N, classes).

    Films are seen with their change from frame to frame. The first layer looks at every pixel of a
    frame: what gives a generator away is fine. shape: of one example; the last step is a mean over
    places, so that every size fits.
    """

    def __init__(self, shape, classes=2):
        super().__init__()
        films = len(shape) == 4
        conv, norm, mean = (nn.Conv3d, nn.BatchNorm3d, nn.AdaptiveAvgPool3d) if films else \
            (nn.Conv2d, nn.BatchNorm2d, nn.AdaptiveAvgPool2d)
        layers, width = [], shape[0] * (1 + films)
        for out, stride in ((16, 1 + films), (32, 2), (64, 2)):
            layers += [conv(width, out, 3, stride, padding=1), norm(out), nn.ReLU()]
            width = out
        self.layers = nn.Sequential(*layers, mean(1), nn.Flatten(), nn.Dropout(0.3),
                                    nn.Linear(width, classes))

    def forward(self, examples):
        x = examples.float() / 255 - 0.5
        if x.dim() == 5:
            change = F.pad(x.diff(dim=2), (0, 0, 0, 0, 0, 1))
            x = torch.cat([x, 4 * change], 1)                                  # (N, 2C, T, H, W)
        return self.layers(x)


def taught(examples, classes, steps, batch=64, seed=0):
    """A `Classifier` trained on examples uint8 (N, C, ..., H, W), each a little shifted, and their
    classes int64 (N,)."""
    def draw(n, rng):
        rows = torch.randint(len(examples), (n,), generator=rng)
        shift = torch.randint(-2, 3, (2,), generator=rng).tolist()
        return examples[rows].roll(shift, (-2, -1)), classes[rows]

    def loss(network, examples, classes):
        return F.cross_entropy(network(examples), classes)
    run = training.Supervised(Classifier(examples.shape[1:], int(classes.max()) + 1),
                              model="classifier", seed=seed)
    return training.fit_supervised(run, draw, loss, batch=batch, steps=steps).network.eval()


@torch.no_grad()
def right(classifier, examples, classes):
    """The share of examples that a classifier puts into their class, or the one class of all."""
    read = torch.cat([classifier(part).argmax(1) for part in examples.split(250)])
    return float((read == classes).float().mean())


def told_apart(real, made, steps, batch=64, seed=0):
    """The two-sample test: real and made examples uint8 (G, n, C, ..., H, W), n of one scene, as
    many groups of each -> the share that is told right, 0.5 to 1.

    A classifier is trained on three quarters of the groups, and reads the other: the scenes that it
    reads are never those that it has learnt.
    """
    groups = min(len(real), len(made))
    aside = torch.arange(groups) % 4 == 0
    learnt, read = (torch.stack([part[:groups][some].flatten(0, 1) for part in (real, made)])
                    for some in (~aside, aside))                       # (2, examples, C, ..., H, W)
    classes = torch.arange(2).repeat_interleave(learnt.shape[1])
    judge = taught(learnt.flatten(0, 1), classes, steps, batch, seed)
    return (right(judge, read[0], 0) + right(judge, read[1], 1)) / 2


def smaller(films, side):
    """Films uint8 (N, C, T, H, W) with frames of side x side pixels, each the mean of an area."""
    return torch.cat([F.interpolate(part.float(), (films.shape[2], side, side), mode="area")
                      .round().byte() for part in films.split(100)])


def as_bytes(films):
    """Films uint8 (N, T, H, W, C) -> uint8 (N, C, T, H, W)."""
    return torch.as_tensor(np.ascontiguousarray(films)).permute(0, 4, 1, 2, 3)


def two_sample_scores(real, made, two):
    """Which share of frames, and of whole films at half size, is told apart, as a dict.

    real, made: films uint8 (N, T, H, W, C) of the same scenes; two: bool (N,), where the action
    changes, which it does about the middle. At full size, at half size, and at the change alone.
    """
    scores, middle = {}, slice(real.shape[1] // 2 - 2, real.shape[1] // 2 + 3)
    films = [as_bytes(part) for part in (real, made)]
    half = [smaller(part, real.shape[2] // 2) for part in films]
    for size, both in (("", films), (" half", half)):
        frames = [part.transpose(1, 2) for part in both]                       # (N, T, C, H, W)
        scores["apart" + size] = told_apart(*frames, steps=300, batch=128)
        scores[f"apart change{size}"] = told_apart(*(part[two][:, middle] for part in frames),
                                                   steps=300, batch=128)
    scores["apart film"] = told_apart(*(part[:, None] for part in half), steps=300)
    return scores
