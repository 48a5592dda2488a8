"""Lesson 9: the same idea beyond the theatre, on real digits that speak and on clips of your own.

What lessons 4 to 7 could take for granted of the theatre is measured here: the size of the frames
and their colours, the words, how large what moves is, and whether there is sound.

`python -m lessons.beyond FOLDER` scores the model of digits in a folder and ships it.

Axes: N films, T frames of each, F frames of any films, H and W pixels of a frame, h and w of a
window, D numbers a frame (CONTENT, 2 for the place, MOTION), L words, B frequencies, C columns.
"""

import re
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lessons import audio, frames, measuring
from lessons.attention import WordAttention
from lessons.engine import checkpoints, distributed, training, weights
from lessons.engine.checkpoints import load_checkpoint, save_checkpoint
from lessons.engine.losses import Relativistic
from lessons.engine.vocabulary import Vocabulary
from lessons.errors import CourseError
from lessons.frames import TOGETHER
from lessons.signals import clip, spectrogram
from lessons.signals.clip import FRAMES
from lessons.signals.windows import cut, paste, places, window_for
from lessons.sources import open, words
from lessons.text_conditioning import TextEncoder
from lessons.text_to_video import Films
from lessons.video import MatchAndSpread, PathDiscriminator, Steps

CONTENT, MOTION = 32, 16  # numbers: what is there, averaged over a film; what changes in a frame
PLACE = slice(CONTENT, CONTENT + 2)
PATH = CONTENT + 2 + MOTION
LATENT, NOISE = 48, 16    # numbers of noise that become one path, and one sound
MODEL = "clips"           # the name that a checkpoint of this lesson carries
FAINT = torch.full((PATH,), 0.3)  # what changes less is not blown up when paths are standardised
FAINT[PLACE] = 1e-3
SHARES = {"autoencoder": 0.22, "paths": 0.43, "sound": 0.32}  # of the steps, or of the time


# The networks -----------------------------------------------------------------------------------
class ClipEncoder(nn.Module):
    """Windows (F, C, h, w) -> content and motion, (F, CONTENT + MOTION)."""

    def __init__(self, channels, window):
        super().__init__()
        block, (h, w) = blocks(window)
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(block),
            nn.Conv2d(channels * block ** 2, 48, 3, stride=2, padding=1), nn.BatchNorm2d(48),
            nn.LeakyReLU(0.2),
            nn.Conv2d(48, 96, 3, stride=2, padding=1), nn.BatchNorm2d(96), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(96 * h * w, 256), nn.BatchNorm1d(256), nn.LeakyReLU(0.2),
            nn.Linear(256, CONTENT + MOTION),
            nn.BatchNorm1d(CONTENT + MOTION, affine=False),
        )

    def forward(self, windows):
        return self.layers(windows)


class ClipDecoder(nn.Module):
    """Content, rest of the place and motion (F, D) -> windows (F, C, h, w): lesson 4's decoder for
    windows of any size. A gate shuts where the stage is seen."""

    def __init__(self, channels, window):
        super().__init__()
        block, (h, w) = blocks(window)
        self.channels = channels
        self.layers = nn.Sequential(
            nn.Linear(PATH, 320), nn.BatchNorm1d(320), nn.LeakyReLU(0.2),
            nn.Linear(320, 64 * h * w), nn.BatchNorm1d(64 * h * w), nn.LeakyReLU(0.2),
            nn.Unflatten(1, (64, h, w)),                                       # (F, 64, h, w) / 4 b
            nn.Conv2d(64, 192, 3, padding=1), nn.PixelShuffle(2), nn.BatchNorm2d(48),
            nn.LeakyReLU(0.2),
            nn.Conv2d(48, 128, 3, padding=1), nn.PixelShuffle(2), nn.BatchNorm2d(32),
            nn.LeakyReLU(0.2), frames.Residual(32),
            nn.Conv2d(32, (channels + 1) * block ** 2, 3, padding=1), nn.PixelShuffle(block),
        )

    def forward(self, vectors):
        painted = self.layers(vectors)                                         # (F, C + 1, h, w)
        return 2 * painted[:, :self.channels] * painted[:, self.channels:].sigmoid()


