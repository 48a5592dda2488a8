"""The course's own models, each trained anew or taken from a folder, and how they are scored.

What makes a model returns it and a few facts: its steps or minutes, and "how" it was trained.
"""

import functools
from pathlib import Path

import torch

from lessons import beyond, mlp_gan, text_to_video
from lessons.engine import training, weights
from lessons.engine.checkpoints import load_checkpoint
from lessons.judges.digits import score_digits
from lessons.sources.downloads import mnist
from lessons.studies import conditioning, sound
from lessons.studies.scores import score_sound


def mnist_generator(folder):
    """Lesson 1's generator, mended, trained for three minutes."""
    begun = (Path(folder) / training.CHECKPOINT).exists()
    run = mlp_gan.train_mnist(folder, minutes=3, device="cpu", resume=begun)
    return run.average, {"steps": run.step}


def worse_generator(name, folder):
    """For as many steps "mnist_as_written", the article's, or one without a part of the mended."""
    images, _ = mnist("train")
    steps = weights.listed("mnist.safetensors")["scores"]["steps"]
    torch.manual_seed(0)
    if name == "mnist_as_written":
        generator = mlp_gan.Generator()
        mlp_gan.train_by_hand(generator, mlp_gan.ArticleDiscriminator(), images, steps)
    else:
        run = training.Run(mlp_gan.Generator(mlp_gan.leak_of(name)), mlp_gan.Discriminator(),
                           model=name)
        how = mlp_gan.MENDED | ({"r1": 0} if name == "mnist_no_penalty" else {})
        training.fit_to_end(run, folder, mlp_gan.draw_from(images), **how, steps=steps)
        generator = run.average
    return generator, {"steps": steps}


def score_generator(generator):
    """The scores of 5,000 digits of a generator."""
    return score_digits(mlp_gan.draw_images(generator.eval(), 5000))


def pictures(_, steps=2000):
    """The generator of lesson 3's pictures."""
    run = conditioning.train(conditioning.BEST, steps=steps)
    return run.average.eval(), {"steps": steps, "minutes": run.seconds / 60}


def sound_maker(folder, steps=2000):
    """The sound of the course's films."""
    maker, run = sound.train_variant(sound.training_data(), "shipped", folder=folder, steps=steps)
    return maker, {"steps": run.step, "minutes": run.seconds / 60}


def score_sound_maker(maker):
    """The scores of the course's films with this sound."""
    model = text_to_video.load_model("theatre", sound=False)
    model.sound = maker
    return score_sound(functools.partial(text_to_video.film, model))


def theatre(folder):
    """The model of films in a folder, without its sound, which `sound_maker` makes."""
    _, facts = load_checkpoint(Path(folder) / training.MODEL, text_to_video.MODEL)
    return text_to_video.load_model(folder, sound=False), {
        "minutes": _minutes(folder, text_to_video.TheatreFilms.shares), "how": facts["how"]}


def speaking_digits(folder):
    """The model of digits that speak in a folder."""
    return text_to_video.load_model(folder), {"minutes": _minutes(folder, beyond.Clips.shares)}


def _minutes(folder, stages):
    found = (load_checkpoint(Path(folder) / stage / training.CHECKPOINT)[1] for stage in stages)
    return sum(facts["seconds"] for facts in found) / 60
