"""Lesson 3's comparison: ways to let a discriminator see the text."""


import torch

from lessons.judges import clips
from lessons.judges.pictures import picture_judge, read_pictures
from lessons.studies import loss_study
from lessons.studies.scores import fresh, obeys, reads_captions, score_pictures
from lessons.text_conditioning import WAYS, draw_pictures, train
from lessons.world import vocabulary

# Pictures from captions: lesson 1's networks, with a caption beside the noise and the features ----
SAMPLES = ["a red man walks to the left", "a blue woman runs to the right",
           "a green child jumps to the left", "a yellow man waves to the right",
           "a red woman stands to the right", "a blue child walks to the left",
           "一个绿衣男人向右跑", "一个黄衣女人向左走", "一个红衣孩子向右跳", "一个蓝衣男人向左挥手"]


SEVERAL = ("concatenation", "projection", "concatenation + wrong captions",
           "projection + wrong captions", "projection + contrastive")  # with more seeds than one


def still(before, after):
    """Names of weights that a training left exactly as they were; before, after: dicts name ->
    tensor. A weight counts as moved where any number of it changed."""
    return [name for name, value in before.items() if torch.equal(value, after[name])]


def measured(way, seed=0, steps=1000):
    """Train in one of WAYS; returns what was measured, a dict, and the generator.

    The dict: all of `score`; "reads" and "finds", what D prefers, see `reads_captions`; "seconds";
    and "reads over time" and "obeys over time", lists with a value each hundred steps.
    """
    row = {"reads over time": [], "obeys over time": []}

    def note(run):
        if run.step % 100 == 0:
            row["reads over time"].append(round(reads_captions(run.discriminator, 500), 4))
            row["obeys over time"].append(round(obeys(run.average, fresh(500)[1]), 4))
    run = train(way, seed, steps=steps, preview=note, every_seconds=0)
    generator = run.average.eval()
    scores = score_pictures(generator) | {"reads": reads_captions(run.discriminator),
                                 "finds": reads_captions(run.discriminator, by_match=True),
                                 "seconds": run.seconds}
    return row | {key: round(value, 4) for key, value in scores.items()}, generator


def compare(found=None, write=None):
    """All WAYS with one seed, then SEVERAL with a second: see `compare_ways`."""
    return compare_ways(SEVERAL, seeds=2, write=write,
                        found=compare_ways(WAYS, seeds=1, write=write, found=found))


def compare_ways(ways, steps=1000, seeds=3, write=None, found=None):
    """Train in each of ways on one budget, seed by seed; returns what was measured, a dict.

    "steps", "batch", "real" (see `ends`) and "ways": name -> "runs", a list with a dict a seed, see
    `measured`, and "images", what the first seed drew for SAMPLES, see `loss_study.strip`.
    write(found): is called after each run. found: of an earlier call that was cut off, to go on
    from.
    """
    found = found or {"steps": steps, "batch": 64, "real": ends(),
                      "ways": {name: {"runs": []} for name in ways}}
    for seed in range(seeds):
        for name in ways:
            this = found["ways"][name]
            if seed < len(this["runs"]):
                continue
            row, generator = measured(name, seed, steps)
            this["runs"].append(row)
            if seed == 0:
                this["images"] = loss_study.strip(draw_pictures(generator, SAMPLES))
            if write:
                write(found)
    return found


def ends(n=2000, seed=40_000):
    """What real pictures reach, a dict: "own", read against their own captions, and "other",
    against those of the next pictures."""
    pictures, texts = fresh(n, seed)
    read, _ = read_pictures(picture_judge(), pictures)
    said = vocabulary.asked_seen(texts)
    return {"own": float(clips.follows(read, said).mean()),
            "other": float(clips.follows(read, said.roll(-1, 0)).mean())}
