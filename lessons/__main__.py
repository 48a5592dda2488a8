"""The front door: python -m lessons doctor | train | generate."""

import argparse
import json
import sys
from pathlib import Path

from lessons.errors import CourseError


def main(arguments=None):
    """Run one command; returns the exit code: 0, or 2 with one sentence on standard error."""
    parser = _Parser(prog="python -m lessons", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="say what works here, what is missing, what to do")

    train = commands.add_parser("train", help="train a model")
    train.add_argument("--data", required=True, help="mnist: the mended GAN of lesson 1")
    train.add_argument("--out", required=True, type=Path, help="folder for the model")
    length = train.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=_minutes, help="how long to train (default 3)")
    length.add_argument("--steps", type=_whole, help="or: how many steps")
    train.add_argument("--seed", type=_seed, default=0)
    train.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    train.add_argument("--resume", action="store_true", help="go on where the folder's run stopped")

    generate = commands.add_parser("generate", help="let a model make images or films")
    generate.add_argument("captions", nargs="*", metavar="CAPTION")
    generate.add_argument("--model", required=True, type=Path, help="folder of a trained model")
    generate.add_argument("--count", type=_whole, default=1)
    generate.add_argument("--seed", type=_seed, default=0)
    generate.add_argument("--out", required=True, type=Path, help="FILE.npz")

    try:
        options = parser.parse_args(arguments)
        return {"doctor": _doctor, "train": _train, "generate": _generate}[options.command](options)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one sentence, like the rest of the course."""

    def error(self, message):
        raise CourseError(f"{message[0].upper()}{message[1:]} (see {self.prog} --help).")


def _number(kind, fits, wanted):
    """A reader of numbers of a kind that says, where one does not fit, what is wanted."""
    def read(text):
        try:
            if fits(value := kind(text)):
                return value
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"'{text}' is not {wanted}")
    return read


_minutes = _number(float, lambda x: 0 < x < float("inf"), "a number above 0")
_whole = _number(int, lambda x: 0 < x, "a whole number above 0")
_seed = _number(int, lambda x: 0 <= x < 2 ** 63, "a whole number from 0 to 2 ** 63 - 1")


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
