"""Lesson 6's comparison: what makes a film consistent."""


import torch
from torch import nn

from lessons import frames, priors, text_to_video, video
from lessons.judges import clips
from lessons.studies import attention_study
from lessons.studies.scores import score_consistency
from lessons.temporal_consistency import FramesOnly, SparseFrames


class FreshNoise(nn.Module):
    """In the place of what the oscillator says: noise that every frame draws anew."""

    def __init__(self, width=160):
        super().__init__()
        self.linear = nn.Linear(2 * len(priors.OVERTONES), width)

    def forward(self, swing):
        return self.linear(torch.randn_like(swing))


class EachFrame(nn.Module):
    """In the place of the GRU: every frame by itself."""

    def __init__(self, width=160):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, 3 * width), nn.LeakyReLU(0.2),
                                    nn.Linear(3 * width, width))

    def forward(self, x):
        return self.layers(x), None


def without_path():
    """Lesson 4's generator whose frames share only who is there: no oscillator, no GRU."""
    generator = priors.TheatreGenerator()
    generator.swing, generator.carry = FreshNoise(), EachFrame()
    return generator


class OfFrames(video.MatchAndSpread):
    """What lesson 4 adds to the losses, without the energy score of the changes from frame to
    frame."""

    def generator(self, real, fake, more, conditions):
        return self.match * self.discriminator(more, conditions) \
            + self.spread * video.energy_score(real, fake)


class Bend(video.MatchAndSpread):
    """What lesson 4 adds to the losses, and a plain penalty on every bend of a path:

        weight * mean of (x[t + 1] - 2 x[t] + x[t - 1])^2

    over the place and the motion. It does not ask whether a real path bends there.
    """

    def __init__(self, weight=0.1):
        super().__init__()
        self.weight = weight

    def generator(self, real, fake, more, conditions):
        bend = fake[..., frames.CONTENT:].diff(n=2, dim=1).square().mean()
        return super().generator(real, fake, more, conditions) + self.weight * bend


GAME = "lesson 4's game"


# name -> generator, discriminator, what is added to the losses. The first has no remedy against
# frames that do not follow from each other; the next three have one each, then come all that lesson
# 4 has, the same without a smooth path, and the same with a penalty.
VARIANTS = {
    "frames only": (priors.TheatreGenerator, FramesOnly, OfFrames),
    "temporal discriminator": (priors.TheatreGenerator, video.PathDiscriminator, OfFrames),
    "sparse frames": (priors.TheatreGenerator, SparseFrames, OfFrames),
    "energy score of changes": (priors.TheatreGenerator, FramesOnly, video.MatchAndSpread),
    GAME: (priors.TheatreGenerator, video.PathDiscriminator, video.MatchAndSpread),
    "noise anew in each frame": (without_path, video.PathDiscriminator, video.MatchAndSpread),
    "penalty on bends": (priors.TheatreGenerator, video.PathDiscriminator, Bend),
}


def play(name, paths, wordings, seed=0, **length):
    """The game over paths of `priors.train_paths` for one of VARIANTS; returns the Run.

    paths: standardised, (N, T, D). length: steps=... or minutes=...
    """
    generator, discriminator, extra = VARIANTS[name]
    return priors.train_paths(paths, wordings, seed=seed, extra=extra(),
                             networks=lambda: (generator(), discriminator()), **length)


def measured(model, n=256, seed=70_000):
    """`score` of a model, and "two": the share of n captions of two actions that it obeys."""
    torch.manual_seed(seed)  # for noise that is drawn anew in each frame
    _, texts = attention_study.two_actions(n, seed)
    reading = clips.read_clips(clips.clip_judge(), text_to_video.film(model, texts, 1, seed).video)
    scores = score_consistency(lambda *wish: text_to_video.film(model, *wish).video, n, seed)
    scores["two"] = attention_study.read_order(reading, texts)["two"]
    return {name: round(value, 4) for name, value in scores.items()}


def compare(steps=800, seeds=2, films=8000, n=128, found=None, write=None):
    """Play each of VARIANTS on one budget, seed by seed; returns what was measured, a dict.

    "steps", and "variants": name -> a list with a dict a seed: the scores of `measured` with n
    captions, without `priors.calm`; "calm", the same with it, for lesson 4's game; "seconds" a
    step, "parameters" of both networks. found: what was measured before, to go on from.
    write(found): called after each run.
    """
    if not found or found["steps"] != steps:
        found = {"steps": steps, "variants": {name: [] for name in VARIANTS}}
    left = [(seed, name) for seed in range(seeds) for name in VARIANTS
            if seed not in [run["seed"] for run in found["variants"][name]]]
    if not left:
        return found
    model = text_to_video.load_model("theatre")
    paths, wordings = attention_study.material(model, films)
    for seed, name in left:
        run = play(name, paths, wordings, seed, steps=steps)
        model.generator = run.average.train()  # so that `calm` does not help
        row = {"seed": seed} | measured(model, n)
        row |= {"seconds": round(run.seconds / run.step, 4),
                "parameters": sum(weight.numel() for part in (run.generator, run.discriminator)
                                  for weight in part.parameters())}
        if name == GAME:
            model.generator.eval()
            row["calm"] = measured(model, n)
        found["variants"][name].append(row)
        if write:
            write(found)
    return found
