"""The scoreboard: what each lesson's model reached, beside what chance and real films reach.

One row a lesson in data/scoreboard.json. `python -m lessons study scoreboard` writes it anew from
the scores that data/weights.json and data/losses.json hold, and from fresh real films.
"""

import json

import matplotlib.pyplot as plt
import numpy as np

from lessons.display import show
from lessons.engine import checkpoints, weights
from lessons.judges.clips import clip_judge, read_clips, text_match
from lessons.studies import study
from lessons.world.scene import MUSIC
from lessons.world.theatre import Theatre

FILE = "scoreboard.json"


# key -> (title, whether it is a share, the best value; None where no value is best)
COLUMNS = {"train": ("captions\nobeyed", True, 1), "heldout": ("held-out\ncaptions", True, 1),
           "realism": ("Fréchet\n/ floor", False, 1), "variety": ("variety\nof place", False, 1),
           "dynamics": ("motion\n/ real", False, 1), "flicker": ("flicker\n/ real", False, 1),
           "legs": ("legs\n/ real", False, 1), "sync": ("sound in\ntime", True, 1),
           "music": ("music as\nasked", True, 1), "sound": ("Fréchet\nof sound", False, 1),
           "parameters": ("weights\n(million)", False, None),
           "minutes": ("training\n(minutes)", False, None)}


NAMES = 4.6  # the width of the names, in columns


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
    if "frechet" in scores:
        scores["realism"] = scores["frechet"] / scores["floor"]
    if "variety of place" in scores:
        scores["variety"] = scores["variety of place"]
    if "sound frechet" in scores:
        scores["sound"] = scores["sound frechet"] / scores["sound floor"]
    scores["parameters"] = sum(value.numel() for value in weights.shipped(name).values()) / 1e6
    if minutes:
        scores["minutes"] = minutes
    return scores


def chance_and_ceiling(n=512, seed=50_000):
    """What real films reach (two dicts of scores): under captions of others, and under their own.

    All the ratios of COLUMNS have real films below the line, so that theirs are 1.
    """
    chance, judge = {}, clip_judge()
    ceiling = dict.fromkeys(("realism", "variety", "dynamics", "flicker", "legs", "sound"), 1.0)
    ears, heard = (weights.listed(f"{name}.safetensors")["scores"]
                   for name in ("sound_judge", "sound"))
    chance |= {"music": 1 / len(MUSIC), "sync": heard["sync shuffled"]}
    ceiling |= {"music": ears["train music"], "sync": heard["sync real"]}
    for split in ("train", "heldout"):
        clips = Theatre().sample(n, seed, split)
        reading = read_clips(judge, clips.video)
        swapped = clips.captions[1:] + clips.captions[:1]
        ceiling[split] = text_match(reading, clips.captions)["all"]
        chance[split] = text_match(reading, swapped)["all"]
    return _tidy(chance), _tidy(ceiling)


def draw(board=None):
    """Show the scoreboard as a table: a row a lesson, between those of chance and of real films.

    The bar in a cell is full where the number is the best there can be.
    """
    board = board or read()
    rows = [("chance: captions of other films", board["chance"]),
            *((f"{row['lesson']} · {row['name']}", row["scores"]) for row in board["rows"]),
            ("ceiling: real films", board["ceiling"])]
    fig, ax = plt.subplots(figsize=(0.86 * (NAMES + len(COLUMNS)), 0.52 * len(rows) + 0.8))
    for i, (key, (heading, share, best)) in enumerate(COLUMNS.items()):
        x = NAMES + i
        ax.text(x + 0.4, -0.78, heading, ha="center", va="center", fontsize=9)
        for y, (_, scores) in enumerate(rows):
            value = scores.get(key)
            ax.text(x + 0.4, y - 0.06, _text(value, share), ha="center", va="center", fontsize=10,
                    color="#888888" if value is None else "black")
            if value is not None and best is not None:
                _bar(ax, x, y + 0.3, _share(value, best), outer=y in (0, len(rows) - 1))
    for y, (name, _) in enumerate(rows):
        outer = y in (0, len(rows) - 1)
        ax.text(0, y, name, va="center", fontsize=10, style="italic" if outer else "normal")
    for y in (-0.42, 0.5, len(rows) - 1.5):
        ax.axhline(y, color="#999999", linewidth=0.6)
    ax.set(xlim=(-0.05, NAMES + len(COLUMNS)), ylim=(len(rows) - 0.4, -1.2))
    ax.axis("off")
    show.figure(fig, "The scoreboard, a table with one row a lesson between a row for chance and a "
                     "row for real films: " + describe(board))


def describe(board):
    """The scoreboard in words: name and numbers of each row."""
    rows = [("chance", board["chance"]), *((f"lesson {row['lesson']}", row["scores"])
                                           for row in board["rows"]), ("real", board["ceiling"])]
    return "; ".join(f"{name}: " + (", ".join(
        f"{COLUMNS[key][0]} {_text(value, COLUMNS[key][1])}".replace("\n", " ")
        for key, value in scores.items()) or "nothing measured") for name, scores in rows) + "."


def _text(value, share):
    """A number as it stands in a cell."""
    if value is None:
        return "–"
    return f"{value:.0%}" if share else f"{value:.0f}" if value >= 100 else f"{value:.2f}"


def _share(value, best):
    """How full a bar is: a number that may lie on either side of the best, as a share of it."""
    return min(value / best, best / value) if value > 0 else 0.0


def _bar(ax, x, y, share, outer):
    ax.plot([x, x + 0.8], [y, y], color="#dddddd", linewidth=3, solid_capstyle="butt")
    ax.plot([x, x + 0.8 * share], [y, y], color="#888888" if outer else show.BLUE, linewidth=3,
            solid_capstyle="butt")


def compare(found=None, write=None):
    """Write the scoreboard anew from what was measured, row by row."""
    chance, ceiling = chance_and_ceiling()
    board = {"chance": chance, "ceiling": ceiling, "rows": []}
    board = write_row(1, "MLP GAN (digits)", from_shipped("mnist.safetensors", minutes=3), board)
    found = study.found("losses")["losses"]
    name, runs = min(((name, loss["runs"]) for name, loss in found.items()),
                     key=lambda item: np.mean([run["frechet"] for run in item[1]]))
    scores = {"realism": np.mean([run["frechet"] / run["floor"] for run in runs]),
              "minutes": min(run["seconds"] for run in runs) / 60,  # the least disturbed run
              "parameters": board["rows"][0]["scores"]["parameters"]}
    write_row(2, f"best loss ({name}; digits)", scores, board)
    write_row(3, "pictures (who, colour, direction)", from_shipped("pictures.safetensors"))
    films, heard = (from_shipped(f"{name}.safetensors") for name in ("theatre", "sound"))
    write_row(4, "films from captions", films)
    both = {key: films[key] + heard[key] for key in ("parameters", "minutes")}
    write_row(7, "films with sound", heard | films | both)
    print(describe(read()))
