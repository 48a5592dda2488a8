"""The finished product: a sentence becomes a film with sound.

Axes: N films, T frames of each, H and W pixels, D numbers a frame, L words of a caption.
"""

import io
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lessons import audio
from lessons.audio import NOISE, SoundMaker
from lessons.display import media
from lessons.engine import checkpoints, distributed, training, weights
from lessons.engine.checkpoints import load_checkpoint, save_checkpoint, write_whole
from lessons.engine.vocabulary import Vocabulary
from lessons.errors import CourseError
from lessons.frames import MODEL, PATH, FrameAutoencoder, train_autoencoder, train_painter
from lessons.signals.clip import FRAMES
from lessons.video import LATENT, PathGenerator, train_paths, twice
from lessons.world import vocabulary
from lessons.world.theatre import Theatre
from lessons.world.vocabulary import WORDS, Wordings, encode


class FilmMaker(nn.Module):
    """The model of the course: captions and noise become paths, and paths become films.

    vocabulary: the `Vocabulary` of its captions, those that its sound hears among them.
    """

    def __init__(self, size=48, vocabulary=WORDS):
        super().__init__()
        self.autoencoder = FrameAutoencoder(size)
        self.generator = PathGenerator(vocabulary=vocabulary)
        self.sound = SoundMaker(vocabulary)
        self.register_buffer("middle", torch.zeros(PATH))  # of each number of real paths
        self.register_buffer("spread", torch.ones(PATH))

    @property
    def vocabulary(self):
        """The words that the model knows, a `Vocabulary`."""
        return self.generator.text.vocabulary

    @torch.no_grad()
    def forward(self, z, ids, noise=None):
        """z (N, LATENT), captions (N, L) -> films uint8 (N, T, H, W, 3), attention (N, T, L), sound
        (N, samples), from noise (N, audio.NOISE); silence without noise, or where `sound` is None.
        """
        paths, attention = self.generator.explained(z, ids)
        paths = paths * self.spread + self.middle
        silence = torch.zeros(len(z), round(FRAMES / Films.fps * Films.sample_rate))
        waves = silence if noise is None or self.sound is None else self.sound(noise, ids, paths)
        return self.autoencoder.films(paths), attention.cpu(), waves


@dataclass
class Films:
    """What `film` made: N films, count of each caption in a row.

    video: uint8 (N, T, H, W, 3). audio: float32 (N, samples), -1 to 1. captions: N strings.
    attention: float32 (N, T, L), how much each frame looked at each word, rows summing to 1 over
    the words that are there. words: (N, L) strings, empty where there is none: those of the
    caption in the course's own words (`captions.canonical`), which the model is given.
    """

    video: np.ndarray
    audio: np.ndarray
    captions: list
    attention: np.ndarray
    words: np.ndarray
    fps: int = 8
    sample_rate: int = 8000

    def __len__(self):
        return len(self.video)

    def save(self, path):
        """Write all to a file, whole or not at all: .npz holds everything, .gif and .mp4 the
        films one after the other."""
        kind = must_be_film(path)
        if kind == ".npz":
            file = io.BytesIO()
            np.savez_compressed(file, **{**vars(self), "captions": np.array(self.captions, str)})
            content = file.getvalue()
        else:
            frames = np.concatenate(self.video)                                # (N T, H, W, 3)
            content = media.gif(frames, self.fps) if kind == ".gif" else \
                media.mp4(frames, self.audio.reshape(-1), self.fps, self.sample_rate)
        write_whole(path, content)


def must_be_film(path):
    """The ending of a file's name, .npz, .gif or .mp4; raises CourseError for any other."""
    if (kind := Path(path).suffix.lower()) not in (".npz", ".gif", ".mp4"):
        raise CourseError(f"Cannot write '{Path(path).name}': films go to a file whose name ends "
                          f"in .npz, .gif or .mp4.")
    return kind


def film(model, texts, count=1, seed=0, sound=True, chunk=64):
    """Films of captions, English or Chinese: `count` of each, told apart by chance.

    model: of `load_model`; texts: list of captions; sound: False saves the time that it takes, and
    the pictures are the same. Raises CourseError for a caption that cannot be read, or that has a
    word which the model does not know.
    """
    if not texts:
        raise CourseError("There is no caption: give one, for example 'a red man walks'.")
    ids = encode(texts, model.vocabulary).repeat_interleave(count, 0)          # (N, L)
    rng, device = torch.Generator().manual_seed(seed), model.middle.device
    z, noise = (torch.randn(len(ids), n, generator=rng) for n in (LATENT, NOISE))
    made = [model(part.to(device), words.to(device), heard.to(device) if sound else None)
            for part, words, heard in zip(z.split(chunk), ids.split(chunk), noise.split(chunk),
                                          strict=True)]
    video, attention, waves = zip(*made, strict=True)
    return Films(video=np.concatenate(video), audio=torch.cat(waves).numpy(),
                 captions=[text for text in texts for _ in range(count)],
                 attention=torch.cat(attention).numpy(), words=model.vocabulary.decode(ids))


