"""Windows that follow what moves: where it is, cutting it out, putting it back.

Axes: F frames, C channels, H and W pixels of a frame, h and w of a window.
"""

import numpy as np
import torch
from torch.nn import functional as F


def place(video):
    """Where the figure is from left (0) to right (1): uint8 (N, T, H, W, 3) -> float (N, T).

    The mean x of all pixels of which some colour is brighter than 90 of 255: the stage is darker.
    """
    bright = video.max(axis=4) > 90              # (N, T, H, W)
    columns = bright.sum(axis=2)                 # (N, T, W): bright pixels in each column
    W = video.shape[3]
    x = (np.arange(W) + 0.5) / W                 # the middle of each column
    return (columns * x).sum(axis=2) / columns.sum(axis=2)  # (N, T)


def to_middle(frames):
    """The same frames with the figure of each in the middle: uint8 (N, H, W, 3), shifted as a
    ring, which the stage does not show since it is the same from left to right."""
    W = frames.shape[2]
    shift = np.round(place(frames[:, None])[:, 0] * W - W / 2).astype(int)  # (N,)
    columns = (np.arange(W) + shift[:, None]) % W                           # (N, W)
    return np.take_along_axis(frames, columns[:, None, :, None], axis=2)


def as_films(video):
    """Films as networks see them: uint8 (N, T, H, W, 3) -> float (N, T, 3, H, W), -1 to 1."""
    return torch.as_tensor(video).permute(0, 1, 4, 2, 3).float() / 127.5 - 1


def as_pictures(frames):
    """Frames as networks see them: uint8 (N, H, W, 3) -> float (N, 3, H, W), -1 to 1."""
    return as_films(np.asarray(frames)[:, None])[:, 0]


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
