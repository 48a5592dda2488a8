"""The game over paths with an idea taken out or changed: lessons 5, 6 and 8 compare such games."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from lessons import priors, video
from lessons.frames import CONTENT
from lessons.priors import TheatreGenerator
from lessons.signals.clip import FRAMES
from lessons.temporal_consistency import pick
from lessons.text_conditioning import Matching
from lessons.video import MatchAndSpread, PathDiscriminator
from lessons.world.theatre import Theatre
from lessons.world.vocabulary import CaptionSampler


# In the place of attention ----------------------------------------------------------------------
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


class Interchanged(nn.Module):
    """A `WordAttention` whose weights for two words change places; all else stays as it is.

    where: of `verbs`, with one word a verb, (N, 2, L). What was looked at as the first action is
    then looked at as the second: do the films follow?
    """

    def __init__(self, attention, where):
        super().__init__()
        self.attention, self.where = attention, where

    def forward(self, words, states, there):
        _, weights = self.attention(words, states, there)                      # (N, heads, Q, L)
        one, two = self.where.int().argmax(2).T                                # (N,) each
        rows = torch.arange(len(words))
        order = torch.arange(words.shape[1]).repeat(len(words), 1)             # (N, L)
        order[rows, one], order[rows, two] = two, one
        weights = weights.gather(3, order[:, None, None].expand_as(weights))
        return (weights @ words[:, None]).transpose(1, 2).flatten(2), weights


# In the place of the networks and of what is added to their losses ------------------------------
class SeesNoCaption(PathDiscriminator):
    """Lesson 4's discriminator, to which every caption is the same single word."""

    def forward(self, paths, ids, *_):
        return super().forward(paths, torch.ones_like(ids[:, :1]))


class FramesOnly(PathDiscriminator):
    """Lesson 4's discriminator without any look at changes: each frame is seen by itself, and
    compared with what the caption says of it. Shuffled postures are as good as any."""

    def __init__(self, width=160):
        super().__init__(width=width)
        del self.enter, self.near, self.far, self.sum_up, self.fits, self.match

    def forward(self, paths, ids, *_):
        words, states, sentence = self.text(ids)
        frames = self.frame(paths)                                             # (N, T, width)
        N, T = frames.shape[:2]
        each = self.frame_fits(frames.flatten(0, 1), sentence.repeat_interleave(T, 0))
        logits = each.view(N, T).mean(1) + self.together(frames, sentence)
        what, _ = self.what(words, states, ids > 0)                            # (N, T, 128)
        vectors = (F.normalize(part.flatten(1), dim=1) for part in (self.see(frames),
                                                                    self.say(what)))
        return logits, *vectors, self.scale.exp().clamp(max=30).expand(N)

    def together(self, frames, sentence):
        return 0.0


class SparseFrames(FramesOnly):
    """It also sees four frames of each film together, at times drawn by chance, with the gaps
    between them. Source: Skorokhodov et al., 2022, arXiv 2112.14683, section 3.2."""

    def __init__(self, width=160, few=4, pick=pick):
        super().__init__(width)
        self.few, self.pick = few, pick
        self.compare = nn.Sequential(nn.Linear(few * width + few - 1, 256), nn.LeakyReLU(0.2))
        self.fits = Matching(256)

    def together(self, frames, sentence):
        order = torch.rand(frames.shape[:2], device=frames.device).argsort(1)
        few, gaps = self.pick(frames, order[:, :self.few].sort(1).values)
        seen = torch.cat([few.flatten(1), gaps / FRAMES], 1)             # (N, .)
        return self.fits(self.compare(seen), sentence)


class FreshNoise(nn.Linear):
    """In the place of what the oscillator says: noise that every frame draws anew."""

    def forward(self, swing):
        return super().forward(torch.randn_like(swing))


class EachFrame(nn.Sequential):
    """In the place of the GRU: every frame by itself."""

    def forward(self, x):
        return super().forward(x), None


