"""What generators do to pictures and sounds and reality does not: grey, pale, soft, noisy, shifted.

A judge that was trained on such faults reads on where they occur; lesson 2 shows by how much.
"""

import torch
from torch.nn import functional as F


def spoil(pictures, *, dark=-1.0, contrast=1.0, towards=0.0, blur=0.0, noise=0.0, shift=(0, 0)):
    """Pictures (..., H, W) in [-1, 1] with faults of these strengths, each a number or a tensor
    (N, 1, ...) with one for each picture; the values given here leave them as they are.

    dark: the darkest value that is left. contrast: the share of their range that is left, around
    the grey value `towards`. blur: the weight of their mean over 5 x 5 pixels, 0 to 1. noise: its
    standard deviation. shift: pixels down and to the right; what leaves enters on the other side.
    """
    spoilt = torch.maximum(pictures, torch.as_tensor(dark))
    spoilt = towards + contrast * (spoilt - towards)
    soft = F.avg_pool2d(spoilt.flatten(0, -3), 5, stride=1, padding=2, count_include_pad=False)
    spoilt = spoilt + blur * (soft.view_as(spoilt) - spoilt)
    spoilt = spoilt + noise * torch.randn_like(spoilt)
    return spoilt.roll(shift, (-2, -1)).clamp(-1, 1)


def spoil_sound(waves, *, loudness=1.0, muffle=0.0, noise=0.0, shift=0):
    """Waves (N, S) with faults, each a number or a tensor (N, 1) as in `spoil`.

    loudness: a factor. muffle: the weight of their mean over 5 samples, 0 to 1. noise: its standard
    deviation. shift: samples later; what leaves enters at the beginning.
    """
    soft = F.avg_pool1d(waves[:, None], 5, 1, 2)[:, 0]                         # (N, S)
    spoilt = loudness * (waves + muffle * (soft - waves))
    return (spoilt + noise * torch.randn_like(spoilt)).roll(shift, 1)


def at_times(examples, most):
    """A strength for each of examples (N, ...), (N, 1, ...): 0 for half, else up to `most`."""
    each = (len(examples), *[1] * (examples.dim() - 1))
    return most * (2 * torch.rand(each) - 1).clamp(min=0)


def spoil_at_times(pictures, strength=1.0):
    """Pictures or films (N, ..., H, W) in [-1, 1], each with faults of its own by chance."""
    def some(most):
        return at_times(pictures, strength * most)
    moved = torch.stack([one.roll(shift, (-2, -1)) for one, shift in
                         zip(pictures, torch.randint(-3, 4, (len(pictures), 2)).tolist(),
                             strict=True)])
    return spoil(moved, dark=some(0.6) - 1, contrast=1 - some(0.6),
                 towards=2 * torch.rand_like(some(1.0)) - 1, blur=some(1.0), noise=some(0.4))


def spoil_sound_at_times(waves):
    """Waves (N, S), each softer by up to ten decibels or a little louder, muffled or noisy by
    chance, and all shifted by less than a tenth of a second."""
    softer = 10 ** (0.6 * torch.rand(len(waves), 1) - 0.5)
    return spoil_sound(waves, loudness=softer, muffle=at_times(waves, 1.2).clamp(max=1),
                       noise=at_times(waves, 0.03), shift=int(torch.randint(-600, 601, ())))
