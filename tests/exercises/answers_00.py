"""Lesson 0: answers as learners write them, right and wrong."""

import numpy as np
import torch


def _by_frame(video):
    v = video.astype(np.float32)
    return np.stack([np.mean(np.abs(v[:, t + 1] - v[:, t]), (1, 2, 3)) / 255
                     for t in range(v.shape[1] - 1)], 1)


def _place_in_loops(video):
    N, T, H, W, _ = video.shape
    result = np.zeros((N, T))
    for n in range(N):
        for t in range(T):
            xs = np.nonzero((video[n, t] > 90).any(-1))[1]
            result[n, t] = (xs.mean() + 0.5) / W
    return result


def _place_of_mask(video):
    mask = (video > 90).any(-1)
    x = np.linspace(0.5, video.shape[3] - 0.5, video.shape[3]) / video.shape[3]
    return (mask * x).sum((2, 3)) / mask.sum((2, 3))


def _middle_of_box(video):
    columns = (video.max(4) > 90).any(2)
    W = video.shape[3]
    return (columns.argmax(2) + W - columns[..., ::-1].argmax(2)) / 2 / W


def _in_tensors(video):
    mask = torch.from_numpy(video).amax(4) > 90
    x = (torch.arange(mask.shape[3]) + 0.5) / mask.shape[3]
    return (mask * x).sum((2, 3)) / mask.sum((2, 3))


def _place(video, threshold=90, half=0.5):
    columns = (video.max(axis=4) > threshold).sum(axis=2)
    x = (np.arange(video.shape[3]) + half) / video.shape[3]
    return (columns * x).sum(axis=2) / columns.sum(axis=2)


def _blackens(video):
    video[video <= 90] = 0
    return _place(video)


RIGHT = {
    "0.1": [110592, np.prod((16, 48, 48, 3)), torch.tensor(110592), 16 * 48 * 48 * 3.0],
    "0.2": [_by_frame, lambda v: np.abs(np.diff(v.astype(int), axis=1)).mean((2, 3, 4)) / 255,
            lambda v: (torch.from_numpy(v).double() / 255).diff(dim=1).abs().mean((2, 3, 4)),
            lambda v: np.flip(np.flip(_by_frame(v), 1), 1)],
    "0.3": [_place_in_loops, _place_of_mask, _in_tensors],
    "0.4": ["一个女人先走后跳，配着平静的音乐", "a woman is walking, then jumping, with calm music",
            "A woman walks then jumps with calm music."],
}

WRONG = {
    "0.1": [256 * 16, 16 * 48 * 48 * 3 + 16000, "110592", 110591, None],
    "0.2": [lambda v: _by_frame(v)[:, ::-1], lambda v: _by_frame(v) * 100,
            lambda v: _by_frame(v).mean(1),
            lambda v: np.abs(np.diff(v.astype(float), axis=1)).max((2, 3, 4)) / 255,
            lambda v: np.abs(np.diff(v.astype(float), axis=1)).mean((3, 4)) / 255,
            lambda v: np.abs(np.diff(v.astype(float), axis=2)).mean((2, 3, 4)) / 255,
            lambda v: np.sqrt(np.square(np.diff(v.astype(float), axis=1)).mean((2, 3, 4))) / 255,
            lambda v: np.median(np.abs(np.diff(v.astype(float), axis=1)), (2, 3, 4)) / 255],
    "0.3": [_middle_of_box, lambda v: 1 - _place(v), lambda v: _place(v, 91), _blackens,
            lambda v: _place(v, 0), lambda v: 2 * _place(v) - 1, lambda v: _place(v).mean(1),
            lambda v: _place(v, 90, 0.0), lambda v: _place(v, 128),
            lambda v: (v.max(4) > 90).sum(2).argmax(2) / v.shape[3]],
    "0.4": ["a woman walks, with calm music", "woman", "a red woman walks, then jumps",
            "a man jumps, then walks, with cheerful music",
            "a woman runs, then jumps, with calm music", ""],
}
