"""What generators do to pictures and reality does not: grey, pale, soft, noisy, out of place."""

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
