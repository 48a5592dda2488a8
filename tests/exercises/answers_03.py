"""Lesson 3: answers as learners write them, right and wrong."""

import torch
from torch import nn
from torch.nn import functional as F

from lessons.text_conditioning import compatible


def _rows(words, ids):
    return torch.stack([row[some > 0].mean(0) for row, some in zip(words, ids, strict=True)])


def _weighed(words, ids):
    there = (ids != 0).float()
    return torch.einsum("nle,nl->ne", words, there / there.sum(1, keepdim=True))


def _filled(words, ids):
    gone = (ids == 0).unsqueeze(-1)
    return words.masked_fill(gone, 0).sum(1) / (~gone).sum(1)


def _zeroed(words, ids):
    words[ids == 0] = 0
    return words.sum(1) / (ids > 0).sum(1, keepdim=True)


def _mean(words, ids):
    there = (ids > 0)[..., None]
    return (words * there).sum(1) / there.sum(1)


class _Matching(nn.Module):
    def __init__(self, features, width=64):
        super().__init__()
        self.project = nn.Linear(features, width, bias=False)
        self.real = nn.Linear(features, 1)

    def forward(self, features, sentence):
        product = torch.einsum("ne,ne->n", self.project(features), sentence)
        return product * sentence.shape[1] ** -0.5 + self.real(features).squeeze(1)


def _matching(forward):
    return type("Matching", (_Matching,), {"forward": forward})


def _fit(self, f, s):
    return (self.project(f) * s).sum(1) / s.shape[1] ** 0.5


def _real(self, f):
    return self.real(f)[:, 0]


def _in_a_loop(own, wrong, said):
    values = []
    for i in range(len(said)):
        a, b = said[i], said[(i + 1) % len(said)]
        if any(x != y and x >= 0 and y >= 0 for x, y in zip(a, b, strict=True)):
            values.append(torch.log1p((wrong[i] - own[i]).exp()))
    return torch.stack(values).mean() if values else torch.tensor(0.0)


def _truly(said):
    return ~compatible(said)[torch.arange(len(said)), torch.arange(len(said)).roll(-1)]


def _selected(own, wrong, said):
    truly = _truly(said)
    return F.softplus(wrong - own)[truly].mean() if truly.any() else own.sum() * 0


def _weighed_loss(own, wrong, said):
    weight = _truly(said).double()
    return (torch.logaddexp(wrong - own, torch.zeros(())) * weight).sum() / max(1, weight.sum())


def _loss(own, wrong, said, of=F.softplus, truly=_truly):
    right = truly(said)
    return (of(wrong - own) * right).sum() / right.sum().clamp(min=1)


def _contrast(seen, sentences, scale, said, chance=-torch.inf, both=True, length=1.0, wide=False):
    """The contrastive loss by logarithms of sums, with what may be wrong with it."""
    seen, sentences = (x / x.norm(dim=1, keepdim=True) * length for x in (seen, sentences))
    scores = scale * torch.einsum("ie,je->ij", seen, sentences)
    others = compatible(said)
    if not wide:
        others = others & (torch.arange(len(said))[:, None] != torch.arange(len(said)))
    scores = torch.where(others, torch.tensor(chance), scores)
    rows = scores.logsumexp(1) - scores.diagonal()
    columns = scores.logsumexp(0) - scores.diagonal()
    return (rows.mean() + columns.mean()) / 2 if both else rows.mean()


def _contrast_in_a_loop(seen, sentences, scale, said):
    fits, losses = compatible(said), []
    for i in range(len(said)):
        there = [j for j in range(len(said)) if j == i or not fits[i, j]]
        for rows in ([(i, j) for j in there], [(j, i) for j in there]):
            scores = torch.stack([scale * F.cosine_similarity(seen[a], sentences[b], dim=0)
                                  for a, b in rows])
            losses.append(-scores.log_softmax(0)[there.index(i)])
    return torch.stack(losses).mean()


def _contrast_by_softmax(seen, sentences, scale, said):
    scores = scale * F.cosine_similarity(seen[:, None], sentences[None], dim=-1)
    weights = scores.exp() * ~(compatible(said) & ~torch.eye(len(said), dtype=torch.bool))
    right = weights.diagonal()
    return -((right / weights.sum(0)).log() + (right / weights.sum(1)).log()).mean() / 2


