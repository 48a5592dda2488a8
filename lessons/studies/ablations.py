"""What each idea of the game over paths is worth: the studies of lessons 5, 6 and 8."""

import functools
from dataclasses import replace

import numpy as np
import torch

from lessons import temporal_consistency, text_to_video
from lessons.attention import right_verb_wins
from lessons.display.tables import score_table
from lessons.judges import clips, gait
from lessons.studies import sound
from lessons.studies.games import ALL, play, training_data
from lessons.studies.measures import MEASURES
from lessons.studies.scores import score_consistency, score_films, sound_scores
from lessons.studies.study import Study, rounded
from lessons.world import captions, theatre, vocabulary
from lessons.world.theatre import Theatre, own_frames
from lessons.world.vocabulary import verbs


def prepare(films, **_):
    """The shipped model, and what its games are played with."""
    model = text_to_video.load_model("theatre", sound=False)
    return model, *training_data(model, films)


# Lesson 5: with and without attention -----------------------------------------------------------
ATTENTION_GAMES = {"attention": ALL} | {name: name for name in (
    "sentence vector only", "mean of the words", "attention, no matching")}


def two_actions(n, seed, language="en", rng=None):
    """n scenes of two actions, of both splits, and their captions: plain, or varied by rng."""
    scenes = Theatre.scenes(3 * n, seed) + Theatre.scenes(n, seed, "heldout")
    scenes = [scene for scene in scenes if len(scene.actions) == 2][-n:]
    return scenes, [captions.describe(scene, rng, language) for scene in scenes]


@torch.no_grad()
def read_order(reading, texts):
    """How films of two actions are read: a dict of shares.

    "two": all that the caption says; "order": both actions, in their order; "reversed": both, the
    second one first.
    """
    said = vocabulary.asked(texts)                                              # (N, A)
    names = list(vocabulary.ATTRIBUTES)
    first, last = (reading[name].argmax(1) for name in ("first", "last"))
    one, two = (said[:, names.index(name)] for name in ("first", "last"))
    return {"two": float(clips.obeyed(reading, texts)["all"].mean()),
            "order": float(((first == one) & (last == two)).float().mean()),
            "reversed": float(((first == two) & (last == one)).float().mean())}


def attention_scores(model, n, seed=60_000):
    """Scores of a model's films of n plain captions of two actions: those of `read_order`, and
    "wins", the mean of `right_verb_wins` one frame away from the switch or more."""
    _, texts = two_actions(n, seed)
    films = text_to_video.film(model, texts, seed=seed)
    wins = right_verb_wins(torch.as_tensor(films.attention), verbs(texts), own_frames(margin=1))
    reading = clips.read_clips(clips.clip_judge(), films.video)
    return rounded(read_order(reading, texts) | {"wins": wins.mean()})


def measure_attention(shared, variant, seed, steps, batch, films, every):
    """`attention_scores` for 256 captions, "seconds" of training, and "curve": a list of scores
    for 128 captions with their "step", one every `every` steps."""
    model, *data = shared
    curve = []

    def note(run):
        if run.step % every == 0:
            model.generator = run.average
            curve.append({"step": run.step} | attention_scores(model, 128))
    run = play(ATTENTION_GAMES[variant], *data, seed, steps=steps, batch=batch, preview=note,
               every_seconds=0)
    model.generator = run.average.eval()
    return attention_scores(model, 256) | {"seconds": round(run.seconds, 1), "curve": curve}


def real_orders():
    """How real films of two actions are read, under their own captions and those of others."""
    scenes, texts = two_actions(256, 60_000)
    reading = clips.read_clips(clips.clip_judge(), Theatre().film(scenes, 1).video)
    return {"ceiling": read_order(reading, texts),
            "chance": read_order(reading, texts[1:] + texts[:1])}


ATTENTION = Study("attention", [list(ATTENTION_GAMES)] * 3,
                  {"steps": 1200, "batch": 64, "films": 8000, "every": 200}, measure_attention,
                  prepare, real_orders)


# Lesson 6: what makes a film consistent ---------------------------------------------------------
CONSISTENCY_GAMES = ["frames only", "temporal discriminator", "sparse frames",
                     "energy score of changes", ALL, "noise anew in each frame", "penalty on bends"]


def consistency_scores(model, n=256, seed=70_000):
    """`score_consistency` of a model, and "two": the share of n captions of two actions that it
    obeys."""
    torch.manual_seed(seed)  # for noise that is drawn anew in each frame
    _, texts = two_actions(n, seed)
    reading = clips.read_clips(clips.clip_judge(), text_to_video.film(model, texts, 1, seed).video)
    scores = score_consistency(lambda *wish: text_to_video.film(model, *wish).video, n, seed)
    return rounded(scores | {"two": read_order(reading, texts)["two"]})


