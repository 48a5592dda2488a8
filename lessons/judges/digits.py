"""The judge of digits: which digit is this, and how sure is it?

Axes: N images of 28 x 28.
"""

import functools

import torch
from torch import nn

from lessons.engine import weights
from lessons.measuring import frechet_distance
from lessons.sources.downloads import mnist


class DigitJudge(nn.Module):
    """A convolutional classifier of digits, trained on real MNIST alone.

    forward: images (N, 1, 28, 28) in [-1, 1] -> logits (N, 10). `features` gives the 32 numbers
    per image in which the Fréchet distance is measured.
    """

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
            nn.Flatten(), nn.Linear(64 * 4 * 4, 32), nn.LayerNorm(32),
        )
        self.classify = nn.Sequential(nn.ReLU(), nn.Linear(32, 10))

    def forward(self, images):
        return self.classify(self.features(images))


def digit_judge():
    """The shipped judge of digits, ready to read images (`DigitJudge` in evaluation mode)."""
    return weights.load(DigitJudge(), "digit_judge")


@torch.no_grad()
def judged(judge, images, chunk=1000):
    """(logits (N, 10), features (N, 32)) of images (N, 1, 28, 28) in [-1, 1]."""
    features = torch.cat([judge.features(part) for part in images.split(chunk)])
    return judge.classify(features), features


def digit_shares(logits):
    """Logits (N, 10) of a classifier -> the share of images read as each digit, (10,), sum 1."""
    return logits.argmax(dim=1).bincount(minlength=10) / len(logits)


def sure_share(logits, confidence=0.9):
    """The share of images (float) that the classifier reads with at least this probability."""
    return float((logits.softmax(dim=1).amax(dim=1) >= confidence).float().mean())


def sure_digits(logits, least=0.01, confidence=0.9):
    """As how many of the ten digits at least this share of images is read, and surely."""
    sure, digit = logits.softmax(dim=1).max(dim=1)
    counts = digit[sure >= confidence].bincount(minlength=10)
    return int((counts >= least * len(logits)).sum())


def background(images):
    """How light the paper is: the mean over images (N, 1, 28, 28) of their median pixel, as a
    share of the way from black to white. 0 for real digits, most of whose pixels are black."""
    return float((images.flatten(1).median(dim=1).values.mean() + 1) / 2)


def edges(images):
    """The mean change from pixel to pixel: less than that of real digits is soft or pale, more is
    noisy."""
    return float((images.diff(dim=2).abs().mean() + images.diff(dim=3).abs().mean()) / 2)


@functools.cache
def _real():
    """Of the real test digits: the features of half of them (5000, 32), the distance of the other
    half to these, and their edges."""
    images, _ = mnist("test")
    images = images[:, None].float() / 127.5 - 1
    (_, even), (_, odd) = (judged(digit_judge(), images[start::2]) for start in (0, 1))
    return even, frechet_distance(odd, even), edges(images)


def score_digits(images):
    """Scores of generated digits (5000, 1, 28, 28) in [-1, 1], as a dict.

    What the judge reads: "rarest", the smallest share of a digit; "sure", the share read with
    confidence of 0.9 or more; "digits", see `sure_digits`; "frechet": distance to real test digits;
    "floor": that of other real digits. And how they look, to which the judge is blind on purpose:
    "background", and "edges" as a share of those of real digits. All float.
    """
    logits, features = judged(digit_judge(), images)
    real, floor, real_edges = _real()
    return {"rarest": float(digit_shares(logits).min()), "sure": sure_share(logits),
            "digits": float(sure_digits(logits)), "frechet": frechet_distance(features, real),
            "floor": floor, "background": background(images),
            "edges": edges(images) / real_edges}
