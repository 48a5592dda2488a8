"""Lesson 2: answers as learners write them, right and wrong."""

import numpy as np
import torch
from torch.nn import functional as F


def _follows(read, said):
    return torch.tensor([float(all(s < 0 or r == s for r, s in zip(a, b, strict=True)))
                         for a, b in zip(read.tolist(), said.tolist(), strict=True)])


def _overwrites(read, said):
    said[said < 0] = read[said < 0]
    return (read == said).all(1).float()


def _by_eigh(features, others):
    a, b = features.double().numpy(), others.double().numpy()
    values, vectors = np.linalg.eigh(np.cov(a, rowvar=False))
    root = vectors @ np.diag(values.clip(0) ** 0.5) @ vectors.T
    inner = np.linalg.eigvalsh(root @ np.cov(b, rowvar=False) @ root).clip(0)
    return (((a.mean(0) - b.mean(0)) ** 2).sum() + a.var(0, ddof=1).sum()
            + b.var(0, ddof=1).sum() - 2 * np.sqrt(inner).sum())


def _by_singular_values(features, others):
    """The roots of the eigenvalues of C1 C2 are the singular values of A B^T, scaled."""
    a, b = features.double(), others.double()
    apart = float((a.mean(0) - b.mean(0)).pow(2).sum())
    a = (a - a.mean(0)) / (len(a) - 1) ** 0.5
    b = (b - b.mean(0)) / (len(b) - 1) ** 0.5
    return apart + float(a.pow(2).sum() + b.pow(2).sum() - 2 * torch.linalg.svdvals(a @ b.T).sum())


def _by_complex_roots(features, others):
    a, b = (x.double() for x in (features, others))
    c, e = a.T.cov(), b.T.cov()
    roots = torch.linalg.eigvals(c @ e).sqrt().real.sum()  # of complex numbers: never nan
    return ((a.mean(0) - b.mean(0)).norm() ** 2 + (c + e).trace() - 2 * roots).item()


def _frechet_as(change=lambda c: c, trace=True, kind=torch.float64, mean=lambda x: x.mean(0)):
    def distance(features, others):
        a, b = features.to(kind), others.to(kind)
        c, e = change(a.T.cov()), change(b.T.cov())
        roots = torch.linalg.eigvals(c @ e).real.clamp(min=0).sqrt().sum()
        return float((mean(a) - mean(b)).square().sum() + trace * (c + e).trace() - 2 * roots)
    return distance


def _coverage(features, others, k=5):
    covered = 0
    for i, film in enumerate(others):
        rest = torch.cat([others[:i], others[i + 1:]])
        reach = (rest - film).norm(dim=1).sort().values[k - 1]
        covered += bool(((features - film).norm(dim=1) <= reach).any())
    return torch.tensor(covered / len(others))


def _by_topk(features, others, k=5):
    far = torch.cdist(others.double(), others.double()).fill_diagonal_(torch.inf)
    reach = far.topk(k, largest=False).values[:, -1]
    return ((features[None] - others[:, None]).double().norm(dim=2).min(1).values <= reach) \
        .double().mean().item()


def _in_numpy(features, others, k=5):
    real, made = others.numpy(), features.numpy()
    reach = np.sort(np.linalg.norm(real[:, None] - real[None], axis=2), 1)[:, k]
    near = np.linalg.norm(real[:, None] - made[None], axis=2).min(1)
    return (near <= reach).mean()


def _coverage_as(fixed=None, strict=False, squared=False, count=None):
    def share(features, others, k=5):
        reach = torch.cdist(others, others).kthvalue((fixed or k) + 1, dim=1).values
        near = torch.cdist(others, features).amin(1)
        near = near.square() if squared else near
        inside = near < reach if strict else near <= reach
        return float(inside.float().mean()) if count is None else count(inside, features)
    return share


class _Hinge:
    relativistic = False

    @staticmethod
    def discriminator(real_logits, fake_logits):
        return (1 - real_logits).clamp(min=0).mean() + torch.maximum(
            1 + fake_logits, torch.zeros(1)).mean()

    @staticmethod
    def generator(real_logits, fake_logits):
        return fake_logits.neg().mean()


class _Plain(_Hinge):
    def discriminator(a, b):  # noqa: N805, without @staticmethod it works on the class, too
        return F.relu(torch.cat([1 - a, 1 + b])).mean() * 2

    def generator(a, b):  # noqa: N805
        return -(b.sum() / b.numel())


class _Where(_Hinge):
    @staticmethod
    def discriminator(a, b):
        return torch.where(a < 1, 1 - a, 0.0).mean() + torch.where(b > -1, 1 + b, 0.0).mean()


class _WithSelf:
    relativistic = False

    def discriminator(self, a, b):
        return _Hinge.discriminator(a, b)

    def generator(self, a, b):
        return _Hinge.generator(a, b)