def measure_consistency(shared, variant, seed, steps, films, captions):
    """`consistency_scores` for so many captions without `priors.calm`; "calm", the same with it,
    for lesson 4's game; "seconds" a step and "parameters" of both networks."""
    model, *data = shared
    run = play(variant, *data, seed, steps=steps)
    model.generator = run.average.train()  # so that `calm` does not help
    scores = consistency_scores(model, captions)
    if variant == ALL:
        model.generator.eval()
        scores["calm"] = consistency_scores(model, captions)
    return scores | {"seconds": round(run.seconds / run.step, 4),
                     "parameters": sum(weight.numel() for part in (run.generator, run.discriminator)
                                       for weight in part.parameters())}


CONSISTENCY = Study("consistency", [CONSISTENCY_GAMES] * 3,
                    {"steps": 800, "films": 8000, "captions": 128}, measure_consistency, prepare)


# Lesson 8: the ideas of all lessons, taken away one by one --------------------------------------
# what is taken away -> the game over paths, and of `sound.VARIANTS` the game over sounds, if any
IDEA_GAMES = {"nothing": (ALL, "shipped"),
              "3 · D sees the caption": ("D sees no caption", None),
              "4 · a path through time": ("noise anew in each frame", None),
              "4 · energy score": ("no energy score", None),
              "5 · attention": ("sentence vector only", None),
              "6 · D sees changes": ("frames only", None),
              "7 · D hears sound and path": (ALL, "sound alone")}


def idea_scores(film, n=384, seed=60_000):
    """Some of `score_films`, "jerk" and, where films have sound, "sync share" and "music".

    film(texts, count, seed) -> `Films`, `count` of each caption in a row.
    """
    scores = score_films(lambda *wish: film(*wish).video, n, seed)
    scenes = theatre.all_scenes(n, seed)
    made = film([captions.describe(scene) for scene in scenes], 1, seed)
    real = Theatre().film(scenes, seed)
    jerks = [temporal_consistency.jerk(gait.places(films.video)).mean() for films in (made, real)]
    scores |= {"realism": scores["frechet"] / scores["floor"], "jerk": jerks[0] / jerks[1]}
    if made.audio.any():
        scores |= sound_scores(made, scenes, seed)
    return rounded({name: scores[name] for name in SHOWN if name in scores})


SHOWN = ("train", "heldout", "train two", "realism", "variety of place", "dynamics", "flicker",
         "jerk", "sync share", "music")


def prepare_ideas(steps, films):
    """The shipped model; play_once(game, seed) -> its generator; and what sounds are made from."""
    model, *data = prepare(films)

    @functools.cache
    def play_once(game, seed):
        return play(game, *data, seed, steps=steps).average.eval()
    return model, play_once, sound.training_data(films)


def measure_idea(shared, idea, seed, steps, films):
    """`idea_scores` without an idea."""
    model, play_once, tapes = shared
    game, hearing = IDEA_GAMES[idea]
    model.generator = play_once(game, seed)
    model.sound = hearing and sound.train_variant(tapes, hearing, seed, steps=steps)[0]
    return idea_scores(functools.partial(text_to_video.film, model))


def real_films(texts, count=1, seed=0):
    """Real films of captions, `count` of each: the ceiling of the table."""
    scenes = [captions.parse(text).complete(np.random.default_rng(seed)) for text in texts]
    return Theatre().film([scene for scene in scenes for _ in range(count)], seed + 10)


def films_of_others(texts, count=1, seed=0):
    """As `real_films`, but with the films and the sounds of other captions: the floor."""
    films = real_films(texts[-1:] + texts[:-1], count, seed)
    return replace(films, audio=np.roll(films.audio, 2, axis=0))


REFERENCES = {"real films": real_films, "real films of other captions": films_of_others}
ABLATION = Study("ablation", [list(IDEA_GAMES)] * 3, {"steps": 1200, "films": 8000}, measure_idea,
                 prepare_ideas, lambda: {name: idea_scores(film) for name, film
                                         in REFERENCES.items()})


def ranges_apart(whole, without):
    """Whether of two lists of numbers, one a seed, every one of the one is above every one of the
    other; what overlaps may be chance."""
    return min(whole) > max(without) or max(whole) < min(without)


def show_ablation(results):
    """Show the results of ABLATION as a table: a row for each idea that is taken away, between
    those of real films. A frame marks what is apart from the row with all (`ranges_apart`)."""
    runs = {idea: [run for run in results["runs"] if run["variant"] == idea] for idea in IDEA_GAMES}
    whole, (first, last) = runs.pop("nothing"), results["references"].items()
    rows = {first[0]: [first[1]], "all ideas": whole} \
        | {f"without {idea}": row for idea, row in runs.items()} | {last[0]: [last[1]]}

    def apart(row, name):
        values = [[run[name] for run in part if name in run] for part in (whole, rows[row])]
        return row.startswith("without") and all(values) and ranges_apart(*values)
    score_table(rows, {name: MEASURES[name] for name in SHOWN},
                "A table of ten measures. Rows: real films, all ideas, each of six ideas taken "
                "away, real films of other captions. Without the caption nothing is obeyed, "
                "without attention one in four captions of two actions; without the energy score "
                "variety falls; without it or the look at changes jerk is twice that of real "
                "films; without the joint discriminator the steps are in time by luck only.",
                apart)
