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
from lessons.engine.progress import progress
from lessons.world import captions
from lessons.world.theatre import Theatre


class Classifier(nn.Module):
    """Frames uint8 (N, C, H, W) or films uint8 (N, C, T, H, W) -> logits (N, classes).

    Films are seen with their change from frame to frame; being few, they get dropout. The first
    layer looks at every pixel of a frame: what gives a generator away is fine. shape: of one
    example; the last step is a mean over places, so that every size fits.
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
        self.layers = nn.Sequential(*layers, mean(1), nn.Flatten(), nn.Dropout(0.3 * films),
                                    nn.Linear(width, classes))

    def forward(self, examples):
        x = examples.float() / 255 - 0.5
        if x.dim() == 5:
            change = F.pad(x.diff(dim=2), (0, 0, 0, 0, 0, 1))
            x = torch.cat([x, 4 * change], 1)                                  # (N, 2C, T, H, W)
        return self.layers(x)


def taught(draw, classes, steps, batch=64, seed=0):
    """A `Classifier` trained to tell so many classes, with a rate that rises and falls to nothing.

    draw(n, rng) -> examples uint8 (n, C, ..., H, W), which are shifted a little to the side, and
    their classes.
    """
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    network = Classifier(draw(1, rng)[0].shape[1:], classes)
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in progress(iterable=range(steps), unit="step", desc="two-sample test"):
        examples, labels = draw(batch, rng)
        examples = examples.roll(int(torch.randint(-2, 3, (), generator=rng)), -1)
        with training.mixed_precision(torch.device("cpu")):
            logits = network(examples)
        optimizer.zero_grad()
        F.cross_entropy(logits.float(), labels).backward()
        optimizer.step()
        schedule.step()
    return network.eval()


@torch.no_grad()
def logits_of(classifier, examples):
    """What a classifier says of examples, (n, classes), in the precision in which it was trained:
    what gives a generator away is as fine as the rounding of bfloat16."""
    with training.mixed_precision(torch.device("cpu")):
        return torch.cat([classifier(part) for part in examples.split(250)]).float()


def right(classifier, examples, labels):
    """The share of examples that a classifier puts into their class."""
    return float((logits_of(classifier, examples).argmax(1) == labels).float().mean())


def share_told(real, made):
    """The share of examples that is told right, 0 to 1; real ones are half of it, however
    many there are. real (n,), made (m,): logits; above 0 an example is taken for real."""
    return ((real > 0).float().mean() + (made <= 0).float().mean()) / 2


def told_apart(learnt, read, steps, batch=64, seed=0, share=share_told):
    """The two-sample test: the share of the examples `read` that a classifier tells right which was
    trained on the examples `learnt`. 0.5 if none is, 1 if all are.

    learnt, read: (real, made), uint8 (n, C, ..., H, W), of different scenes. Where there are as
    many real as made ones, those in one row should be of one scene: they are shown together, so
    that what differs between them is not the scene. share: exercise 2.5.
    """
    def draw(n, rng):
        rows = torch.randint(max(map(len, learnt)), (-(-n // 2),), generator=rng)
        return torch.cat([part[rows % len(part)] for part in learnt]), \
            torch.arange(2).repeat_interleave(len(rows))
    judge = taught(draw, 2, steps, batch, seed)
    real, made = (logits_of(judge, part) @ torch.tensor([1.0, -1.0]) for part in read)
    # batch norms read with other means than they learnt with, which moves the network's zero; put
    # between the middles of both sides, it hides nothing that the network sees
    zero = (real.median() + made.median()) / 2
    return float(share(real - zero, made - zero))


def smaller(films, side):
    """Films uint8 (N, C, T, H, W) with frames of side x side pixels, each the mean of an area."""
    return torch.cat([F.interpolate(part.float(), (films.shape[2], side, side), mode="area")
                      .round().byte() for part in films.split(100)])


def as_bytes(films):
    """Films uint8 (N, T, H, W, C) -> uint8 (N, C, T, H, W)."""
    return torch.as_tensor(np.ascontiguousarray(films)).permute(0, 4, 1, 2, 3)


def score_apart(real, made, two):
    """Which share of frames, and of whole films at half size, is told apart, as a dict of floats.

    real, made: films uint8 (N, T, H, W, C) of the same scenes; two: bool (N,), where the action
    changes, which it does about the middle. Frames at full and at half size, and of both those five
    that are nearest to the change.
    """
    T, side = real.shape[1], real.shape[2] // 2
    films, middle, scores = [as_bytes(real), as_bytes(made)], slice(T // 2 - 2, T // 2 + 3), {}
    half = [smaller(part, side) for part in films]
    def tested(both, steps=900, batch=128):
        aside = torch.arange(len(both[0])) % 4 == 0  # films that are read, and not learnt
        learnt, read = ([part[rows].flatten(0, 1) for part in both] for rows in (~aside, aside))
        return told_apart(learnt, read, steps, batch)
    for size, both in (("", films), (" half", half)):
        frames = [part.transpose(1, 2) for part in both]                       # (N, T, C, H, W)
        scores["told apart" + size] = tested(frames)
        scores["told apart change" + size] = tested([part[two][:, middle] for part in frames])
    return scores | {"told apart film": tested([part[:, None] for part in half], 300, 64)}


def score_theatre_apart(make, n=900, seed=91_000, size=48):
    """`score_apart` of films of n scenes of the theatre. make(texts, count, seed) -> uint8 (N, 16,
    size, size, 3); about five minutes on a core."""
    scenes = Theatre.scenes(n, seed)
    made = make([captions.describe(scene) for scene in scenes], 1, seed)
    two = torch.tensor([len(scene.actions) == 2 for scene in scenes])
    return score_apart(Theatre(size).film(scenes, seed + 1).video, made, two)


def floor_of_apart(n=900, seed=91_000):
    """What `score_theatre_apart` says of real films: what nobody can tell apart."""
    scenes = Theatre.scenes(n, seed)
    return score_theatre_apart(lambda *_: Theatre().film(scenes, seed + 2).video, n, seed)
