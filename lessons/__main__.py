"""The front door: python -m lessons doctor | train | generate | score | film | study | ship."""

import argparse
import functools
import json
import sys
import time
from pathlib import Path

from lessons.errors import CourseError

BEGAN = time.perf_counter()
MODELS = "folder of a trained model, or one that comes with the course: theatre or digits"
SHIPPED = ("theatre", "digits")


def main(arguments=None):
    """Run one command; returns the exit code: 0, or 2 with one sentence on standard error."""
    parser = _Parser(prog="python -m lessons", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="say what works here, what is missing, what to do")

    train = commands.add_parser("train", help="train a model")
    train.add_argument("--data", required=True,
                       help="theatre: films from captions; digits: real digits that speak; mnist: "
                            "the mended GAN of lesson 1; kth: human action clips; or a folder of "
                            "your own clips with metadata.csv, or of shards")
    train.add_argument("--out", required=True, type=Path, help="folder for the model")
    length = train.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=_minutes,
                        help="how long to train (default 10, mnist 3, digits and clips 15)")
    length.add_argument("--steps", type=_whole, help="or: how many steps")
    train.add_argument("--size", type=_whole, help="pixels of a film's side (default 48)")
    train.add_argument("--seed", type=_seed, default=0)
    train.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    train.add_argument("--resume", action="store_true", help="go on where the folder's run stopped")

    generate = commands.add_parser("generate", help="let a model make images or films")
    generate.add_argument("captions", nargs="*", metavar="CAPTION")
    generate.add_argument("--captions", type=Path, dest="file", metavar="FILE",
                          help="a text file with one caption a line")
    generate.add_argument("--model", required=True, type=Path, help=MODELS)
    generate.add_argument("--count", type=_whole, default=1)
    generate.add_argument("--seed", type=_seed, default=0)
    generate.add_argument("--out", required=True, type=Path, help="FILE.npz, .gif or .mp4")

    score = commands.add_parser("score", help="measure a model of films against real films")
    score.add_argument("--model", required=True, type=Path, help=MODELS)
    score.add_argument("--json", action="store_true", help="print the numbers as JSON")

    film = commands.add_parser("film", help="make one film of a script, a line for each shot")
    film.add_argument("script", type=Path, help="a text file with one to eight lines")
    film.add_argument("--out", required=True, type=Path, help="FILE.mp4")

    study = commands.add_parser("study", help="run a comparison of the course anew")
    study.add_argument("name", help="losses, conditioning, attention, consistency, sound, "
                                    "ablation or scoreboard")

    ship = commands.add_parser("ship", help="make a file of data/ anew")
    ship.add_argument("name", help="a file of data/ without its ending, such as digit_judge")
    ship.add_argument("--model", help="folder of the trained model, for theatre and digits")

    try:
        options = parser.parse_args(arguments)
        return COMMANDS[options.command](options)
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
    from lessons.engine.distributed import rank, together
    with together(options.device):  # with other processes, where torchrun started several
        train, how, default = _training(options)
        minutes = None if options.steps else options.minutes or default
        train(options.out, steps=options.steps, minutes=minutes, seed=options.seed,
              device=options.device, resume=options.resume, **how)
        if rank() == 0:
            print(f"The model is in {options.out}.")
    return 0


def _training(options):
    """What trains on the data that were asked for, what else it is told, and its minutes."""
    if options.data == "theatre":
        from lessons.text_to_video import TheatreFilms, train
        return functools.partial(train, TheatreFilms(options.size or 48)), {}, 10
    if options.data == "mnist":
        from lessons.mlp_gan import train_mnist
        if options.size:
            raise CourseError("The digits of MNIST are 28 pixels wide: leave --size away.")
        return train_mnist, {}, 3
    from lessons.sources import open
    from lessons.text_to_video import train
    return functools.partial(train, open.clips_of(options.data, options.size)), {}, 15


def _generate(options):
    texts = options.captions + (_lines(options.file) if options.file else [])
    if _of_lesson_1(options.model):
        if texts:
            raise CourseError("A model of lesson 1 takes no caption: leave the captions away.")
        if options.out.suffix != ".npz":
            raise CourseError(f"Cannot write '{options.out.name}': a model of lesson 1 writes "
                              f"images to a file whose name ends in .npz.")
        from lessons import mlp_gan
        mlp_gan.generate(options.model, options.count, options.seed, options.out)
        clips, spent = options.count, {}
    else:
        clips, spent = _film(options, texts)
    print(json.dumps({"out": str(options.out), "clips": clips, **spent}))
    return 0


def _film(options, texts):
    """Make films and write them: their number, and where the seconds went since the start."""
    from lessons import text_to_video
    text_to_video.must_be_film(options.out)  # told now, not after the filming
    moments = [BEGAN, time.perf_counter()]
    model = text_to_video.load_model(options.model)
    moments.append(time.perf_counter())
    films = text_to_video.film(model, texts, options.count, options.seed)
    moments.append(time.perf_counter())
    films.save(options.out)
    moments.append(time.perf_counter())
    return len(films), {"seconds": {name: round(later - moment, 2) for name, moment, later in
                                    zip(("import", "load", "film", "write"), moments, moments[1:],
                                        strict=False)}}


def _lines(path):
    """The lines of a text file, empty ones left out."""
    try:
        return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        raise CourseError(f"Cannot read lines from '{path}': give a text file in UTF-8 with one "
                          f"caption a line.") from None


def _of_lesson_1(place):
    """Whether the model in a folder makes images, which take no caption."""
    from lessons.engine.checkpoints import load_checkpoint
    from lessons.engine.training import MODEL
    return str(place) not in SHIPPED and load_checkpoint(place / MODEL)[1].get("model") == "mnist"


def _score(options):
    if _of_lesson_1(options.model):
        raise CourseError("Only models of films are scored here: give the folder of one that was "
                          "trained with --data theatre, digits or a folder, or --model theatre.")
    from lessons.studies.scores import score_clips, score_model
    from lessons.text_to_video import load_model
    model = load_model(options.model)
    scores = (score_model if model.world == "theatre" else score_clips)(model)
    if options.json:
        print(json.dumps({name: round(value, 4) for name, value in scores.items()}))
    else:
        for name, value in scores.items():
            print(f"{name:18} {value:7.3f}")
    return 0


def _shoot(options):
    from lessons import short_film, text_to_video
    script = "\n".join(_lines(options.script))
    film = short_film.shoot(text_to_video.load_model("theatre"), script)
    film.save(options.out)
    print(f"{options.out}: {len(film.lines)} shots")
    return 0


def _study(options):
    from lessons.studies import registry
    registry.run(options.name)
    return 0


def _ship(options):
    from lessons.shipping import registry
    print(registry.ship(options.name, options.model))
    return 0


COMMANDS = {"doctor": _doctor, "train": _train, "generate": _generate, "score": _score,
            "film": _shoot, "study": _study, "ship": _ship}


if __name__ == "__main__":
    sys.exit(main())