def load_model(place, sound=True):
    """The model that `train_theatre` left in a folder, or the shipped one, "theatre".

    sound: False leaves its sound away, as for a model that was trained before films had any.
    """
    path = Path(place) / training.MODEL
    if str(place) == "theatre":
        tensors, facts = _shipped(sound)
    else:
        tensors, facts = load_checkpoint(path, MODEL)
    if "vocabulary" not in facts:
        raise CourseError(f"The model in {path} is of an older version of the course, which kept "
                          f"no words with its weights: train it anew.")
    stage = tensors.get("autoencoder.stage", torch.zeros(3, 48, 48))  # it has the frames' size
    model = FilmMaker(stage.shape[1], Vocabulary(facts["vocabulary"]))
    if not sound or not any(name.startswith("sound.") for name in tensors):
        model.sound = None
        tensors = {name: value for name, value in tensors.items() if name[:6] != "sound."}
    checkpoints.load_weights(model, tensors, path)
    return model.eval()


def _shipped(sound):
    """(tensors, facts) of the shipped model, with or without its sound, which has the same words.
    """
    names = ("theatre.safetensors", "sound.safetensors")[:1 + sound]
    tensors, *heard = map(weights.shipped, names)
    facts, *others = map(weights.shipped_facts, names)
    if any(other["vocabulary"] != facts["vocabulary"] for other in others):
        raise CourseError("The shipped sound has other words than the shipped films: make it anew "
                          "with python -m lessons ship sound.")
    return tensors | {f"sound.{name}": value for part in heard
                      for name, value in part.items()}, facts


# Shares of the steps, or of the time when all films are drawn; the rest is for what lies between.
SHARES = {"autoencoder": 0.3, "paths": 0.42, "painter": 0.08, "sound": 0.15}


def train_theatre(folder, *, minutes=None, steps=None, size=48, seed=0, device="auto",
                  resume=False, films=8000):
    """Train everything from nothing, keep it in folder and return the `FilmMaker`.

    Four stages, each with its own checkpoint below folder: the autoencoder of frames, the game
    over paths, a game that sharpens what the decoder paints, and the game over sounds. minutes or
    steps: of all stages together. films: how many are drawn to learn from. Raises CourseError for a
    size that is no multiple of 16, when folder holds a training already and resume is not asked
    for, and when interrupted: what was trained until then is kept, to go on from.
    """
    folder = Path(folder)
    if size % 16 or not 32 <= size <= 128:
        raise CourseError(f"Films have a size of 32, 48, 64, ... or 128 pixels, not {size}: choose "
                          f"a multiple of 16.")
    if not resume and any((folder / stage / training.CHECKPOINT).exists() for stage in SHARES):
        raise CourseError(f"The folder {folder} holds a run already: add --resume to go on with "
                          f"it, or give another folder.")
    device, start = training.pick_device(device), time.perf_counter()
    scenes = Theatre.scenes(films // 2, seed)
    clips = Theatre(size).film(twice(scenes), seed)
    video, waves = torch.from_numpy(clips.video), torch.from_numpy(clips.audio).half()
    wordings = Wordings(scenes, seed=seed)
    left = minutes and max(minutes - (time.perf_counter() - start) / 60, minutes / 2)
    left = minutes and distributed.of_first(left)
    lengths = {stage: {"minutes": left and left * share,
                       "steps": steps and max(1, round(steps * share))}
               for stage, share in SHARES.items()}

    run = train_autoencoder(video, folder / "autoencoder", seed=seed, device=device,
                            **lengths["autoencoder"])
    model = FilmMaker(size).to(device).eval()
    model.autoencoder.load_state_dict(run.network.state_dict())
    paths = model.autoencoder.paths(video)                                     # (N, T, D)
    model.middle, model.spread = paths.mean((0, 1)), paths.std((0, 1)).clamp(min=1e-3)

    run = train_paths((paths - model.middle) / model.spread, wordings, folder / "paths", seed=seed,
                      device=device, **lengths["paths"])
    model.generator.load_state_dict(run.average.state_dict())

    run = train_painter(model.autoencoder, video, paths, folder / "painter", seed=seed,
                        device=device, **lengths["painter"])
    model.autoencoder.decoder.load_state_dict(run.average.decoder.state_dict())

    run = audio.train_sound(waves, ((paths - model.middle) / model.spread).cpu(), wordings,
                            vocabulary.kinds_of(scenes), folder / "sound", seed=seed, device=device,
                            **lengths["sound"])
    model.sound = audio.made_of(run, paths)
    if distributed.rank() == 0:
        save_checkpoint(folder / training.MODEL, model.state_dict(),
                        {"model": MODEL, "vocabulary": model.vocabulary, "size": size,
                         "frames": FRAMES, "fps": Films.fps,
                         "how": f"--{'steps' if steps else 'minutes'} {steps or minutes:g} "
                                f"--size {size} --seed {seed}"})
    return model
