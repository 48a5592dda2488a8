"""The finished product: a sentence becomes a film with sound.

One model films every world. A world brings its `Layout`, its vocabulary, and what is known of it
beforehand: the theatre that of `priors`, clips from elsewhere what lesson 9 measures in them.

Axes: N films, T frames of each, H and W pixels, C colours, D numbers a frame, L words of a caption,
S samples of sound.
"""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lessons import attention, frames, priors
from lessons.audio import SoundGenerator, SoundModel
from lessons.beyond import Clips, Measured, clips_layout, inside
from lessons.display.films import Films
from lessons.engine import checkpoints, distributed, training, weights
from lessons.engine.checkpoints import load_checkpoint, save_checkpoint
from lessons.engine.vocabulary import Vocabulary
from lessons.errors import CourseError
from lessons.frames import FrameAutoencoder, Layout, theatre_layout
from lessons.priors import TheatreGenerator, TheatreSound
from lessons.signals import clip, spectrogram, windows
from lessons.sources import datasets, words
from lessons.video import LATENT, PathDiscriminator, PathGenerator
from lessons.world import vocabulary
from lessons.world.theatre import Theatre

MODEL = "film"  # the name that a checkpoint of this module carries


@dataclass(frozen=True)
class Parts:
    """The functions of a finished model that are exercises of the course: each may be your own."""

    one_content: Callable = frames.one_content      # exercise 4.1
    paste: Callable = windows.paste                 # 4.2
    turns: Callable = priors.turns                  # 4.3
    attend: Callable = attention.attend             # 5.1
    with_size: Callable = spectrogram.with_size     # 7.2

    def own(self):
        """The names of those that are not the course's."""
        return [field.name for field in dataclasses.fields(self)
                if getattr(self, field.name) is not field.default]


LIBRARY = Parts()


class FilmModel(nn.Module):
    """The model of the course: captions and noise become paths, and paths films and sound.

    world: "theatre" or "clips", which says what is known beforehand; layout: a `frames.Layout`;
    vocabulary: its words, the first being padding; examples: some captions that it has met; sound:
    False where it has none; parts: `Parts`.
    """

    def __init__(self, world, layout, vocabulary, examples, sound=True, parts=LIBRARY):
        super().__init__()
        self.world, self.layout = world, layout
        self.examples, vocabulary = list(examples), Vocabulary(vocabulary)
        self.autoencoder = FrameAutoencoder(layout, parts.one_content, parts.paste)
        if world == "theatre":
            self.generator = TheatreGenerator(layout, vocabulary, attend=parts.attend,
                                              turns=parts.turns)
            heard, self.measured = TheatreSound, None
        else:
            self.generator = PathGenerator(layout, vocabulary, attend=parts.attend)
            heard, self.measured = SoundGenerator, Measured()
        self.sound = SoundModel(heard(layout, vocabulary), layout, parts.with_size) \
            if sound else None
        self.register_buffer("middle", torch.zeros(layout.path))  # of each number of real paths
        self.register_buffer("spread", torch.ones(layout.path))

    @property
    def vocabulary(self):
        """The words that the model knows, the first being padding."""
        return self.generator.text.vocabulary

    def standard(self, films):
        """Films uint8 (N, T, H, W, C) -> standardised paths (N, T, D)."""
        return (self.autoencoder.paths(films) - self.middle) / self.spread

    def encode(self, texts):
        """Captions as numbers of words, (N, L). Raises CourseError for one that it cannot read."""
        if not texts:
            raise CourseError(f"There is no caption: give one of words that the model has met, as "
                              f"in '{self.examples[0]}'.")
        if self.world == "theatre":
            return vocabulary.encode(texts, self.vocabulary)
        return words.encode(texts, self.vocabulary)

    @torch.no_grad()
    def paths(self, z, ids):
        """z (N, LATENT), captions (N, L) -> paths (N, T, D), attention (N, T, L)."""
        paths, attention = self.generator.explained(z, ids)
        paths = paths * self.spread + self.middle
        if self.measured:
            paths = inside(paths, self.measured.edges, self.layout.place)
        return paths, attention

    @torch.no_grad()
    def forward(self, z, ids, noise=None):
        """z (N, LATENT), captions (N, L) -> films uint8 (N, T, H, W, C), attention (N, T, L), sound
        (N, S), from noise (N, numbers that the sound's generator takes); silence without it."""
        paths, attention = self.paths(z, ids)
        waves = torch.zeros(len(z), clip.SAMPLES) if noise is None else \
            self.sound(noise, ids, paths)
        return self.autoencoder.films(paths), attention.cpu(), waves


