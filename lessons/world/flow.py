"""Where each point of a drawn figure goes from frame to frame: the exact flow of the theatre."""

import numpy as np
import torch

from lessons.signals.clip import FPS
from lessons.world import figures


def front(ends, radii, points):
    """Which capsule is in front at each point, and how deep the point lies in the figure.

    ends (F, K, 2, 2), radii (F, K, 2) of `figures.capsules`, points (F, P, 2), all in frame widths
    -> index of the capsule (F, P), -1 on the stage; depth (F, P): how far inside the edge, below
    zero outside.
    """
    start, along = ends[:, None, :, 0], (ends[:, :, 1] - ends[:, :, 0])[:, None]  # (F, 1, K, 2)
    from_start = points[:, :, None] - start                                    # (F, P, K, 2)
    length = along.square().sum(3).clamp(min=1e-8)                             # (F, 1, K)
    share = ((from_start * along).sum(3) / length).clamp(0, 1)                 # (F, P, K)
    radius = radii[:, None, :, 0] + share * (radii[:, None, :, 1] - radii[:, None, :, 0])
    depth = radius - (from_start - share[..., None] * along).norm(dim=3)       # (F, P, K)
    last = depth.shape[2] - 1 - (depth.flip(2) > 0).int().argmax(2)            # painted last
    there = (depth > 0).any(2)
    own = depth.gather(2, last[..., None])[..., 0]
    return torch.where(there, last, -1), torch.where(there, own, depth.amax(2))


def carried(points, ends, later, which):
    """Where points (F, P, 2) of capsules are when these have moved: from ends to later, both
    (F, K, 2, 2). which (F, P): the capsule of each point. A point keeps its place on its capsule.
    """
    rows = which.clamp(min=0)[..., None, None].expand(-1, -1, 2, 2)            # (F, P, 2, 2)
    (a, b), (c, d) = (part.gather(1, rows).unbind(2) for part in (ends, later))
    one, two = b - a, d - c                                                    # (F, P, 2)
    across, later_across = (part[..., [1, 0]] * torch.tensor([-1.0, 1.0]) for part in (one, two))
    size, later_size = (part.norm(dim=2, keepdim=True).clamp(min=1e-4) for part in (one, two))
    share = ((points - a) * one).sum(2, keepdim=True) / size.square()          # (F, P, 1)
    aside = ((points - a) * across).sum(2, keepdim=True) / size
    goal = c + share * two + aside * later_across / later_size
    return torch.where(size > 1e-4, goal, points + c - a)  # a head is a point: it does not turn


def exact_flow(motion, size=48, frames=16, margin=0.5):
    """The theatre's optical flow: how far each pixel of the figure moves to the next frame.

    motion: of `Theatre.motion`. Returns flow (N, T - 1, H, W, 2) in pixels, x then y, and visible,
    bool (N, T - 1, H, W): pixels of the figure that are seen in both frames. What is hidden by
    then, and what is nearer than `margin` pixels to an edge, is left out.
    """
    ends, radii, _ = figures.capsules(motion, torch.arange(frames) / FPS)      # (N, T, K, 2, 2)
    middle = (torch.arange(size) + 0.5) / size
    grid = torch.stack(torch.meshgrid(middle, middle, indexing="xy"), 2).flatten(0, 1)  # (P, 2)
    flows, seen = [], []
    for now, then, r in zip(ends[:, :-1], ends[:, 1:], radii, strict=True):    # film by film
        points = grid.expand(len(now), -1, -1)                                 # (T - 1, P, 2)
        part, depth = front(now, r[:-1], points)
        goal = carried(points, now, then, part)
        later, depth_later = front(then, r[1:], goal)
        deep = torch.minimum(depth, depth_later) * size > margin
        seen.append((part >= 0) & (part == later) & deep)
        flows.append((goal - points) * size * (part >= 0)[..., None])
    shape = (len(ends), frames - 1, size, size)
    return torch.stack(flows).view(*shape, 2), torch.stack(seen).view(shape)


def drawn(motion, frames=16, size=48, fps=FPS):
    """The films of how actors move (`figures.Motion`): uint8 (N, T, H, W, 3)."""
    ends, radii, colors = figures.capsules(motion, torch.arange(frames) / fps)
    films = np.empty((len(ends), frames, size, size, 3), np.uint8)
    for film, end, radius, color in zip(films, ends, radii, colors, strict=True):
        film[:] = figures.draw(end, radius, color.expand(frames, -1, -1), size)
    return films
