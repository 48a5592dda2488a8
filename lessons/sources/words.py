"""The words of captions that people wrote: a vocabulary of what is there."""

import textwrap
import unicodedata

from lessons.engine.vocabulary import Vocabulary
from lessons.errors import CourseError, nearest

LETTERS, WORDS = 400, 40       # of a caption, at most


def tokens(text):
    """The words of a caption: lower case, letters, digits and apostrophes of any script.

    Each Chinese character is a word. Raises CourseError for a caption without a word, with control
    characters, or of more than 400 characters.
    """
    if len(text) > LETTERS:
        raise CourseError(f"The caption '{text[:30]} ...' has {len(text)} characters: "
                          f"use at most {LETTERS}.")
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\r\n" for c in text):
        raise CourseError(f"The caption {text!r} has control characters: take them out.")
    plain = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    words = (word.strip("'") for word in "".join(map(_apart, plain)).split())
    if not (words := [word for word in words if any(map(str.isalnum, word))]):
        raise CourseError(f"The caption '{' '.join(text.split())}' has no word: say what is seen.")
    return words


def _apart(c):
    """A character as it stands in a word, or spaces that end one."""
    kind = unicodedata.category(c)
    if "IDEOGRAPH" in unicodedata.name(c, ""):
        return f" {c} "
    if kind == "Cf":  # invisible, like the joiners inside Persian and Hindi words
        return ""
    return c if kind[0] in "LMN" or c == "'" else " "


def vocabulary(texts):
    """The words of captions as a sorted `Vocabulary`."""
    return Vocabulary(("", *sorted({word for text in texts for word in tokens(text)})))


def encode(texts, vocabulary, length=None):
    """A list of N captions as numbers of words of a `Vocabulary`, int64 (N, L), 0 for padding.

    length: L; None: that of the longest. Raises CourseError for an unknown word, a caption that
    `tokens` refuses, and one of more than L words.
    """
    if isinstance(texts, str) or not len(texts):
        raise CourseError("Give captions as a list with at least one: ['a dog runs'].")
    rows = [tokens(text) for text in texts]
    if unknown := vocabulary.unknown(word for row in rows for word in row):
        hint = textwrap.shorten(nearest(unknown, vocabulary[1:]), 200, placeholder=" ...")
        raise CourseError(f"The word '{unknown}' stands in no caption of these clips. {hint}")
    L = length or max(map(len, rows))
    if longest := next((text for text, row in zip(texts, rows, strict=True) if len(row) > L), None):
        raise CourseError(f"The caption '{longest}' has more than {L} words: use at most {L}.")
    return vocabulary.encode(rows, L)                                  # (N, L)
