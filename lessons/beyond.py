"""Lesson 9: the same idea beyond the theatre, on real digits that speak and on clips of your own.

What lessons 4 to 7 could take for granted of the theatre is measured here: the size of the frames
and their colours, the words, how large what moves is, and whether there is sound.

`python -m lessons.beyond FOLDER` scores the model of digits in a folder and ships it.

Axes: N films, T frames of each, F frames of any films, H and W pixels of a frame, h and w of a
window, D numbers a frame (CONTENT, 2 for the place, MOTION), L words, B frequencies, C columns.
"""

import hashlib
import re
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lessons import (
    audio,
    checkpoints,
    measuring,
    own_clips,
    real_data,
    scaling,
    speaking_digits,
    training,
    video,
)
from lessons.attention import WordAttention
from lessons.checkpoints import load_checkpoint, save_checkpoint
from lessons.errors import CourseError
from lessons.losses import Relativistic
from lessons.text_conditioning import TextEncoder
from lessons.video import FRAMES, TOGETHER, Films, MatchAndSpread, PathDiscriminator, Steps

CONTENT, MOTION = 32, 16  # numbers: what is there, averaged over a film; what changes in a frame
PLACE = slice(CONTENT, CONTENT + 2)
PATH = CONTENT + 2 + MOTION
LATENT, NOISE = 48, 16    # numbers of noise that become one path, and one sound
MODEL = "clips"           # the name that a checkpoint of this lesson carries
FAINT = torch.full((PATH,), 0.3)  # what changes less is not blown up when paths are standardised
FAINT[PLACE] = 1e-3
SHARES = {"autoencoder": 0.22, "paths": 0.43, "sound": 0.32}  # of the steps, or of the time


# Windows ----------------------------------------------------------------------------------------
def middle_of(weight):
    """Where half of a weight lies to the left and half to the right: (F, W) -> (F,), in pixels; the
    middle where there is no weight."""
    W, total = weight.shape[1], weight.sum(1)
    left = weight.cumsum(1) / total.clamp(min=0.5)[:, None]                    # (F, W)
    column = (left < 0.5).sum(1, keepdim=True).clamp(max=W - 1)                # (F, 1)
    share = weight.gather(1, column) / total.clamp(min=0.5)[:, None]           # of that column
    inside = (0.5 - left.gather(1, column)) / share.clamp(min=1e-6) + 1        # 0 to 1
    return torch.where(total > 0.5, (column + inside)[:, 0], W / 2)


def places(difference, window):
    """The middles of what differs from the stage: (F, C, H, W) -> (F, 2), x and y in pixels.

    Along a side on which the window (h, w) is as long as the frame, it stays where it is.
    """
    weight, (H, W), (h, w) = difference.abs().amax(1), difference.shape[2:], window
    x = middle_of(weight.sum(1)) if w < W else torch.full_like(weight[:, 0, 0], W / 2)
    y = middle_of(weight.sum(2)) if h < H else torch.full_like(weight[:, 0, 0], H / 2)
    return torch.stack([x, y], 1)                                              # (F, 2)


def lines(place, size, all_):
    """Which lines of a frame, padded by `size` // 2 on both sides, a window has: (F,) -> (F, size).
    """
    first = place.clamp(0, all_).round().long()  # less half the window, plus half as padding
    return first[:, None] + torch.arange(size, device=place.device)


