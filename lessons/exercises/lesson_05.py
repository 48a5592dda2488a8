"""Checks of lesson 5: attention with a mask, how many words it is spread over, frames that look at
frames, whether the right verb wins, and several heads to mend."""

import math

import torch

from lessons import attention
from lessons.exercises import Exercise, both, rng, seed
from lessons.world.theatre import own_frames


# 5.1 -------------------------------------------------------------------------------------------
def _questions():
    """Captions of several lengths, one of them full; as many questions as words never."""
    cases = []
    for k, (N, Q, L, E, V) in enumerate(((1, 1, 2, 2, 1), (3, 4, 6, 8, 5), (4, 7, 5, 16, 3))):
        questions, keys, values = (torch.randn(shape, generator=rng(10 * k + i)) for i, shape in
                                   enumerate(((N, Q, E), (N, L, E), (N, L, V))))
        length = torch.tensor([L, 1, 3, 2])[:N]
        cases.append((questions, keys, values, torch.arange(L) < length[:, None]))
    return cases


def _attended(scale=lambda E: math.sqrt(E), mask="before", axis=2, swap=False):
    def wrong(questions, keys, values, there):
        L, E = keys.shape[1:]
        scores = questions @ keys.mT / scale(E if not swap else L)
        gone = ~there[:, None]
        if mask == "before":
            scores = scores.masked_fill(gone, -torch.inf)
        if mask == "zero":
            scores = scores.masked_fill(gone, 0.0)
        if mask == "turned":
            scores = scores.masked_fill(~gone, -torch.inf)
        weights = scores.softmax(axis)
        if mask == "after":
            weights = weights.masked_fill(gone, 0.0)
        return weights.nan_to_num() @ values, weights.nan_to_num()
    return wrong


def _scores_alone(questions, keys, values, there):
    scores = questions @ keys.mT / keys.shape[2] ** 0.5 * there[:, None]
    return scores @ values, scores


Exercise("5.1", ours=attention.attend, cases=_questions, trained=True,
         observe=both("tensor of answers", "tensor of attention"), mistakes=[
    ("Padding gets attention: nothing is masked.", _attended(mask="none")),
    ("Padding has the score 0, and exp(0) is 1, not 0: give it minus infinity.",
     _attended(mask="zero")),
    ("You took padding out after the softmax: the rows no longer sum to 1. Mask the scores "
     "before.", _attended(mask="after")),
    ("The mask is the wrong way round: you kept the padding and dropped the words.",
     _attended(mask="turned")),
    ("The division by the square root of E is missing.", _attended(lambda E: 1.0)),
    ("You divided by E, not by its square root.", _attended(lambda E: E)),
    ("You divided by the root of the number of words: E is the length of a key, its last axis.",
     _attended(swap=True)),
    ("The softmax runs over the questions, axis 1: each question must share out its attention "
     "among the words, axis 2.", _attended(axis=1)),
    ("You multiplied by the square root of E: divide.", _attended(lambda E: 1 / math.sqrt(E))),
    ("The softmax is missing: scores may be negative, and do not sum to 1.", _scores_alone),
])


# 5.2 -------------------------------------------------------------------------------------------
def _weights():
    """Attention with zeros in it, with one word that has all, and even."""
    spread = torch.softmax(3 * torch.randn(3, 4, 6, generator=rng(1)), 2)
    spread[1, 2] = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    spread[2, 0] = torch.tensor([0.25, 0.25, 0.25, 0.25, 0.0, 0.0])
    return [(torch.tensor([[0.5, 0.25, 0.25, 0.0]]),), (spread,),
            (torch.softmax(torch.randn(5, 7, generator=rng(2)), 1),)]


def _spread(of, axis=-1, then=torch.exp):
    return lambda a: then(of(a).sum(axis))


Exercise("5.2", ours=attention.looked_at, cases=_weights, mistakes=[
    ("0 log 0 counts as nothing, but a computer says nan: torch.special.entr knows, or give log a "
     "tiny number instead of 0.", lambda a: torch.exp(-(a * a.log()).sum(-1))),
    ("The minus is missing: the log of a share is negative, so this is at most 1.",
     _spread(lambda a: -torch.special.entr(a))),
    ("This is the entropy itself: exp makes a number of words of it.",
     _spread(torch.special.entr, then=lambda x: x)),
    ("You took the logarithm to base 2 and the exponential to base e: they must belong together.",
     _spread(lambda a: torch.special.entr(a) / math.log(2))),
    ("You averaged over the words: the entropy is a sum over them.",
     lambda a: torch.special.entr(a).mean(-1).exp()),
    ("You summed over another axis: the words are the last one.",
     _spread(torch.special.entr, axis=0)),
    ("You counted the words that get any attention at all: a tiny share counts as a whole one.",
     lambda a: (a > 0).float().sum(-1)),
    ("You took the exponential to base 2 and the logarithm to base e: they must belong together.",
     _spread(torch.special.entr, then=torch.exp2)),
    ("A small number is added to a itself, and too large a one: the answer is a little off. "
     "torch.special.entr needs none.", lambda a: torch.exp(-(a * (a + 1e-2).log()).sum(-1))),
    ("You took exp before the sum: sum first.", lambda a: torch.special.entr(a).exp().sum(-1)),
    ("This is one over the sum of squares, another measure of spread.",
     lambda a: 1 / a.square().sum(-1)),
])


