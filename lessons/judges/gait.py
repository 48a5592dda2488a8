"""The judge of steps: at which point of its step is a figure in a single frame?

Axes: N films, T frames.
"""

import math

import numpy as np
import torch
from torch import nn

from lessons.engine import weights
from lessons.signals import windows
from lessons.signals.clip import FPS
from lessons.world import figures
from lessons.world.flow import drawn
from lessons.world.scene import ACTORS, COLORS, DIRECTIONS, Scene

STEPS = ("walk", "run")  # the actions whose phase the judge reads


# The judge of steps -----------------------------------------------------------------------------
class PhaseJudge(nn.Module):
    """Reads one frame at a time, so that it cannot smooth over what happens between frames.

    forward: windows (F, 3, 48, 24), what differs from the stage around the figure -> cosine and
    sine of the gait phase (F, 2), logits of who it is (F, 3) and in which colour (F, 4). Trained on
    real films alone; the phase on films of walking and running.
    """

    def __init__(self):
        super().__init__()
        self.look = nn.Sequential(
            nn.PixelUnshuffle(3),                                              # (F, 27, 16, 8)
            nn.Conv2d(27, 40, 3, padding=1), nn.BatchNorm2d(40), nn.ReLU(),
            nn.Conv2d(40, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
            nn.Flatten(), nn.Linear(64 * 8 * 4, 64), nn.BatchNorm1d(64), nn.ReLU(),
            nn.Linear(64, 2 + len(ACTORS) + len(COLORS)),
        )

    def forward(self, windows):
        return self.look(windows).split([2, len(ACTORS), len(COLORS)], 1)


def phase_judge():
    """The shipped judge of steps, ready to read (`PhaseJudge` in evaluation mode)."""
    return weights.load(PhaseJudge(), "phase_judge")


def stepping_scenes(n, seed=0):
    """n scenes in which nobody does anything but walk and run, every one as likely."""
    rng = np.random.default_rng([seed, 6])
    kinds = [(one,) for one in STEPS] + [STEPS, STEPS[::-1]]
    return [Scene(ACTORS[rng.integers(3)], COLORS[rng.integers(4)], kinds[rng.integers(4)],
                  DIRECTIONS[rng.integers(2)]) for _ in range(n)]


@torch.no_grad()
def read_frames(judge, films, chunk=64):
    """What the judge of steps reads in films uint8 (N, T, 48, 48, 3), frame by frame: the angle of
    the gait phase, radians (N, T), logits of who (N, T, 3) and of the colour (N, T, 4)."""
    read = [judge(windows.figures_of(windows.as_films(part).flatten(0, 1)))
            for part in torch.as_tensor(films).split(chunk)]
    turn, who, color = (torch.cat(part).unflatten(0, films.shape[:2])
                        for part in zip(*read, strict=True))
    return torch.atan2(turn[..., 1], turn[..., 0]), who, color


# The measures -----------------------------------------------------------------------------------
def places(film):
    """Where the figure stands in films uint8 (N, T, H, W, 3), in pixels: (N, T)."""
    frames, (H, W) = torch.as_tensor(film).flatten(0, 1), film.shape[2:4]
    difference = (frames.float() - figures.stage(H)).permute(0, 3, 1, 2) / 127.5   # (NT, 3, H, W)
    return windows.places(difference, (H, W // 2))[:, 0].view(film.shape[:2])


def same_actor(who, color, frames=4):
    """In which films the actor stays who it is: logits of `read_frames`, (N, T, .) each -> bool
    (N,): what the first and the last `frames` frames show, taken together, is the same."""
    return torch.stack([logits[:, :frames].log_softmax(2).sum(1).argmax(1)
                        == logits[:, -frames:].log_softmax(2).sum(1).argmax(1)
                        for logits in (who, color)]).all(0)


class Twin(figures.Motion):
    """The theatre's figure doing what a film shows: its phase and its place are read from the film,
    its size as well; only the moment of change is a guess, the middle.

    film: uint8 (N, T, 48, 48, 3) of stepping scenes. With it `exact_flow` tells how the film should
    go on from each frame to the next.
    """

    way = None

    def __init__(self, scenes, film, judge):
        super().__init__(scenes, torch.full((len(scenes), 6), 0.5), film.shape[1] / FPS)
        angle, _, _ = read_frames(judge, film)
        self.read, self.way = angle / (2 * math.pi), torch.zeros_like(angle)
        for _ in range(2):  # first the size, which moves the place a little
            twins = drawn(self, film.shape[1], film.shape[2])
            self.height = self.height * reach(film) / reach(twins)
            gap = (places(film) - places(twins)) / film.shape[2]               # (N, T)
            self.way = self.way + self.side[:, None] * gap

    def phase(self, t):
        return self.read

    def integral(self, index, t):
        return super().integral(index, t) if self.way is None or index != 1 else self.way


def reach(film):
    """How high a figure stands, mean over its frames, in frame heights: uint8 (N, T, H, W, 3) ->
    (N,)."""
    away = abs(film.astype(int) - figures.stage(film.shape[2]).numpy()).max(4) > 24
    top = away.any(3).argmax(2)                                                # (N, T)
    return torch.from_numpy(figures.GROUND - top.mean(1) / film.shape[2]).float()
