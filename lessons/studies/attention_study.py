"""Lesson 5's comparison: the game with and without attention."""


import torch
from torch import nn

from lessons import priors, text_to_video, video
from lessons.attention import right_verb_wins
from lessons.judges import clips
from lessons.world import captions, vocabulary
from lessons.world.theatre import Theatre, own_frames
from lessons.world.vocabulary import Wordings, verbs


# What is it worth? ----------------------------------------------------------------------------
class SentenceOnly(nn.Module):
    """In the place of `WordAttention`: one vector of the whole sentence, the same for every frame.

    It is made from the words' states, so it may know which verb came first; and a learnt vector is
    added for each frame, so that the frames may know which they are.
    """

    def __init__(self, questions, heads=2, width=64):
        super().__init__()
        self.moments = nn.Parameter(torch.randn(questions, heads * width) / 8)
        self.sum_up = nn.Sequential(nn.Linear(width, heads * width), nn.LeakyReLU(0.2),
                                    nn.Linear(heads * width, heads * width))

    def forward(self, words, states, there):
        sentence = self.sum_up(states.sum(1) / there.sum(1, keepdim=True).clamp(min=1).sqrt())
        return _for_all(sentence, there, self.moments)


class WordMean(nn.Module):
    """In the place of `WordAttention`: the plain mean of the words, the same for every frame.

    A mean has no order: of two verbs it cannot tell which came first. A learnt vector is added for
    each frame, as in `SentenceOnly`.
    """

    def __init__(self, questions, heads=2, width=64):
        super().__init__()
        self.moments, self.heads = nn.Parameter(torch.randn(questions, heads * width) / 8), heads

    def forward(self, words, states, there):
        mean = words.sum(1) / there.sum(1, keepdim=True).clamp(min=1)          # (N, E)
        return _for_all(mean.repeat(1, self.heads), there, self.moments)


def _for_all(answer, there, moments):
    """One answer (N, V) to all questions, plus what is learnt for each of them, moments (Q, V),
    with attention that is the same for all words."""
    even = there / there.sum(1, keepdim=True).clamp(min=1)                     # (N, L)
    return answer[:, None] + moments, \
        even[:, None, None].expand(-1, 1, len(moments), -1)


# name -> what stands in the place of attention (None: attention itself), and what matching weighs
VARIANTS = {"attention": (None, 0.3), "sentence vector only": (SentenceOnly, 0.3),
            "mean of the words": (WordMean, 0.3), "attention, no matching": (None, 0.0)}


def variant(name, generator, discriminator):
    """Take attention out of two networks, in place, as VARIANTS says for this name."""
    part, _ = VARIANTS[name]
    for network in (generator, discriminator):
        for place, questions in (("who", 1), ("what", 16)):
            if part and hasattr(network, place):
                setattr(network, place, part(questions))
    return generator, discriminator


def play(name, paths, wordings, seed=0, **length):
    """The game of `priors.train_paths` for one of VARIANTS; returns the Run."""
    return priors.train_paths(
        paths, wordings, seed=seed, extra=video.MatchAndSpread(match=VARIANTS[name][1]),
        networks=lambda: variant(name, priors.TheatreGenerator(), video.PathDiscriminator()),
        **length)


def two_actions(n, seed, language="en", rng=None):
    """n captions of two actions, of scenes of both splits: plain, or varied by rng."""
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


def measured(model, n, seed=60_000):
    """Scores of a model's films of n plain captions of two actions: those of `read_order`, and
    "wins", the mean of `right_verb_wins` one frame away from the switch or more."""
    _, texts = two_actions(n, seed)
    films = text_to_video.film(model, texts, seed=seed)
    wins = right_verb_wins(torch.as_tensor(films.attention), verbs(texts), own_frames(margin=1))
    scores = read_order(clips.read_clips(clips.clip_judge(), films.video), texts)
    scores["wins"] = float(wins.mean())
    return {name: round(value, 4) for name, value in scores.items()}


def material(model, films):
    """What a game is played with: paths of so many real films, two of each scene, standardised,
    (N, T, D), and the `Wordings` of the scenes. The model's `middle` and `spread` become those of
    these paths."""
    scenes = Theatre.scenes(films // 2, 0)
    both = priors.in_pairs(scenes)
    paths = torch.cat([model.autoencoder.paths(Theatre().film(both[i:i + 500], i).video)
                       for i in range(0, films, 500)])                         # (N, T, D)
    model.middle, model.spread = paths.mean((0, 1)), paths.std((0, 1)).clamp(min=1e-3)
    return (paths - model.middle) / model.spread, Wordings(scenes)


def compare(steps=1200, seeds=3, films=8000, every=200, found=None, write=None):
    """Play with each of VARIANTS on one budget, seed by seed; returns what was measured, a dict.

    "steps", "batch", "chance" and "ceiling" (scores of `read_order` for real films, under the
    captions of others and under their own), and "variants": name -> a list with a dict a seed: the
    scores of `measured` for 256 captions, "seconds" of training, and "curve", a list of scores for
    128 captions with their "step", one every `every` steps. found: what was measured before, to go
    on from. write(found): called after each run.
    """
    if not found or found["steps"] != steps:
        found = {"steps": steps, "batch": 64, "variants": {name: [] for name in VARIANTS}}
        scenes, texts = two_actions(256, 60_000)
        reading = clips.read_clips(clips.clip_judge(), Theatre().film(scenes, 1).video)
        found["ceiling"] = read_order(reading, texts)
        found["chance"] = read_order(reading, texts[1:] + texts[:1])
        if write:
            write(found)
    left = [(seed, name) for seed in range(seeds) for name in VARIANTS
            if seed not in [run["seed"] for run in found["variants"][name]]]
    if not left:
        return found
    model = text_to_video.load_model("theatre")
    paths, wordings = material(model, films)
    for seed, name in left:
        curve = []

        def watch(run, curve=curve):
            if run.step % every == 0:
                model.generator = run.average
                curve.append({"step": run.step} | measured(model, 128))
        run = play(name, paths, wordings, seed, steps=steps, preview=watch, every_seconds=0)
        model.generator = run.average.eval()
        found["variants"][name].append({"seed": seed} | measured(model, 256)
                                       | {"seconds": round(run.seconds, 1), "curve": curve})
        if write:
            write(found)
    return found