RIGHT = {
    "3.1": [_rows, _weighed, _filled],
    "3.2": [_Matching,
            _matching(lambda self, f, s: _real(self, f) + torch.diagonal(self.project(f) @ s.T)
                      / s.shape[1] ** 0.5),
            _matching(lambda self, f, s: (self.real(f) + (self.project(f) * s).sum(1, keepdim=True)
                                          / s.size(1) ** 0.5).flatten()),
            _matching(lambda self, f, s: torch.stack([
                self.real(a)[0] + self.project(a) @ b / len(b) ** 0.5
                for a, b in zip(f, s, strict=True)]))],
    "3.3": [_in_a_loop, _selected, _weighed_loss],
    "3.4": [lambda right, wrong: ((right - wrong).sign().mean().item() + 1) / 2,
            lambda right, wrong: sum(1.0 if a > b else 0.5 if a == b else 0.0
                                     for a, b in zip(right, wrong, strict=True)) / len(right),
            lambda right, wrong: (((right > wrong).sum() + 0.5 * (right == wrong).sum())
                                  / len(right)).item()],
    "3.5": [_contrast, _contrast_in_a_loop, _contrast_by_softmax],
    "3.6": [dict([("D", "none"), ("C", "both"), ("B", "words"), ("A", "caption")]),
            {"A": "caption", "B": "words", "C": "both", "D": "none", "E": "?"},
            dict(zip("ABCD", ("caption", "words", "both", "none"), strict=True))],
}

WRONG = {
    "3.1": [_zeroed, lambda w, i: _mean(w, i).detach(), lambda w, i: _mean(w.detach(), i),
            lambda w, i: w[:, 0], lambda w, i: w.sum(1) / w.shape[2],
            lambda w, i: (w * (i > 0)[..., None]).amax(1),
            lambda w, i: _mean(w, i) * (i > 0).any(1)[:, None] / 2,
            lambda w, i: (w * (i > 1)[..., None]).sum(1) / (i > 1)[..., None].sum(1).clamp(min=1),
            lambda w, i: (w * (i > 0)[..., None]).mean(2),
            lambda w, i: _mean(w, i)[:, None],
            lambda w, i: F.normalize(_mean(w, i))],
    "3.2": [_matching(lambda self, f, s: (_real(self, f) + _fit(self, f, s)).detach()),
            _matching(lambda self, f, s: _real(self, f) + _fit(self, f, s).detach()),
            _matching(lambda self, f, s: _real(self, f.detach()) + _fit(self, f, s)),
            _matching(lambda self, f, s: _real(self, f) * _fit(self, f, s)),
            _matching(lambda self, f, s: _real(self, f) + F.cosine_similarity(self.project(f), s)),
            _matching(lambda self, f, s: torch.sigmoid(_real(self, f) + _fit(self, f, s))),
            _matching(lambda self, f, s: self.real(f) + _fit(self, f, s)[:, None]),
            _matching(lambda self, f, s: (_real(self, f) + (self.project(f) * s).sum(1))
                      / s.shape[1] ** 0.5),
            _matching(lambda self, f, s: _real(self, f) + _fit(self, f, s) / 2),
            _matching(lambda self, f, s: (_real(self, f) + _fit(self, f, s)).mean())],
    "3.3": [lambda o, w, s: _loss(o, w, s).detach(), lambda o, w, s: _loss(o.detach(), w, s),
            lambda o, w, s: _loss(o, w, s, of=torch.exp), lambda o, w, s: _loss(o, w, s).item(),
            lambda o, w, s: _loss(o, w, s, truly=lambda s: torch.ones(len(s), dtype=bool)),
            lambda o, w, s: _loss(o, w, s, truly=lambda s: _truly(s).roll(1)),
            lambda o, w, s: _loss(o, w.roll(-1), s), lambda o, w, s: _loss(o, w, s) / 2,
            lambda o, w, s: (F.softplus(w - o) * _truly(s)).sum() / (_truly(s).sum() + 1),
            lambda o, w, s: F.softplus(w - o)[:-1].mean(),
            lambda o, w, s: F.softplus(w - o) * _truly(s)],
    "3.4": [lambda r, w: float((r >= w).float().mean() + (r > w).float().mean()),
            lambda r, w: float((r > w).float().mean() + 0.5), lambda r, w: (r > w).float(),
            lambda r, w: torch.sigmoid(r - w).mean().item(),
            lambda r, w: ((r > w).float() + (r == w).float() / 2).mean(),
            lambda r, w: float((r > w + 0.1).float().mean()),
            lambda r, w: round(((r - w).sign().mean().item() + 1) / 2),
            lambda r, w: float(((r > w).float() + (r == w).float()).mean() / 2)],
    "3.5": [lambda *given: _contrast(*given, chance=-1.0),
            lambda *given: _contrast(*given).detach(),
            lambda *given: _contrast(*given, both=False), lambda *given: -_contrast(*given),
            lambda *given: _contrast(*given, length=2.0),
            lambda *given: _contrast(*given, wide=True, chance=-50.0),
            lambda *given: 2 * _contrast(*given), lambda a, b, c, d: _contrast(b, a.detach(), c, d),
            lambda a, b, c, d: _contrast(a, b.roll(-1, 0), c, d),
            lambda a, b, c, d: _contrast(a, b, c, torch.arange(4 * len(d)).view(-1, 4))],
    "3.6": [{}, {"A": "caption"}, {"A": "none", "B": "none", "C": "none", "D": "none"},
            {"A": "words", "B": "words", "C": "both", "D": "none"},
            {"A": "both", "B": "words", "C": "both", "D": "none"},
            {"A": "Caption", "B": "words", "C": "both", "D": "none"}, ["caption", "words"]],
}
