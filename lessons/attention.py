"""Lesson 5: which words does a frame look at?

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

    def __init__(self, questions, heads=2, width=64):
        super().__init__()
        self.questions = nn.Parameter(torch.randn(heads, questions, 32))
        self.keys = nn.Linear(width, heads * 32)

    def forward(self, words, states, there):
        N, heads = len(words), len(self.questions)
        keys = self.keys(states).unflatten(2, (heads, 32)).transpose(1, 2)     # (N, heads, L, 32)
        answers, attention = attend(
            self.questions.repeat(N, 1, 1),                                    # (N heads, Q, 32)
            keys.flatten(0, 1),                                                # (N heads, L, 32)
            words.repeat_interleave(heads, 0), there.repeat_interleave(heads, 0))
        answers = answers.unflatten(0, (N, heads)).transpose(1, 2).flatten(2)  # (N, Q, heads E)
        return answers, attention.unflatten(0, (N, heads))                     # (N, heads, Q, L)
