"""The judge of first frames: who, in which colour, facing where?"""

import torch
from torch import nn

from lessons.engine import weights
from lessons.world.vocabulary import ATTRIBUTES, SEEN


class PictureJudge(nn.Module):
    """Reads who is in a first frame, in which colour, facing where; trained on real ones alone.

    forward: pictures (N, 3, 28, 28) in [-1, 1] -> 9 logits a picture, one for each value of each of
    SEEN: a linear function of the 32 `features`, in which the Fréchet distance is measured.
    """

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 24, 5, stride=2, padding=2), nn.BatchNorm2d(24), nn.ReLU(),
            nn.Conv2d(24, 48, 3, stride=2, padding=1), nn.BatchNorm2d(48), nn.ReLU(),
            nn.Conv2d(48, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
            nn.Flatten(), nn.Linear(64 * 4 * 4, 32), nn.BatchNorm1d(32, affine=False),
        )
        self.answer = nn.Linear(32, sum(len(ATTRIBUTES[name]) for name in SEEN))

    def forward(self, pictures):
        return self.answer(self.features(pictures))                    # (N, 9)


def picture_judge():
    """The shipped judge of first frames (`PictureJudge` in evaluation mode)."""
    return weights.load(PictureJudge(), "picture_judge")


def _seen(logits):
    return logits.split([len(ATTRIBUTES[name]) for name in SEEN], dim=1)


@torch.no_grad()
def read_pictures(judge, pictures, chunk=500):
    """What a judge reads in pictures, float (N, 3, 28, 28) in [-1, 1]: the index of a value for
    each of SEEN, (N, 3), and the features (N, 32)."""
    features = torch.cat([judge.features(part) for part in pictures.split(chunk)])
    return torch.stack([part.argmax(1) for part in _seen(judge.answer(features))], 1), features
