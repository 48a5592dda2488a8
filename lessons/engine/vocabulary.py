"""The words that a model knows, in the order of their numbers. They belong to the model and are
stored with its weights: what is added to the language later changes nothing in it.
"""

import numpy as np
import torch


class Vocabulary(tuple):
    """Words as a tuple of str; the number of each is its place. Number 0 is "", the padding.

    Axes: N captions, L words of each.
    """

    def __new__(cls, words):
        made = super().__new__(cls, words)
        made.numbers = {word: number for number, word in enumerate(made)}
        return made

    def unknown(self, words):
        """The first of these words that is not in the vocabulary, or None."""
        return next((word for word in words if word not in self.numbers), None)

    def encode(self, rows, length=None):
        """N lists of known words as numbers: int64 (N, L), 0 where there is no word. L: length, or
        as many as the longest has."""
        L = length or max(map(len, rows))
        return torch.tensor([[self.numbers[word] for word in row] + [0] * (L - len(row))
                             for row in rows])                                 # (N, L)

    def decode(self, ids):
        """The words of numbers: an array of str, shaped as ids (N, L), empty for padding."""
        return np.array(self)[ids.numpy()]                                     # (N, L)