def blocks(window):
    """How many pixels are folded into channels along a side, and what is left of the window after
    that and two halvings: 2 or 4, and (h, w)."""
    block = 4 if min(window) >= 64 else 2
    return block, tuple(side // (4 * block) for side in window)


class ClipAutoencoder(nn.Module):
    """Films to paths and back. shape: (H, W, C) of a frame; window: (h, w), see `window_for`."""

    def __init__(self, shape, window):
        super().__init__()
        *self.frame, channels = shape
        self.window = tuple(window)
        self.encoder = ClipEncoder(channels, self.window)
        self.decoder = ClipDecoder(channels, self.window)
        self.register_buffer("stage", torch.zeros(channels, *self.frame))

    def forward(self, frames):
        """Frames (F, H, W, C) uint8, TOGETHER in a row from one film -> windows as they are, and
        as they come back, both (F, C, h, w)."""
        windows, place = self.windows(frames)
        codes = parted(self.encoder(windows).unflatten(0, (-1, TOGETHER))).flatten(0, 1)
        vectors = _join(codes, place - place.round())                          # (F, D)
        # a little noise: neighbouring vectors must mean similar pictures
        return windows, self.decoder(vectors + 0.05 * torch.randn_like(vectors))

    def windows(self, frames):
        """Frames uint8 (F, H, W, C) -> what differs from the stage, in windows (F, C, h, w), and
        their places in pixels (F, 2)."""
        difference = frames.permute(0, 3, 1, 2).float() / 127.5 - 1 - self.stage
        place = places(difference, self.window)
        return cut(difference, place, self.window), place

    @torch.no_grad()
    def paths(self, films):
        """Films uint8 (N, T, H, W, C) -> paths (N, T, D), the place as a share of the frame."""
        windows, place = self.windows(films.flatten(0, 1))
        codes = parted(self.encoder(windows).unflatten(0, films.shape[:2]))
        size = torch.tensor(self.frame[::-1], device=place.device)
        return _join(codes, (place / size).unflatten(0, films.shape[:2]))      # (N, T, D)

    @torch.no_grad()
    def films(self, paths, chunk=64):
        """Paths (N, T, D) -> films uint8 (N, T, H, W, C)."""
        made, size = [], torch.tensor(self.frame[::-1], device=paths.device)
        for part in paths.split(chunk):
            points = part.flatten(0, 1)
            place = points[:, PLACE].clamp(0, 1) * size                        # (F, 2)
            vectors = points.clone()
            vectors[:, PLACE] = place - place.round()
            frames = self.stage + paste(self.decoder(vectors), place, self.frame)
            frames = ((frames.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
            made.append(frames.permute(0, 2, 3, 1).unflatten(0, part.shape[:2]).cpu())
        return torch.cat(made).numpy()


def _join(codes, place):
    """Codes (..., CONTENT + MOTION) and places (..., 2) -> (..., D)."""
    content, motion = codes.split([CONTENT, MOTION], -1)
    return torch.cat([content, place, motion], -1)


def parted(codes):
    """Codes (N, T, CONTENT + MOTION) parted into what stays and what changes: content is the mean
    over a film's frames, motion what is left when its own mean is taken away.

    In the theatre a posture means the same for everybody, here nothing is known of it: without the
    second half, who is there would be told twice, and the game could tell two different things.
    """
    content, motion = codes.split([CONTENT, MOTION], 2)
    return torch.cat([content.mean(1, keepdim=True).expand_as(content),
                      motion - motion.mean(1, keepdim=True)], 2)


def text_encoder(words):
    """Lesson 3's `TextEncoder` for a vocabulary of so many words."""
    encoder = TextEncoder()
    encoder.embed = nn.Embedding(words, encoder.embed.embedding_dim, padding_idx=0)
    return encoder


class ClipGenerator(nn.Module):
    """G(z, t): noise z (N, LATENT) and captions (N, L) -> paths (N, T, D), standardised.

    Lesson 4's generator without what it knew of the theatre: no oscillator for legs, no edges of a
    stage. What is there is asked once a film, what happens at each frame; a GRU carries it on. A
    place is where the film began, and from there one step a frame.
    """

    def __init__(self, words, width=160):
        super().__init__()
        self.text = text_encoder(words)
        self.noise = nn.Sequential(nn.Linear(LATENT, 128), nn.LeakyReLU(0.2),
                                   nn.Linear(128, 128), nn.LeakyReLU(0.2))
        self.who, self.what = WordAttention(1), WordAttention(FRAMES)
        self.content = nn.Sequential(nn.Linear(256, 256), nn.LeakyReLU(0.2),
                                     nn.Linear(256, 256), nn.LeakyReLU(0.2),
                                     nn.Linear(256, CONTENT))
        self.start = nn.Sequential(nn.Linear(256, 128), nn.LeakyReLU(0.2), nn.Linear(128, 2))
        self.enter = nn.Sequential(nn.Linear(256 + CONTENT + 2, width), nn.LeakyReLU(0.2))
        self.carry = nn.GRU(width, width, batch_first=True)
        self.leave = nn.Sequential(nn.Linear(2 * width, 256), nn.LeakyReLU(0.2),
                                   nn.Linear(256, MOTION + 2))

    def forward(self, z, ids, *_):
        return self.explained(z, ids)[0]

    def explained(self, z, ids):
        """(paths (N, T, D), attention (N, T, L) of the frames to the words, mean of the heads)."""
        words, states, _ = self.text(ids)
        noise = self.noise(z)                                                  # (N, 128)
        who, _ = self.who(words, states, ids > 0)                              # (N, 1, 128)
        what, attention = self.what(words, states, ids > 0)                    # (N, T, 128)
        film = torch.cat([who[:, 0], noise], 1)                                # (N, 256)
        content, start = self.content(film), self.start(film)                  # (N, .) each
        still = torch.cat([noise, content, start], 1)[:, None].expand(-1, FRAMES, -1)
        x = self.enter(torch.cat([what, still], 2))                            # (N, T, width)
        carried, _ = self.carry(x)
        motion, step = self.leave(torch.cat([x, carried], 2)).split([MOTION, 2], 2)
        place = start[:, None] + 0.2 * step.cumsum(1)                          # (N, T, 2)
        content = content[:, None].expand(-1, FRAMES, -1)                      # (N, T, CONTENT)
        return torch.cat([content, place, motion], 2), attention.mean(1)


class ClipDiscriminator(PathDiscriminator):
    """Lesson 4's `PathDiscriminator` for paths of PATH numbers and a vocabulary of any size."""

    def __init__(self, words, width=160):
        super().__init__(width)
        self.text = text_encoder(words)
        self.enter = nn.Sequential(nn.Linear(2 * PATH, width), nn.LeakyReLU(0.2))
        self.frame = nn.Sequential(nn.Linear(PATH, width), nn.LeakyReLU(0.2),
                                   nn.Linear(width, width), nn.LeakyReLU(0.2))
        self.register_buffer("pace", torch.ones(PATH))


class MatchAndSpreadClips(MatchAndSpread):
    """Lesson 4's `MatchAndSpread`, where each clip is drawn twice: the energy score needs two made
    from one caption and only one real."""

    def generator(self, real, fake, more, conditions):
        apart = sum(energy_score(real.diff(n, 1), fake.diff(n, 1)) for n in range(3))
        return self.match * self.discriminator(more, conditions) + self.spread * apart


def energy_score(real, fake):
    """Lesson 4's `video.energy_score` for paths with a place of two numbers, real, fake (N, T, D):
    rows 2i and 2i + 1 have one caption."""
    unit = real.std((0, 1)) + 1e-3                                             # (D,)
    x, y = ((paths / unit).unflatten(0, (-1, 2)) for paths in (fake, real))    # (N / 2, 2, T, D)
    return (_apart(x, y) + _apart(x, y.flip(1))) / 2 - _apart(x[:, 0], x[:, 1]) / 2


def _apart(a, b):
    parts = (a - b).split([CONTENT, 2, MOTION], -1)
    return sum((part.square().mean(-1) + 1e-8).sqrt().mean() for part in parts)


class ClipSound(nn.Module):
    """G(z, t, path): noise (N, NOISE), captions (N, L), standardised paths (N, T, D) -> levels
    (N, B, C): lesson 7's sound of steps, for any sound.

    Each frame gives the ten columns that belong to it, from the path there and near it, from the
    words, the noise, and from when it is: a voice begins where recordings begin.
    """

    def __init__(self, words, width=160):
        super().__init__()
        self.text = text_encoder(words)
        self.when = nn.Parameter(torch.randn(FRAMES, 32))
        self.enter = nn.Sequential(nn.Linear(2 * PATH + 64 + NOISE + 32, width), nn.LeakyReLU(0.2),
                                   Steps(width, 3, 1), Steps(width, 3, 1), Steps(width, 3, 1))
        self.spread = nn.Linear(width, spectrogram.A_FRAME * 48)
        self.levels = nn.Sequential(nn.LeakyReLU(0.2), Steps(48, 5, 1), nn.Linear(48, 128),
                                    nn.LeakyReLU(0.2), nn.Linear(128, spectrogram.BINS))

    def forward(self, z, ids, paths, *_):
        _, _, sentence = self.text(ids)                                        # (N, 64)
        said = torch.cat([sentence, z], 1)[:, None].expand(-1, FRAMES, -1)
        when = self.when.expand(len(z), -1, -1)                                # (N, T, 32)
        x = self.enter(torch.cat([audio.with_change(paths), said, when], 2))   # (N, T, width)
        x = self.spread(x).unflatten(2, (spectrogram.A_FRAME, 48)).flatten(1, 2)     # (N, C, 48)
        levels = self.levels(x).transpose(1, 2)                                # (N, B, C)
        return spectrogram.LOUDEST - F.softplus(8 * (spectrogram.LOUDEST - levels)) / 8


class ClipListener(audio.SoundDiscriminator):
    """Lesson 7's `SoundDiscriminator` for paths of PATH numbers and a vocabulary of any size."""

    def __init__(self, words, width=96):
        super().__init__(width)
        self.text = text_encoder(words)
        self.beside = nn.Sequential(nn.Linear(width + 2 * PATH, width), nn.LeakyReLU(0.2),
                                    Steps(width, 3, 1), Steps(width, 3, 1), nn.Linear(width, 1))


class ClipMaker(nn.Module):
    """A model of clips: captions and noise become paths, and paths become films and sound.

    vocabulary: its words, the first being padding; shape: (H, W, C); window: see `window_for`;
    heard: False where no clip had a sound; examples: some captions that it has met.
    """

    def __init__(self, vocabulary, shape, window, heard, examples):
        super().__init__()
        self.vocabulary, self.examples = Vocabulary(vocabulary), list(examples)
        self.autoencoder = ClipAutoencoder(shape, window)
        self.generator = ClipGenerator(len(vocabulary))
        self.sound = ClipSound(len(vocabulary)) if heard else None
        self.register_buffer("middle", torch.zeros(PATH))  # of each number of real paths
        self.register_buffer("spread", torch.ones(PATH))
        self.register_buffer("edges", torch.tensor([[0., 0], [1, 1]]))  # that places keep inside
        self.register_buffer("change", torch.ones(()))  # of real films from frame to frame
        self.register_buffer("loudness", torch.zeros(()))  # mean square of real sounds

    def standard(self, films):
        """Films uint8 (N, T, H, W, C) -> standardised paths (N, T, D)."""
        return (self.autoencoder.paths(films) - self.middle) / self.spread

    @torch.no_grad()
    def forward(self, z, ids, noise):
        """z (N, LATENT), captions (N, L), noise (N, NOISE) -> films uint8 (N, T, H, W, C),
        attention (N, T, L), waves (N, S)."""
        paths, attention = self.generator.explained(z, ids)
        paths = inside(paths * self.spread + self.middle, self.edges)
        waves = torch.zeros(len(z), clip.SAMPLES)
        if self.sound:
            levels = self.sound(noise, ids, (paths - self.middle) / self.spread)
            waves = spectrogram.to_wave(levels.cpu())
        return self.autoencoder.films(paths), attention.cpu(), waves


def inside(paths, edges):
    """Paths (N, T, D), each moved as a whole, and no further than it must, until its places lie
    between edges (2, 2): the least x and y that real films have, and the largest. What needs more
    room than there is stops at an edge."""
    place, (low, high) = paths[..., PLACE], edges
    by = (low - place.amin(1)).clamp(min=0) + (high - place.amax(1)).clamp(max=0)   # (N, 2)
    paths = paths.clone()
    paths[..., PLACE] = (place + by[:, None]).clamp(low, high)
    return paths


def film(model, texts, count=1, seed=0, chunk=64):
    """`text_to_video.Films` of captions, `count` of each, by a `ClipMaker`. Raises CourseError for
    a word that was in no caption of its training."""
    if not texts:
        raise CourseError(f"There is no caption: give one of words that the model has met, as in "
                          f"'{model.examples[0]}'.")
    ids = words.encode(texts, model.vocabulary).repeat_interleave(count, 0)   # (N, L)
    rng, device = torch.Generator().manual_seed(seed), model.middle.device
    z, noise = (torch.randn(len(ids), n, generator=rng) for n in (LATENT, NOISE))
    made = [model(*(part.to(device) for part in parts))
            for parts in zip(z.split(chunk), ids.split(chunk), noise.split(chunk), strict=True)]
    films, attention, waves = zip(*made, strict=True)
    return Films(video=np.concatenate(films),
                 audio=torch.cat(waves).numpy(),
                 captions=[text for text in texts for _ in range(count)],
                 attention=torch.cat(attention).numpy(),
                 words=model.vocabulary.decode(ids))


# Training ---------------------------------------------------------------------------------------
def train(clips, folder, *, minutes=None, steps=None, seed=0, device="auto", resume=False):
    """Train everything from nothing on clips, keep it in folder and return the `ClipMaker`.

    clips: `moving_digits.Digits`, `clips.Prepared` or `shards.Stream`: what has draw, load,
    a vocabulary and a shape. Three stages, as in `text_to_video.train_theatre`: the autoencoder of
    frames, the game over paths, the game over sounds (where there are any). minutes or steps: of
    all stages together. Paths are computed from the films of each batch, so that memory does not
    grow with the number of clips. Raises CourseError as `text_to_video.train_theatre` does.
    """
    folder, begun = Path(folder), time.perf_counter()
    if not resume and any((folder / stage / training.CHECKPOINT).exists() for stage in SHARES):
        raise CourseError(f"The folder {folder} holds a run already: add --resume to go on with "
                          f"it, or give another folder.")
    open.must_be_same(clips, folder, resume)
    device = training.pick_device(device)
    some = clips.load(*clips.draw(256, torch.Generator().manual_seed(seed)))[:3]
    some = [distributed.of_first(part) for part in some]  # a stream shows others to each process
    spent = distributed.of_first((time.perf_counter() - begun) / 60)
    heard = bool(some[1].any())
    shares = {stage: share for stage, share in SHARES.items() if heard or stage != "sound"}
    whole = sum(SHARES.values()) / sum(shares.values())  # silent clips leave more to the others
    lengths = {stage: {"minutes": minutes and max(minutes - spent, minutes / 2) * share * whole,
                       "steps": steps and max(1, round(steps * share * whole))}
               for stage, share in shares.items()}
    autoencoder = new_autoencoder(clips.shape, some[0])
    model = ClipMaker(clips.vocabulary, clips.shape, autoencoder.window, heard,
                      captions_of(some[2][:32], clips.vocabulary))
    model.change.fill_(float(measuring.frame_change(some[0].numpy()).mean()))
    model.loudness.fill_(float(some[1].square().mean()))

    run = train_autoencoder(autoencoder, clips, folder / "autoencoder", seed=seed, device=device,
                            **lengths["autoencoder"])
    model.autoencoder = run.network.eval()
    model = model.to(device).eval()
    paths = torch.cat([model.autoencoder.paths(part.to(device)) for part in some[0].split(32)])
    model.middle, model.spread = paths.mean((0, 1)), paths.std((0, 1)).clamp(min=FAINT.to(device))
    model.edges = torch.stack([paths[..., PLACE].amin((0, 1)), paths[..., PLACE].amax((0, 1))])

    run = train_paths(model, clips, folder / "paths", seed=seed, device=device, **lengths["paths"])
    model.generator.load_state_dict(run.average.state_dict())
    if model.sound:
        run = train_sound(model, clips, folder / "sound", seed=seed, device=device,
                          **lengths["sound"])
        model.sound.load_state_dict(run.average.state_dict())
    if distributed.rank() == 0:
        save_checkpoint(folder / training.MODEL, model.state_dict(), facts_of(model))
    return model


def facts_of(model):
    """What a checkpoint says of a `ClipMaker`, so that it can be built again."""
    return {"model": MODEL, "vocabulary": model.vocabulary, "window": model.autoencoder.window,
            "shape": [*model.autoencoder.frame, len(model.autoencoder.stage)],
            "heard": model.sound is not None, "examples": model.examples, "frames": FRAMES,
            "fps": Films.fps}


def captions_of(ids, vocabulary):
    """Captions (N, L) in numbers as plain text, each once; Chinese has no gaps between words."""
    texts = (" ".join(vocabulary[i] for i in row if i) for row in ids.tolist())
    return sorted({re.sub("(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])", "", text) for text in texts})


def new_autoencoder(shape, films):
    """An untrained `ClipAutoencoder` whose stage is the median of films uint8 (N, T, H, W, C)."""
    frames = films[:, ::4].flatten(0, 1).permute(0, 3, 1, 2)[:600]             # (F, C, H, W)
    stage = frames.median(0).values / 127.5 - 1
    window = window_for(frames / 127.5 - 1 - stage)
    autoencoder = ClipAutoencoder(shape, window)
    autoencoder.stage.copy_(stage)
    return autoencoder


def train_autoencoder(autoencoder, clips, folder=None, *, seed=0, device="cpu", **length):
    """First stage: the `training.Supervised` run of an autoencoder. length: minutes or steps."""
    torch.manual_seed(seed)

    def draw(n, rng):
        return *clips.draw(n // TOGETHER, rng), torch.rand(n // TOGETHER, FRAMES, generator=rng)

    def load(*drawn):
        films, when = clips.load(*drawn[:-1])[0], drawn[-1].argsort(1)[:, :TOGETHER]
        return (films[torch.arange(len(films))[:, None], when].flatten(0, 1),)  # (F, H, W, C)
    run = training.Supervised(autoencoder, model=f"{MODEL} autoencoder", seed=seed, device=device)
    return training.fit_to_end(run, folder, draw, load=load, loss=frames.reconstruction_loss,
                               **length)


def train_paths(model, clips, folder=None, *, seed=0, device="cpu", **length):
    """Second stage: the `training.Run` of the game over paths that the model's encoder makes."""
    torch.manual_seed(seed)

    def draw(n, rng):
        return clips.draw(n // 2, rng)

    def load(*drawn):
        films, _, ids, said, *_ = clips.load(*drawn)
        return [part.repeat_interleave(2, 0)
                for part in (model.standard(films.to(device)), ids, said)]
    networks = [kind(len(model.vocabulary)) for kind in (ClipGenerator, ClipDiscriminator)]
    some = load(*draw(256, torch.Generator().manual_seed(seed)))[0]            # (256, T, D)
    networks[1].pace.copy_(some.diff(dim=1).std((0, 1)).clamp(min=0.05))
    run = training.Run(*networks, model=f"{MODEL} paths", seed=seed, device=device)
    return training.fit_to_end(run, folder, draw, load=load, loss=Relativistic, latent=LATENT,
                               r1=0.5, r2=0.5, extra=MatchAndSpreadClips(), decay=0.998, **length)


def train_sound(model, clips, folder=None, *, seed=0, device="cpu", **length):
    """Third stage: the `training.Run` of the game over sounds of films with their paths."""
    torch.manual_seed(seed)

    def draw(n, rng):
        return clips.draw(n // 2, rng)

    def load(*drawn):
        films, waves, ids, said, *_ = clips.load(*drawn)
        once = (spectrogram.spectrogram(waves), ids, model.standard(films.to(device)), said)
        return [part.repeat(2, *[1] * (part.dim() - 1)) for part in once]
    networks = [kind(len(model.vocabulary)) for kind in (ClipSound, ClipListener)]
    run = training.Run(*networks, model=f"{MODEL} sound", seed=seed, device=device)
    return training.fit_to_end(run, folder, draw, load=load, loss=Relativistic, latent=NOISE,
                               batch=32, r1=0.5, r2=0.5, extra=audio.MusicAndShift(), decay=0.995,
                               **length)


def load_model(place):
    """The `ClipMaker` that `train` left in a folder, or the shipped one, "digits"."""
    path = Path(place) / training.MODEL
    if str(place) == "digits":
        path = weights.DATA / "digits.safetensors"
        tensors, facts = weights.shipped(path.name), weights.shipped_facts(path.name)
    else:
        tensors, facts = load_checkpoint(path, MODEL)
    model = ClipMaker(*(facts[name] for name in ("vocabulary", "shape", "window", "heard",
                                                 "examples")))
    checkpoints.load_weights(model, tensors, path)
    return model.eval()
