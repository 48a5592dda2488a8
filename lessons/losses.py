"""Losses of the adversarial game, on logits, and the penalty that keeps it calm."""

import torch
from torch.nn import functional as F


class NonSaturating:
    """The loss that the article's loop computes, on logits l = D(x) instead of probabilities.

        discriminator:  E[softplus(-l(real))] + E[softplus(l(fake))]
        generator:      E[softplus(-l(fake))]

    With p = sigmoid(l) these are -log p(real) - log(1 - p(fake)) and -log p(fake), but they stay
    exact where p rounds to 0 or 1. Source: Goodfellow et al., 2014, arXiv 1406.2661, section 3.
    """

    relativistic = False  # its generator's loss needs no real examples

    @staticmethod
    def discriminator(real_logits, fake_logits):
        return (F.softplus(-real_logits) + F.softplus(fake_logits)).mean()

    @staticmethod
    def generator(real_logits, fake_logits):
        return F.softplus(-fake_logits).mean()


class Relativistic:
    """Each generated example is compared with a real one: which of the two seems more real?

        discriminator:  E[softplus(l(fake) - l(real))]
        generator:      E[softplus(l(real) - l(fake))]

    Both of a pair belong to one caption, so the caption itself cannot tell them apart. To be used
    with penalties at real and at generated data. Source: Huang et al., 2024, arXiv 2501.05441.
    """

    relativistic = True

    @staticmethod
    def discriminator(real_logits, fake_logits):
        return F.softplus(fake_logits - real_logits).mean()

    @staticmethod
    def generator(real_logits, fake_logits):
        return F.softplus(real_logits - fake_logits).mean()


def bce_with_logits(logits, targets):
    """Mean binary cross-entropy of logits (any shape) against targets in [0, 1] (same shape).

        -t log p - (1 - t) log(1 - p)  =  max(l, 0) - l t + log(1 + exp(-|l|)),   p = sigmoid(l)

    The right-hand side never takes the logarithm of zero, nor the exponential of a large number.
    """
    loss = logits.clamp(min=0) - logits * targets + torch.log1p(torch.exp(-logits.abs()))
    return loss.mean()


def r1_penalty(discriminator, real):
    """R1: half the mean squared length of the discriminator's gradient at real data.

        R1 = 1/2 E[ |grad_x D(x)|^2 ],  x real (N, ...)

    It asks the discriminator to be flat where the real data are, so that the generator, once
    there, is not pushed away. Source: Mescheder et al., 2018, arXiv 1801.04406, equation 9.
    """
    real = real.detach().requires_grad_()
    logits = discriminator(real)
    gradient, = torch.autograd.grad(logits.sum(), real, create_graph=True)
    return gradient.flatten(1).square().sum(1).mean() / 2
