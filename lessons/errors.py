"""The one error that a learner meets for bad input: a single sentence that says what to do."""


class CourseError(ValueError):
    """Bad input. Its text is one sentence: what is wrong, and what to do about it."""


def nearest(word, known):
    """Name the known words nearest to an unknown one, for the sentence of a `CourseError`.

    Example: `nearest("rnu", ["run", "walk"])` gives `"Did you mean 'run'?"`; where nothing is
    near, all known words are listed.
    """
    close = [str(k) for k in known if is_near(str(word), str(k))]
    if close:
        return "Did you mean " + " or ".join(f"'{c}'" for c in close[:3]) + "?"
    return "Known: " + ", ".join(str(k) for k in known) + "."


def is_near(word, other):
    """Whether one word looks like the other mistyped: one letter missing or too much, two swapped,
    or a wrong one in a long word. "jogs" is no "hops", "talks" no "walks", "hat" no "halt"."""
    if not word or word[0] != other[:1]:
        return False
    short, long = sorted((word, other), key=len)
    if long[:-1] == short and len(short) >= 3:
        return True
    if len(long) == len(short) + 1 >= 5:
        return any(long[:i] + long[i + 1:] == short for i in range(len(long)))
    wrong = [i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b]
    swapped = len(wrong) == 2 and wrong[1] == wrong[0] + 1 and sorted(word) == sorted(other)
    return len(short) == len(long) and (swapped or len(wrong) == 1 and (
        len(word) >= 6 or {word[wrong[0]], other[wrong[0]]} <= set("aeiou")))