# 5.3 -------------------------------------------------------------------------------------------
def _frames():
    cases = []
    for k, (N, T, E) in enumerate(((2, 5, 6), (3, 4, 8))):
        torch.manual_seed(seed(k))
        cases.append((torch.randn(N, T, E), torch.randn(T, E), torch.nn.Linear(E, 3 * E)))
    return cases


def _asked(places=True, order=(0, 1, 2), add=True, kept=False):
    def wrong(x, places_, ask):
        x_ = x + places_ if places else x
        questions, keys, values = (ask(x_).chunk(3, 2)[i] for i in order)
        there = torch.ones(x.shape[:2], dtype=torch.bool)
        answers, weights = attention.attend(questions, keys, values, there)
        return (x_ if kept else x) * add + answers, weights
    return wrong


def _over_films(x, places, ask):
    answers, weights = _asked()(x.transpose(0, 1), places[:, None], ask)
    return answers.transpose(0, 1), weights


Exercise("5.3", ours=attention.self_attend, cases=_frames, trained=True,
         observe=both("tensor of frames", "tensor of attention"), mistakes=[
    ("The places are missing: now no frame knows where in the film it stands.", _asked(False)),
    ("The frame itself is missing: what it is told is added to x.", _asked(add=False)),
    ("You added the answers to x with its places: places are for asking only, x stays as it is.",
     _asked(kept=True)),
    ("Questions and keys have changed places: the first third of `ask` are questions.",
     _asked(order=(1, 0, 2))),
    ("The values are the last third of `ask`, the keys the second.", _asked(order=(0, 2, 1))),
    ("Questions and values have changed places: the first third of `ask` are questions.",
     _asked(order=(2, 1, 0))),
    ("You added the answers to the places, not to x.",
     lambda x, places, ask: (places + _asked(add=False)(x, places, ask)[0],
                             _asked()(x, places, ask)[1])),
    ("You let films look at films: the frames are axis 1.", _over_films),
])


# 5.4 -------------------------------------------------------------------------------------------
def _looked():
    """Attention on captions whose verbs have one word or two, and the frames of the actions; first
    a tiny film, in one of whose frames both verbs have the same."""
    cases = [(torch.tensor([[[0.6, 0.4], [0.5, 0.5], [0.3, 0.7]]]), torch.eye(2).bool()[None],
              torch.tensor([[True, True, False], [False, False, True]]))]
    for k, (N, L, margin) in enumerate(((5, 9, 1), (4, 8, 0))):
        weights = torch.softmax(2 * torch.randn(N, 16, L, generator=rng(k)), 2)
        weights[1, ::3] = 1 / L  # both verbs have the same, where each has one word
        where = torch.zeros(N, 2, L, dtype=torch.bool)
        where[:, 0, 2], where[:, 1, 5] = True, True
        where[::2, 0, 3] = True
        cases.append((weights, where, own_frames(margin=margin)))
    return cases


def _won(turn=False, count="own", most=False, mass=False):
    def wrong(weights, where, own):
        shares = attention.verb_shares(weights, where)                         # (N, T, 2)
        frames = own.flip(0) if turn else own
        if mass:
            return (shares.mT * own).sum((1, 2)) / own.sum()
        if most:
            verb = where.any(1)
            best = torch.nn.functional.one_hot(weights.argmax(2), where.shape[2]).bool()
            right = ((best[:, :, None] & (where & verb[:, None])[:, None]).any(3).mT & own).any(1)
            return right.float().sum(1) / own.sum()
        right = ((shares[..., 0] > shares[..., 1]) & frames[0]) \
            | ((shares[..., 1] > shares[..., 0]) & frames[1])
        if count == "all":
            return right.float().mean(1)
        if count == "first":
            return (right & own[0]).float().sum(1) / own[0].sum()
        if count == "batch":
            return right.float().sum() / (own.sum() * len(weights))
        return right.float().sum(1) / own.sum()
    return wrong


def _no_less(weights, where, own):
    shares = attention.verb_shares(weights, where)
    right = ((shares[..., 0] >= shares[..., 1]) & own[0]) | ((shares[..., 1] >= shares[..., 0])
                                                             & own[1])
    return right.float().sum(1) / own.sum()


