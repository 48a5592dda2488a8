"""Lesson 2's comparison: losses side by side on one budget."""

import base64
import io

import numpy as np
import torch
from PIL import Image

from lessons import mlp_gan
from lessons.display.show import to_pixels
from lessons.engine import losses, training
from lessons.judges.digits import score_digits
from lessons.sources.downloads import mnist
from lessons.studies.study import Study, rounded

# the losses by name, each with the penalties (R1, R2) that it is played with
LOSSES = {"minimax": (losses.Minimax, 0, 0), "non-saturating": (losses.NonSaturating, 0, 0),
          "hinge": (losses.Hinge, 0, 0), "WGAN-GP": (losses.Wasserstein, 0, 0),
          "relativistic + R1 + R2": (losses.Relativistic, 0.5, 0.5),
          "non-saturating + R1": (losses.NonSaturating, 0.5, 0)}


def train_with(name, steps, seed=0, batch=64):
    """Lesson 1's networks, trained on MNIST with the loss of this name; returns the Run."""
    loss, r1, r2 = LOSSES[name]
    torch.manual_seed(seed)
    run = training.Run(mlp_gan.Generator(mlp_gan.LEAK), mlp_gan.Discriminator(), model=name,
                       seed=seed)
    images, _ = mnist("train")
    return training.fit(run, mlp_gan.draw_from(images), loss=loss, r1=r1, r2=r2, batch=batch,
                        steps=steps, decay=0.99)


def measure(_, name, seed, steps, batch):
    """The scores of `score_digits`, "seconds" of training, "generator", its loss averaged over 50
    spans of time, and of the first seed "images", 8 of them as `image_strip` has them."""
    run = train_with(name, steps, seed, batch)
    images = mlp_gan.draw_images(run.average.eval(), 5000, seed)
    spans = torch.tensor(run.history["generator"]).chunk(50)
    return rounded(score_digits(images) | {"seconds": run.seconds}) \
        | {"generator": [round(float(span.mean()), 4) for span in spans]} \
        | ({"images": image_strip(images[:8])} if seed == 0 else {})


def image_strip(images):
    """Images (N, 1 or 3, H, W) in [-1, 1] side by side, as a PNG in base64."""
    file = io.BytesIO()
    Image.fromarray(np.concatenate(to_pixels(images), axis=1)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


STUDY = Study("losses", [list(LOSSES)] * 3, {"steps": 1000, "batch": 64}, measure)
