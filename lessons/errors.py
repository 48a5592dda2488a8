"""The one error that a learner meets for bad input: a single sentence that says what to do."""

import difflib


class CourseError(ValueError):
    """Bad input. Its text is one sentence: what is wrong, and what to do about it."""


def nearest(word, known):
    """Name the known words nearest to an unknown one, for the sentence of a `CourseError`.

    Example: `nearest("rnu", ["run", "walk"])` gives `"Did you mean 'run'?"`; where nothing is
    near, all known words are listed.
    """
    close = difflib.get_close_matches(str(word), [str(k) for k in known], n=3, cutoff=0.5)
    if close:
        return "Did you mean " + " or ".join(f"'{c}'" for c in close) + "?"
    return "Known: " + ", ".join(str(k) for k in known) + "."
