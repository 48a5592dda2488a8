"""Lesson 4's path: from lesson 1's generator to one that moves, one idea at a time."""

import torch
from torch import nn

from lessons import priors, video
from lessons.frames import CONTENT, MOTION, PATH
from lessons.judges import clips
from lessons.signals.clip import FRAMES
from lessons.studies.ablations import prepare
from lessons.studies.scores import ratios
from lessons.studies.study import Study, rounded
from lessons.text_conditioning import TextEncoder, evenly
from lessons.video import LATENT, MatchAndSpread, PathDiscriminator, mlp
from lessons.world import captions
from lessons.world.theatre import Theatre
from lessons.world.vocabulary import ATTRIBUTES, WORDS, encode


class AllAtOnce(nn.Module):
    """Lesson 1's generator: noise (N, LATENT) and captions (N, L) -> paths (N, T, D), all numbers
    of a path at once."""

    def __init__(self):
        super().__init__()
        self.text = TextEncoder(WORDS)
        self.layers = mlp(64 + LATENT, 256, 512, FRAMES * PATH)

    def forward(self, z, ids, *_):
        _, _, sentence = self.text(ids)                                        # (N, 64)
        paths = self.layers(torch.cat([sentence, z], 1))                       # (N, T D)
        return paths.unflatten(1, (FRAMES, PATH))


class Carried(nn.Module):
    """Who is there is made once a film; a GRU carries what changes from frame to frame."""

    def __init__(self, width=160):
        super().__init__()
        self.text = TextEncoder(WORDS)
        self.content = mlp(64 + LATENT, 192, CONTENT)
        self.enter = nn.Linear(64 + LATENT, width)
        self.moment = nn.Parameter(torch.randn(FRAMES, width))  # which frame it is
        self.carry = nn.GRU(width, width, batch_first=True)
        self.leave = mlp(width, 256, 1 + MOTION)

    def forward(self, z, ids, *_):
        _, _, sentence = self.text(ids)
        film = torch.cat([sentence, z], 1)                                     # (N, 64 + LATENT)
        carried, _ = self.carry(self.each_frame(film))                         # (N, T, width)
        content = self.content(film)[:, None].expand(-1, FRAMES, -1)           # (N, T, CONTENT)
        return torch.cat([content, self.leave(carried)], 2)

    def each_frame(self, film):
        """What the GRU is told at each frame: (N, 64 + LATENT) -> (N, T, width)."""
        return self.enter(film)[:, None] + self.moment


class Turning(Carried):
    """... and an oscillator tells the GRU at each frame how far a step has come."""

    def __init__(self, width=160):
        super().__init__(width)
        self.speed, self.swing = nn.Linear(64, FRAMES), nn.Linear(2, width)

    def each_frame(self, film):
        speed = self.speed(film[:, :64])[..., None]                            # (N, T, 1)
        turned = priors.turns(evenly(film[:, -1:]), speed)                     # (N, T, 1)
        return super().each_frame(film) + self.swing(torch.cat([turned.sin(), turned.cos()], 2))

    def pace(self, _, ids):
        """How fast the oscillator turns, before the sigmoid, (N, T)."""
        return self.speed(self.text(ids)[2])


STEPS = {"MLP": (AllAtOnce, 0), "GRU": (Carried, 0), "oscillator": (Turning, 0),
         "energy score": (Turning, 0.3)}  # the generator, and what the energy score weighs


def play(name, paths, wordings, seed=0, **length):
    """The game over standardised paths (N, T, D), two of each scene of wordings in a row, as one of
    STEPS plays it; returns the Run."""
    torch.manual_seed(seed)
    pairs = paths.unflatten(0, (-1, 2))                                        # (N / 2, 2, T, D)
    speeds = priors.rhythm(paths[..., CONTENT + 1:]).view(-1, 2)               # (N / 2, 2)

    def draw(n, rng):
        rows = torch.randint(len(pairs), (n // 2,), generator=rng)
        ids, said = (part.repeat_interleave(2, 0) for part in wordings.draw(rows, rng))
        return pairs[rows].flatten(0, 1), ids, said, speeds[rows].flatten()
    kind, spread = STEPS[name]
    generator, discriminator, extra = kind(), PathDiscriminator(), MatchAndSpread(spread=spread)
    discriminator.pace.copy_(video.pace_of(paths))
    if kind is Turning:
        extra = priors.RhythmSupervision(generator, extra)
    return video.play("first steps", generator, discriminator, draw, extra=extra, seed=seed,
                      **length)


@torch.no_grad()
def make_films(model, generator, texts, seed=0):
    """Films uint8 (N, T, H, W, 3) of captions, as a generator of STEPS makes them."""
    z = torch.randn(len(texts), LATENT, generator=torch.Generator().manual_seed(seed))
    paths = generator(z, encode(texts, WORDS)) * model.spread + model.middle
    return model.autoencoder.films(paths)


def scores(model, generator, n=256, seed=60_000):
    """What the judge reads in films of n captions, their dynamics and flicker as shares of real
    ones, and how they vary: "variety of phase" and "variety of place" among 24 films of each of 16
    captions of one action."""
    scenes = Theatre.scenes(n, seed)
    texts = [captions.describe(scene) for scene in scenes]
    made, real = make_films(model, generator, texts, seed), Theatre().film(scenes, seed + 1).video
    found = clips.obeyed(clips.read_clips(clips.clip_judge(), made), texts)
    one = torch.tensor([len(scene.actions) == 1 for scene in scenes])
    read = {"train": found["all"].mean(), "train one": found["all"][one].mean(),
            "train two": found["all"][~one].mean()} \
        | {f"train {name}": found[name].mean() for name in ATTRIBUTES}
    single = [scene for scene in scenes if len(scene.actions) == 1 and scene.actions != ("stand",)]
    many = [scene for scene in single[:16] for _ in range(24)]
    both = (make_films(model, generator, [captions.describe(scene) for scene in many], seed),
            Theatre().film(many, seed).video)
    varied = (video_.reshape(-1, 24, *video_.shape[1:]) for video_ in both)
    return rounded(read | ratios(("dynamics", "flicker"), made, real)
                   | ratios(("variety of phase", "variety of place"), *varied))


def measure(shared, name, seed, steps, batch, films):
    """`scores` of a game, and its "seconds" of training."""
    model, *data = shared
    run = play(name, *data, seed, steps=steps, batch=batch)
    return scores(model, run.average.eval()) | {"seconds": round(run.seconds, 1)}


STUDY = Study("first_steps", [list(STEPS)] * 3, {"steps": 600, "batch": 64, "films": 2000}, measure,
              prepare)
