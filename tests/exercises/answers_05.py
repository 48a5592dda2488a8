"""Lesson 5: answers as learners write them, right and wrong."""

import math

import torch
from torch.nn import functional as F


def _exponentials(questions, keys, values, there):
    weights = torch.exp(torch.einsum("nqe,nle->nql", questions, keys) / keys.shape[2] ** 0.5)
    weights = weights * there[:, None]
    weights = weights / weights.sum(2, keepdim=True)
    return torch.einsum("nql,nlv->nqv", weights, values), weights


def _very_small(questions, keys, values, there):
    scores = torch.bmm(questions, keys.transpose(1, 2)) / math.sqrt(questions.size(-1))
    scores = torch.where(there.unsqueeze(1), scores, torch.full_like(scores, -1e9))
    weights = F.softmax(scores, dim=-1)
    return [torch.bmm(weights, values), weights]


def _of_torch(questions, keys, values, there):
    mask = torch.zeros(there.shape).masked_fill(~there, float("-inf"))[:, None]
    weights = (questions / keys.shape[-1] ** 0.25 @ (keys / keys.shape[-1] ** 0.25).mT
               + mask).softmax(-1)
    return F.scaled_dot_product_attention(questions, keys, values, there[:, None]), weights


def _attend(questions, keys, values, there, scale=None, mask=True, axis=2):
    scores = questions @ keys.mT / (scale or math.sqrt(keys.shape[2]))
    if mask:
        scores = scores.masked_fill(~there[:, None], -torch.inf)
    attention = scores.softmax(axis)
    return attention @ values, attention


def _zero_keys(questions, keys, values, there):
    keys[~there] = 0
    return _attend(questions, keys, values, there)


def _self(x, places, ask, order=(0, 1, 2), asked=None):
    E = x.shape[2]
    parts = (ask(x + places) if asked is None else asked(x, places, ask)).split(E, 2)
    q, k, v = (parts[i] for i in order)
    weights = torch.softmax(q @ k.transpose(1, 2) / E ** 0.5, -1)
    return x + weights @ v, weights


def _self_film_by_film(x, places, ask):
    films = []
    for film in x:
        q, k, v = ask(film + places).chunk(3, -1)
        weights = (q @ k.T / q.shape[-1] ** 0.5).softmax(1)
        films.append((film + weights @ v, weights))
    return tuple(torch.stack(part) for part in zip(*films, strict=True))


def _self_attend_ours(x, places, ask):
    there = torch.ones(x.shape[:2]).bool()
    answers, weights = _attend(*ask(places[None] + x).tensor_split(3, dim=-1), there)
    return answers + x, weights


def _adds_in_place(x, places, ask):
    result = _self(x, places, ask)
    x += places
    return result


def _shares(attention, where):
    return torch.stack([(attention * where[:, k, None]).sum(2) for k in range(2)], 1)  # (N, 2, T)


def _leads(attention, where, own):
    shares = _shares(attention, where)
    leads = shares[:, 0] - shares[:, 1]
    first, second = own[0], own[1]
    right = (leads[:, first] > 0).sum(1) + (leads[:, second] < 0).sum(1)
    return right.float() / (int(first.sum()) + int(second.sum()))


def _signed(attention, where, own):
    shares = _shares(attention, where)
    sign = own[0].double() - own[1].double()
    return ((shares[:, 0] - shares[:, 1]) * sign > 0).double().sum(1) / (own[0] | own[1]).sum()


def _in_loops(attention, where, own):
    N, T, _ = attention.shape
    won = torch.zeros(N)
    for n in range(N):
        for t in range(T):
            a, b = (attention[n, t][where[n, k]].sum() for k in range(2))
            won[n] += bool(own[0, t] and a > b) + bool(own[1, t] and b > a)
    return won / own.sum()


def _wins(attention, where, own, strict=True, divide=None, means=False):
    shares = _shares(attention, where)
    if means:
        shares = shares / where.sum(2)[:, :, None]
    first = shares[:, 0] > shares[:, 1] if strict else shares[:, 0] >= shares[:, 1]
    right = (first & own[0]) | (~first & own[1])
    return right.float().sum(1) / (divide or own.sum())


def _heads(questions, ask, words, states, there):
    N, L, _ = words.shape
    H, Q, K = questions.shape
    keys = ask(states).view(N, L, H, K)
    scores = torch.einsum("hqk,nlhk->nhql", questions, keys) / math.sqrt(K)
    weights = scores.masked_fill(~there[:, None, None], -torch.inf).softmax(-1)
    answers = torch.einsum("nhql,nle->nqhe", weights, words)
    return answers.reshape(N, Q, -1), weights


def _head_by_head(questions, ask, words, states, there):
    K, found = questions.shape[2], []
    for h, question in enumerate(questions):
        keys = ask(states)[..., h * K:(h + 1) * K]
        found.append(_attend(question[None].expand(len(words), -1, -1), keys, words, there))
    answers, weights = zip(*found, strict=True)
    return torch.cat(answers, 2), torch.stack(weights, 1)