def film(model, texts, count=1, seed=0, sound=True, chunk=64):
    """Films of captions: `count` of each, told apart by chance.

    model: of `load_model`; texts: list of captions, of the theatre's grammar or of words that the
    model's clips had; sound: False saves the time that it takes, and the pictures are the same.
    Raises CourseError for a caption that cannot be read.
    """
    ids = model.encode(texts).repeat_interleave(count, 0)                      # (N, L)
    rng, device = torch.Generator().manual_seed(seed), model.middle.device
    parts = [torch.randn(len(ids), LATENT, generator=rng), ids]
    if sound and model.sound:
        parts.append(torch.randn(len(ids), model.sound.generator.latent, generator=rng))
    made = [model(*(part.to(device) for part in some))
            for some in zip(*(part.split(chunk) for part in parts), strict=True)]
    video, attention, waves = zip(*made, strict=True)
    return Films(video=np.concatenate(video), audio=torch.cat(waves).numpy(),
                 captions=[text for text in texts for _ in range(count)],
                 attention=torch.cat(attention).numpy(), words=model.vocabulary.decode(ids))


# Models in folders, and those that come with the course -----------------------------------------
EXAMPLES = ["a red man walks"]


def load_model(place, sound=True, parts=LIBRARY):
    """The `FilmModel` that `train` left in a folder, or a shipped one, "theatre" or "digits".

    sound: False leaves its sound away; parts: `Parts`, with your own.
    """
    path = Path(place) / training.MODEL
    if str(place) in ("theatre", "digits"):
        tensors, facts = _shipped(str(place))
    else:
        tensors, facts = load_checkpoint(path)
        if facts.get("model") in ("theatre", "clips"):
            raise CourseError(f"The model in {path} was trained by an older version of the course: "
                              f"train it again in an empty folder.")
        tensors, facts = load_checkpoint(path, MODEL)
    if not sound:
        tensors = {name: value for name, value in tensors.items() if name[:6] != "sound."}
    layout = Layout(**{name: tuple(value) if isinstance(value, list) else value
                       for name, value in facts["layout"].items()})
    model = FilmModel(facts["world"], layout, facts["vocabulary"], facts["examples"],
                      sound and facts["sound"], parts)
    checkpoints.load_weights(model, tensors, path)
    return model.eval()


def _shipped(name):
    """Tensors and facts of a model that comes with the course."""
    file = f"{name}.safetensors"
    tensors, facts = weights.shipped(file), weights.shipped_facts(file)
    if name == "theatre":
        tensors |= {f"sound.{key}": value
                    for key, value in weights.shipped("sound.safetensors").items()}
        if facts["vocabulary"] != weights.shipped_facts("sound.safetensors")["vocabulary"]:
            raise CourseError("The shipped sound has other words than the shipped films: make it "
                              "anew with python -m lessons ship sound.")
        facts |= {"world": "theatre", "layout": theatre_layout(), "examples": EXAMPLES}
    else:
        facts |= {"world": "clips", "layout": clips_layout(facts["shape"], facts["window"])}
    return tensors, facts | {"layout": dataclasses.asdict(facts["layout"]), "sound": True}


def facts_of(model):
    """What a checkpoint says of a `FilmModel`, so that it can be built again."""
    return {"model": MODEL, "world": model.world, "layout": dataclasses.asdict(model.layout),
            "vocabulary": model.vocabulary, "examples": model.examples,
            "sound": model.sound is not None, "frames": clip.FRAMES, "fps": Films.fps}


