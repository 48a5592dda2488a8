"""Lesson 8's table: what each idea of the course is worth."""

import functools
import math
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

from lessons import priors, temporal_consistency, text_to_video
from lessons.display import show
from lessons.frames import mean_and_spread
from lessons.judges import gait
from lessons.priors import TheatreGenerator
from lessons.studies import attention_study, consistency_study, sound_study
from lessons.studies.scores import score_films, sound_scores
from lessons.video import MatchAndSpread, PathDiscriminator
from lessons.world import captions, theatre
from lessons.world.theatre import Theatre


# What is each idea of the course worth? ---------------------------------------------------------
class SeesNoCaption(PathDiscriminator):
    """Lesson 4's discriminator, to which every caption is the same single word."""

    def forward(self, paths, ids, *_):
        return super().forward(paths, torch.ones_like(ids[:, :1]))


def without_attention():
    """Lesson 4's networks with one vector of the sentence in the place of attention."""
    return attention_study.variant("sentence vector only", TheatreGenerator(), PathDiscriminator())


# what is taken away -> the two networks, and what is added to their losses
GAMES = {
    "nothing": (None, MatchAndSpread()),
    # without the energy score, which compares films of one caption and so teaches words as well
    "3 · D sees the caption": (lambda: (TheatreGenerator(), SeesNoCaption()),
                               MatchAndSpread(match=0, spread=0)),
    "4 · a path through time": (
        lambda: (consistency_study.without_path(), PathDiscriminator()), MatchAndSpread()),
    "4 · energy score": (None, MatchAndSpread(spread=0)),
    "5 · attention": (without_attention, MatchAndSpread()),
    "6 · D sees changes": (lambda: (TheatreGenerator(), temporal_consistency.FramesOnly()),
                           consistency_study.OfFrames()),
}


# the same for sound, all with the films of the first: one of `priors.VARIANTS`
SOUNDS = {"nothing": "shipped", "7 · D hears sound and path": "sound alone"}


def measured(film, n=384, seed=60_000):
    """The numbers of a row, as a dict of floats: some of `scores.score_films`, and "jerk"; where
    the films have sound, "sync share" and "music". film(texts, count, seed) -> films, `count` of
    each caption in a row."""
    scores = score_films(lambda *wish: film(*wish).video, n, seed)
    scenes = theatre.all_scenes(n, seed)
    made = film([captions.describe(scene) for scene in scenes], 1, seed)
    real = Theatre().film(scenes, seed)
    jerks = [float(temporal_consistency.jerk(gait.places(clips.video)).mean())
             for clips in (made, real)]
    row = {"obeyed": scores["train"], "held out": scores["heldout"], "two": scores["train two"],
           "realism": scores["frechet"] / scores["floor"], "variety": scores["variety of place"],
           "dynamics": scores["dynamics"], "flicker": scores["flicker"],
           "jerk": jerks[0] / jerks[1]}
    if made.audio.any():
        sound = sound_scores(made, scenes, seed)
        row |= {"sync": sound["sync share"], "music": sound["music"]}
    return {name: round(value, 4) for name, value in row.items()}


def real_films(texts, count=1, seed=0):
    """`Clips` of the theatre that show captions, `count` of each: the ceiling of the table."""
    scenes = [captions.parse(text).complete(np.random.default_rng(seed)) for text in texts]
    return Theatre().film([scene for scene in scenes for _ in range(count)], seed + 10)


def real_films_of_others(texts, count=1, seed=0):
    """As `real_films`, but each caption with the films of the one before, and each film with the
    sound of another: the floor of the table."""
    clips = real_films(texts[-1:] + texts[:-1], count, seed)
    return replace(clips, audio=np.roll(clips.audio, 2, axis=0))


# what the rows stand between
REFERENCES = {"real films": real_films, "real films of other captions": real_films_of_others}