Exercise("5.4", ours=attention.right_verb_wins, cases=_looked, mistakes=[
    ("The frames are swapped: own[0] are those of the first action.", _won(turn=True)),
    ("You divided by all frames: those near the switch belong to no action and must not count.",
     _won(count="all")),
    ("Only the first action is counted: own[1] are the frames of the second.",
     _won(count="first")),
    ("This is one number for the whole batch: give one for each caption.", _won(count="batch")),
    ("This is the mean attention on the right verb: ask in how many frames it has more than the "
     "other.", _won(mass=True)),
    ("You compared single words: a verb may have two, and other words do not compete. Compare the "
     "shares of the two verbs.", _won(most=True)),
    ("A frame in which both verbs have the same counts as won: neither has more.", _no_less),
    ("This is how many frames are won: divide by `own.sum()`.",
     lambda a, where, own: attention.right_verb_wins(a, where, own) * own.sum()),
    ("This is the share that is lost.",
     lambda a, where, own: 1 - attention.right_verb_wins(a, where, own)),
    ("Only the second action is counted: own[0] are the frames of the first.",
     lambda a, where, own:
     attention.right_verb_wins(a, where, own & torch.eye(2)[1].bool()[:, None])),
])


# 5.5 -------------------------------------------------------------------------------------------
def many_heads(questions, ask, words, states, there):
    """Several heads side by side: questions (H, Q, K), ask: a layer from E numbers to H K, words
    and states (N, L, E), there (N, L) -> answers (N, Q, H E), attention (N, H, Q, L)."""
    N, H = len(words), len(questions)
    keys = ask(states).unflatten(2, (H, -1)).transpose(1, 2)                   # (N, H, L, K)
    answers, attended = attention.attend(
        questions.repeat(N, 1, 1), keys.flatten(0, 1), words.repeat_interleave(H, 0),
        there.repeat_interleave(H, 0))                                         # (N H, Q, .) each
    answers = answers.unflatten(0, (N, H)).transpose(1, 2).flatten(2)          # (N, Q, H E)
    return answers, attended.unflatten(0, (N, H))


def _heads():
    """Captions of several lengths; numbers of captions, heads and words that differ."""
    cases = []
    for k, (N, H, Q, L, E, K) in enumerate(((1, 2, 2, 3, 2, 2), (3, 2, 4, 5, 6, 4),
                                            (4, 3, 2, 6, 5, 3))):
        torch.manual_seed(seed(k))
        there = torch.arange(L) < torch.tensor([L, 1, 3, 2])[:N, None]
        cases.append((torch.randn(H, Q, K), torch.nn.Linear(E, H * K, bias=False),
                      torch.randn(N, L, E), torch.randn(N, L, E), there))
    return cases


def _headed(keys="apart", rows="each", joined="beside"):
    def wrong(questions, ask, words, states, there):
        N, H, K = len(words), len(questions), questions.shape[2]
        asked = ask(states)                                                    # (N, L, H K)
        asked = {"apart": lambda: asked.unflatten(2, (H, K)).transpose(1, 2).flatten(0, 1),
                 "mixed": lambda: asked.reshape(N * H, -1, K),
                 "inner": lambda: asked.unflatten(2, (K, H)).permute(0, 3, 1, 2).flatten(0, 1),
                 "first": lambda: asked[..., :K].repeat_interleave(H, 0)}[keys]()
        which = torch.arange(N)  # of the captions, in each row
        which = which.repeat_interleave(H) if rows == "each" else which.repeat(H)
        answers, attended = attention.attend(questions.repeat(N, 1, 1), asked, words[which],
                                             there[which])
        answers = answers.unflatten(0, (N, H))                                 # (N, H, Q, E)
        answers = {"beside": lambda: answers.transpose(1, 2).flatten(2),
                   "counted": lambda: answers.reshape(N, questions.shape[1], -1),
                   "mean": lambda: answers.mean(1)}[joined]()
        return answers, attended.unflatten(0, (N, H))
    return wrong


Exercise("5.5", ours=many_heads, cases=_heads, trained=True,
         observe=both("tensor of answers", "tensor of attention"), mistakes=[
    ("This is the broken code as it was: three of its lines are wrong.",
     _headed("mixed", "all", "counted")),
    ("The keys are still mixed up: reshape only counts the numbers off anew. Part the last axis "
     "into heads, then bring the heads to the front.", _headed("mixed")),
    ("Captions and heads do not belong together: the rows go caption by caption, so each caption "
     "is repeated H times in a row (repeat_interleave).", _headed(rows="all")),
    ("The answers are still mixed up: what the heads say of one question belongs side by side, so "
     "exchange heads and questions before you join them.", _headed(joined="counted")),
    ("Two faults are left: how the keys are parted, and how captions are repeated.",
     _headed("mixed", "all")),
    ("Two faults are left: how the keys are parted, and how the answers are joined.",
     _headed("mixed", joined="counted")),
    ("Two faults are left: how captions are repeated, and how the answers are joined.",
     _headed(rows="all", joined="counted")),
    ("The numbers of a head stand in a row in what `ask` gives: part the last axis into (H, K), "
     "not into (K, H).", _headed("inner")),
    ("All heads have the keys of the first.", _headed("first")),
    ("The heads' answers are averaged: they stand side by side, (N, Q, H E).",
     _headed(joined="mean")),
])
