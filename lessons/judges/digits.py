"""The judge of digits: which digit is this, and how sure is it?

Axes: N images of 28 x 28.
"""

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


def score_digits(images):
    """Scores of generated digits (5000, 1, 28, 28) in [-1, 1], read by the judge, as a dict.

    "rarest": the smallest share of a digit; "sure": share read with confidence of 0.9 or more;
    "frechet": distance to real test digits; "floor": that of other real digits. All float.
    """
    judge, (real, _) = digit_judge(), mnist("test")
    real = real[:, None].float() / 127.5 - 1
    logits, features = judged(judge, images)
    (_, even), (_, odd) = (judged(judge, real[start::2]) for start in (0, 1))  # 5,000 each
    return {"rarest": float(digit_shares(logits).min()), "sure": sure_share(logits),
            "frechet": frechet_distance(features, even), "floor": frechet_distance(odd, even)}