def compare(steps=1200, seeds=3, films=8000, found=None, write=None):
    """Play without each idea on one budget, seed by seed; returns what was measured, a dict.

    "steps"; "references": name of REFERENCES -> `measured`'s dict; and "ideas": name of GAMES or
    SOUNDS -> a list with such a dict a seed, and its "seed". found: what was measured before, to go
    on from; write(found): called after each game.
    """
    if not found or found["steps"] != steps:
        found = {"steps": steps, "ideas": {name: [] for name in GAMES | SOUNDS},
                 "references": {name: measured(film) for name, film in REFERENCES.items()}}
    left = [(seed, name) for seed in range(seeds) for name in GAMES
            if seed not in [row["seed"] for row in found["ideas"][name]]]
    if not left:
        return found
    model = text_to_video.load_model("theatre", sound=False)
    material, tapes = attention_study.material(model, films), sound_study.world(films)
    for seed, name in left:
        networks, extra = GAMES[name]
        run = priors.train_paths(*material, networks=networks, extra=extra, seed=seed, steps=steps)
        model.generator = run.average.eval()
        for row, kind in (SOUNDS if name == "nothing" else {name: None}).items():
            model.sound = kind and heard(tapes, kind, seed, steps)
            scores = measured(functools.partial(text_to_video.film, model))
            found["ideas"][row].append({"seed": seed} | scores)
        if write:
            write(found)
    return found


def heard(tapes, kind, seed, steps):
    """The sound of a game of lesson 7, one of `priors.VARIANTS`. tapes: of `sound_study.world`."""
    waves, paths, *said = tapes
    middle, spread = mean_and_spread(paths)
    run = priors.train_sound(waves, (paths - middle) / spread, *said, variant=kind, seed=seed,
                            steps=steps)
    return priors.sound_model(run, paths)


def clear(whole, without):
    """Do two lists of numbers, one a seed, lie apart? True where every number of the one is above
    every number of the other; what overlaps may be chance."""
    return min(whole) > max(without) or max(whole) < min(without)


# what is measured -> heading, and whether it is a share (1 is best) or a ratio to real films
COLUMNS = {"obeyed": ("captions\nobeyed", True), "held out": ("held-out\ncaptions", True),
           "two": ("two\nactions", True), "realism": ("Fréchet\n/ floor", False),
           "variety": ("variety\nof place", False), "dynamics": ("motion\n/ real", False),
           "flicker": ("flicker\n/ real", False), "jerk": ("jerk\n/ real", False),
           "sync": ("steps in time,\nabove luck", True), "music": ("music\nas asked", True)}


def loss(key, value):
    """How much is lost, 0 (as real films) to 1 (all, or off by a factor of three)."""
    if COLUMNS[key][1]:
        return 1 - min(1.0, max(0.0, value))
    return min(1.0, abs(math.log(max(value, 1e-3))) / math.log(3))


def draw(found):
    """The table of the whole course as a figure. found: of `compared`.

    A row for each idea that is taken away, between those of real films; a column for each number:
    the mean over the seeds, below it their range. The darker a cell, the further from real films; a
    frame marks what lies apart from the row with all ideas (`clear`).
    """
    first, last = REFERENCES
    rows = {first: [found["references"][first]]}
    rows |= {f"without {name}" if name != "nothing" else "all ideas": row
             for name, row in found["ideas"].items()} | {last: [found["references"][last]]}
    fig, ax = plt.subplots(figsize=(12, 0.62 * len(rows) + 1.2))
    paint = LinearSegmentedColormap.from_list("loss", ["white", show.ORANGE])
    for y, (name, measures) in enumerate(rows.items()):
        ax.text(-0.15, y, name, ha="right", va="center",
                style="italic" if name in REFERENCES else "normal")
        for x, key in enumerate(COLUMNS):
            values = [row[key] for row in measures if key in row]
            if values:
                whole = [row[key] for row in rows["all ideas"]]
                _cell(ax, x, y, key, values, paint,
                      name.startswith("without") and clear(whole, values))
    for x, (heading, _) in enumerate(COLUMNS.values()):
        ax.text(x + 0.5, -0.85, heading, ha="center", va="center", fontsize=9)
    ax.set(xlim=(-2.9, len(COLUMNS)), ylim=(len(rows) - 0.4, -1.3))
    ax.axis("off")
    return fig


def _cell(ax, x, y, key, values, paint, apart):
    digits = ".0%" if COLUMNS[key][1] else ".0f" if max(values) >= 10 else ".2f"
    form = f"{{:{digits}}}".format
    mean = sum(values) / len(values)
    ax.add_patch(Rectangle((x + 0.04, y - 0.44), 0.92, 0.88, facecolor=paint(loss(key, mean)),
                           edgecolor="#222222" if apart else "#dddddd",
                           linewidth=1.8 if apart else 0.8))
    many = form(min(values)) != form(max(values))
    ax.text(x + 0.5, y - 0.1 * many, form(mean), ha="center", va="center", fontsize=10,
            fontweight="bold" if apart else "normal")
    if many:
        ax.text(x + 0.5, y + 0.25, f"{form(min(values))} to {form(max(values))}", ha="center",
                va="center", fontsize=6.5)
