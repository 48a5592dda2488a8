"""Lesson 4: from a caption to a film, by an adversarial game over paths.

A frame becomes a short vector: who is there (content), where (place), in which posture (motion). A
film is a path of such vectors, one a frame, and two networks hardly larger than those of lesson 1
play for paths. A decoder then paints each frame.

`python -m lessons.video FOLDER` scores the model in a folder and ships it as the course's own.

Axes: N films, T frames of each, F frames of any films, H and W pixels, D numbers a frame (CONTENT,
then 1 for the place, then MOTION), L words of a caption, E numbers a word.
"""

import io
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lessons import checkpoints, measuring, training
from lessons.attention import WordAttention
from lessons.checkpoints import load_checkpoint, save_checkpoint, write_whole
from lessons.errors import CourseError
from lessons.losses import NonSaturating, Relativistic
from lessons.scene import ACTIONS
from lessons.text_conditioning import (
    Matching,
    TextEncoder,
    Wordings,
    complete,
    contrastive_loss,
    decode,
    encode,
    evenly,
)
from lessons.theatre import Theatre

CONTENT, MOTION = 16, 16  # numbers: who is there, averaged over a film; the posture in one frame
PATH = CONTENT + 1 + MOTION
LATENT = 48    # numbers of noise that become one path
OWN = 5        # of them have one meaning each: what is open (3), where a film begins, which foot
OVERTONES = (1.0, 2.0, 3.0, 4.0)  # as in music: an oscillator's swing is made of these multiples
SLOWEST = 2 * math.pi * 0.75 / 8  # radians a frame of an oscillator: 0.75 turns a second
FRAMES = 16    # of a film
TOGETHER = 4   # frames of one film in a batch of the autoencoder
MODEL = "theatre"  # the name that a checkpoint of this lesson carries


