"""Checks of lesson 2: what is read against what is said, two distances, and a loss."""

import torch
from torch.nn import functional as F

from lessons import measuring
from lessons.engine import losses
from lessons.exercises import Exercise, rng
from lessons.judges import clips


def _number(answer, *arguments):
    """A number as a float, whether the answer gives it as one or as a tensor of no dimension."""
    return float(answer(*arguments))


# 2.1 -------------------------------------------------------------------------------------------
def _readings():
    """(read, said), each (N, A), of few values, so that all three kinds of agreement occur."""
    cases = []
    for n, attributes in ((23, 3), (17, 4)):
        read = torch.randint(0, 3, (n, attributes), generator=rng(n))
        said = torch.where(torch.rand(n, attributes, generator=rng(n + 1)) < 0.6, read,
                           torch.randint(0, 3, (n, attributes), generator=rng(n + 2)))
        said[torch.rand(n, attributes, generator=rng(n + 3)) < 0.3] = -1
        cases.append((read, said))
    return cases


Exercise("2.1", ours=clips.follows, cases=_readings, mistakes=[
    ("What a caption leaves open (-1) counts as wrong in yours: it must not count at all.",
     lambda read, said: (read == said).all(dim=1).float()),
    ("One attribute that is right is enough in yours: everything said must be read.",
     lambda read, said: ((read == said) | (said < 0)).any(dim=1).float()),
    ("This is the share of attributes that are right: a film follows its caption or it does not.",
     lambda read, said: ((read == said) | (said < 0)).float().mean(dim=1)),
    ("You ask of each attribute whether all films are right: ask of each film, dim=1.",
     lambda read, said: ((read == said) | (said < 0)).all(dim=0).float()),
    ("The result is a truth value: turn it into a float, 1 or 0, so that a mean can be taken.",
     lambda read, said: ((read == said) | (said < 0)).all(dim=1)),
])


# 2.2 -------------------------------------------------------------------------------------------
def _features():
    """(features (N, d), others (M, d)) that vary together, N, M and d all different."""
    cases = []
    for n, m, d in ((60, 45, 4), (38, 51, 3)):
        mix = torch.randn(d, d, generator=rng(d))
        cases.append((torch.randn(n, d, generator=rng(n)) @ mix + 0.7,
                      torch.randn(m, d, generator=rng(m)) * torch.arange(1, d + 1)))
    return cases


def _frechet(cross=2.0, square=True, root=True, correction=1, mean=True, diagonal=False):
    def distance(features, others):
        a, b = features.double(), others.double()
        c, e = (x.T.cov(correction=correction) for x in (a, b))
        product = torch.linalg.eigvals(c @ e).real.clamp(min=0)
        if diagonal:
            product = c.diag() * e.diag()
        apart = (a.mean(0) - b.mean(0)).square().sum()
        apart = apart if square else apart.sqrt()
        return float(apart * mean + c.trace() + e.trace()
                     - cross * (product.sqrt() if root else product).sum())
    return distance


Exercise("2.2", ours=measuring.frechet_distance, cases=_features, observe=_number, tolerance=1e-3,
         mistakes=[
    ("The distance between the means is not squared.", _frechet(square=False)),
    ("The means are left out: the first term is the squared distance between them.",
     _frechet(mean=False)),
    ("A factor is missing: the root of the product is taken off twice.", _frechet(cross=1.0)),
    ("The last term is missing: equal sets would not have distance 0.", _frechet(cross=0.0)),
    ("There is no square root over the eigenvalues of C1 C2.", _frechet(root=False)),
    ("Only the variances of single features are in yours: the root is that of the matrix product, "
     "not of each number on its diagonal.", _frechet(diagonal=True)),
    ("Your covariances divide by N: take N - 1, as torch.cov does.", _frechet(correction=0)),
])


