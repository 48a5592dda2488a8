"""The scoreboard: what each lesson's model reached, beside what chance and real films reach.

One row a lesson in data/scoreboard.json. `python -m lessons study scoreboard` writes it anew from
the scores that data/weights.json and data/losses.json hold, and from fresh real films.
"""

import json

import numpy as np
import pandas as pd

from lessons.display.tables import score_table
from lessons.engine import checkpoints, weights
from lessons.judges import two_samples
from lessons.judges.clips import clip_judge, read_clips, text_match
from lessons.studies import study
from lessons.studies.measures import MEASURES, RATIO
from lessons.world.scene import MUSIC
from lessons.world.theatre import Theatre

FILE = "scoreboard.json"
COLUMNS = {name: MEASURES[name] for name in (
    "train", "heldout", "told apart", "told apart half", "realism", "variety of place", "dynamics",
    "flicker", "legs", "sync", "music", "sound realism", "parameters", "minutes")}


def read():
    """The scoreboard: {"chance": scores, "ceiling": scores, "rows": [row]}, a row with its "lesson"
    (a number), "name" and "scores".

    scores: a dict with some of COLUMNS -> float; what is missing was not measured.
    """
    return json.loads((weights.DATA / FILE).read_text(encoding="utf-8"))


def write_row(lesson, name, scores, board=None):
    """Put a lesson's row on the scoreboard, in place of its former one; returns the scoreboard.

    lesson: its number. name: the model in a few words. scores: as for `read`; other keys are left
    out, and so is nan. board: the scoreboard to begin with, by default the one in data/.
    """
    board = board or read()
    rows = [row for row in board["rows"] if row["lesson"] != lesson]
    rows.append({"lesson": lesson, "name": name, "scores": _tidy(scores)})
    board = board | {"rows": sorted(rows, key=lambda row: row["lesson"])}
    text = json.dumps(board, indent=1, ensure_ascii=False) + "\n"
    checkpoints.write_whole(weights.DATA / FILE, text.encode())
    return board


def _tidy(scores):
    return {key: round(float(scores[key]), 4) for key in COLUMNS
            if key in scores and np.isfinite(scores[key])}


def from_shipped(name, minutes=None):
    """The scores, with keys of COLUMNS, that data/weights.json lists for the file data/name."""
    scores = dict(weights.listed(name)["scores"])
    for prefix in ("", "sound "):
        if prefix + "frechet" in scores:
            scores[prefix + "realism"] = scores[prefix + "frechet"] / scores[prefix + "floor"]
    scores["parameters"] = sum(value.numel() for value in weights.shipped(name).values()) / 1e6
    return scores | ({"minutes": minutes} if minutes else {})


def chance_and_ceiling(n=512, seed=50_000):
    """What real films reach (two dicts of scores): under captions of others, and under their own.

    All the ratios of COLUMNS have real films below the line, so that theirs are 1.
    """
    ears, heard = (weights.listed(f"{name}.safetensors")["scores"]
                   for name in ("sound_judge", "sound"))
    chance = {"music": 1 / len(MUSIC), "sync": heard["sync shuffled"]}
    ceiling = {name: 1.0 for name, measure in COLUMNS.items() if measure.kind == RATIO} \
        | {"music": ears["train music"], "sync": heard["sync real"]} | two_samples.floor_of_apart()
    for split in ("train", "heldout"):
        clips = Theatre().sample(n, seed, split)
        reading = read_clips(clip_judge(), clips.video)
        ceiling[split] = text_match(reading, clips.captions)["all"]
        chance[split] = text_match(reading, clips.captions[1:] + clips.captions[:1])["all"]
    return _tidy(chance), _tidy(ceiling)


def show(board=None):
    """Show the scoreboard as a table: a row a lesson, between those of chance and of real films."""
    board = board or read()
    rows = {"chance: captions of other films": board["chance"]} \
        | {f"{row['lesson']} · {row['name']}": row["scores"] for row in board["rows"]} \
        | {"ceiling: real films": board["ceiling"]}
    score_table({name: [scores] for name, scores in rows.items()}, COLUMNS,
                "The scoreboard, a table with one row a lesson between a row for chance and a row "
                "for real films: " + in_words(rows))


def in_words(rows):
    """The scoreboard in words: name and numbers of each row."""
    return "; ".join(f"{name}: " + (", ".join(
        f"{COLUMNS[key].title} {COLUMNS[key].text(value)}".replace("\n", " ")
        for key, value in scores.items()) or "nothing measured") for name, scores in rows.items()) \
        + "."


def write_anew():
    """Write the scoreboard anew from what was measured, row by row."""
    chance, ceiling = chance_and_ceiling()
    board = {"chance": chance, "ceiling": ceiling, "rows": []}
    board = write_row(1, "MLP GAN (digits)", from_shipped("mnist.safetensors", minutes=3), board)
    runs = pd.DataFrame(study.stored("losses")["runs"])
    best = runs.groupby("variant")["frechet"].mean().idxmin()
    runs = runs[runs["variant"] == best]
    scores = {"realism": (runs["frechet"] / runs["floor"]).mean(),
              "minutes": runs["seconds"].min() / 60,  # the least disturbed run
              "parameters": board["rows"][0]["scores"]["parameters"]}
    write_row(2, f"best loss ({best}; digits)", scores, board)
    write_row(3, "pictures (who, colour, direction)", from_shipped("pictures.safetensors"))
    films, heard = (from_shipped(f"{name}.safetensors") for name in ("theatre", "sound"))
    write_row(4, "films from captions", films)
    both = {key: films[key] + heard[key] for key in ("parameters", "minutes")}
    write_row(7, "films with sound", heard | films | both)