def cut(difference):
    """Cut out what differs from the empty stage: windows that have it in their middle.

    difference: frames minus the empty stage, (F, 3, H, W). Returns windows (F, 3, H, W / 2) and
    the middle of each in pixels, (F,): half of what differs lies to its left, half to its right; it
    is W / 2 where nothing differs. (The mean would move with every arm that waves.)
    """
    W = difference.shape[3]
    weight = difference.abs().amax(1).sum(1)                                   # (F, W)
    total = weight.sum(1)
    left = weight.cumsum(1) / total.clamp(min=0.5)[:, None]                    # (F, W)
    column = (left < 0.5).sum(1, keepdim=True).clamp(max=W - 1)                # (F, 1)
    share = weight.gather(1, column) / total.clamp(min=0.5)[:, None]           # of that column
    inside = (0.5 - left.gather(1, column)) / share.clamp(min=1e-6) + 1        # 0 to 1
    place = torch.where(total > 0.5, (column + inside)[:, 0], W / 2)
    columns = window_columns(place, W)[:, None, None].expand(-1, *difference.shape[1:3], -1)
    return F.pad(difference, (W // 2, W // 2)).gather(3, columns), place


def paste(windows, place, size):
    """Put windows (F, 3, H, W / 2) back where they were cut, on nothing: (F, 3, H, W)."""
    columns = window_columns(place, size)[:, None, None].expand_as(windows)  # (F, 3, H, W / 2)
    wide = windows.new_zeros(*windows.shape[:3], 2 * size)
    return wide.scatter(3, columns, windows)[..., size // 2:-(size // 2)]


def window_columns(place, W):
    """The columns of each window (F, W / 2) in a frame with W / 2 more columns on either side."""
    left = place.clamp(0, W).round() - W // 4 + W // 2
    return (left[:, None] + torch.arange(W // 2, device=place.device)).long()


def one_content(codes):
    """Who is there does not change within a film: codes (N, T, CONTENT + MOTION) -> the same shape,
    the content of each film averaged over its frames, the motion as it is."""
    content, motion = codes.split([CONTENT, MOTION], 2)
    content = content.mean(1, keepdim=True).expand_as(content)                 # (N, T, CONTENT)
    return torch.cat([content, motion], 2)


def recast(who, what):
    """Paths (N, T, D) in which the figures of `who` do what happens in `what`, both (N, T, D)."""
    return torch.cat([who[..., :CONTENT], what[..., CONTENT:]], 2)


def turns(start, speed):
    """How far oscillators have turned, in radians: start (N, K), speed (N, T, K) -> (N, T, K).

        turn_t = 2 pi start + SLOWEST * sum over frames up to t of 1 + sigmoid(speed)

    The sum makes the rhythm even where the speed is, and lets it change without a jump. All speeds
    lie within one octave: a rhythm and its double are never both in reach, so that every gait
    turns once a cycle, and one can become another.
    """
    return 2 * math.pi * start[:, None] + SLOWEST * (1 + speed.sigmoid()).cumsum(1)


def rhythm(motion, K=3, even=0.8):
    """How fast films step: motion (N, T, C) -> turns a second (N,), nan for who does not step
    evenly.

    At each speed from 0.75 to 1.5 turns a second, a mean, sines and cosines of K multiples are
    fitted to all numbers of the motion; the speed that leaves least is the rhythm, if it explains
    the share `even` of the motion. So is the pitch of a voice found: many overtones, one speed.
    """
    motion = motion - motion.mean(1, keepdim=True)
    speeds = torch.linspace(0.75, 1.5, 31)
    turned = 2 * math.pi / 8 * torch.arange(motion.shape[1])[:, None] * torch.arange(1, K + 1)
    waves = speeds[:, None, None] * turned                                     # (31, T, K)
    waves = torch.cat([torch.ones_like(waves[..., :1]), waves.sin(), waves.cos()], 2)
    basis = torch.linalg.qr(waves)[0]                                          # (31, T, 2 K + 1)
    held = torch.stack([(one.T @ motion).square().sum((1, 2)) for one in basis], 1)   # (N, 31)
    most, best = held.max(1)
    return torch.where(most > even * motion.square().sum((1, 2)), speeds[best], torch.nan)


class FrameEncoder(nn.Module):
    """Windows (F, 3, H, W / 2) -> content and motion, (F, CONTENT + MOTION)."""

    def __init__(self, size=48):
        super().__init__()
        block = size // 16
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(block),                                          # (F, ., 16, 8)
            nn.Conv2d(3 * block ** 2, 48, 3, stride=2, padding=1), nn.BatchNorm2d(48),
            nn.LeakyReLU(0.2),
            nn.Conv2d(48, 96, 3, stride=2, padding=1), nn.BatchNorm2d(96), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(96 * 4 * 2, 256), nn.BatchNorm1d(256), nn.LeakyReLU(0.2),
            nn.Linear(256, CONTENT + MOTION), nn.BatchNorm1d(CONTENT + MOTION, affine=False),
        )

    def forward(self, windows):
        return self.layers(windows)


class Residual(nn.Module):
    """x + convolution of x: (F, C, H, W) -> the same shape."""

    def __init__(self, channels):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1),
                                    nn.BatchNorm2d(channels), nn.LeakyReLU(0.2))

    def forward(self, x):
        return x + self.layers(x)


class FrameDecoder(nn.Module):
    """Content, rest of the place and motion (F, D) -> windows (F, 3, H, W / 2).

    The rest of the place is what rounding to whole pixels left over, -0.5 to 0.5. The last layer
    gives colours and a gate of 0 to 1 for each pixel: outside the figure it shuts, and the stage
    stays as still as it is.
    """

    def __init__(self, size=48):
        super().__init__()
        block = size // 16
        self.layers = nn.Sequential(
            nn.Linear(PATH, 448), nn.BatchNorm1d(448), nn.LeakyReLU(0.2),
            nn.Linear(448, 64 * 8 * 4), nn.BatchNorm1d(64 * 8 * 4), nn.LeakyReLU(0.2),
            nn.Unflatten(1, (64, 8, 4)),                                       # (F, 64, 8, 4)
            nn.Conv2d(64, 160, 3, padding=1), nn.PixelShuffle(2),              # (F, 40, 16, 8)
            nn.BatchNorm2d(40), nn.LeakyReLU(0.2), Residual(40),
            nn.Conv2d(40, 4 * block ** 2, 3, padding=1), nn.PixelShuffle(block),
        )

    def forward(self, vectors):
        painted = self.layers(vectors)                                         # (F, 4, H, W / 2)
        return 2 * painted[:, :3] * painted[:, 3:].sigmoid()


class FrameAutoencoder(nn.Module):
    """Films to paths and back. stage: what does not move, (3, H, W) in [-1, 1]."""

    def __init__(self, size=48):
        super().__init__()
        self.size = size
        self.encoder = FrameEncoder(size)
        self.decoder = FrameDecoder(size)
        self.register_buffer("stage", torch.zeros(3, size, size))

    def forward(self, frames):
        """Frames (F, H, W, 3) uint8, TOGETHER in a row from one film -> windows as they are, and
        as they come back, both (F, 3, H, W / 2)."""
        windows, place = cut(self._difference(frames))
        codes = one_content(self.encoder(windows).unflatten(0, (-1, TOGETHER))).flatten(0, 1)
        content, motion = codes.split([CONTENT, MOTION], 1)
        vectors = torch.cat([content, (place - place.round())[:, None], motion], 1)
        # a little noise: neighbouring vectors must mean similar pictures
        noise = 0.05 * torch.randn_like(vectors)
        noise[:, CONTENT] = 0
        return windows, self.decoder(vectors + noise)

    @torch.no_grad()
    def paths(self, video, chunk=64):
        """Films uint8 (N, T, H, W, 3) -> paths (N, T, D); the place in frame widths."""
        video, paths = torch.as_tensor(video), []
        for part in video.split(chunk):
            windows, place = cut(self._difference(part.flatten(0, 1).to(self.stage.device)))
            codes = one_content(self.encoder(windows).unflatten(0, part.shape[:2]))
            content, motion = codes.split([CONTENT, MOTION], 2)
            place = place.view(*part.shape[:2], 1) / self.size
            paths.append(torch.cat([content, place, motion], 2))
        return torch.cat(paths)                                                # (N, T, D)

    @torch.no_grad()
    def films(self, paths, chunk=64):
        """Paths (N, T, D) -> films uint8 (N, T, H, W, 3)."""
        video = []
        for part in paths.split(chunk):
            vectors, place = self.vectors(part.flatten(0, 1))
            frames = self.stage + paste(self.decoder(vectors), place, self.size)
            frames = ((frames.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
            video.append(frames.permute(0, 2, 3, 1).unflatten(0, part.shape[:2]).cpu())
        return torch.cat(video).numpy()

    def vectors(self, points):
        """Points of paths (F, D) -> vectors for the decoder (F, D), and places in pixels (F,)."""
        place = points[:, CONTENT].clamp(0, 1) * self.size
        vectors = points.clone()
        vectors[:, CONTENT] = place - place.round()
        return vectors, place

    def _difference(self, frames):
        """Frames uint8 (F, H, W, 3) -> what differs from the stage, (F, 3, H, W)."""
        return frames.permute(0, 3, 1, 2).float() / 127.5 - 1 - self.stage


def importance(windows):
    """Where a mistake counts: (F, 3, H, W) -> (F, 1, H, W), 5 on the figure and 1 elsewhere.

    A dark leg counts as much as a bright one.
    """
    return 1 + 4 * (windows.abs().amax(1, keepdim=True) > 0.1).float()


def reconstruction_loss(autoencoder, frames):
    """How far frames (F, H, W, 3) are from what comes back: errors of colour and of edges."""
    windows, painted = autoencoder(frames)
    weight, error = importance(windows), painted.float() - windows
    across = (weight * F.pad(error.diff(dim=3), (0, 1)).abs()).mean()
    down = (weight * F.pad(error.diff(dim=2), (0, 0, 0, 1)).abs()).mean()
    return (weight * (error.abs() + 2 * error.square())).mean() + (across + down) / 2


def calm(step, motion, least_step=0.04, least_change=0.15):
    """What is too small for a movement is none: steps (N, T, 1), postures (N, T, C) -> the same.

    Steps below `least_step` are dropped (about a third of a pixel), and a posture is held while it
    changes by less than `least_change` (root mean square; a step of a walk changes it by about
    0.7). Who stands does not tremble, and who waves does not slide.
    """
    step = step * (step.abs() > least_step)
    moves = motion.diff(dim=1).square().mean(2).sqrt() > least_change          # (N, T - 1)
    held = [motion[:, 0]]
    for t in range(1, motion.shape[1]):
        held.append(torch.where(moves[:, t - 1, None], motion[:, t], held[-1]))
    return step, torch.stack(held, 1)                                          # (N, T, C)


def begin(way, edges, share):
    """Where a film begins, (N, 1), so that its whole way lies between the edges of the stage.

    way (N, T): places, counted from the beginning; edges (N, 2): what the words change about the
    left edge and the right; share (N, 1), 0 to 1: at which of the places that are left. A film
    whose way is as long as the stage stands in its middle.
    """
    low, high = way.amin(1, keepdim=True), way.amax(1, keepdim=True)           # (N, 1)
    left, right = (edges + torch.tensor([-1.3, 1.3], device=way.device)).split(1, 1)
    room = F.softplus(8 * (right - left - high + low)) / 8                     # never below 0
    return (left + right - low - high) / 2 + room * (share - 0.5)


class PathGenerator(nn.Module):
    """G(z, t): noise z (N, LATENT) and captions (N, L) -> paths (N, T, D), standardised.

    Noise decides first what the caption leaves open. Who is there is asked once a film; what
    happens is asked anew at each frame. An oscillator gives the rhythm of steps: the words and the
    noise set how fast it turns, one number of the noise sets with which foot it begins. A GRU
    carries the movement from frame to frame. A place is where the film began and from there one
    step a frame, and the body sways about it as its posture says; one number of the noise sets
    where between the edges of the stage the film begins, as far as its own way leaves room.
    """

    def __init__(self, width=160):
        super().__init__()
        self.text = TextEncoder()
        self.noise = nn.Sequential(nn.Linear(LATENT - OWN, 128), nn.LeakyReLU(0.2),
                                   nn.Linear(128, 128), nn.LeakyReLU(0.2))
        self.who = WordAttention(1)
        self.what = WordAttention(FRAMES)
        self.content = nn.Sequential(nn.Linear(128 + 128, 192), nn.LeakyReLU(0.2),
                                     nn.Linear(192, CONTENT))
        self.enter = nn.Sequential(nn.Linear(128 + 128 + CONTENT, width), nn.LeakyReLU(0.2))
        self.speed = nn.Linear(width, 1)
        self.swing = nn.Linear(2 * len(OVERTONES), width)
        self.carry = nn.GRU(width, width, batch_first=True)
        self.leave = nn.Sequential(nn.Linear(2 * width, 256), nn.LeakyReLU(0.2),
                                   nn.Linear(256, MOTION))
        self.step = nn.Linear(width, 1)
        self.sway = nn.Sequential(nn.Linear(CONTENT + MOTION, 64), nn.LeakyReLU(0.2),
                                  nn.Linear(64, 1))
        self.edges = nn.Linear(128 + 128, 2)

    def forward(self, z, ids, *_):
        return self.explained(z, ids)[0]

    def explained(self, z, ids):
        """(paths (N, T, D), attention (N, T, L) of the frames to the words, mean of the heads)."""
        open_, where, foot, rest = z.split([3, 1, 1, LATENT - OWN], 1)
        who, what, content, x, attention = self._ask(rest, complete(ids, open_))
        step, motion = 0.2 * self.step(x), self._move(x, evenly(foot))         # (N, T, .) each
        if not self.training:
            step, motion = calm(step, motion)
        content = content[:, None].expand(-1, FRAMES, -1)                      # (N, T, CONTENT)
        way = step.cumsum(1) + 0.05 * self.sway(torch.cat([content, motion], 2))   # (N, T, 1)
        edges = self.edges(torch.cat([who, what.mean(1)], 1))                  # (N, 2)
        place = way + begin(way[..., 0], edges, evenly(where))[:, None]        # (N, T, 1)
        said = attention.mean(1)[..., :ids.shape[1]]                           # (N, T, L)
        return torch.cat([content, place, motion], 2), \
            said / said.sum(2, keepdim=True).clamp(min=1e-6)

    def _ask(self, rest, full):
        """What noise (N, LATENT - OWN) and completed captions (N, L + 3) say: of the film (N, 128),
        of its frames (N, T, 128), the content (N, CONTENT), what is asked of each frame's movement
        (N, T, width), and the attention (N, heads, T, L + 3)."""
        words, states, _ = self.text(full)
        noise = self.noise(rest)                                               # (N, 128)
        who, _ = self.who(words, states, full > 0)                             # (N, 1, 128)
        content = self.content(torch.cat([who[:, 0], noise], 1))               # (N, CONTENT)
        what, attention = self.what(words, states, full > 0)                   # (N, T, 128)
        still = torch.cat([noise, content], 1)[:, None].expand(-1, FRAMES, -1)
        x = self.enter(torch.cat([what, still], 2))                            # (N, T, width)
        return who[:, 0], what, content, x, attention

    def _move(self, x, foot):
        """Postures (N, T, MOTION) from what is asked of each frame x (N, T, width) and the phase of
        the first step foot (N, 1), 0 to 1."""
        turned = turns(foot, self.speed(x)) * torch.tensor(OVERTONES, device=x.device)
        x = x + self.swing(torch.cat([turned.sin(), turned.cos()], 2))         # (N, T, width)
        carried, _ = self.carry(x)
        return self.leave(torch.cat([x, carried], 2))


class Steps(nn.Module):
    """A convolution over time by one matrix product: (N, T, C) -> (N, T / stride, C)."""

    def __init__(self, width, reach, stride):
        super().__init__()
        self.reach, self.stride = reach, stride
        self.linear = nn.Linear(reach * width, width)

    def forward(self, x):
        before = (self.reach - self.stride + 1) // 2
        x = F.pad(x, (0, 0, before, self.reach - self.stride - before))
        x = x.unfold(1, self.reach, self.stride).flatten(2)                    # (N, T', C * reach)
        return F.leaky_relu(self.linear(x), 0.2)


class PathDiscriminator(nn.Module):
    """D(x, t): is this path real, and does it fit the caption?

    forward: paths (N, T, D), captions (N, L) -> logits (N,); and for the contrastive loss a
    vector of the path, one of the caption, (N, 64 + T * 32) each, and the scale of their product
    (N,). The logit is that of the whole path, which sees all changes in order, and half of the mean
    over frames, each seen by itself. The first half of the two vectors speaks of the whole film;
    the second goes frame by frame, what is seen there beside what the words say of it, so that the
    order of two actions is learnt soon.
    """

    def __init__(self, width=160):
        super().__init__()
        self.text = TextEncoder()
        self.enter = nn.Sequential(nn.Linear(2 * PATH, width), nn.LeakyReLU(0.2))
        self.near = Steps(width, 3, 1)
        self.far = nn.Sequential(Steps(width, 4, 2), Steps(width, 4, 2))
        self.sum_up = nn.Sequential(nn.Linear(FRAMES // 4 * width, 256), nn.LeakyReLU(0.2))
        self.frame = nn.Sequential(nn.Linear(PATH, width), nn.LeakyReLU(0.2),
                                   nn.Linear(width, width), nn.LeakyReLU(0.2))
        self.fits, self.frame_fits = Matching(256), Matching(width)
        self.match = nn.Linear(256, 64)
        self.what = WordAttention(FRAMES)
        self.see, self.say = nn.Linear(width, 32), nn.Linear(128, 32)
        self.register_buffer("pace", torch.ones(PATH))  # of real changes from frame to frame
        self.scale = nn.Parameter(torch.tensor(1.6))

    def forward(self, paths, ids, *_):
        words, states, sentence = self.text(ids)
        change = F.pad(paths.diff(dim=1), (0, 0, 1, 0)) / self.pace            # (N, T, D)
        x = self.enter(torch.cat([paths, change], 2))                          # (N, T, width)
        x = x + self.near(x)
        whole = self.sum_up(self.far(x).flatten(1))                            # (N, 256)
        frames = self.frame(paths).flatten(0, 1)                               # (N T, width)
        each = self.frame_fits(frames, sentence.repeat_interleave(FRAMES, 0))
        logits = self.fits(whole, sentence) + each.view(-1, FRAMES).mean(1) / 2
        scale = self.scale.exp().clamp(max=30).expand(len(paths))
        what, _ = self.what(words, states, ids > 0)                            # (N, T, 128)
        seen = _beside(self.match(whole), self.see(x).flatten(1))              # (N, 64 + T 32)
        return logits, seen, _beside(sentence, self.say(what).flatten(1)), scale


def _beside(one, other):
    """Two vectors (N, .) a film, each brought to length 1, so that both count alike."""
    return torch.cat([F.normalize(one, dim=1), F.normalize(other, dim=1)], 1)


class MatchAndSpread:
    """What is added to the adversarial losses: paths must match their captions, and those of one
    caption must differ as real ones do (`energy_score`, of the paths, of their changes, and of how
    these change).

    match, spread: what the two weigh for the generator. The discriminator learns to match with
    weight 1 (or not at all, where match is 0); a generator that is pressed as hard makes the most
    typical film of every caption.
    """

    def __init__(self, match=0.3, spread=0.3):
        self.match, self.spread = match, spread

    def discriminator(self, more, conditions):
        films, sentences, scale = more
        return contrastive_loss(films, sentences, scale[0], conditions[1]) if self.match else 0.0

    def generator(self, real, fake, more, conditions):
        apart = sum(energy_score(real.diff(n, 1), fake.diff(n, 1)) for n in range(3))
        return self.match * self.discriminator(more, conditions) + self.spread * apart


class InRhythm:
    """What is added to the losses, and one thing more for the generator: its oscillator turns as
    fast as the real film of the same caption steps, where that has a `rhythm`.

        mean of (1 + sigmoid(speed) - rhythm / 0.75)^2

    The game alone would settle for whatever speed it finds first: over sixteen frames a speed that
    is off by half a turn a second is no better than one that is off by a whole one.
    """

    def __init__(self, generator, extra):
        self.network, self.extra = generator, extra
        self.discriminator = extra.discriminator
        self.noise = torch.randn(256, LATENT - OWN, generator=torch.Generator().manual_seed(0))

    def generator(self, real, fake, more, conditions):
        ids, _, rhythms = conditions
        noise = self.noise[:len(ids)].to(ids.device)  # always the same: runs can be resumed
        speed = self.network.speed(self.network._ask(noise, ids)[3])[..., 0]   # (N, T)
        off = 1 + speed.sigmoid() - rhythms.nan_to_num()[:, None] / 0.75
        even = ~rhythms.isnan()                                                # (N,)
        return self.extra.generator(real, fake, more, conditions) \
            + (even[:, None] * off.square()).mean()


def energy_score(real, fake):
    """How far generated paths are from real ones of the same captions, as distributions: a number.

        E d(x, y) - E d(x, x') / 2,   x, x' generated, y real, all of one caption

    It is smallest where both are distributed alike: a generator that makes one film of a caption
    loses the second term. d: root mean square distance of the contents, of the places and of the
    motions, each in units of its spread among real ones, added up and averaged over frames, since
    a whole film is too far from any other. real, fake (N, T, D): rows 2i and 2i + 1 are of one
    caption. Source: Gneiting and Raftery, 2007, JASA 102, 359-378; for generators: Gritsenko et
    al., 2020, arXiv 2008.01160.
    """
    unit = real.std((0, 1)) + 1e-3                                             # (D,)
    x, y = ((paths / unit).unflatten(0, (-1, 2)) for paths in (fake, real))    # (N / 2, 2, T, D)
    return (_apart(x, y) + _apart(x, y.flip(1))) / 2 - _apart(x[:, 0], x[:, 1]) / 2


def _apart(a, b):
    parts = (a - b).split([CONTENT, 1, MOTION], -1)
    return sum((part.square().mean(-1) + 1e-8).sqrt().mean() for part in parts)


class Painter(nn.Module):
    """The decoder as a generator: noise z (F, D) jogs the vectors (F, D) that it paints from."""

    def __init__(self, decoder):
        super().__init__()
        self.decoder = decoder

    def forward(self, z, vectors):
        z = torch.cat([z[:, :CONTENT], 0 * z[:, :1], z[:, CONTENT + 1:]], 1)
        return self.decoder(vectors + 0.04 * z)


class Critic(nn.Module):
    """Looks at windows (F, 3, H, W / 2), at all patches and at the whole with its vector (F, D)."""

    def __init__(self, size=48):
        super().__init__()
        block = size // 16
        self.look = nn.Sequential(
            nn.PixelUnshuffle(block),                                          # (F, ., 16, 8)
            nn.Conv2d(3 * block ** 2, 48, 3, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(48, 96, 3, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(96, 96, 3, padding=1), nn.LeakyReLU(0.2),                # (F, 96, 8, 4)
        )
        self.patch = nn.Conv2d(96, 1, 1)
        self.vector = nn.Linear(PATH, 64)
        self.fits = Matching(96 * 8 * 4)

    def forward(self, windows, vectors):
        seen = self.look(windows)
        return self.patch(seen).mean((1, 2, 3)) + self.fits(seen.flatten(1), self.vector(vectors))


class StayClose:
    """What is added to the painter's loss: its windows must be near the real ones."""

    def __init__(self, weight=20.0):
        self.weight = weight

    def discriminator(self, more, conditions):
        return 0.0

    def generator(self, real, fake, more, conditions):
        return self.weight * (importance(real) * (fake - real).abs()).mean()


class FilmMaker(nn.Module):
    """The model of the course: captions and noise become paths, and paths become films."""

    def __init__(self, size=48):
        from lessons.audio import SoundMaker  # it imports this module
        super().__init__()
        self.autoencoder = FrameAutoencoder(size)
        self.generator = PathGenerator()
        self.sound = SoundMaker()
        self.register_buffer("middle", torch.zeros(PATH))  # of each number of real paths
        self.register_buffer("spread", torch.ones(PATH))

    @torch.no_grad()
    def forward(self, z, ids, noise=None):
        """z (N, LATENT), captions (N, L) -> films uint8 (N, T, H, W, 3), attention (N, T, L), sound
        (N, samples), from noise (N, audio.NOISE); silence without noise, or where `sound` is None.
        """
        with training.mixed_precision(z.device):
            paths, attention = self.generator.explained(z, ids)
            paths = paths.float() * self.spread + self.middle
            silence = torch.zeros(len(z), round(FRAMES / Films.fps * Films.sample_rate))
            waves = silence if noise is None or self.sound is None else \
                self.sound(noise, ids, paths)
            return self.autoencoder.films(paths), attention.float().cpu(), waves


@dataclass
class Films:
    """What `film` made: N films, count of each caption in a row.

    video: uint8 (N, T, H, W, 3). audio: float32 (N, samples), -1 to 1. captions: N strings.
    attention: float32 (N, T, L), how much each frame looked at each word, rows summing to 1 over
    the words that are there. words: (N, L) strings, empty where there is none.
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
            from lessons import show  # needs what draws pictures, which nothing else here does
            frames = np.concatenate(self.video)                                # (N T, H, W, 3)
            content = show.gif(frames, self.fps) if kind == ".gif" else \
                show.mp4(frames, self.audio.reshape(-1), self.fps, self.sample_rate)
        write_whole(path, content)


def must_be_film(path):
    """The ending of a file's name, .npz, .gif or .mp4; raises CourseError for any other."""
    if (kind := Path(path).suffix) not in (".npz", ".gif", ".mp4"):
        raise CourseError(f"Cannot write '{Path(path).name}': films go to a file whose name ends "
                          f"in .npz, .gif or .mp4.")
    return kind


def film(model, texts, count=1, seed=0, sound=True, chunk=64):
    """Films of captions, English or Chinese: `count` of each, told apart by chance.

    model: of `load_model`; texts: list of captions; sound: False saves the time that it takes, and
    the pictures are the same. Raises CourseError for a caption that cannot be read.
    """
    from lessons.audio import NOISE  # it imports this module
    if not texts:
        raise CourseError("There is no caption: give one, for example 'a red man walks'.")
    ids = encode(texts).repeat_interleave(count, 0)                            # (N, L)
    rng, device = torch.Generator().manual_seed(seed), model.middle.device
    z, noise = (torch.randn(len(ids), n, generator=rng) for n in (LATENT, NOISE))
    made = [model(part.to(device), words.to(device), heard.to(device) if sound else None)
            for part, words, heard in zip(z.split(chunk), ids.split(chunk), noise.split(chunk),
                                          strict=True)]
    video, attention, waves = zip(*made, strict=True)
    return Films(video=np.concatenate(video), audio=torch.cat(waves).numpy(),
                 captions=[text for text in texts for _ in range(count)],
                 attention=torch.cat(attention).numpy(), words=decode(ids))


def load_model(place, sound=True):
    """The model that `train_theatre` left in a folder, or the shipped one, "theatre".

    sound: False leaves its sound away, as for a model that was trained before films had any.
    """
    path = Path(place) / training.MODEL
    if str(place) == "theatre":
        tensors = checkpoints.shipped("theatre.safetensors")
        tensors |= {f"sound.{name}": value for name, value in
                    (checkpoints.shipped("sound.safetensors") if sound else {}).items()}
    else:
        tensors, _ = load_checkpoint(path, MODEL)
    stage = tensors.get("autoencoder.stage", torch.zeros(3, 48, 48))  # it has the frames' size
    model = FilmMaker(stage.shape[1])
    if not sound or not any(name.startswith("sound.") for name in tensors):
        model.sound = None
        tensors = {name: value for name, value in tensors.items() if name[:6] != "sound."}
    checkpoints.load_weights(model, tensors, path)
    return model.eval()


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
    from lessons import audio  # it imports this module
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
    left = minutes and training.of_first(left)
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
                            audio.kinds_of(scenes), folder / "sound", seed=seed, device=device,
                            **lengths["sound"])
    model.sound = audio.made_of(run, paths)
    if training.rank() == 0:
        save_checkpoint(folder / training.MODEL, model.state_dict(),
                        {"model": MODEL, "size": size, "frames": FRAMES, "fps": Films.fps,
                         "how": f"--{'steps' if steps else 'minutes'} {steps or minutes:g} "
                                f"--size {size} --seed {seed}"})
    return model


def train_autoencoder(video, folder=None, *, seed=0, device="cpu", **length):
    """First stage: the `training.Supervised` run of an autoencoder on films (N, T, H, W, 3).

    folder: where its checkpoint is, gone on from if there is one. length: minutes or steps.
    Films in which much moves are drawn more often, since they are the hardest to paint.
    """
    torch.manual_seed(seed)
    N, T, size = video.shape[:3]
    autoencoder = FrameAutoencoder(size)
    some = video[:: max(1, N // 200), ::4].flatten(0, 1)
    autoencoder.stage.copy_(some.permute(0, 3, 1, 2).median(0).values / 127.5 - 1)
    change = torch.cat([part.float().diff(dim=1).abs().mean((1, 2, 3, 4))
                        for part in video[:, :, ::3, ::3].split(500)])
    weights = 0.5 + change / change.mean()

    def draw(n, rng):
        rows = torch.multinomial(weights, n // TOGETHER, replacement=True, generator=rng)
        rows = rows.repeat_interleave(TOGETHER)
        return (video[rows, torch.randint(T, (n,), generator=rng)],)
    run = training.Supervised(autoencoder.to(memory_format=torch.channels_last),
                              model=f"{MODEL} autoencoder", seed=seed, device=device)
    return training.fit_to_end(run, folder, draw, loss=reconstruction_loss, **length)


def twice(scenes):
    """Each scene two times in a row: what its two films differ in, the caption does not say."""
    return [scene for scene in scenes for _ in range(2)]


def train_paths(paths, wordings, folder=None, *, networks=None, extra=None, seed=0, device="cpu",
                **length):
    """Second stage: the `training.Run` of the game over standardised paths (N, T, D).

    paths: two of each scene in a row, see `twice`; wordings: the `Wordings` of the scenes.
    networks: a function that makes a generator and a discriminator, extra: what is added to the
    losses, where they are not those of this lesson. folder: see `train_autoencoder`; length:
    minutes or steps, and what else `training.fit` takes.
    """
    torch.manual_seed(seed)
    pairs = paths.cpu().unflatten(0, (-1, 2))                                  # (N / 2, 2, T, D)
    often = how_often(wordings.meanings[:, 0])                                 # (N / 2,)
    speeds = rhythm(pairs.flatten(0, 1)[..., CONTENT + 1:]).view(-1, 2)        # (N / 2, 2)

    def draw(n, rng):
        rows = torch.multinomial(often, n // 2, replacement=True, generator=rng)
        ids, said = wordings.draw(rows, rng)
        return pairs[rows].flatten(0, 1), ids.repeat_interleave(2, 0), \
            said.repeat_interleave(2, 0), speeds[rows].flatten()
    generator, discriminator = networks() if networks else (PathGenerator(), PathDiscriminator())
    if not (folder and (Path(folder) / training.CHECKPOINT).exists()):
        learn_sway(generator, paths, seed)
    generator.sway.requires_grad_(False)
    discriminator.pace.copy_(paths.diff(dim=1).std((0, 1)).clamp(min=0.05))
    run = training.Run(generator, discriminator, model=f"{MODEL} paths", seed=seed, device=device)
    return training.fit_to_end(run, folder, draw, loss=Relativistic, latent=LATENT, r1=0.5, r2=0.5,
                               extra=InRhythm(generator, extra or MatchAndSpread()), decay=0.998,
                               **length)


def how_often(meanings, times=4):
    """How often scenes are drawn, (N,): those in which a walk becomes a run or a run a walk so many
    `times` as the others. They are one in twenty, and only they show how one gait becomes another.

    meanings (N, 6): see `text_conditioning.meanings`.
    """
    actions = meanings[:, 2:4]
    gaits = [(actions == ACTIONS.index(action)).any(1) for action in ("walk", "run")]
    return 1 + (times - 1) * (gaits[0] & gaits[1]).float()


def learn_sway(generator, paths, seed=0, steps=1000):
    """How a body sways about its way, as its posture says: learnt from real paths (N, T, D), before
    the game, which would be long in finding it. What is left of the place must go on evenly:

        mean of (p[t + 1] - 2 p[t] + p[t - 1])^2,   p = place - sway(content, motion)
    """
    def draw(n, rng):
        return (paths[torch.randint(len(paths), (n,), generator=rng)],)

    def loss(sway, some):
        content, place, motion = some.split([CONTENT, 1, MOTION], 2)           # (N, T, .) each
        left = place - 0.05 * sway(torch.cat([content, motion], 2))
        return left.diff(n=2, dim=1).square().mean()
    run = training.Supervised(generator.sway, model=f"{MODEL} sway", seed=seed)
    training.fit_supervised(run, draw, loss, steps=steps)


def train_painter(autoencoder, video, paths, folder=None, *, seed=0, device="cpu", **length):
    """Third stage: the `training.Run` of a game that sharpens the autoencoder's decoder.

    The painter sees the vector of a real frame and must paint it so that a critic takes it for the
    frame. video (N, T, H, W, 3) and paths (N, T, D) belong together. Its batch norms stay as they
    are. folder, length: see `train_autoencoder`.
    """
    torch.manual_seed(seed)
    paths, home = paths.cpu(), autoencoder.stage.device
    decoder = FrameDecoder(autoencoder.size)
    decoder.load_state_dict(autoencoder.decoder.state_dict())

    def draw(n, rng):
        rows = torch.randint(len(video), (n,), generator=rng)
        frames = torch.randint(video.shape[1], (n,), generator=rng)
        windows, _ = cut(autoencoder._difference(video[rows, frames].to(home)))
        return windows, autoencoder.vectors(paths[rows, frames])[0]
    run = training.Run(Painter(decoder).eval(), Critic(autoencoder.size), lr=5e-4,
                       model=f"{MODEL} painter", seed=seed, device=device)
    return training.fit_to_end(run, folder, draw, loss=NonSaturating, latent=PATH, r1=0.05,
                               extra=StayClose(), decay=0.995, **length)


def score(model):
    """The numbers of the scoreboard for a `FilmMaker`: see `measuring.score` and, where it has
    sound, `audio.measured`."""
    from lessons import audio  # it imports this module
    scores = measuring.score(lambda *wish: film(model, *wish, sound=False).video,
                             size=model.autoencoder.size)
    return scores | (audio.score(lambda *wish: film(model, *wish)) if model.sound else {})


def main():
    """Score the model in a folder and write it to data/ as the one that comes with the course."""
    if len(sys.argv) != 2:
        raise SystemExit("Say which folder holds the model: python -m lessons.video FOLDER")
    _, facts = load_checkpoint(Path(sys.argv[1]) / training.MODEL, MODEL)
    model = load_model(sys.argv[1], sound=False)  # which `python -m lessons.audio sound` ships
    tensors = checkpoints.in_16_bits(model)
    model.load_state_dict(tensors)  # what is scored is what is shipped, in 16 bits
    scores = {name: round(value, 4) for name, value in score(model).items()}
    stages = (load_checkpoint(Path(sys.argv[1]) / stage / training.CHECKPOINT) for stage in SHARES)
    scores["minutes"] = round(sum(facts["seconds"] for _, facts in stages) / 60, 1)
    checkpoints.ship("theatre.safetensors", tensors,
                     f"python -m lessons train --data theatre {facts['how']} --out OUT && "
                     f"python -m lessons.video OUT", scores)
    print(scores)


if __name__ == "__main__":
    main()
