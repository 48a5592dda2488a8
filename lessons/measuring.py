"""Measures of films and of features, whoever made them; `lessons.judges` reads the features.

Axes: N films, T frames of each, height H, width W.
"""

import numpy as np
import torch

from lessons.signals.windows import place


def frechet_distance(features, others):
    """The Fréchet distance between two sets of features, (N, d) and (M, d), as Gaussians.

        |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))

    0 for equal sets of moments. Its value falls with N and M: quote a real-against-real floor at
    the same sizes beside it. Source: Heusel et al., 2017, arXiv 1706.08500.
    """
    a, b = features.double(), others.double()
    product = torch.linalg.eigvals(a.T.cov() @ b.T.cov()).real.clamp(min=0)
    trace = a.T.cov().trace() + b.T.cov().trace() - 2 * product.sqrt().sum()
    return float((a.mean(0) - b.mean(0)).square().sum() + trace)


def frame_change(video):
    """Mean change between neighbouring frames: uint8 (N, T, H, W, 3) -> float (N, T - 1), 0 to 1.

    The mean over pixels and colours of |frame t+1 - frame t| / 255.
    """
    values = video.astype("float32") / 255  # bytes would wrap around: 3 - 5 = 254
    return abs(values[:, 1:] - values[:, :-1]).mean(axis=(2, 3, 4))  # (N, T - 1)


def coverage(features, others, k=5):
    """The share of real films that have a generated one in their neighbourhood, 0 to 1.

    features: generated, (N, d); others: real, (M, d). A neighbourhood reaches to the k-th nearest
    of the other real films. Source: Naeem et al., 2020, arXiv 2002.09797, equation 6.
    """
    reach = torch.cdist(others, others).kthvalue(k + 1, dim=1).values           # (M,)
    return float((torch.cdist(others, features).amin(1) <= reach).float().mean())


def spread_of_place(video):
    """How much the start differs between films of one caption: the standard deviation of the
    figure's place in the first frame, in frame widths. video: uint8 (N, T, H, W, 3)."""
    return float(place(video[:, :1]).std())


def spread_of_phase(angles):
    """How evenly gait phases (N,), in radians, lie around the circle: 0 all equal, 1 all around.

        1 - |mean of exp(i angle)|

    Chance alone takes about 0.9 / sqrt(N) away from 1: compare with as many real films.
    """
    return float(1 - torch.polar(torch.ones_like(angles), angles).mean().abs())


def flicker(video):
    """Mean second difference in time, 0 to 2: what changes and does not go on changing.

        mean of |x[t + 1] - 2 x[t] + x[t - 1]| / 255

    A frozen film has none: compare with real films of the same captions, and beside `frame_change`.
    Of both ratios 1 is best; above it a film trembles, below it it is frozen or smeared.
    """
    values = video.astype("float32") / 255
    return float(abs(values[:, 2:] - 2 * values[:, 1:-1] + values[:, :-2]).mean())


def gradients(video):
    """Length of the brightness gradient at each pixel: uint8 (..., H, W, 3) -> (..., H, W)."""
    light = video.astype("float32").mean(-1) / 255
    across, down = np.zeros_like(light), np.zeros_like(light)
    across[..., :-1] = light[..., 1:] - light[..., :-1]
    down[..., :-1, :] = light[..., 1:, :] - light[..., :-1, :]
    return np.hypot(across, down)


def sharpness(video):
    """Mean gradient of films; divide by that of real films: below 1 is blurred."""
    return float(gradients(video).mean())
