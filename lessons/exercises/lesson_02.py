"""Checks of lesson 2: what is read against what is said, two distances, a loss, and a test."""

import torch
from torch.nn import functional as F

from lessons import measuring
from lessons.engine import losses
from lessons.errors import CourseError
from lessons.exercises import Exercise, Seen, rng
from lessons.judges import clips, two_samples


# 2.1 -------------------------------------------------------------------------------------------
def _readings():
    """(read, said), each (N, A), of few values, so that all three kinds of agreement occur."""
    cases = []
    for n, attributes in ((2, 3), (23, 3), (17, 4)):
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
    ("A film that is asked for nothing is right in yours only if it shows nothing: -1 is no value "
     "that could be read.", lambda read, said: (read == said.clamp(min=0)).all(1).float()),
    ("This is how many attributes are right: 1 if all that is said is read, else 0.",
     lambda read, said: ((read == said) | (said < 0)).sum(1).float()),
    ("This is one number for all films: give one for each.",
     lambda read, said: ((read == said) | (said < 0)).all(1).float().mean()),
    ("0 is a value like others: only -1 means that nothing is said.",
     lambda read, said: ((read == said) | (said <= 0)).all(1).float()),
    ("What is said counts as wrong and what is open as right: compare `read` with `said`, too.",
     lambda read, said: (said < 0).all(1).float()),
    ("Right and wrong have changed places: 1 where all that is said is read.",
     lambda read, said: 1 - clips.follows(read, said)),
    ("The result is a truth value: turn it into a float, 1 or 0, so that a mean can be taken.",
     lambda read, said: ((read == said) | (said < 0)).all(dim=1)),
])


# 2.2 -------------------------------------------------------------------------------------------
def _features():
    """(features (N, d), others (M, d)) that vary together, N, M and d all different; in the last
    case fewer films than features, so that most eigenvalues are 0, give or take a rounding."""
    cases = [tuple(10 + torch.randn(n, 32, generator=rng(n)) for n in (12, 14))]
    for n, m, d in ((60, 45, 4), (38, 51, 3)):
        mix = torch.randn(d, d, generator=rng(d))
        cases.append((torch.randn(n, d, generator=rng(n)) @ mix + 0.7,
                      torch.randn(m, d, generator=rng(m)) * torch.arange(1, d + 1)))
    return cases[::-1]


def _frechet(cross=2.0, square=True, root=True, correction=1, mean=True, diagonal=False,
             kind=torch.float64, least=0.0):
    def distance(features, others):
        a, b = features.to(kind), others.to(kind)
        c, e = (x.T.cov(correction=correction) for x in (a, b))
        product = torch.linalg.eigvals(c @ e).real.clamp(min=least)
        if diagonal:
            product = c.diag() * e.diag()
        apart = (a.mean(0) - b.mean(0)).square().sum()
        apart = apart if square else apart.sqrt()
        return float(apart * mean + c.trace() + e.trace()
                     - cross * (product.sqrt() if root else product).sum())
    return distance


Exercise("2.2", ours=measuring.frechet_distance, cases=_features, asked="float", tolerance=1e-5,
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
    ("With fewer films than features some eigenvalues are 0, and rounding makes them negative, "
     "whose root is nan: clamp them at 0 first.", _frechet(least=-torch.inf)),
    ("This is computed in float32: the root of an eigenvalue that should be 0 then comes out far "
     "from 0. Begin with `.double()`.", _frechet(kind=torch.float32)),
    ("The last term has the wrong sign: equal sets would not have distance 0.",
     _frechet(cross=-2.0)),
    ("This is the root of the distance: the formula gives its square, d², which is asked for.",
     lambda a, b: measuring.frechet_distance(a, b) ** 0.5),
])


# 2.3 -------------------------------------------------------------------------------------------
def _neighbours():
    """(features, others, k): generated ones that reach half of the real ones, at two k."""
    cases = [(torch.tensor([[2.0], [5.5]]), torch.tensor([[0.0], [1.0], [3.0]]), 1)]
    for n, m, d, *k in ((31, 47, 2, 3), (43, 29, 3, 2), (25, 37, 2)):  # by itself k is 5
        real = torch.randn(m, d, generator=rng(m))
        made = torch.randn(n, d, generator=rng(n)) * 0.8 + 0.9
        cases.append((made, real, *k))
    return cases


def _reached(inside, k_more=1, of="others"):
    def share(features, others, k=5):
        base = others if of == "others" else features
        reach = torch.cdist(base, base).kthvalue(k + k_more, dim=1).values
        return inside(torch.cdist(others, features), reach)
    return share


