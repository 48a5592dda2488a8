"""Steps per second of the shared loop beside the article's as written: tests/bench_training.py

Same sizes of networks, same batch, same machine; blocks of the two alternate, so that a machine
that is busy for a while slows both.
"""

import statistics
import time
from itertools import chain, repeat

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from lessons import mlp_gan
from lessons.engine import training
from lessons.errors import CourseError
from lessons.sources.downloads import mnist

BATCH, STEPS, BLOCKS = 64, 60, 5


class Digits(Dataset):
    """Images one at a time, normalised when they are drawn, as torchvision's dataset does it."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, row):
        return (self.images[row][None].float() / 255 - 0.5) / 0.5


def article_loop(images):
    """The article's loop as written, in blocks: each `next` makes STEPS steps."""
    torch.manual_seed(0)
    generator, discriminator = mlp_gan.Generator(), mlp_gan.ArticleDiscriminator()
    g_adam, d_adam = (torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999),
                                       foreach=False, fused=False)
                      for network in (generator, discriminator))
    criterion, history = nn.BCELoss(), []
    loader = DataLoader(Digits(images), batch_size=BATCH, shuffle=True, drop_last=True)
    for step, real in enumerate(chain.from_iterable(repeat(loader)), start=1):
        d_loss = mlp_gan.discriminator_step(generator, discriminator, d_adam, criterion, real,
                                            torch.randn(BATCH, mlp_gan.LATENT))
        g_loss = mlp_gan.generator_step(generator, discriminator, g_adam, criterion,
                                        torch.randn(BATCH, mlp_gan.LATENT))
        history.append((d_loss.item(), g_loss.item()))
        if step % STEPS == 0:
            yield


def tuned_loop(images, r1):
    """The shared loop with the article's dropout, in blocks: each `next` makes STEPS steps."""
    run = training.Run(mlp_gan.Generator(), mlp_gan.Discriminator(dropout=0.3), model="bench")
    draw = mlp_gan.draw_from(images)
    while True:
        training.fit(run, draw, batch=BATCH, steps=run.step + STEPS, r1=r1)
        yield


def seconds(loop):
    start = time.perf_counter()
    next(loop)
    return time.perf_counter() - start


def main():
    try:
        images, data = mnist("train")[0], "MNIST"
    except CourseError:
        images, data = torch.randint(0, 256, (60_000, 28, 28), dtype=torch.uint8), "random bytes"
    print(f"{data}, batch {BATCH}, {torch.get_num_threads()} threads")
    for row, r1 in (("without R1", 0), ("with R1 every 8th step", 0.5)):
        loops = article_loop(images), tuned_loop(images, r1)
        for loop in loops:
            next(loop)  # warm up
        article, tuned = zip(*([seconds(loop) for loop in loops] for _ in range(BLOCKS)),
                             strict=True)
        print(f"{row}: article {STEPS / statistics.median(article):.1f} steps/s, tuned "
              f"{STEPS / statistics.median(tuned):.1f} steps/s, ratio "
              f"{statistics.median(a / b for a, b in zip(article, tuned, strict=True)):.2f}")


if __name__ == "__main__":
    main()