class _NotSaid:
    discriminator, generator = staticmethod(_Hinge.discriminator), staticmethod(_Hinge.generator)


def _hinge(discriminator=_Hinge.discriminator, generator=_Hinge.generator, relativistic=False):
    return type("Hinge", (), {"discriminator": staticmethod(discriminator),
                              "generator": staticmethod(generator), "relativistic": relativistic})


RIGHT = {
    "2.1": [_follows,
            lambda read, said: ((read != said) & (said >= 0)).any(1).logical_not().double(),
            lambda read, said: torch.where(said == -1, 1, read == said).prod(1).float(),
            lambda read, said: ((read == said) | (said < 0)).all(1).numpy().astype(float)],
    "2.2": [_by_eigh, _by_singular_values, _by_complex_roots],
    "2.3": [_coverage, _by_topk, _in_numpy],
    "2.4": [_Hinge, _Plain, _Where],
    "2.5": [lambda real, made: ((real > 0).double().mean() + 1 - (made > 0).double().mean()) / 2,
            lambda real, made: ((real.numpy() > 0).mean() + 1 - (made.numpy() > 0).mean()) / 2,
            lambda real, made: sum((part > 0).eq(truth).sum() / len(part)
                                   for part, truth in ((real, True), (made, False))) / 2],
}

WRONG = {
    "2.1": [_overwrites, lambda read, said: (read == said).float(),
            lambda read, said: ((read == said) & (said >= 0)).any(1).float(),
            lambda read, said: (read == said).float().sum(1) / (said >= 0).sum(1),
            lambda read, said: ((read == said) | (said < 0)).all().float(),
            lambda read, said: ((read == said) | (read < 0)).all(1).float(),
            lambda read, said: ((read == said) | (said < 0)).all(1).long(),
            lambda read, said: ((read - said).sum(1) == 0).float(),
            lambda read, said: ((read == said) ^ (said < 0)).any(1).float()],
    "2.2": [_frechet_as(kind=torch.float32), _frechet_as(trace=False),
            _frechet_as(lambda c: c.diag().diag()), _frechet_as(mean=lambda x: x.mean()),
            _frechet_as(lambda c: c / c.trace()), _frechet_as(mean=lambda x: x.sum(0)),
            lambda a, b: torch.tensor(_frechet_as()(a, b)),
            lambda a, b: float((a.mean(0) - b.mean(0)).double().square().sum()),
            lambda a, b: -_frechet_as()(a, b), lambda a, b: _frechet_as()(a, a),
            lambda a, b: _frechet_as()(a, b) / a.shape[1]],
    "2.3": [_coverage_as(fixed=5), _coverage_as(fixed=3), _coverage_as(strict=True),
            _coverage_as(squared=True), _coverage_as(count=lambda inside, f: float(inside.any())),
            _coverage_as(count=lambda inside, f: float(inside.sum() / len(f))),
            _coverage_as(count=lambda inside, f: inside), lambda f, o, k=5: _coverage(f, f, k),
            lambda f, o, k=5: 100 * _coverage(f, o, k),
            lambda f, o, k=5: float((torch.cdist(o, f).amin(1) <= 1).float().mean())],
    "2.4": [_WithSelf, _NotSaid, _hinge(relativistic=True),
            _hinge(lambda a, b: _Hinge.discriminator(a, b).detach()),
            _hinge(generator=lambda a, b: -b.mean().detach()),
            _hinge(lambda a, b: _Hinge.discriminator(b, a)),
            _hinge(lambda a, b: F.relu(1 - a + 1 + b).mean()),
            _hinge(lambda a, b: F.softplus(-a).mean() + F.softplus(b).mean()),
            _hinge(lambda a, b: F.relu(1 - a) + F.relu(1 + b)),
            _hinge(generator=lambda a, b: -b), _hinge(generator=lambda a, b: F.softplus(-b).mean()),
            _hinge(lambda a, b: F.leaky_relu(1 - a).mean() + F.leaky_relu(1 + b).mean())],
    "2.5": [lambda real, made: ((real > 0).sum() + (made <= 0).sum()) / (len(real) + len(made)),
            lambda real, made: (real.sigmoid().mean() + 1 - made.sigmoid().mean()) / 2,
            lambda real, made: ((real > 0) & (made <= 0)[:1]).float().mean(),
            lambda real, made: (real[:, None] > made).float().mean(),
            lambda real, made: ((real > 0).float().sum() + (made <= 0).float().sum()) / 2,
            lambda real, made: 100 * ((real > 0).float().mean() + (made <= 0).float().mean()) / 2,
            lambda real, made: max((real > 0).float().mean(), (made <= 0).float().mean())],
}
