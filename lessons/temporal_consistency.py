"""Lesson 6: what smooth means, how to measure it, and which remedy is worth what.

Axes: N films, T frames of each, H and W pixels, F frames of any films, D numbers a
frame of a path.
"""

import itertools
import math

import numpy as np
import torch
from torch.nn import functional as F

from lessons import frames, video
from lessons.priors import FOOT
from lessons.signals.clip import FPS

SPAN = 6     # frames over which a cadence is measured: one whole cycle of a run


# The measures -----------------------------------------------------------------------------------
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


def matched_flow(film, reach=6, window=5):
    """The flow as a film itself shows it, for films of which nobody knows where they go.

    Block matching: of all shifts by up to `reach` pixels each pixel takes that at which the window
    around it differs least from the next frame; of equally good ones the shortest. uint8
    (N, T, H, W, 3) -> (N, T - 1, H, W, 2), in whole pixels, x then y.
    """
    frames = torch.as_tensor(film).permute(0, 1, 4, 2, 3).float() / 255        # (N, T, 3, H, W)
    now, then = frames[:, :-1].flatten(0, 1), frames[:, 1:].flatten(0, 1)
    (H, W), wide = now.shape[2:], F.pad(then, [reach] * 4, mode="replicate")
    flow, least = torch.zeros(len(now), H, W, 2), torch.full((len(now), H, W), torch.inf)
    for x, y in sorted(itertools.product(range(-reach, reach + 1), repeat=2),
                       key=lambda shift: shift[0] ** 2 + shift[1] ** 2):
        there = wide[:, :, reach + y:reach + y + H, reach + x:reach + x + W]
        gap = F.avg_pool2d((now - there).abs().mean(1), window, 1, window // 2)    # (F, H, W)
        flow[gap < least - 1e-4] = torch.tensor([x, y]).float()
        least = torch.minimum(least, gap)
    return flow.unflatten(0, (len(film), -1))                                  # (N, T - 1, H, W, 2)


# Longer films -----------------------------------------------------------------------------------
@torch.no_grad()
def go_on(model, chapters, seed=0, tries=32):
    """Paths longer than those of the game: each chapter is joined where the last one ended.

    model: a `text_to_video.FilmModel`; chapters: lists of N captions each; the actors stay those of
    the first. Of each later chapter `tries` films are made, which begin in different parts of the
    step; `join` goes on with one. Returns paths (N, T, D) as the decoder takes them: T = 16, and 9
    for each chapter after the first.
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
    return torch.cat([paths, video.swap_motion(paths[:, :1].expand_as(rest), rest)], 1)


def followed(paths):
    """The same paths (N, T, D) for a camera that goes along: the figure stays in the middle. Who
    runs for long would leave the stage."""
    paths = paths.clone()
    paths[..., frames.CONTENT] = 0.5
    return paths


# Frames by chance -------------------------------------------------------------------------------
def pick(frames, times):
    """A few frames of each film, and how long after each other: frames (N, T, E), times (N, K),
    whole numbers that rise -> (N, K, E) and gaps (N, K - 1), float, in frames."""
    few = frames.gather(1, times[..., None].expand(-1, -1, frames.shape[2]))   # (N, K, E)
    return few, times.diff(dim=1).float()
