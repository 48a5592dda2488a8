"""The front door: python -m lessons doctor | train | generate."""

import argparse
import json
import sys
from pathlib import Path

from lessons.errors import CourseError


def main(arguments=None):
    """Run one command; returns the exit code: 0, or 2 with one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="python -m lessons", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="say what works here, what is missing, what to do")

    train = commands.add_parser("train", help="train a model")
    train.add_argument("--data", required=True, help="mnist: the mended GAN of lesson 1")
    train.add_argument("--out", required=True, type=Path, help="folder for the model")
    length = train.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=_positive(float), help="how long to train (default 3)")
    length.add_argument("--steps", type=_positive(int), help="or: how many steps")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    train.add_argument("--resume", action="store_true", help="go on where the folder's run stopped")

    generate = commands.add_parser("generate", help="let a model make images or films")
    generate.add_argument("captions", nargs="*", metavar="CAPTION")
    generate.add_argument("--model", required=True, type=Path, help="folder of a trained model")
    generate.add_argument("--count", type=_positive(int), default=1)
    generate.add_argument("--seed", type=int, default=0)
    generate.add_argument("--out", required=True, type=Path, help="FILE.npz")

    options = parser.parse_args(arguments)
    try:
        return {"doctor": _doctor, "train": _train, "generate": _generate}[options.command](options)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2


def _positive(kind):
    """A parser of numbers above zero, whose refusal argparse turns into exit code 2."""
    def read(text):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise ValueError(text)
        return value
    read.__name__ = "positive number"
    return read


def _doctor(options):
    from lessons import doctor
    return doctor.report()


def _train(options):
    if options.data != "mnist":
        raise CourseError(f"This course trains on 'mnist' so far, not on '{options.data}': "
                          f"use --data mnist.")
    from lessons import mlp_gan
    minutes = None if options.steps else options.minutes or 3
    mlp_gan.train_mnist(options.out, steps=options.steps, minutes=minutes, seed=options.seed,
                        device=options.device, resume=options.resume)
    print(f"The model is in {options.out}.")
    return 0


def _generate(options):
    if options.captions:
        raise CourseError("A model of lesson 1 takes no caption: leave the captions away.")
    if options.out.suffix != ".npz":
        raise CourseError(f"Cannot write '{options.out.name}': the models so far write images to "
                          f"a file whose name ends in .npz.")
    from lessons import mlp_gan
    mlp_gan.generate(options.model, options.count, options.seed, options.out)
    print(json.dumps({"out": str(options.out), "clips": options.count}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
