"""Lesson 6: answers as learners write them, right and wrong."""

import math

import numpy as np
import torch
from torch.nn import functional as F


def _moves(places):
    places -= places.mean()
    return places.diff(n=2, dim=1).abs().mean(1)


def _unwrapped(angle, fps=8, span=6):
    steps = np.diff(np.unwrap(angle.double().numpy(), axis=1), axis=1) / (2 * np.pi) * fps
    rows = [steps[:, t:t + span].sum(1) / span for t in range(steps.shape[1] - span + 1)]
    return torch.from_numpy(np.stack(rows, 1)).float()


def _by_atan(angle, fps=8, span=6):
    step = angle[:, 1:] - angle[:, :-1]
    step = torch.atan2(step.sin(), step.cos()) / math.tau
    total = F.pad(step.cumsum(1), (1, 0))
    return (total[:, span:] - total[:, :-span]) * fps / span


def _modulo(angle, fps=8, span=6):
    step = (np.diff(angle.numpy(), axis=1) / math.tau + 0.5) % 1 - 0.5
    return np.lib.stride_tricks.sliding_window_view(step, span, 1).mean(2) * fps


def _cadence(angle, fps=8, span=6, wrap=lambda s: s - s.round(), whole=math.tau, mean=True):
    step = wrap(angle.diff(dim=1) / whole)
    windows = step.unfold(1, span, 1)
    return (windows.mean(2) if mean else windows.median(2).values) * fps


def _wrapped_radians(angle, fps=8, span=6):
    step = angle.diff(dim=1)
    step = torch.where(step < 0, step + math.tau, step)
    return step.unfold(1, span, 1).mean(2) * fps / math.tau


def _pixel_by_pixel(frames, flow):
    N, C, H, W = frames.shape
    columns = []
    for y in range(H):
        row = []
        for x in range(W):
            i, j = (x + flow[:, y, x, 0]).clamp(0, W - 1), (y + flow[:, y, x, 1]).clamp(0, H - 1)
            left, top = i.floor().long(), j.floor().long()
            right, down = (left + 1).clamp(max=W - 1), (top + 1).clamp(max=H - 1)
            u, v, n = (i - left)[:, None], (j - top)[:, None], torch.arange(N)
            row.append(
                (1 - u) * (1 - v) * frames[n, :, top, left] + u * (1 - v) * frames[n, :, top, right]
                + (1 - u) * v * frames[n, :, down, left] + u * v * frames[n, :, down, right])
        columns.append(torch.stack(row, 2))
    return torch.stack(columns, 2)


def _affine(frames, flow):
    N, _, H, W = frames.shape
    still = F.affine_grid(torch.eye(2, 3).repeat(N, 1, 1), (N, 1, H, W), align_corners=False)
    grid = still + flow * torch.tensor([2 / W, 2 / H])
    return F.grid_sample(frames, grid, padding_mode="border", align_corners=False)


def _stacked(frames, flow):
    H, W = frames.shape[-2:]
    x = torch.arange(W).view(1, 1, W) + flow[..., 0]
    y = torch.arange(H).view(1, H, 1) + flow[..., 1]
    grid = torch.stack([2 * (x + 0.5) / W - 1, 2 * (y + 0.5) / H - 1], -1)
    return F.grid_sample(frames, grid, padding_mode="border", align_corners=False)


def _warp(frames, flow, half=0.5, sizes=None, corners=False, mode="bilinear", edge="border"):
    H, W = frames.shape[-2:]
    x = torch.arange(W).view(1, 1, W) + flow[..., 0]
    y = torch.arange(H).view(1, H, 1) + flow[..., 1]
    W, H = sizes or (W, H)
    grid = torch.stack([2 * (x + half) / W - 1, 2 * (y + half) / H - 1], -1)
    return F.grid_sample(frames, grid, mode=mode, padding_mode=edge, align_corners=corners)


def _stack_of_films(frames, times):
    few = torch.stack([film[t] for film, t in zip(frames, times, strict=True)])
    return few, times[:, 1:].float() - times[:, :-1].float()


def _rows(frames, times):
    few = frames[torch.arange(len(frames))[:, None], times]
    return few, (times[:, 1:] - times[:, :-1]).double()


def _taken(frames, times):
    index = times.unsqueeze(2).repeat(1, 1, frames.size(2))
    return torch.take_along_dim(frames, index, 1), torch.diff(times, dim=1).to(torch.float32)


