"""Lesson 3's comparison: ways to let a discriminator see the text."""

import torch

from lessons.engine import training
from lessons.engine.losses import Relativistic
from lessons.errors import CourseError, nearest
from lessons.judges import clips
from lessons.judges.pictures import picture_judge, read_pictures
from lessons.studies.losses import image_strip
from lessons.studies.scores import caption_accuracy, fresh_pictures, pictures_obeyed, score_pictures
from lessons.studies.study import Study, rounded
from lessons.text_conditioning import (
    LATENT,
    MODEL,
    Blind,
    Concatenation,
    Contrastive,
    Matching,
    Mismatched,
    PictureDiscriminator,
    PictureGenerator,
    draw_pairs,
    draw_pictures,
)
from lessons.world import vocabulary

# how captions enter the game -> the discriminator's head, what is added to the losses, and whether
# the generator's words stay the random vectors that they are at the start
WAYS = {"no caption": (Blind, None, False), "concatenation": (Concatenation, None, False),
        "projection": (Matching, None, False),
        "concatenation + wrong captions": (Concatenation, Mismatched, False),
        "projection + wrong captions": (Matching, Mismatched, False),
        "projection + contrastive": (Matching, Contrastive, False),
        # the popular shortcut has two faults; the second of these has one of them
        "no caption, frozen words": (Blind, None, True),
        "projection + wrong captions, frozen words": (Matching, Mismatched, True)}
BEST = "projection + contrastive"  # what the shipped generator was trained with


def new_run(way, seed=0, device="cpu"):
    """The `training.Run` of one of WAYS before its first step."""
    if way not in WAYS:
        raise CourseError(f"There is no way '{way}'. {nearest(way, WAYS)}")
    head, _, frozen = WAYS[way]
    torch.manual_seed(seed)
    generator = PictureGenerator()
    generator.text.requires_grad_(not frozen)
    return training.Run(generator, PictureDiscriminator(head), model=MODEL, seed=seed,
                        device=device)


def train(way, seed=0, *, device="cpu", **how):
    """Train pictures from captions in one of WAYS; returns the Run. how: as `training.fit` takes
    it, the length for one (steps or minutes)."""
    return training.fit(new_run(way, seed, device), draw_pairs, loss=Relativistic, latent=LATENT,
                        r1=0.5, r2=0.5, extra=WAYS[way][1], decay=0.99, **how)


# what each way draws for the lesson
SAMPLES = ["a red man walks to the left", "a blue woman runs to the right",
           "a green child jumps to the left", "a yellow man waves to the right",
           "a red woman stands to the right", "a blue child walks to the left",
           "一个绿衣男人向右跑", "一个黄衣女人向左走", "一个红衣孩子向右跳", "一个蓝衣男人向左挥手"]

TWICE = ["concatenation", "projection", "concatenation + wrong captions",
         "projection + wrong captions", "projection + contrastive"]  # with a second seed


def unchanged(before, after):
    """Names of weights that a training left exactly as they were; before, after: dicts name ->
    tensor. A weight counts as moved where any number of it changed."""
    return [name for name, value in before.items() if torch.equal(value, after[name])]


def measure(_, way, seed, steps, batch):
    """All of `score_pictures`; "reads" and "finds", what D prefers, see `caption_accuracy`;
    "seconds" of training; "reads over time" and "obeys over time", lists with a value each hundred
    steps; and of the first seed "images", what it drew for SAMPLES."""
    row = {"reads over time": [], "obeys over time": []}

    def note(run):
        if run.step % 100 == 0:
            _, texts = fresh_pictures(500)
            row["reads over time"].append(round(caption_accuracy(run.discriminator, 500), 4))
            row["obeys over time"].append(round(pictures_obeyed(run.average, texts), 4))
    run = train(way, seed, batch=batch, steps=steps, preview=note, every_seconds=0)
    generator = run.average.eval()
    if seed == 0:
        row["images"] = image_strip(draw_pictures(generator, SAMPLES))
    return row | rounded(score_pictures(generator) | {
        "reads": caption_accuracy(run.discriminator), "seconds": run.seconds,
        "finds": caption_accuracy(run.discriminator, by_match=True)})


def references(n=2000, seed=40_000):
    """The share of real pictures that obey captions: their own, and those of the next pictures."""
    pictures, texts = fresh_pictures(n, seed)
    read, _ = read_pictures(picture_judge(), pictures)
    said = vocabulary.asked_seen(texts)
    return {name: {"train": float(clips.follows(read, captions).mean())} for name, captions in
            {"real pictures": said, "captions of others": said.roll(-1, 0)}.items()}


STUDY = Study("conditioning", [list(WAYS), TWICE], {"steps": 1000, "batch": 64}, measure,
              references=references)