def cut(frames, place, window):
    """Windows (F, C, h, w) of frames (F, C, H, W), each with its place (F, 2) in the middle."""
    (h, w), (F_, C, H, W) = window, frames.shape
    wide = F.pad(frames, (w // 2, w // 2, h // 2, h // 2))                     # (F, C, H+h, W+w)
    columns = lines(place[:, 0], w, W)[:, None, None].expand(F_, C, wide.shape[2], w)
    rows = lines(place[:, 1], h, H)[:, None, :, None].expand(F_, C, h, w)
    return wide.gather(3, columns).gather(2, rows)


def paste(windows, place, frame):
    """Put windows (F, C, h, w) where they belong, on nothing: frames (F, C, H, W)."""
    (F_, C, h, w), (H, W) = windows.shape, frame
    rows = lines(place[:, 1], h, H)[:, None, :, None].expand_as(windows)
    tall = windows.new_zeros(F_, C, H + h, w).scatter(2, rows, windows)
    columns = lines(place[:, 0], w, W)[:, None, None].expand(F_, C, H + h, w)
    wide = windows.new_zeros(F_, C, H + h, W + w).scatter(3, columns, tall)
    return wide[:, :, h // 2:h // 2 + H, w // 2:w // 2 + W]


def window_for(difference):
    """How large a window must be to hold what differs from the stage: (h, w), multiples of 8.

    difference: of some frames, (F, C, H, W). On a side of which it would need more than three
    quarters the window is the whole frame: there is no single thing that moves.
    """
    H, W = difference.shape[2:]
    there = difference.abs().amax(1) > 0.15                                    # (F, H, W)
    middle, sides = places(difference, (0, 0)), []
    for axis, full in ((1, W), (2, H)):
        seen = there.any(axis)                                                 # (F, full)
        far = (torch.arange(full) + 0.5 - middle[:, axis - 1, None]).abs() * seen
        need = 2 * far.amax(1)[seen.any(1)].quantile(0.98) if seen.any() else full
        side = -8 * (-int(need) // 8)
        sides.append(side if side <= 0.75 * full else full)
    return sides[1], sides[0]


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
            nn.LeakyReLU(0.2), video.Residual(32),
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
        self.spread = nn.Linear(width, audio.A_FRAME * 48)
        self.levels = nn.Sequential(nn.LeakyReLU(0.2), Steps(48, 5, 1), nn.Linear(48, 128),
                                    nn.LeakyReLU(0.2), nn.Linear(128, audio.BINS))

    def forward(self, z, ids, paths, *_):
        _, _, sentence = self.text(ids)                                        # (N, 64)
        said = torch.cat([sentence, z], 1)[:, None].expand(-1, FRAMES, -1)
        when = self.when.expand(len(z), -1, -1)                                # (N, T, 32)
        x = self.enter(torch.cat([audio.with_change(paths), said, when], 2))   # (N, T, width)
        x = self.spread(x).unflatten(2, (audio.A_FRAME, 48)).flatten(1, 2)     # (N, C, 48)
        levels = self.levels(x).transpose(1, 2)                                # (N, B, C)
        return audio.LOUDEST - F.softplus(8 * (audio.LOUDEST - levels)) / 8


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
        self.vocabulary, self.examples = tuple(vocabulary), list(examples)
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
        with training.mixed_precision(z.device):
            paths, attention = self.generator.explained(z, ids)
            paths = inside(paths.float() * self.spread + self.middle, self.edges)
            levels = self.sound(noise, ids, (paths - self.middle) / self.spread) \
                if self.sound else None
            waves = torch.zeros(len(z), audio.SAMPLES) if levels is None else \
                audio.to_wave(levels.float().cpu())
            films = self.autoencoder.films(paths)
        return films, attention.float().cpu(), waves


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
    """`video.Films` of captions, `count` of each, by a `ClipMaker`. Raises CourseError for a word
    that was in no caption of its training."""
    if not texts:
        raise CourseError(f"There is no caption: give one of words that the model has met, as in "
                          f"'{model.examples[0]}'.")
    ids = own_clips.encode(texts, model.vocabulary).repeat_interleave(count, 0)   # (N, L)
    rng, device = torch.Generator().manual_seed(seed), model.middle.device
    z, noise = (torch.randn(len(ids), n, generator=rng) for n in (LATENT, NOISE))
    made = [model(*(part.to(device) for part in parts))
            for parts in zip(z.split(chunk), ids.split(chunk), noise.split(chunk), strict=True)]
    films, attention, waves = zip(*made, strict=True)
    return Films(video=np.concatenate(films),
                 audio=torch.cat(waves).numpy(),
                 captions=[text for text in texts for _ in range(count)],
                 attention=torch.cat(attention).numpy(),
                 words=np.array(model.vocabulary)[ids.numpy()])


# Training ---------------------------------------------------------------------------------------
def train(clips, folder, *, minutes=None, steps=None, seed=0, device="auto", resume=False):
    """Train everything from nothing on clips, keep it in folder and return the `ClipMaker`.

    clips: `speaking_digits.Digits`, `own_clips.Prepared` or `scaling.Stream`: what has draw, load,
    a vocabulary and a shape. Three stages, as in `video.train_theatre`: the autoencoder of frames,
    the game over paths, the game over sounds (where there are any). minutes or steps: of all stages
    together. Paths are computed from the films of each batch, so that memory does not grow with
    the number of clips. Raises CourseError as `video.train_theatre` does.
    """
    folder, begun = Path(folder), time.perf_counter()
    if not resume and any((folder / stage / training.CHECKPOINT).exists() for stage in SHARES):
        raise CourseError(f"The folder {folder} holds a run already: add --resume to go on with "
                          f"it, or give another folder.")
    device = training.pick_device(device)
    some = clips.load(*clips.draw(256, torch.Generator().manual_seed(seed)))[:3]
    some = [training.of_first(part) for part in some]  # a stream shows others to each process
    spent = training.of_first((time.perf_counter() - begun) / 60)
    lengths = {stage: {"minutes": minutes and max(minutes - spent, minutes / 2) * share,
                       "steps": steps and max(1, round(steps * share))}
               for stage, share in SHARES.items()}
    autoencoder = new_autoencoder(clips.shape, some[0])
    model = ClipMaker(clips.vocabulary, clips.shape, autoencoder.window, bool(some[1].any()),
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
    if training.rank() == 0:
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
    return training.fit_to_end(run, folder, draw, load=load, loss=video.reconstruction_loss,
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
        once = (audio.spectrogram(waves), ids, model.standard(films.to(device)), said)
        return [part.repeat(2, *[1] * (part.dim() - 1)) for part in once]
    networks = [kind(len(model.vocabulary)) for kind in (ClipSound, ClipListener)]
    run = training.Run(*networks, model=f"{MODEL} sound", seed=seed, device=device)
    return training.fit_to_end(run, folder, draw, load=load, loss=Relativistic, latent=NOISE,
                               batch=32, r1=0.5, r2=0.5, extra=audio.MusicAndShift(), decay=0.995,
                               **length)


def clips_of(data, size=None):
    """What `python -m lessons train --data` names: digits, kth, or a folder of clips or of shards.

    size: see `own_clips.prepare`. Raises CourseError where it is none of these or cannot be read.
    """
    if data == "digits":
        if size:
            raise CourseError("The digits that speak have 48 pixels: leave --size away.")
        return speaking_digits.Digits()
    folder, home = Path(data), real_data.data_home() / "prepared"
    if data != "kth" and not folder.is_dir():
        raise CourseError(f"Cannot train on '{data}': use theatre, digits, mnist, kth, or a folder "
                          f"that holds clips and metadata.csv.")
    if any(folder.glob("*.tar")):
        return scaling.Stream(folder)
    place = home / f"{folder.name}-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]}"
    entries = real_data.kth("train") if data == "kth" else own_clips.entries(folder)
    with training.first_alone():  # it prepares, and the others find it done
        clips = own_clips.prepare(entries, place, size, folder.name)
    if training.rank() == 0:
        print(own_clips.summary(clips))
    return clips


def load_model(place):
    """The `ClipMaker` that `train` left in a folder, or the shipped one, "digits"."""
    path = Path(place) / training.MODEL
    if str(place) == "digits":
        path = checkpoints.DATA / "digits.safetensors"
        tensors = checkpoints.shipped(path.name)
        facts = {"vocabulary": speaking_digits.VOCABULARY, "shape": speaking_digits.Digits.shape,
                 "window": (32, 32), "heard": True, "examples": [
                     speaking_digits.caption(*pair) for pair in speaking_digits.combinations()[0]]}
    else:
        tensors, facts = load_checkpoint(path, MODEL)
    model = ClipMaker(*(facts[name] for name in ("vocabulary", "shape", "window", "heard",
                                                 "examples")))
    checkpoints.load_weights(model, tensors, path)
    return model.eval()


def score(model, n=400, seed=0):
    """The scores of a `ClipMaker`, a dict of floats.

    "motion": how much its films change from frame to frame, as a share of real ones; "loudness": dB
    above real sounds. Of digits also what `speaking_digits.scores_of` says of n films of captions
    that training saw, and of as many held out from it ("heldout ..."). There is no judge of your
    own clips: look at them.
    """
    scores = {}
    if model.vocabulary == speaking_digits.VOCABULARY:
        for prefix, pairs in zip(("", "heldout "), speaking_digits.combinations(), strict=True):
            truth = torch.tensor([pairs[i % len(pairs)] for i in range(n)])
            texts = [speaking_digits.caption(*pair, way=i % 4) for i, pair in
                     enumerate(truth.tolist())]
            made = film(model, texts, 1, seed)
            scores |= {prefix + name: value for name, value in
                       speaking_digits.scores_of(made, truth).items()}
    made = film(model, model.examples, -(-64 // len(model.examples)), seed)
    scores["motion"] = float(measuring.frame_change(made.video).mean() / model.change)
    if model.sound:
        scores["loudness"] = audio.decibels(made.audio, model.loudness.sqrt().numpy())
    return scores


def main():
    """Score the model of digits in a folder and write it to data/ as the course's own."""
    if len(sys.argv) != 2:
        raise SystemExit("Say which folder holds the model: python -m lessons.beyond FOLDER")
    model = load_model(sys.argv[1])
    model.load_state_dict(checkpoints.in_16_bits(model))  # what is scored is what is shipped
    stages = [load_checkpoint(Path(sys.argv[1]) / stage / training.CHECKPOINT)[1]["seconds"]
              for stage in SHARES]
    scores = {name: round(value, 4) for name, value in score(model).items()}
    scores["minutes"] = round(sum(stages) / 60, 1)
    checkpoints.ship("digits.safetensors", checkpoints.in_16_bits(model),
                     "python -m lessons train --data digits --out OUT && "
                     "python -m lessons.beyond OUT", scores)
    print(scores)


if __name__ == "__main__":
    main()
