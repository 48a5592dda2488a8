"""Judges of the digits that speak: which digit is seen, how it moves, which one is heard."""

import torch
from torch import nn
from torch.nn import functional as F

from lessons.engine import weights
from lessons.judges import digits
from lessons.signals import spectrogram
from lessons.sources import downloads
from lessons.sources.moving_digits import SIZE, _placed


# What does a film show, and what does it say? -------------------------------------------------
def middles_of(video):
    """Where the ink is: films uint8 (N, T, H, W, 1) -> its mean place (N, T, 2), in pixels."""
    ink = torch.as_tensor(video)[..., 0].float() * (torch.as_tensor(video)[..., 0] > 64)
    total = ink.sum((2, 3)).clamp(min=1)                                       # (N, T)
    x = (ink.sum(2) * (torch.arange(ink.shape[3]) + 0.5)).sum(2) / total
    y = (ink.sum(3) * (torch.arange(ink.shape[2]) + 0.5)).sum(2) / total
    return torch.stack([x, y], 2)                                              # (N, T, 2)


def read_moves(video):
    """Which of MOVES films show, (N,) numbers, -1 for none. It is measured, not learnt.

    Who bounces goes both across and up or down, and turns back by more than 3 pixels; who moves in
    a line covers at least 8 pixels along it and less than 5 to the sides.
    """
    steps = middles_of(video).diff(dim=1)                                      # (N, T - 1, 2)
    far, net = steps.abs().sum(1), steps.sum(1)                                # (N, 2)
    back = (far - net.abs()).amax(1)
    along = net.abs().argmax(1)                                                # 0: x, 1: y
    most, aside = far.gather(1, along[:, None])[:, 0], far.gather(1, 1 - along[:, None])[:, 0]
    signed = net.gather(1, along[:, None])[:, 0]
    line = 2 * along + (signed > 0)                                            # as in MOVES
    straight = (signed.abs() >= 8) & (aside < 5) & (most - signed.abs() < 3)
    bounces = (far.amin(1) > 8) & (back > 3)
    return torch.where(bounces, 4, torch.where(straight, line, -1))


def digits_of(video):
    """The digits of films (N, T, H, W, 1), cut out as MNIST has them: (N, T, 1, 28, 28) in [-1, 1].

    The middle of the ink lies in the middle, as in MNIST.
    """
    N, T = video.shape[:2]
    frames = torch.as_tensor(video).flatten(0, 1)[..., 0].float()[:, None] / 127.5  # 0 to 2
    shift = middles_of(video).flatten(0, 1) * 2 / SIZE - 1                     # (N T, 2)
    affine = torch.cat([torch.eye(2).expand(N * T, 2, 2) * 28 / SIZE, shift[..., None]], 2)
    grid = F.affine_grid(affine, (N * T, 1, 28, 28), align_corners=False)
    return (F.grid_sample(frames, grid, align_corners=False) - 1).view(N, T, 1, 28, 28)


@torch.no_grad()
def read_digits(video):
    """How the judge of lesson 1's digits reads each frame of films: probabilities (N, T, 10)."""
    cut = digits_of(video)
    return digits.digit_judge()(cut.flatten(0, 1)).softmax(1).unflatten(0, cut.shape[:2])


def recordings(split):
    """Real recordings as the sounds of clips, (N, S), and which digit each says, (N,)."""
    waves, labels, _ = downloads.spoken_digits(split)
    return torch.stack([_placed(wave) for wave in waves]), labels


class VoiceJudge(nn.Module):
    """Which digit does a voice say? Trained on real recordings alone.

    forward: waves (N, S) -> logits (N, 10). It hears 64 mel bands and may shift what it hears.
    """

    def __init__(self, width=64):
        super().__init__()
        self.register_buffer("mel", spectrogram.mel_filters())
        self.listen = nn.Sequential(
            nn.Conv1d(64, width, 5, stride=2, padding=2), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Conv1d(width, width, 5, stride=2, padding=2), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Conv1d(width, width, 5, stride=2, padding=2), nn.BatchNorm1d(width), nn.ReLU(),
            nn.AdaptiveMaxPool1d(5), nn.Flatten(), nn.Dropout(0.3), nn.Linear(5 * width, 10))

    def forward(self, waves):
        bands = self.mel @ spectrogram.transform(waves).abs()                        # (N, 64, C)
        return self.listen(torch.log1p(bands / spectrogram.FLOOR) / 3)               # (N, 10)


def voice_judge():
    """The shipped judge of voices (`VoiceJudge` in evaluation mode)."""
    return weights.load(VoiceJudge(), "voice_judge")


@torch.no_grad()
def read_voices(waves):
    """Which digit the judge of voices hears in waves (N, S): probabilities (N, 10)."""
    judge = voice_judge()
    return torch.cat([judge(part) for part in torch.as_tensor(waves).split(256)]).softmax(1)


def agreement(seen, heard):
    """The share of films whose picture and voice are read as the same digit, 0 to 1.

    seen (N, T, 10): probabilities of each digit in each frame, of which a film's are the mean;
    heard (N, 10): those of its sound. Nobody asks here which digit was wanted.
    """
    return float((seen.mean(1).argmax(1) == heard.argmax(1)).float().mean())
