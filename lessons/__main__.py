"""The front door: python -m lessons doctor, check, train, generate, score, film, study or ship."""

import argparse
import functools
import io
import json
import math
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
    _shaped(train)
    train.add_argument("--seed", type=_seed, default=0)
    train.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    train.add_argument("--resume", action="store_true", help="go on where the folder's run stopped")

    check = commands.add_parser("check", help="say what training would make of a folder of clips")
    check.add_argument("folder", help="the folder with metadata.csv, or kth")
    _shaped(check)
    check.add_argument("--out", type=Path, help="FILE.png for what the model would see (default: "
                                                "beside the folder, NAME-check.png)")

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
                                    "ablation, collapse, spoilt, forms, first_steps or "
                                    "scoreboard")

    ship = commands.add_parser("ship", help="make a file of data/ anew")
    ship.add_argument("name", help="a file of data/ without its ending, such as digit_judge")
    ship.add_argument("--model", help="folder of the trained model, for theatre and digits")

    try:
        options = parser.parse_args(arguments)
        return COMMANDS[options.command](options)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2


def _shaped(command):
    command.add_argument("--size", type=_whole, help="pixels of a film's side (default 48)")
    command.add_argument("--fit", choices=("crop", "pad"), help="films of another shape: cut off "
                         "what is over (crop, the default), or show all between black bars")


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


_minutes = _number(float, lambda x: 0 < x < math.inf, "a number above 0")
_whole = _number(int, lambda x: 0 < x, "a whole number above 0")
_seed = _number(int, lambda x: 0 <= x < 2 ** 63, "a whole number from 0 to 2 ** 63 - 1")


def _doctor(options):
    from lessons import doctor
    return doctor.report()


def _train(options):
    from lessons.engine.distributed import rank, together
    with together(options.device):  # with other processes, where torchrun started several
        train, default = _training(options)
        minutes = None if options.steps else options.minutes or default
        train(options.out, steps=options.steps, minutes=minutes, seed=options.seed,
              device=options.device, resume=options.resume)
        if rank() == 0:
            print(f"The model is in {options.out}.")
    return 0


def _training(options):
    """What trains on the data that were asked for, and its minutes."""
    if options.fit and options.data in ("theatre", "mnist"):
        raise CourseError(f"--fit is for clips of your own: leave it out for {options.data}.")
    if options.data == "theatre":
        from lessons.text_to_video import TheatreFilms, train
        return functools.partial(train, TheatreFilms(options.size or 48)), 10
    if options.data == "mnist":
        from lessons.mlp_gan import train_mnist
        if options.size:
            raise CourseError("The digits of MNIST are 28 pixels wide: leave --size out.")
        return train_mnist, 3
    from lessons.sources import datasets
    from lessons.text_to_video import train
    clips = datasets.clips_of(options.data, options.size, options.fit)
    return functools.partial(train, clips), 15


def _check(options):
    from lessons.display import show
    from lessons.engine.checkpoints import write_whole
    from lessons.sources import clips, datasets
    folder = Path(options.folder).resolve()
    out = options.out or folder.with_name(f"{folder.name}-check.png")
    if out.suffix.lower() != ".png":
        raise CourseError(f"Cannot write '{out.name}': what the model would see is a picture, "
                          f"so its name ends in .png.")
    if options.folder != "kth":
        clips.entries(folder)  # this is for clips with a table: digits and shards are none
    prepared = datasets.clips_of(options.folder, options.size, options.fit)
    print(clips.table(prepared))
    some = range(0, len(prepared), -(-len(prepared) // 12))
    picture = io.BytesIO()
    show.rows_of_frames(prepared.video[some], [clips.titles(prepared)[k] for k in some]).savefig(
        picture, format="png", bbox_inches="tight")
    write_whole(out, picture.getvalue())
    print(f"What the model would see is in {out}.")
    return 0


def _generate(options):
    texts = options.captions + (_lines(options.file) if options.file else [])
    if _of_lesson_1(options.model):
        if texts:
            raise CourseError("A model of lesson 1 takes no caption: leave the captions out.")
        if options.out.suffix.lower() != ".npz":
            raise CourseError(f"Cannot write '{options.out.name}': a model of lesson 1 writes "
                              f"images to a file whose name ends in .npz.")
        _images(options).save(options.out)
        clips, spent = options.count, {}
    else:
        clips, spent = _film(options, texts)
    print(json.dumps({"out": str(options.out), "clips": clips, **spent}))
    return 0


def _images(options):
    """Images of a model of lesson 1, as films of one grey frame without sound or captions."""
    import numpy as np

    from lessons import mlp_gan
    from lessons.display.films import Films
    images = mlp_gan.draw_images(mlp_gan.load_generator(options.model), options.count, options.seed)
    video = ((images + 1) * 127.5).round().byte()[..., None].numpy()       # (N, 1, 28, 28, 1)
    return Films(video, np.zeros((len(video), 0), np.float32), [""] * len(video))


def _film(options, texts):
    """Make films and write them: their number, and where the seconds went since the start."""
    from lessons import text_to_video
    from lessons.display.films import must_be_film
    must_be_film(options.out)  # told now, not after the filming
    seconds, last = {}, BEGAN

    def spent(what):
        nonlocal last
        seconds[what], last = round(time.perf_counter() - last, 2), time.perf_counter()
    spent("import")
    model = text_to_video.load_model(options.model)
    spent("load")
    films = text_to_video.film(model, texts, options.count, options.seed)
    spent("film")
    films.save(options.out)
    spent("write")
    return len(films), {"seconds": seconds}


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
    theatre = model.world == "theatre"
    scores = (score_model if theatre else score_clips)(model)
    legend = {} if theatre else _judged(options.model, model, scores)
    none = [name for name, value in scores.items() if not math.isfinite(value)]
    if none:  # JSON knows no infinity
        print(f"No number for {', '.join(none)}: the clips of the training do not move, or are too "
              f"few to tell.", file=sys.stderr)
    if options.json:
        print(json.dumps({name: None if name in none else round(value, 4)
                          for name, value in scores.items()}))
    else:
        for name, value in scores.items():
            print(f"{name:18} {'   none' if name in none else f'{value:7.3f}'}  "
                  f"{legend.get(name, '')}".rstrip())
    return 0


def _judged(folder, model, scores):
    """Add to the scores what a model's own clips say of it; returns the legend."""
    import torch

    from lessons.judges import own_clips
    from lessons.sources import datasets
    from lessons.text_to_video import film
    if (clips := datasets.learnt_from(folder)) is None:
        return {}
    rows = torch.linspace(0, len(clips) - 1, min(len(clips), 200)).long()
    captions = torch.from_numpy(clips.which[rows.numpy()].copy())
    used = [(caption, pieces) for _, caption, pieces, _ in clips.clips if pieces]
    of = torch.arange(len(used)).repeat_interleave(torch.tensor([n for _, n in used]))[rows]
    made = film(model, [used[k][0] for k in of.tolist()], seed=1)
    scores |= own_clips.score_own_clips(clips.video[rows.numpy()], of, captions, made.video,
                                        captions)
    return own_clips.LEGEND


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


COMMANDS = {"doctor": _doctor, "train": _train, "check": _check, "generate": _generate,
            "score": _score, "film": _shoot, "study": _study, "ship": _ship}


if __name__ == "__main__":
    sys.exit(main())
