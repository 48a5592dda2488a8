"""The course's own models, each trained anew or taken from a folder, with its scores."""

import functools
import tempfile
from pathlib import Path

import torch

from lessons import beyond, text_to_video
from lessons.engine import training, weights
from lessons.engine.checkpoints import load_checkpoint
from lessons.frames import mean_and_spread
from lessons.judges.digits import score_digits
from lessons.mlp_gan import (
    MENDED,
    ArticleDiscriminator,
    Discriminator,
    Generator,
    draw_from,
    draw_images,
    leak_of,
    train_by_hand,
    train_mnist,
)
from lessons.priors import sound_model, train_sound
from lessons.sources.downloads import mnist
from lessons.studies.scores import score_clips, score_model, score_pictures, score_sound
from lessons.studies.sound_study import world
from lessons.text_conditioning import BEST, train


def mlp_gan(name):
    """One of lesson 1's generators: "mnist", the mended one, trained for three minutes; for as
    many steps "mnist_as_written", the article's, "mnist_no_leak" or "mnist_no_penalty"."""
    images, _ = mnist("train")
    if name == "mnist":
        with tempfile.TemporaryDirectory() as folder:
            run = train_mnist(folder, minutes=3, device="cpu")
        generator, steps = run.average, run.step
    else:
        steps = weights.listed("mnist.safetensors")["scores"]["steps"]
        torch.manual_seed(0)
        if name == "mnist_as_written":
            generator = Generator()
            train_by_hand(generator, ArticleDiscriminator(), images, steps)
        else:
            run = training.Run(Generator(leak_of(name)), Discriminator(), model=name)
            without = {"r1": 0} if name == "mnist_no_penalty" else {}
            training.fit(run, draw_from(images), **{**MENDED, **without}, steps=steps)
            generator = run.average
    return generator, {"steps": steps} | score_digits(draw_images(generator.eval(), 5000))


def pictures(steps=2000):
    """The generator of lesson 3's pictures."""
    run = train(BEST, steps=steps)
    painter = _as_shipped(run.average.eval())
    return painter, score_pictures(painter) | {"steps": steps, "minutes": run.seconds / 60}


def sound():
    """The sound of the course's films."""
    model, (waves, paths, *said) = text_to_video.load_model("theatre", sound=False), world()
    middle, spread = mean_and_spread(paths)
    run = train_sound(waves, (paths - middle) / spread, *said, steps=2000)
    model.sound = _as_shipped(sound_model(run, paths))
    scores = score_sound(functools.partial(text_to_video.film, model))
    return model.sound, scores | {"minutes": run.seconds / 60, "steps": run.step}


def theatre(folder):
    """The model of films in a folder, without its sound, which `sound` makes; and how it was
    trained, as options of `train`."""
    _, facts = load_checkpoint(Path(folder) / training.MODEL, text_to_video.MODEL)
    model = _as_shipped(text_to_video.load_model(folder, sound=False))
    minutes = _minutes(folder, text_to_video.TheatreFilms.shares)
    return model, score_model(model) | {"minutes": minutes}, facts["how"] + " "


def speaking_digits(folder):
    """The model of digits that speak in a folder."""
    model = _as_shipped(text_to_video.load_model(folder))
    return model, score_clips(model) | {"minutes": _minutes(folder, beyond.Clips.shares)}, ""


def _as_shipped(network):
    """A network whose weights are those that are shipped, in 16 bits: what is scored is shipped."""
    network.load_state_dict(weights.in_16_bits(network))
    return network


def _minutes(folder, stages):
    found = (load_checkpoint(Path(folder) / stage / training.CHECKPOINT)[1] for stage in stages)
    return sum(facts["seconds"] for facts in found) / 60
