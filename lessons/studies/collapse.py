"""Lesson 1's ablation: the article's GAN, and the mended one with and without its mendings."""

import torch

from lessons import mlp_gan
from lessons.engine import training
from lessons.judges.digits import score_digits
from lessons.sources.downloads import mnist
from lessons.studies.study import Study, rounded

MENDED = {"leak": mlp_gan.LEAK, "dropout": 0.0, "r1": 0.5, "decay": 0.999, "lr": 1e-3,
          "betas": (0.0, 0.99)}
# The article's game is played in the shared loop too, in which its loss is the same number. With
# a decay of 0 the newest weights draw.
GAMES = {"as written": {"leak": 0.0, "dropout": 0.3, "r1": 0.0, "decay": 0.0, "lr": 2e-4,
                        "betas": (0.5, 0.999)},
         "neither": MENDED | {"leak": 0.0, "r1": 0.0}, "no leak": MENDED | {"leak": 0.0},
         "no penalty": MENDED | {"r1": 0.0}, "mended": MENDED}


def measure(images, variant, seed, at, batch):
    """"curve": the scores of `score_digits` with their "step", one for each of the steps `at`."""
    game, curve = GAMES[variant], []
    torch.manual_seed(seed)
    run = training.Run(mlp_gan.Generator(game["leak"]), mlp_gan.Discriminator(game["dropout"]),
                       model=variant, seed=seed, lr=game["lr"])
    for adam in run.optimizers.values():
        adam.param_groups[0]["betas"] = game["betas"]

    def note(run):
        if run.step in at:
            drawn = mlp_gan.draw_images(run.average, 5000, seed)
            curve.append({"step": run.step} | rounded(score_digits(drawn)))
    training.fit(run, mlp_gan.draw_from(images), r1=game["r1"], decay=game["decay"], batch=batch,
                 steps=max(at), preview=note, every_seconds=0)
    return {"curve": curve}


STUDY = Study("collapse", [list(GAMES)] * 3, {"at": [500, 1000, 2000], "batch": 64}, measure,
              prepare=lambda **_: mnist("train")[0])