# Training ---------------------------------------------------------------------------------------
class TheatreFilms:
    """Films of the theatre as `train` learns from them, two of each scene, all in memory.

    size: pixels of a side; films: how many are drawn. Once `prepare` was called, `beyond.Clips` of
    these films is the theatre without `priors`: what are these worth? Raises CourseError for a size
    that is no multiple of 16.
    """

    name, vocabulary, examples, heard = "theatre", vocabulary.WORDS, EXAMPLES, True
    # of the steps, or of the time when all films are drawn; the rest is for what lies between
    shares = {"autoencoder": 0.3, "paths": 0.42, "refiner": 0.08, "sound": 0.15}

    def __init__(self, size=48, films=8000):
        if size % 16 or not 32 <= size <= 128:
            raise CourseError(f"Films have a size of 32, 48, 64, ... or 128 pixels, not {size}: "
                              f"choose a multiple of 16.")
        self.layout, self.films, self.shape = theatre_layout(size), films, (size, size, 3)

    def prepare(self, seed):
        """Draw the films."""
        self.scenes = Theatre.scenes(self.films // 2, seed)
        clips = Theatre(self.layout.frame[0]).film(priors.in_pairs(self.scenes), seed)
        self.video, self.waves = (torch.from_numpy(part) for part in (clips.video, clips.audio))
        self.waves = self.waves.half()
        self.wordings = vocabulary.CaptionSampler(self.scenes, seed=seed)
        self.ids, _ = self.wordings.draw(torch.arange(len(self.scenes)),
                                         torch.Generator().manual_seed(seed))
        some = self.video[:: max(1, len(self.video) // 200), ::4].flatten(0, 1)
        self.stage = some.permute(0, 3, 1, 2).median(0).values / 127.5 - 1
        # films in which much moves are drawn more often: they are the hardest to paint
        change = torch.cat([part.float().diff(dim=1).abs().mean((1, 2, 3, 4))
                            for part in self.video[:, :, ::3, ::3].split(500)])
        self.often = 0.5 + change / change.mean()

    def draw(self, n, rng):
        """Films by chance: rows int64 (n,), and captions of them, (n, L), with what they say."""
        rows = torch.multinomial(self.often, n, replacement=True, generator=rng)
        return rows, *self.wordings.draw(rows // 2, rng)

    def load(self, rows, ids, said):
        """The same with video uint8 (n, T, H, W, 3) and audio float32 (n, S) for rows."""
        return self.video[rows], self.waves[rows].float(), ids, said

    def measure(self, model):
        """Make paths of all films, and tell the model their scale."""
        self.paths = model.autoencoder.paths(self.video)                       # (N, T, D)
        model.middle, model.spread = frames.mean_and_spread(self.paths, self.layout)
        self.standard = ((self.paths - model.middle) / model.spread)

    def train_paths(self, model, **how):
        """The run of the game over paths; how: see `priors.train_paths`."""
        return priors.train_paths(self.standard, self.wordings, networks=lambda: (
            model.generator, PathDiscriminator(self.layout)), **how)

    def train_sound(self, model, **how):
        """The run of the game over sounds; how: see `priors.train_sound`."""
        return priors.train_sound(self.waves, self.standard.cpu(), self.wordings,
                                  vocabulary.kinds_of(self.scenes), **how)


def train(data, folder, *, minutes=None, steps=None, seed=0, device="auto", resume=False):
    """Train everything from nothing, keep it in folder and return the `FilmModel`.

    data: `TheatreFilms`, `beyond.Clips`, or what has draw, load, vocabulary and shape. Stages,
    each with its own checkpoint below folder: the autoencoder of frames, the game over paths, a
    game that sharpens what the decoder paints, and the game over sounds, where there are any.
    minutes or steps: of all stages together. Raises CourseError when folder holds a training
    already and resume is not asked for, when that was begun by an older version, and when
    interrupted: what was trained until then is kept, to go on from.
    """
    folder, begun = Path(folder), time.perf_counter()
    world = data if isinstance(data, (TheatreFilms, Clips)) else Clips(data)
    _may_begin(world, folder, resume)
    if hasattr(data, "contents"):  # clips name what a run learns from
        datasets.must_be_same(data, folder, resume)
    device = training.pick_device(device)
    world.prepare(seed)
    spent = distributed.of_first((time.perf_counter() - begun) / 60)
    left = minutes and max(minutes - spent, minutes / 2)

    # silent clips leave the time of the sound to the other stages
    stages = [stage for stage in world.shares if world.heard or stage != "sound"]
    more = sum(world.shares.values()) / sum(world.shares[stage] for stage in stages)

    def how(stage):
        torch.manual_seed(seed)
        share = world.shares[stage] * more
        return {"folder": folder / stage, "seed": seed, "device": device,
                "minutes": left and left * share, "steps": steps and max(1, round(steps * share))}
    torch.manual_seed(seed)
    model = FilmModel(world.name, world.layout, world.vocabulary, world.examples, world.heard)
    model.autoencoder.stage.copy_(world.stage)
    frames.train_autoencoder(model.autoencoder, world.draw, world.load, name=world.name,
                             **how("autoencoder"))
    model.to(device).autoencoder.eval()
    world.measure(model)
    model.generator = world.train_paths(model, **how("paths")).average
    sharp = _train_refiner(world, model, **how("refiner")).average.decoder
    model.autoencoder.decoder.load_state_dict(sharp.state_dict())
    if model.sound:
        model.sound.generator = world.train_sound(model, **how("sound")).average
        model.sound.middle, model.sound.spread = model.middle.clone(), model.spread.clone()
    if distributed.rank() == 0:
        spelt = f"--{'steps' if steps else 'minutes'} {steps or minutes:g} " \
                f"--size {world.layout.frame[0]} --seed {seed}"
        save_checkpoint(folder / training.MODEL, model.state_dict(),
                        facts_of(model) | {"how": spelt})
    return model.eval()


def _train_refiner(world, model, seed, **how):
    """The run of `frames.train_refiner`, also on paths that the model makes of the world's captions
    `ids` (N, L)."""
    z = torch.randn(len(world.ids), LATENT, generator=torch.Generator().manual_seed(seed))
    model.generator.eval()
    made, _ = model.paths(*(part.to(model.middle.device) for part in (z, world.ids)))
    return frames.train_refiner(model.autoencoder, world.video, world.paths, made,
                                name=world.name, seed=seed, **how)


def _may_begin(world, folder, resume):
    """Raises CourseError where folder holds what this training must not overwrite or go on with."""
    found = {stage: path for stage in world.shares
             if (path := folder / stage / training.CHECKPOINT).exists()}
    if found and not resume:
        raise CourseError(f"The folder {folder} holds a run already: add --resume to go on with "
                          f"it, or give another folder.")
    if any(load_checkpoint(path)[1].get("model") != f"{world.name}/{stage}"
           for stage, path in found.items()):
        raise CourseError(f"The run in {folder} was begun on other data, or by an older version of "
                          f"the course: give another folder.")
