"""Lesson 9: the same model beyond the theatre, on real digits that speak and on clips of your own.

What `priors` tells of the theatre is not known here. What can be measured in the films is: the size
of the frames and their colours, the words, how large what moves is, how near to the edges it comes,
and whether there is sound.

Axes: N films, T frames of each, F frames of any films, H and W pixels of a frame, C colours, h and
w pixels of a window, D numbers a frame (content, x and y, motion), L words of a caption.
"""

import re

import torch
from torch import nn

from lessons import audio, measuring, video
from lessons.engine import distributed
from lessons.frames import Layout, mean_and_spread
from lessons.signals.spectrogram import spectrogram
from lessons.signals.windows import window_for


def clips_layout(frame, window):
    """The `Layout` of films of which nothing is known: frame (H, W, C), window (h, w)."""
    return Layout(tuple(frame), tuple(window), content=32, axes=2,
                  block=4 if min(window) >= 64 else 2, hidden=320, channels=(48, 32),
                  widths=(256, 256), centred=True, least_spread=0.3)


class Measured(nn.Module):
    """What real films are like: between which places things stay, how much changes from frame to
    frame, and how loud they are (mean square)."""

    def __init__(self):
        super().__init__()
        self.register_buffer("edges", torch.tensor([[0., 0], [1, 1]]))  # (2, 2): least x, y; most
        self.register_buffer("change", torch.ones(()))
        self.register_buffer("loudness", torch.zeros(()))


def inside(paths, edges, place):
    """Paths (N, T, D), each moved as a whole, and no further than it must, until its places lie
    between edges (2, 2): the least x and y that real films have, and the largest. What needs more
    room than there is stops at an edge. place: which numbers of D are the places, a slice."""
    at, (low, high) = paths[..., place], edges
    by = (low - at.amin(1)).clamp(min=0) + (high - at.amax(1)).clamp(max=0)    # (N, 2)
    paths = paths.clone()
    paths[..., place] = (at + by[:, None]).clamp(low, high)
    return paths


def captions_of(ids, vocabulary):
    """Captions (N, L) in numbers as plain text, each once; Chinese has no gaps between words."""
    texts = (" ".join(vocabulary[i] for i in row if i) for row in ids.tolist())
    return sorted({re.sub("(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])", "", text) for text in texts})


class WhatMoves(video.MatchAndSpread):
    """`MatchAndSpread`, less the numbers of paths that never change in real films, as the place
    does where a window is the whole frame: in units of their spread the least tremor there would
    count more than all that happens. moves: which numbers count, bool (D,)."""

    def __init__(self, moves, layout):
        super().__init__(layout=layout)
        self.moves = moves

    def generator(self, real, fake, more, conditions):
        return super().generator(real, torch.where(self.moves, fake, real), more, conditions)


class Clips:
    """Clips as `text_to_video.train` learns from them: what is measured in them, and its games.

    data: `moving_digits.Digits`, `clips.Prepared` or `shards.Stream`: what has draw, load,
    vocabulary and shape. Paths are made of the films of each batch as they come: of a million
    clips no more is in memory than of those that were drawn, 3 KB of each.
    """

    name = "clips"
    shares = {"autoencoder": 0.22, "paths": 0.33, "refiner": 0.12, "sound": 0.3}  # of steps or time

    def __init__(self, data):
        self.draw, self.load = data.draw, data.load
        self.shape, self.vocabulary = data.shape, data.vocabulary
        # of which clips the path is known, where they stay the same
        self.known = torch.zeros(len(data) if hasattr(data, "__len__") else 0, dtype=torch.bool)

    def prepare(self, seed):
        """Look at 256 clips, before anything is trained."""
        some = self.load(*self.draw(256, torch.Generator().manual_seed(seed)))[:3]
        # a stream shows others to each process
        self.video, self.waves, self.ids = map(distributed.of_first, some)
        frames = self.video[:, ::4].flatten(0, 1).permute(0, 3, 1, 2)[:600]    # (F, C, H, W)
        self.stage = frames.median(0).values / 127.5 - 1
        self.layout = clips_layout(self.shape, window_for(frames / 127.5 - 1 - self.stage))
        self.examples = captions_of(self.ids[:32], self.vocabulary)
        self.heard = bool(self.waves.any())

    def measure(self, model):
        """Tell the model what the clips are like, once it can make paths of them."""
        self.paths, place = model.autoencoder.paths(self.video), model.layout.place
        model.middle, model.spread = mean_and_spread(self.paths, model.layout)
        model.measured.edges = torch.stack([self.paths[..., place].amin((0, 1)),
                                            self.paths[..., place].amax((0, 1))])
        model.measured.change.fill_(float(measuring.frame_change(self.video.numpy()).mean()))
        model.measured.loudness.fill_(float(self.waves.square().mean()))
        self.encode = model.standard
        self.made = self.paths.new_empty(len(self.known), *self.paths.shape[1:])

    def standard(self, films, rows):
        """Films as standardised paths (n, T, D), made once of each of the clips that stay the same:
        making them took half of the time of a training."""
        if not len(self.known):
            return self.encode(films)
        if (new := ~self.known[rows]).any():
            self.made[rows[new]], self.known[rows] = self.encode(films[new]), True
        return self.made[rows]

    def train_paths(self, model, **how):
        """The run of the game over paths; how: see `video.play`."""
        def load(*drawn):
            films, _, ids, said, *_ = self.load(*drawn)
            return self._twice(self.standard(films, drawn[0]), ids, said)
        discriminator = video.PathDiscriminator(model.layout, self.vocabulary)
        discriminator.pace.copy_(video.pace_of((self.paths - model.middle) / model.spread))
        return video.play("clips/paths", model.generator, discriminator, self._half, load,
                          extra=WhatMoves(self.paths.std((0, 1)) > 1e-3, model.layout), **how)

    def train_sound(self, model, **how):
        """The run of the game over sounds; how: see `video.play`."""
        def load(*drawn):
            films, waves, ids, said, *_ = self.load(*drawn)
            return self._twice(spectrogram(waves), ids, self.standard(films, drawn[0]), said)
        discriminator = audio.SoundDiscriminator(model.layout, self.vocabulary)
        generator = model.sound.generator
        return video.play("clips/sound", generator, discriminator, self._half, load,
                          latent=generator.latent, extra=audio.MusicAndShift(), batch=32,
                          decay=0.995, **how)

    def _half(self, n, rng):
        return self.draw(n // 2, rng)

    @staticmethod
    def _twice(*parts):
        """Rows 2i and 2i + 1 are one clip: the energy score needs two made of one caption, and the
        real one may stand beside both."""
        return [part.repeat_interleave(2, 0) for part in parts]
