"""Losses of the adversarial game, on logits, and the penalties that keep it calm.

A loss is a class with two functions, `discriminator` and `generator`, of the logits l = D(x) of
real and of generated examples, both (N, 1). Lesson 2 plays all of them on one budget.
"""

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


class Minimax(NonSaturating):
    """The article's formula as it is printed, on logits: the discriminator is `NonSaturating`'s.

        generator:      E[log(1 - p(fake))] = -E[softplus(l(fake))],  p = sigmoid(l)

    Its slope at a logit is -p: next to nothing where the discriminator is sure of a fake, which is
    where the generator has most to learn. Source: Goodfellow et al., 2014, arXiv 1406.2661,
    equation 1.
    """

    @staticmethod
    def generator(real_logits, fake_logits):
        return -F.softplus(fake_logits).mean()


class Hinge:
    """The discriminator stops pushing a logit that lies beyond 1 on the right side.

        discriminator:  E[max(0, 1 - l(real))] + E[max(0, 1 + l(fake))]
        generator:      -E[l(fake)]

    Source: Lim and Ye, 2017, arXiv 1705.02894; Miyato et al., 2018, arXiv 1802.05957, equation 16.
    """

    relativistic = False

    @staticmethod
    def discriminator(real_logits, fake_logits):
        return (F.relu(1 - real_logits) + F.relu(1 + fake_logits)).mean()

    @staticmethod
    def generator(real_logits, fake_logits):
        return -fake_logits.mean()


class Wasserstein:
    """The logit is a height, not a probability: real data stand high, generated ones low.

        discriminator:  E[l(fake)] - E[l(real)] + 10 * penalty
        generator:      -E[l(fake)]

    If D's slope is nowhere above 1, the first two terms approach minus the earth mover's distance
    between the two distributions; `wgan_gp_penalty` asks for that slope, at every step.
    Source: Arjovsky et al., 2017, arXiv 1701.07875; Gulrajani et al., 2017, arXiv 1704.00028.
    """

    relativistic = False

    @staticmethod
    def discriminator(real_logits, fake_logits):
        return (fake_logits - real_logits).mean()

    @staticmethod
    def generator(real_logits, fake_logits):
        return -fake_logits.mean()

    @staticmethod
    def penalty(discriminator, real, fake, rng=None):
        return 10 * wgan_gp_penalty(discriminator, real, fake, rng)


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


def wgan_gp_penalty(discriminator, real, fake, rng=None):
    """How far the discriminator's slope is from 1 on the way from generated to real data.

        E[(|grad_x D(x)| - 1)^2],  x = e real + (1 - e) fake,  e uniform in [0, 1], one an example

    real, fake: (N, ...). rng: a generator on the CPU. Source: Gulrajani et al., 2017, arXiv
    1704.00028, equation 3.
    """
    mix = torch.rand(len(real), *[1] * (real.dim() - 1), generator=rng).to(real.device)
    between = (mix * real + (1 - mix) * fake).detach().requires_grad_()
    logits = discriminator(between)
    gradient, = torch.autograd.grad(logits.sum(), between, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()
