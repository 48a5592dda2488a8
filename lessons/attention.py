"""Lesson 5: which words does a frame look at?

`python -m lessons study attention` plays lesson 4's game with and without it.

Axes: N captions, L words of each (padded at the end), Q questions (one a frame, mostly), E numbers.
"""

import math

import torch
from torch import nn


def attend(questions, keys, values, there):
    """Scaled dot-product attention: each question gets a mean of the values, weighed by its keys.

        attention = softmax over L of (q . k_i / sqrt(E)),   answer = sum over i of attention_i v_i

    questions (N, Q, E), keys (N, L, E), values (N, L, V), there (N, L), False where there is only
    padding, which gets no weight -> answers (N, Q, V), attention (N, Q, L), rows summing to 1.
    Source: Vaswani et al., 2017, arXiv 1706.03762, equation 1.
    """
    scores = questions @ keys.mT / math.sqrt(keys.shape[2])                    # (N, Q, L)
    attention = scores.masked_fill(~there[:, None], -torch.inf).softmax(2)
    return attention @ values, attention


class WordAttention(nn.Module):
    """Learned questions to the words of a caption, several heads side by side.

    What a question looks for depends on the context of a word (its state); what it finds there is
    the word itself: to know the second action, it must look at the second verb.

    forward: words, states (N, L, E), there (N, L) -> answers (N, Q, heads * E), attention
    (N, heads, Q, L), each row summing to 1 over the words that are there.
    """

    def __init__(self, questions, heads=2, width=64, attend=attend):
        super().__init__()
        self.attend = attend  # the place for your own
        self.questions = nn.Parameter(torch.randn(heads, questions, 32))
        self.keys = nn.Linear(width, heads * 32)

    def forward(self, words, states, there):
        N, heads = len(words), len(self.questions)
        keys = self.keys(states).unflatten(2, (heads, 32)).transpose(1, 2)     # (N, heads, L, 32)
        answers, attention = self.attend(
            self.questions.repeat(N, 1, 1),                                    # (N heads, Q, 32)
            keys.flatten(0, 1),                                                # (N heads, L, 32)
            words.repeat_interleave(heads, 0), there.repeat_interleave(heads, 0))
        answers = answers.unflatten(0, (N, heads)).transpose(1, 2).flatten(2)  # (N, Q, heads E)
        return answers, attention.unflatten(0, (N, heads))                     # (N, heads, Q, L)


def looked_at(attention):
    """Among how many words the attention is spread: attention (..., L) -> (...), 1 to L.

        exp(-sum over i of attention_i log attention_i)

    1 where one word has it all, L where all have the same; a word without attention adds nothing.
    """
    return torch.special.entr(attention).sum(-1).exp()


def self_attend(x, places, ask):
    """Frames look at frames: each asks all of them, itself included, and adds what it is told.

        x_t + sum over s of attention_ts v_s,   (q_t, k_t, v_t) = ask(x_t + places_t)

    x (N, T, E), places (T, E): where a frame stands in the film; ask: a layer from E numbers to
    3 E, questions, keys and values side by side -> (N, T, E), attention (N, T, T).
    """
    questions, keys, values = ask(x + places).chunk(3, 2)                      # (N, T, E) each
    everyone = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)      # no padding here
    answers, attention = attend(questions, keys, values, everyone)
    return x + answers, attention


# Is it true? -----------------------------------------------------------------------------------
def verb_shares(weights, where):
    """How much each frame looks at each verb: attention (N, T, L), verbs (N, 2, L) -> (N, T, 2)."""
    return weights @ where.float().mT


def right_verb_wins(weights, where, own):
    """How often the verb of the action that is seen gets more attention than the other, (N,).

    weights (N, T, L): the attention; where (N, 2, L) of `verbs`, own (2, T) of `own_frames`: the
    share of the frames of `own` in which it does, 0 to 1, for each caption of two actions.
    """
    shares = verb_shares(weights, where)                                       # (N, T, 2)
    first, second = (shares[..., 0] > shares[..., 1]), (shares[..., 1] > shares[..., 0])
    right = (first & own[0]) | (second & own[1])                               # (N, T)
    return right.float().sum(1) / own.sum()


def inside_and_outside(weights, where, own):
    """Mean attention on a verb in its own frames and in those of the other, (N, 2)."""
    shares = verb_shares(weights, where).mT                                    # (N, 2, T)
    def mean(frames):
        return (shares * frames).sum((1, 2)) / frames.sum()
    return torch.stack([mean(own), mean(own.flip(0))], 1)