def _caption_by_caption(questions, ask, words, states, there):
    H, K = len(questions), questions.shape[2]
    answers, weights = [], []
    for word, state, mask in zip(words, states, there, strict=True):
        keys = ask(state).view(len(state), H, K).permute(1, 0, 2)              # (H, L, K)
        a, w = _attend(questions, keys, word.expand(H, -1, -1), mask.expand(H, -1))
        answers.append(torch.cat(list(a), -1))
        weights.append(w)
    return torch.stack(answers), torch.stack(weights)


RIGHT = {
    "5.1": [_exponentials, _very_small, _of_torch],
    "5.2": [lambda a: torch.where(a > 0, a ** -a, torch.ones(())).prod(-1),
            lambda a: torch.exp(-(a * (a + (a == 0)).log()).sum(-1)),
            lambda a: torch.exp(-torch.xlogy(a, a).sum(-1)).double(),
            lambda a: torch.distributions.Categorical(a).entropy().exp(),
            lambda a: 2 ** -(a * a.clamp(min=1e-30).log2()).sum(-1).numpy()],
    "5.3": [_self, _self_film_by_film, _self_attend_ours],
    "5.4": [_leads, _signed, _in_loops],
    "5.5": [_heads, _head_by_head, _caption_by_caption],
}

WRONG = {
    "5.1": [_zero_keys, lambda *g: tuple(part.detach() for part in _attend(*g)),
            lambda *g: (_attend(*g)[0].detach(), _attend(*g)[1]),
            lambda q, k, v, t: _attend(q, k, v, t)[0], lambda *g: _attend(*g)[::-1],
            lambda *g: _attend(*g, scale=3.0), lambda *g: _attend(*g, axis=0),
            lambda q, k, v, t: (_attend(q, k, v, t)[1] @ k, _attend(q, k, v, t)[1]),
            lambda q, k, v, t: _attend(q.detach(), k, v, t),
            lambda q, k, v, t: (v, _attend(q, k, v, t)[1]),
            lambda q, k, v, t: _attend(q, k, v * t[..., None], t, mask=False),
            lambda q, k, v, t: _attend(q, k, v, t.flip(1))],
    "5.2": [lambda a: -torch.special.entr(a).sum(-1).exp(),
            lambda a: torch.special.entr(a).sum().exp(), lambda a: 1 / a.amax(-1),
            lambda a: torch.special.entr(a).sum(1).exp(),
            lambda a: torch.exp(-(a * a.clamp(min=0.01).log()).sum(-1)),
            lambda a: torch.special.entr(a).sum(-1).exp() / a.shape[-1],
            lambda a: torch.exp((a * a.log()).nansum(-1)), lambda a: a.clamp_(min=1e-9).prod(-1),
            lambda a: torch.special.entr(a).sum(-1, keepdim=True).exp(),
            lambda a: torch.special.entr(a).sum(-1).exp().round()],
    "5.3": [_adds_in_place, lambda x, p, ask: tuple(t.detach() for t in _self(x, p, ask)),
            lambda x, p, ask: _self(x, p, ask, order=(2, 0, 1)),
            lambda x, p, ask: _self(x, p, ask, asked=lambda x, p, ask: ask(x) + ask(p)),
            lambda x, p, ask: _self(x, p, ask, asked=lambda x, p, ask: ask(x)),
            lambda x, p, ask: _self(x, p, ask)[0], lambda x, p, ask: _self(x, p.detach(), ask),
            lambda x, p, ask: (2 * x + _self(x, p, ask)[0], _self(x, p, ask)[1]),
            lambda x, p, ask: (_self(x, p, ask)[0] / 2, _self(x, p, ask)[1]),
            lambda x, p, ask: _self(x, p.flip(0), ask),
            lambda x, p, ask: (x + p + _self(x, p, ask)[0], _self(x, p, ask)[1])],
    "5.4": [lambda *g: _wins(*g, strict=False), lambda *g: _wins(*g, divide=16),
            lambda *g: _wins(*g, means=True), lambda *g: _wins(*g).round(),
            lambda a, w, o: _wins(a, w.flip(1), o), lambda a, w, o: _wins(a, w, ~o),
            lambda a, w, o: (_shares(a, w)[:, 0] > _shares(a, w)[:, 1]).float().mean(1),
            lambda a, w, o: _shares(a, w).argmax(1).float().mean(1),
            lambda a, w, o: _wins(a, w, o)[:, None], lambda a, w, o: _wins(a, w, o) * 100,
            lambda a, w, o: _wins(a, w, torch.ones_like(o))],
    "5.5": [lambda *g: tuple(part.detach() for part in _heads(*g)), lambda *g: _heads(*g)[0],
            lambda *g: (_heads(*g)[0], _heads(*g)[1].mean(1)),
            lambda q, a, w, s, t: _heads(q, a, s, s, t),
            lambda q, a, w, s, t: _heads(q, a, w, w, t),
            lambda q, a, w, s, t: _heads(q, a, w, s, torch.ones_like(t)),
            lambda q, a, w, s, t: _heads(q.flip(0), a, w, s, t),
            lambda q, a, w, s, t: _heads(q[:1].expand_as(q), a, w, s, t),
            lambda q, a, w, s, t: (_heads(q, a, w, s, t)[0].flip(1), _heads(q, a, w, s, t)[1]),
            lambda q, a, w, s, t: _heads(2 * q, a, w, s, t)],
}
