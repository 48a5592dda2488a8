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


def window_columns(place, size, width):
    """The columns (F, width) that windows with their middle at place (F,) have in a frame of `size`
    columns, to which `size` // 2 more were added on either side."""
    left = place.clamp(0, size).round() - width // 2 + size // 2
    return (left[:, None] + torch.arange(width, device=place.device)).long()


def cut(frames, place, width):
    """Windows (F, C, H, width) of frames (F, C, H, W), with places (F,) in their middle."""
    W = frames.shape[3]
    columns = window_columns(place, W, width)[:, None, None].expand(*frames.shape[:3], -1)
    return F.pad(frames, (W // 2, W // 2)).gather(3, columns)


def paste(windows, place, size):
    """Put windows (F, C, H, w) back where they were cut, on nothing: (F, C, H, size)."""
    columns = window_columns(place, size, windows.shape[3])[:, None, None].expand_as(windows)
    wide = windows.new_zeros(*windows.shape[:3], 2 * size)
    return wide.scatter(3, columns, windows)[..., size // 2:-(size // 2)]


def crop(frames, place, window):
    """Windows (F, C, h, w) of frames (F, C, H, W), with places (F, 2), x and y, in their middle."""
    (h, w), (x, y) = window, place.T
    columns = cut(frames, x, w)                                                # (F, C, H, w)
    return columns if h == frames.shape[2] else cut(columns.mT, y, h).mT


def figures_of(frames):
    """Windows (F, C, 48, 24) around the figures of frames (F, C, H, W) in [-1, 1].

    They show what differs from the middle colour of each row, which is that of the stage, however
    grey, pale or noisy a generator has painted it.
    """
    if frames.shape[2:] != (48, 48):
        frames = F.interpolate(frames, (48, 48), mode="bilinear", antialias=True)
    difference = frames - frames.median(3, keepdim=True).values
    soft = F.avg_pool2d(difference, 5, stride=1, padding=2)  # noise is no figure
    place = places(soft * (soft.abs() > 0.1), (48, 24))                        # (F, 2)
    return crop(difference, place, (48, 24))


def uncrop(windows, place, frame, paste=paste):
    """Put windows (F, C, h, w) where they belong, on nothing: frames (F, C, H, W).

    paste: puts them back along the last axis, see `paste`; it is called for the columns, and for
    the rows where windows are not as high as the frame.
    """
    (H, W), (x, y) = frame, place.T
    if windows.shape[2] < H:
        windows = paste(windows.mT, y, H).mT                                   # (F, C, H, w)
    return paste(windows, x, W)


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
