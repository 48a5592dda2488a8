"""Measuring a GAN: a judge that it never trains against, and numbers that the judge reads.

Today the judge of digits, for lesson 1. `python -m lessons.measuring` trains it and prints how
often it is right.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lessons import checkpoints
from lessons.real_data import mnist


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
    judge = DigitJudge()
    judge.load_state_dict(checkpoints.shipped("digit_judge.safetensors"))
    return judge.eval()


def train_digit_judge(epochs=5, seed=0):
    """A judge trained on real digits that move by up to two pixels, and its share right on test."""
    torch.manual_seed(seed)
    images, labels = mnist("train")
    images = F.pad(images[:, None].float() / 127.5 - 1, (2, 2, 2, 2), value=-1.0)  # (N, 1, 32, 32)
    judge, batch = DigitJudge(), 128
    steps = epochs * len(images) // batch
    optimizer = torch.optim.AdamW(judge.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=steps)
    for _ in range(steps):
        rows = torch.randint(len(images), (batch,))
        y, x = torch.randint(5, (2,)).tolist()
        loss = F.cross_entropy(judge(images[rows, :, y:y + 28, x:x + 28]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return judge.eval()


@torch.no_grad()
def judged(judge, images, chunk=1000):
    """(logits (N, 10), features (N, 32)) of images (N, 1, 28, 28) in [-1, 1]."""
    features = torch.cat([judge.features(part) for part in images.split(chunk)])
    return judge.classify(features), features


def frechet_distance(features, others):
    """The Fréchet distance between two sets of features, (N, d) and (M, d), as Gaussians.

        |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))

    0 for equal sets of moments. Its value falls with N and M: quote a real-against-real floor at
    the same sizes beside it. Source: Heusel et al., 2017, arXiv 1706.08500.
    """
    a, b = features.double(), others.double()
    product = torch.linalg.eigvals(a.T.cov() @ b.T.cov()).real.clamp(min=0)
    trace = a.T.cov().trace() + b.T.cov().trace() - 2 * product.sqrt().sum()
    return float((a.mean(0) - b.mean(0)).square().sum() + trace)


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


def frame_change(video):
    """Mean change between neighbouring frames: uint8 (N, T, H, W, 3) -> float (N, T - 1), 0 to 1.

    The mean over pixels and colours of |frame t+1 - frame t| / 255.
    """
    values = video.astype("float32") / 255  # bytes would wrap around: 3 - 5 = 254
    return abs(values[:, 1:] - values[:, :-1]).mean(axis=(2, 3, 4))  # (N, T - 1)


def place(video):
    """Where the figure is from left (0) to right (1): uint8 (N, T, H, W, 3) -> float (N, T).

    The mean x of all pixels of which some colour is brighter than 90 of 255: the stage is darker.
    """
    bright = video.max(axis=4) > 90              # (N, T, H, W)
    columns = bright.sum(axis=2)                 # (N, T, W): bright pixels in each column
    W = video.shape[3]
    x = (np.arange(W) + 0.5) / W                 # the middle of each column
    return (columns * x).sum(axis=2) / columns.sum(axis=2)  # (N, T)


def main():
    """Train the judge of digits, write it to data/ and print how often it is right."""
    judge = train_digit_judge()
    images, labels = mnist("test")
    logits, _ = judged(judge, images[:, None].float() / 127.5 - 1)
    right = float((logits.argmax(dim=1) == labels).float().mean())
    scores = {"right": round(right, 4), "sure": round(sure_share(logits), 4)}
    tensors = {name: value.half() if value.is_floating_point() else value
               for name, value in judge.state_dict().items()}
    checkpoints.ship("digit_judge.safetensors", tensors, "python -m lessons.measuring", scores)
    print(f"The judge reads {right:.2%} of 10,000 real test digits right.")


if __name__ == "__main__":
    main()
