"""Lesson 6: what smooth means, how to measure it, and which remedy is worth what.

Axes: N films, T frames of each, H and W pixels, F frames of any films, P points, K capsules, D
numbers a frame of a path.
"""

import dataclasses
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lessons import frames, video
from lessons.priors import FOOT
from lessons.signals import clip
from lessons.signals.clip import FPS
from lessons.text_conditioning import Matching
from lessons.world.flow import drawn
from lessons.world.scene import COLORS
from lessons.world.theatre import Theatre

SPAN = 6     # frames over which a cadence is measured: one whole cycle of a run


# Films spoilt on purpose ------------------------------------------------------------------------
def spoilt(scenes, seed=0):
    """Real films of scenes, and the same spoilt in six ways: dict name -> uint8 (N, 16, 48, 48, 3).
    """
    theatre, half = Theatre(), clip.FRAMES // 2
    films = theatre.film(scenes, seed).video
    colors = [COLORS[(COLORS.index(scene.color) + 1) % len(COLORS)] for scene in scenes]
    others = [dataclasses.replace(scene, color=color)
              for scene, color in zip(scenes, colors, strict=True)]
    ahead = theatre.motion(scenes, seed)
    ahead.start_phase = ahead.start_phase + 0.3
    odd = np.arange(clip.FRAMES)[:, None, None, None] % 2 == 1                # (T, 1, 1, 1)

    def then(later):
        return np.concatenate([films[:, :half], later[:, half:]], 1)
    return {"as it is": films, "frozen": films[:, :1].repeat(clip.FRAMES, 1),
            "light flickers": np.where(odd, films * 0.85, films).astype("uint8"),
            "trembles": np.where(odd, np.roll(films, 1, 3), films),
            "stutters": films[:, [*range(half), half - 1, *range(half + 1, clip.FRAMES)]],
            "other clothes": then(theatre.film(others, seed).video),
            "a wrong step": then(drawn(ahead))}


def jerk(places):
    """How unevenly a figure moves on: places (N, T) -> (N,), in their unit a frame squared.

        mean over t of |x[t + 1] - 2 x[t] + x[t - 1]|

    0 for whoever stands still and for whoever moves on evenly, however fast.
    """
    return places.diff(n=2, dim=1).abs().mean(1)


def cadence(angle, fps=FPS, span=SPAN):
    """How many cycles of steps a second: phase angles (N, T) in radians -> (N, T - span), in Hz.

    Angles go around: from 3.1 to -3.1 is a small step on and no large one back, so each step is
    taken between -1/2 and 1/2 cycle. Then the mean of `span` steps in a row, times frames a second.
    """
    step = angle.diff(dim=1) / (2 * math.pi)                                   # (N, T - 1)
    step = step - step.round()
    return step.unfold(1, span, 1).mean(2) * fps                               # (N, T - span)


def inside(curves, low, high, most=0.9):
    """Which cadence curves lie in the band: (N, T), low and high (T,) -> bool (N,): those of which
    at least `most` of the points lie between low and high."""
    return ((curves >= low) & (curves <= high)).float().mean(1) >= most


def same_actor(who, color, frames=4):
    """In which films the actor stays who it is: logits of `read_frames`, (N, T, .) each -> bool
    (N,): what the first and the last `frames` frames show, taken together, is the same."""
    return torch.stack([logits[:, :frames].log_softmax(2).sum(1).argmax(1)
                        == logits[:, -frames:].log_softmax(2).sum(1).argmax(1)
                        for logits in (who, color)]).all(0)


def restless(film, levels=4):
    """The share of pixels that change from frame to frame by more than so many of 255 grey levels:
    uint8 (N, T, H, W, 3) -> (N,), 0 to 1."""
    grey = film.astype(np.float32).mean(-1)                                    # (N, T, H, W)
    return (abs(np.diff(grey, axis=1)) > levels).mean((1, 2, 3))


def leap(curves):
    """The largest change of a cadence from one moment to the next, (N, T) -> (N,), in Hz."""
    return curves.diff(dim=1).abs().amax(1)


def warp(frames, flow):
    """The next frames, fetched back along the flow: pixel p is what frame t + 1 shows at p + flow.

    frames (F, C, H, W), flow (F, H, W, 2) in pixels, x then y -> (F, C, H, W), between pixels a
    bilinear mean.
    """
    H, W = frames.shape[2:]
    y, x = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    at = torch.stack([x, y], 2) + flow                                         # (F, H, W, 2)
    grid = (2 * at + 1) / torch.tensor([W, H]) - 1                             # -1 to 1
    return F.grid_sample(frames, grid, padding_mode="border", align_corners=False)