def independent_frames(width=160):
    """Lesson 4's generator whose frames share only who is there: no oscillator, no GRU."""
    generator = TheatreGenerator()
    generator.swing = FreshNoise(generator.swing.in_features, width)
    generator.carry = EachFrame(nn.Linear(width, 3 * width), nn.LeakyReLU(0.2),
                                nn.Linear(3 * width, width))
    return generator


class FramesMatchAndSpread(MatchAndSpread):
    """What lesson 4 adds to the losses, without the energy score of the changes from frame to
    frame."""

    def generator(self, real, fake, more, conditions):
        return self.match * self.discriminator(more, conditions) \
            + self.spread * video.energy_score(real, fake)


class BendPenalty(MatchAndSpread):
    """What lesson 4 adds to the losses, and a plain penalty on every bend of a path:

        weight * mean of (x[t + 1] - 2 x[t] + x[t - 1])^2

    over the place and the motion. It does not ask whether a real path bends there.
    """

    def __init__(self, weight=0.1):
        super().__init__()
        self.weight = weight

    def generator(self, real, fake, more, conditions):
        bend = fake[..., CONTENT:].diff(n=2, dim=1).square().mean()
        return super().generator(real, fake, more, conditions) + self.weight * bend


# The games --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Game:
    """The two networks of a game over paths and what is added to their losses, each a function
    that makes one; words(questions): what stands in the place of `WordAttention`, if anything."""

    generator: Callable = TheatreGenerator
    discriminator: Callable = PathDiscriminator
    extra: Callable = MatchAndSpread
    words: Callable | None = None

    def networks(self):
        """A new generator and a new discriminator."""
        both = self.generator(), self.discriminator()
        for network in both:
            for place, questions in (("who", 1), ("what", 16)):
                if self.words and hasattr(network, place):
                    setattr(network, place, self.words(questions))
        return both


ALL = "lesson 4's game"  # with all ideas of the course
GAMES = {
    # no remedy against frames that do not follow from each other, then one remedy each
    "frames only": Game(discriminator=FramesOnly, extra=FramesMatchAndSpread),
    "temporal discriminator": Game(extra=FramesMatchAndSpread),
    "sparse frames": Game(discriminator=SparseFrames, extra=FramesMatchAndSpread),
    "energy score of changes": Game(discriminator=FramesOnly),
    ALL: Game(),
    "noise anew in each frame": Game(independent_frames),
    "penalty on bends": Game(extra=BendPenalty),
    "sentence vector only": Game(words=SentenceOnly),
    "mean of the words": Game(words=WordMean),
    "attention, no matching": Game(extra=lambda: MatchAndSpread(match=0)),
    "no energy score": Game(extra=lambda: MatchAndSpread(spread=0)),
    # without the energy score, which compares films of one caption and so teaches words as well
    "D sees no caption": Game(discriminator=SeesNoCaption,
                              extra=lambda: MatchAndSpread(match=0, spread=0)),
}


def play(name, paths, wordings, seed=0, **length):
    """The game over paths of `priors.train_paths` for one of GAMES; returns the Run.

    paths: standardised, (N, T, D). length: steps=... or minutes=...
    """
    game = GAMES[name]
    return priors.train_paths(paths, wordings, seed=seed, networks=game.networks,
                             extra=game.extra(), **length)


def training_data(model, films):
    """What a game is played with: paths of so many real films, two of each scene, standardised,
    (N, T, D), and the `CaptionSampler` of the scenes. The model's `middle` and `spread` become
    those of these paths."""
    scenes = Theatre.scenes(films // 2, 0)
    both = priors.in_pairs(scenes)
    paths = torch.cat([model.autoencoder.paths(Theatre().film(both[i:i + 500], i).video)
                       for i in range(0, films, 500)])                         # (N, T, D)
    model.middle, model.spread = paths.mean((0, 1)), paths.std((0, 1)).clamp(min=1e-3)
    return (paths - model.middle) / model.spread, CaptionSampler(scenes)
