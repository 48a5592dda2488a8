"""Lesson 1: the article's GAN, two plain networks that play against each other, and its mending."""

from pathlib import Path

import torch
from torch import nn
from tqdm.auto import tqdm

from lessons.engine import checkpoints, training, weights
from lessons.errors import CourseError
from lessons.sources.downloads import mnist
from lessons.world.theatre import theatre_figures

LATENT = 100  # numbers of noise that the generator turns into one image
MODEL = "mnist"  # the name that a checkpoint of this lesson carries
LEAK = 0.2  # of the mended generator
MENDED = {"batch": 128, "r1": 0.5, "decay": 0.999}  # how it is trained, see training.fit


def normalize(images):
    """Images uint8 (N, 28, 28), 0 to 255 -> float32 (N, 1, 28, 28), -1 to 1: the range of tanh."""
    return images[:, None].float() / 127.5 - 1  # (N, 1, 28, 28)


class Generator(nn.Module):
    """x' = G(z): noise z (N, 100) -> images (N, 1, 28, 28) in [-1, 1]. The article's layers, with
    the tanh that it leaves out. leak: the slope of the ReLUs below zero, 0 in the article."""

    def __init__(self, leak=0.0):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(LATENT, 256), nn.LeakyReLU(leak),
            nn.Linear(256, 512), nn.LeakyReLU(leak),
            nn.Linear(512, 1024), nn.LeakyReLU(leak),
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


def train_by_hand(generator, discriminator, images, steps):
    """The article's loop: images uint8 (N, 28, 28) -> two lists of losses, D's and G's."""
    criterion = nn.BCELoss()
    adams = [torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
             for network in (discriminator, generator)]
    d_losses, g_losses = [], []
    for _ in tqdm(range(steps), desc="training by hand"):
        real = normalize(images[torch.randint(len(images), (64,))])
        d_losses.append(discriminator_step(generator, discriminator, adams[0], criterion, real,
                                           torch.randn(64, LATENT)).item())
        g_losses.append(generator_step(generator, discriminator, adams[1], criterion,
                                       torch.randn(64, LATENT)).item())
    return d_losses, g_losses


def training_images():
    """(images uint8 (N, 28, 28), digits): MNIST's and True, or theatre figures and False where
    MNIST can be neither found nor downloaded; prints one line that says which."""
    try:
        images, _ = mnist("train")
    except CourseError as reason:
        print(f"Training on centred theatre figures, since MNIST is not to be had: {reason}")
        return theatre_figures(6_000), False
    print("Training on the handwritten digits of MNIST.")
    return images, True


def draw_from(images):
    """A function (n, rng) -> (real,) that draws n of images uint8 (N, 28, 28), normalised."""
    def draw(n, rng):
        rows = torch.randint(len(images), (n,), generator=rng)
        return (normalize(images[rows]),)
    return draw


def train_mnist(folder, *, steps=None, minutes=None, seed=0, device="auto", resume=False):
    """Train the mended GAN on MNIST and keep it in folder; returns the `training.Run`.

    Raises CourseError when the folder holds a run already and resume is not asked for.
    """
    images, _ = mnist("train")
    torch.manual_seed(seed)
    run = training.Run(Generator(LEAK), Discriminator(), model=MODEL, seed=seed,
                       device=training.pick_device(device))
    if resume:
        run.load(folder)
    elif any((Path(folder) / name).exists() for name in (training.CHECKPOINT, training.MODEL)):
        raise CourseError(f"The folder {folder} holds a run already: add --resume to go on with "
                          f"it, or give another folder.")
    return training.fit(run, draw_from(images), **MENDED, steps=steps, minutes=minutes,
                        folder=folder)


def load_generator(folder):
    """The generator that train_mnist left in folder, ready to draw."""
    path = Path(folder) / training.MODEL
    tensors, _ = checkpoints.load_checkpoint(path, MODEL)
    generator = Generator(LEAK)
    checkpoints.load_weights(generator, tensors, path)
    return generator.eval()


def leak_of(name):
    """The leak of a shipped generator's ReLUs, see `finished`."""
    return 0.0 if name in ("mnist_as_written", "mnist_no_leak") else LEAK


def finished(name):
    """A generator that the course ships: "mnist" (mended), "mnist_as_written" (the article's),
    "mnist_no_penalty" (mended but for R1) or "mnist_no_leak" (mended but for the leak)."""
    return weights.load(Generator(leak_of(name)), name)


@torch.no_grad()
def draw_images(generator, n, seed=0):
    """n images (n, 1, 28, 28) in [-1, 1] from noise of a seed."""
    z = torch.randn(n, LATENT, generator=torch.Generator().manual_seed(seed))
    return torch.cat([generator(part) for part in z.split(1000)])