def _counts_from_1(frames, times):
    result = _rows(frames, times.clone())
    times += 1
    return result


RIGHT = {
    "6.1": [lambda x: (x[:, 2:] + x[:, :-2] - 2 * x[:, 1:-1]).abs().sum(1) / (x.shape[1] - 2),
            lambda x: np.abs(np.diff(x.numpy(), 2, axis=1)).mean(1),
            lambda x: torch.stack([abs(f.double().diff().diff()).mean() for f in x]),
            lambda x: F.conv1d(x[:, None], torch.tensor([[[1.0, -2, 1]]])).abs().mean((1, 2))],
    "6.2": [_unwrapped, _by_atan, _modulo],
    "6.3": [_pixel_by_pixel, _affine, _stacked],
    "6.4": [_stack_of_films, _rows, _taken],
}

WRONG = {
    "6.1": [lambda x: x.diff(n=2, dim=1).abs().median(1).values,
            lambda x: x.diff(n=2, dim=1).square().mean(1).sqrt(),
            lambda x: (x[:, 2:] - x[:, 1:-1] + x[:, :-2]).abs().mean(1),
            lambda x: (x[:, 2:] + x[:, :-2] - x[:, 1:-1]).abs().mean(1),
            lambda x: x.diff(n=2, dim=1).abs().mean(1) / 2,
            lambda x: x.diff(n=2, dim=1).abs(), lambda x: x.diff(n=2, dim=1).std(1),
            lambda x: x.diff(dim=1).std(1), _moves,
            lambda x: F.pad(x, (1, 1)).diff(n=2, dim=1).abs().mean(1),
            lambda x: x.diff(n=2, dim=1).abs().mean(1, keepdim=True),
            lambda x: x.diff(n=2).abs().sum(1) / (x.shape[1] - 1)],
    "6.2": [_wrapped_radians, lambda a, fps=8, span=6: _cadence(a, 8, span),
            lambda a, fps=8, span=6: _cadence(a, fps, 6), lambda a, *g: _cadence(a, *g, mean=False),
            lambda a, *g: _cadence(a, *g, wrap=lambda s: s - s.trunc()),
            lambda a, *g: _cadence(a, *g).abs(),
            lambda a, *g: _cadence(a, *g, wrap=lambda s: s - s.ceil()),
            lambda a, *g: _cadence(a, *g)[:, 1:], lambda a, *g: _cadence(a, *g, whole=360),
            lambda a, fps=8, span=6: _cadence(a, fps, span + 1),
            lambda a, *g: _cadence(a, *g) * 60, lambda a, *g: _cadence(a, *g, wrap=torch.abs)],
    "6.3": [lambda f, w: _warp(f, w).detach(), lambda f, w: _warp(f, w.detach()),
            lambda f, w: _warp(f, w, corners=True), lambda f, w: _warp(f, w, half=1),
            lambda f, w: _warp(f, w, half=0), lambda f, w: _warp(f, w, mode="bicubic"),
            lambda f, w: _warp(f, w, edge="reflection"), lambda f, w: _warp(f, 2 * w),
            lambda f, w: _warp(f, w / 2), lambda f, w: _warp(f, w.round()),
            lambda f, w: _warp(f, w[:, :1, :1].expand_as(w)), lambda f, w: _warp(f.flip(3), w),
            lambda f, w: _warp(f, w * torch.tensor([1, -1])),
            lambda f, w: _warp(f, w, sizes=(9, 6))],
    "6.4": [_counts_from_1, lambda f, t: (_rows(f, t)[0].detach(), _rows(f, t)[1]),
            lambda f, t: _rows(f, t)[::-1], lambda f, t: _rows(f, t)[0],
            lambda f, t: (_rows(f, t)[0], _rows(f, t)[1].abs() / f.shape[1]),
            lambda f, t: (f.mean(1, keepdim=True).expand(-1, t.shape[1], -1), _rows(f, t)[1]),
            lambda f, t: (_rows(f, t - 1)[0], _rows(f, t)[1]),
            lambda f, t: (_rows(f, t)[0], _rows(f, t)[1].mean(1)),
            lambda f, t: (_rows(f, t)[0], t.diff(dim=0).float()),
            lambda f, t: (_rows(f, t)[0].diff(dim=1), _rows(f, t)[1]),
            lambda f, t: (f.gather(1, t[..., None].expand(-1, -1, f.shape[2])).flip(1),
                          _rows(f, t)[1])],
}