Exercise("2.3", ours=measuring.coverage, cases=_neighbours, mistakes=[
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
    ("You take one neighbour too many: number k + 1 of all, itself included, is the k-th other.",
     _reached(lambda d, reach: (d.amin(1) <= reach).float().mean(), k_more=2)),
    ("This is how many real films are reached: divide by their number.",
     _reached(lambda d, reach: (d.amin(1) <= reach).float().sum())),
    ("This is the share of real films that are *not* reached.",
     _reached(lambda d, reach: (d.amin(1) > reach).float().mean())),
    ("The two sets have changed places: the neighbourhoods lie around the real films, `others`.",
     lambda features, others, k=5: measuring.coverage(others, features, k)),
])


# 2.4 -------------------------------------------------------------------------------------------
def _logits():
    """Logits of real and of generated data, (N, 1) each, on both sides of both margins."""
    return [(2 * torch.randn(n, 1, generator=rng(n)) + 0.4,
             2 * torch.randn(n, 1, generator=rng(n + 1)) - 0.3) for n in (2, 9, 14)]


def _both_sides(kind, real_logits, fake_logits):
    """Both losses, of the class itself, as the training calls it."""
    if any("self" in getattr(function, "__code__", _logits.__code__).co_varnames
           for function in (kind.discriminator, kind.generator)):
        raise CourseError("The training calls both functions on the class itself: leave `self` "
                          "out, and write @staticmethod above each.")
    if not hasattr(kind, "relativistic"):
        raise CourseError("The line `relativistic = False` is missing, which the training reads.")
    return Seen({"discriminator's loss": kind.discriminator(real_logits, fake_logits),
                 "generator's loss": kind.generator(real_logits, fake_logits),
                 "class's `relativistic`": repr(kind.relativistic)})


def _hinge(discriminator=losses.Hinge.discriminator, generator=losses.Hinge.generator):
    return type("Hinge", (), {"relativistic": False, "discriminator": staticmethod(discriminator),
                              "generator": staticmethod(generator)})


Exercise("2.4", ours=losses.Hinge, cases=_logits, observe=_both_sides, trained=True,
         mistakes=[
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
    ("The margin is 1 for generated logits, too: max(0, 1 + l').",
     _hinge(lambda real, fake: (F.relu(1 - real) + F.relu(fake)).mean())),
    ("Only the real logits are in your discriminator's loss: add max(0, 1 + l') of the generated.",
     _hinge(lambda real, fake: F.relu(1 - real).mean())),
    ("Only the generated logits are in your discriminator's loss: add max(0, 1 - l) of the real.",
     _hinge(lambda real, fake: F.relu(1 + fake).mean())),
    ("The generator's loss looks at the real logits: it is -mean of the generated ones.",
     _hinge(generator=lambda real, fake: -real.mean())),
    ("You sum over the batch: take the mean, so that the loss does not grow with the batch.",
     _hinge(lambda real, fake: (F.relu(1 - real) + F.relu(1 + fake)).sum(),
            lambda real, fake: -fake.sum())),
])


# 2.5 -------------------------------------------------------------------------------------------
def _verdicts():
    """Logits of real and of made examples, (n,) and (m,): n and m differ, and one logit is 0."""
    cases = []
    for n, m in ((3, 8), (40, 15), (21, 30)):
        real, made = torch.randn(n, generator=rng(n)) + 1.2, torch.randn(m, generator=rng(m)) - 0.2
        real[0], made[0] = 0.0, 0.0
        cases.append((real, made))
    return cases


def _told(real_right=lambda real: real > 0, made_right=lambda made: made <= 0,
          both=lambda a, b: (a + b) / 2):
    return lambda real, made: both(real_right(real).float().mean(), made_right(made).float().mean())


Exercise("2.5", ours=two_samples.share_told, cases=_verdicts, mistakes=[
    ("You count all examples alike: where most are real, who calls everything real would seem to "
     "see something. Take the mean of the two shares.",
     lambda real, made: torch.cat([real > 0, made <= 0]).float().mean()),
    ("A made example is told right where its logit is *not* above 0.",
     _told(made_right=lambda made: made > 0)),
    ("These are logits, not probabilities: the border is 0, not 0.5.",
     _told(lambda real: real > 0.5, lambda made: made <= 0.5)),
    ("A logit of exactly 0 is not above 0: such an example is taken for made.",
     _told(lambda real: real >= 0, lambda made: made < 0)),
    ("The two shares are added: take their mean, so that 1 means that all are told right.",
     _told(both=lambda a, b: a + b)),
    ("Only the real examples count in yours.", _told(both=lambda a, b: a)),
    ("Only the made examples count in yours.", _told(both=lambda a, b: b)),
    ("This is the share that is told *wrong*.", _told(both=lambda a, b: 1 - (a + b) / 2)),
    ("You multiply the two shares: take their mean.", _told(both=lambda a, b: a * b)),
])