# 2.3 -------------------------------------------------------------------------------------------
def _neighbours():
    """(features, others, k): generated ones that reach half of the real ones, at two k."""
    cases = []
    for n, m, d, k in ((31, 47, 2, 3), (43, 29, 3, 2), (25, 37, 2, 5)):
        real = torch.randn(m, d, generator=rng(m))
        made = torch.randn(n, d, generator=rng(n)) * 0.8 + 0.9
        cases.append((made, real, k))
    return cases


def _reached(inside, k_more=1, of="others"):
    def share(features, others, k=5):
        base = others if of == "others" else features
        reach = torch.cdist(base, base).kthvalue(k + k_more, dim=1).values
        return inside(torch.cdist(others, features), reach)
    return share


Exercise("2.3", ours=measuring.coverage, cases=_neighbours, observe=_number, mistakes=[
    ("Each real film is its own nearest neighbour, at distance 0: take the k-th of the *other* "
     "films, which is number k + 1.",
     _reached(lambda d, reach: (d.amin(1) <= reach).float().mean(), k_more=0)),
    ("You count generated films that lie near some real one. A generator that makes one good film "
     "would win: count the real films that are reached.",
     _reached(lambda d, reach: (d <= reach[:, None]).any(0).float().mean())),
    ("Your neighbourhoods are those of the generated films. They must be the real ones': a "
     "generated film far off would have a large one.",
     _reached(lambda d, reach: (d <= reach).any(1).float().mean(), of="features")),
    ("You count pairs: a real film counts once, however many generated ones are near.",
     _reached(lambda d, reach: (d <= reach[:, None]).float().mean())),
    ("You ask for all generated films to be near: one is enough, the nearest.",
     _reached(lambda d, reach: (d.amax(1) <= reach).float().mean())),
])


# 2.4 -------------------------------------------------------------------------------------------
def _logits():
    """Logits of real and of generated data, (N, 1) each, on both sides of both margins."""
    return [(2 * torch.randn(n, 1, generator=rng(n)) + 0.4,
             2 * torch.randn(n, 1, generator=rng(n + 1)) - 0.3) for n in (9, 14)]


def _both_sides(kind, real_logits, fake_logits):
    loss = kind()
    return {"discriminator's loss": loss.discriminator(real_logits, fake_logits),
            "generator's loss": loss.generator(real_logits, fake_logits)}


def _hinge(discriminator=losses.Hinge.discriminator, generator=losses.Hinge.generator):
    return type("Hinge", (), {"relativistic": False, "discriminator": staticmethod(discriminator),
                              "generator": staticmethod(generator)})


Exercise("2.4", ours=losses.Hinge, cases=_logits, observe=_both_sides, mistakes=[
    ("This looks like swapped sides: real logits should rise above 1, generated ones fall below "
     "-1.", _hinge(lambda real, fake: (F.relu(1 + real) + F.relu(1 - fake)).mean())),
    ("The margin is missing: the loss of a real logit ends at 1, not at 0.",
     _hinge(lambda real, fake: (F.relu(-real) + F.relu(fake)).mean())),
    ("Nothing stops the discriminator: without max(0, ...) this is Wasserstein's loss.",
     _hinge(lambda real, fake: (1 - real + 1 + fake).mean())),
    ("Your discriminator's loss is half of it: add both parts, do not average them.",
     _hinge(lambda real, fake: (F.relu(1 - real) + F.relu(1 + fake)).mean() / 2)),
    ("The hinge is the discriminator's alone: the generator's loss is -mean(fake logits), so that "
     "it never stops hearing.", _hinge(generator=lambda real, fake: F.relu(1 - fake).mean())),
    ("The generator's sign is wrong: it wants its logits high, so its loss falls as they rise.",
     _hinge(generator=lambda real, fake: fake.mean())),
    ("You sum over the batch: take the mean, so that the loss does not grow with the batch.",
     _hinge(lambda real, fake: (F.relu(1 - real) + F.relu(1 + fake)).sum(),
            lambda real, fake: -fake.sum())),
])
