"""Lesson 1: the article's GAN, two plain networks that play against each other, and its mending."""

import torch
from torch import nn

LATENT = 100  # numbers of noise that the generator turns into one image


def normalize(images):
    """Images uint8 (N, 28, 28), 0 to 255 -> float32 (N, 1, 28, 28), -1 to 1: the range of tanh."""
    return images[:, None].float() / 127.5 - 1  # (N, 1, 28, 28)


class Generator(nn.Module):
    """x' = G(z): noise z (N, 100) -> images (N, 1, 28, 28) in [-1, 1].

    The article's layers, with the tanh that it leaves out.
    """

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(LATENT, 256), nn.ReLU(),
            nn.Linear(256, 512), nn.ReLU(),
            nn.Linear(512, 1024), nn.ReLU(),
            nn.Linear(1024, 784), nn.Tanh(),
        )

    def forward(self, z):
        return self.layers(z).view(-1, 1, 28, 28)  # (N, 1, 28, 28)


class ArticleDiscriminator(nn.Module):
    """p = D(x): images (N, 1, 28, 28) -> probability of being real (N, 1), in [0, 1].

    The article prints the first layer and names the others; their sizes are ours.
    """

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(784, 1024), nn.LeakyReLU(0.2), nn.Dropout(0.3),
            nn.Linear(1024, 512), nn.LeakyReLU(0.2), nn.Dropout(0.3),
            nn.Linear(512, 1), nn.Sigmoid(),
        )

    def forward(self, images):
        return self.layers(images)


class Discriminator(nn.Module):
    """l = D(x): images (N, 1, 28, 28) -> logits (N, 1). The mended one: no sigmoid, no dropout."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(784, 1024), nn.LeakyReLU(0.2), nn.Dropout(dropout),
            nn.Linear(1024, 512), nn.LeakyReLU(0.2), nn.Dropout(dropout),
            nn.Linear(512, 1),
        )

    def forward(self, images):
        return self.layers(images)


def labels(outputs, value):
    """Targets for the discriminator's outputs: a tensor of the same shape, filled with value."""
    return torch.full_like(outputs, value)


def discriminator_step(generator, discriminator, optimizer, criterion, real, z):
    """One step of the article's discriminator; returns its loss (a tensor of no dimension).

    real: (N, 1, 28, 28); z: (N, 100); criterion: binary cross-entropy on probabilities.
    """
    fake = generator(z).detach()  # this step teaches the discriminator alone
    p_real, p_fake = discriminator(real), discriminator(fake)
    loss = criterion(p_real, labels(p_real, 1.0)) + criterion(p_fake, labels(p_fake, 0.0))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def generator_step(generator, discriminator, optimizer, criterion, z):
    """One step of the article's generator: it wants its images to be called real."""
    p_fake = discriminator(generator(z))
    loss = criterion(p_fake, labels(p_fake, 1.0))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def draw_from(images):
    """A function (n, rng) -> (real,) that draws n of images uint8 (N, 28, 28), normalised."""
    def draw(n, rng):
        rows = torch.randint(len(images), (n,), generator=rng)
        return (normalize(images[rows]),)
    return draw
