"""What captions say, as numbers: words, their meanings, and the same thing said in other words.

Axes: N captions, L words of each (padded at the end).
"""

import numpy as np
import torch

from lessons.world import captions
from lessons.world.scene import ACTIONS, ACTORS, COLORS, DIRECTIONS, MUSIC

# What the judge of films reads, each with its values. A film with one action ends as it began.
ATTRIBUTES = {"actor": ACTORS, "color": COLORS, "first": ACTIONS, "last": ACTIONS,
              "direction": DIRECTIONS}


SEEN = ("actor", "color", "direction")  # those of them that the judge of first frames reads


def truth(scenes):
    """What a perfect judge would read: dict attribute -> indices (N,) into its values."""
    said = {"actor": [s.actor for s in scenes], "color": [s.color for s in scenes],
            "first": [s.actions[0] for s in scenes], "last": [s.actions[-1] for s in scenes],
            "direction": [s.direction for s in scenes]}
    return {name: torch.tensor([ATTRIBUTES[name].index(value) for value in values])
            for name, values in said.items()}


def asked_seen(texts):
    """What N captions say of what a first frame shows: as `asked`, for each of SEEN: (N, 3)."""
    return asked(texts)[:, [list(ATTRIBUTES).index(name) for name in SEEN]]


def asked(texts, attributes=ATTRIBUTES):
    """What N captions say: for each of attributes (a dict like ATTRIBUTES, of which "music" may be
    one) the index of its value, -1 where it is left open, in a tensor (N, attributes)."""
    rows = []
    for text in texts:
        said = captions.parse(text)
        wish = {"actor": said.actor, "color": said.color, "first": said.actions[0],
                "last": said.actions[-1], "direction": said.direction, "music": said.music}
        rows.append([-1 if wish[name] is None else values.index(wish[name])
                     for name, values in attributes.items()])
    return torch.tensor(rows)


WORDS = ("", *captions.VOCABULARY["en"], *captions.VOCABULARY["zh"])  # the first one is padding
IDS = {word: i for i, word in enumerate(WORDS)}
MEANINGS = ATTRIBUTES | {"music": MUSIC}  # columns of `meanings`, each with its values
OPEN = -1  # in `meanings`: left open by the caption


def encode(texts):
    """Captions, English or Chinese, as numbers: int64 (N, L), 0 where there is no word.

    L is the length of the longest. Raises CourseError for a caption that cannot be read.
    """
    ids = [[IDS[word] for word in captions.tokens(text)] for text in texts]
    length = max(map(len, ids))
    return torch.tensor([row + [0] * (length - len(row)) for row in ids])      # (N, L)


def decode(ids):
    """The words of encoded captions: strings, shaped as ids (N, L), empty where there is none."""
    return np.array(WORDS)[ids.numpy()]                                        # (N, L)


def meanings(texts):
    """What captions say: int64 (N, 6), an index into the values of each of MEANINGS, or OPEN."""
    return asked(texts, MEANINGS)                                    # (N, 6)


def reword(text, rng, swap=0.4, fill=0.04, nameless=0.05):
    """The caption in other words, some of them not in good grammar, so that a network meets every
    word that the course knows. rng: a numpy Generator.

    swap, fill, nameless: probabilities that a phrase is swapped for a synonym, that a word which
    says nothing is put before it, and that the actor becomes "someone".
    """
    language, phrases = captions.phrases(text)
    words = []
    for phrase in phrases:
        slot, _ = meaning = captions.LEXICON[language][phrase]
        if rng.random() < fill:
            words.append(_pick(SYNONYMS[language]["", ""], rng))
        if slot == "actor" and rng.random() < nameless:
            phrase = _pick(SYNONYMS[language]["actor", None], rng)
        elif slot and rng.random() < swap:
            phrase = _pick(SYNONYMS[language][meaning], rng)
        words.append(phrase)
    return (" " if language == "en" else "").join(words)


def _pick(options, rng):
    return options[rng.integers(len(options))]


def _synonyms(lexicon):
    """{meaning: phrases}, meaning being (slot, value)."""
    found = {}
    for phrase, meaning in lexicon.items():
        found.setdefault(meaning, []).append(phrase)
    return found


SYNONYMS = {language: _synonyms(lexicon) for language, lexicon in captions.LEXICON.items()}


class Wordings:
    """Several captions a scene, in both languages and many words, to draw from in training.

    `each` captions are made for every scene, half of them English and half Chinese; they differ
    in their words and in what they leave open, so that a network learns what may be left open.
    """

    def __init__(self, scenes, each=4, seed=0):
        rng = np.random.default_rng([seed, 4])
        texts = [reword(captions.describe(scene, rng, captions.LANGUAGES[k % 2]), rng)
                 for scene in scenes for k in range(each)]
        self.ids = encode(texts).view(len(scenes), each, -1)                   # (scenes, each, L)
        self.meanings = meanings(texts).view(len(scenes), each, -1)            # (scenes, each, 6)

    def draw(self, rows, rng):
        """One caption for each scene of rows (N,): ids (N, L) and meanings (N, 6)."""
        which = torch.randint(self.ids.shape[1], rows.shape, generator=rng)
        ids = self.ids[rows, which]
        return ids[:, :int((ids > 0).sum(1).max())], self.meanings[rows, which]


def kinds_of(scenes):
    """Which of MUSIC each of N scenes has: int64 (N,)."""
    return torch.tensor([MUSIC.index(scene.music) for scene in scenes])


def verbs(texts):
    """Where the verbs of captions stand: bool (N, 2, L), for the first and the second action.

    A verb may have several words; that of a second action that is not there has none.
    """
    rows = []
    for text in texts:
        language, phrases = captions.phrases(text)
        slots = [(captions.LEXICON[language][phrase][0], phrase.split() if language == "en"
                  else [phrase]) for phrase in phrases]
        kinds = [slot for slot, words in slots for _ in words]
        first = [i for i, (slot, _) in enumerate(slots) if slot == "action"]
        number = [i for i, (_, words) in enumerate(slots) for _ in words]  # of each word's phrase
        rows.append([[kind == "action" and k < len(first) and n == first[k]
                      for kind, n in zip(kinds, number, strict=True)] for k in range(2)])
    length = max(len(row[0]) for row in rows)
    return torch.tensor([[line + [False] * (length - len(line)) for line in row] for row in rows])