def warping_error(film, flow, visible):
    """How far films are from what the flow says, 0 to 1: the mean over visible pixels of

        |frame t - frame t + 1, fetched back along the flow| / 255

    film: uint8 (N, T, H, W, 3), flow (N, T - 1, H, W, 2), visible (N, T - 1, H, W). Source: Lai et
    al., 2018, arXiv 1808.00449, equation 12, which takes squares.
    """
    frames = torch.as_tensor(film).permute(0, 1, 4, 2, 3).float() / 255        # (N, T, 3, H, W)
    back = warp(frames[:, 1:].flatten(0, 1), flow.flatten(0, 1))
    gap = (frames[:, :-1].flatten(0, 1) - back).abs().mean(1)                  # (N (T - 1), H, W)
    return float(gap[visible.flatten(0, 1)].mean())


# Longer films -----------------------------------------------------------------------------------
@torch.no_grad()
def go_on(model, chapters, seed=0, tries=32):
    """Paths longer than those of the game: each chapter is joined where the last one ended.

    model: a `text_to_video.FilmModel`; chapters: lists of N captions each, of the same actors, who
    stay those of the first list. Of each later chapter `tries` films are made, which begin with
    another foot or another part of the step. `join` finds where one of them goes on best. Returns
    paths (N, T, D) as the decoder takes them: T = 16, and 9 for each chapter after the first.
    """
    z = torch.randn(len(chapters[0]), video.LATENT, generator=torch.Generator().manual_seed(seed))
    whole = model.generator(z, model.encode(chapters[0]))                      # (N, T, D)
    phases = torch.special.ndtri((torch.arange(tries) + 0.5) / tries)          # evenly spread
    for texts in chapters[1:]:
        several = z.repeat_interleave(tries, 0)
        several[:, FOOT] = phases.repeat(len(z))
        made = model.generator(several, model.encode(texts).repeat_interleave(tries, 0))
        whole = join(whole, made.unflatten(0, (len(z), tries)))
    return whole * model.spread + model.middle


def join(paths, others):
    """Paths (N, T, D), each gone on with by one of its candidates (N, M, T', D), from where that
    fits best: (N, T + T' - 1 - SPAN, D).

    It fits where two postures in a row are nearest to the last two. The rest is moved to where the
    figure stands; who it is stays. Only the first SPAN frames of a candidate, a cycle of a run, are
    searched. Source of the idea: Kovar et al., 2002, Motion Graphs.
    """
    C, rows = frames.CONTENT, torch.arange(len(paths))
    posture = others[..., C + 1:]
    pairs = torch.cat([posture[:, :, :-1], posture[:, :, 1:]], 3)[:, :, :SPAN]  # (N, M, SPAN, .)
    end = paths[:, -2:, C + 1:].flatten(1)[:, None, None]
    best = (pairs - end).square().sum(3).flatten(1).argmin(1)                  # (N,)
    film, k = others[rows, best // SPAN], best % SPAN                          # (N, T', D), (N,)
    after = k[:, None] + 2 + torch.arange(film.shape[1] - 1 - SPAN)            # (N, .)
    rest = film[rows[:, None], after]
    rest[..., C] += (paths[:, -1, C] - film[rows, k + 1, C])[:, None]
    return torch.cat([paths, video.recast(paths[:, :1].expand_as(rest), rest)], 1)


def followed(paths):
    """The same paths (N, T, D) for a camera that goes along: the figure stays in the middle. Who
    runs for long would leave the stage."""
    paths = paths.clone()
    paths[..., frames.CONTENT] = 0.5
    return paths


def long_films(scenes, frames, seed):
    """Real films of walks that become runs, longer than usual, uint8 (N, T, H, W, 3): like
    others up to frame 16, and then the run goes on."""
    motion = Theatre(frames=frames).motion(scenes, seed)
    motion.change = motion.change * clip.FRAMES / frames
    return drawn(motion, frames)


# What is each remedy worth? ---------------------------------------------------------------------
def pick(frames, times):
    """A few frames of each film, and how long after each other: frames (N, T, E), times (N, K),
    whole numbers that rise -> (N, K, E) and gaps (N, K - 1), float, in frames."""
    few = frames.gather(1, times[..., None].expand(-1, -1, frames.shape[2]))   # (N, K, E)
    return few, times.diff(dim=1).float()


class FramesOnly(video.PathDiscriminator):
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
        seen = torch.cat([few.flatten(1), gaps / clip.FRAMES], 1)             # (N, .)
        return self.fits(self.compare(seen), sentence)
