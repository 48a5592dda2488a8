"""What captions say, as numbers: words and their meanings.

Axes: N captions, L words of each (padded at the end).
"""

import functools
from dataclasses import replace

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from lessons.engine.vocabulary import Vocabulary
from lessons.errors import CourseError
from lessons.world import captions
from lessons.world.scene import ACTIONS, ACTORS, COLORS, DIRECTIONS, DRAWN, MUSIC

# What the judge of films reads, each with its values. A film with one action ends as it began.
ATTRIBUTES = {"actor": ACTORS, "color": COLORS, "first": ACTIONS, "last": ACTIONS,
              "direction": DIRECTIONS}
SEEN = ("actor", "color", "direction")  # those of them that the judge of first frames reads
MEANINGS = ATTRIBUTES | {"music": MUSIC}  # columns of `meanings`, each with its values
OPEN = -1  # in place of an index: left open by the caption


def truth(scenes):
    """What a perfect judge would read: dict attribute -> indices (N,) into its values."""
    rows = torch.tensor([_indices(scene, ATTRIBUTES) for scene in scenes])     # (N, attributes)
    return dict(zip(ATTRIBUTES, rows.T, strict=True))


def asked(texts, attributes=ATTRIBUTES):
    """What N captions say: for each of attributes (a dict like ATTRIBUTES, of which "music" may be
    one) the index of its value, -1 where it is left open, in a tensor (N, attributes)."""
    return torch.tensor([_indices(captions.parse(text), attributes) for text in texts])


def _indices(said, attributes):
    """The index of what a Scene or a Reading says for each of attributes, OPEN for nothing."""
    values = vars(said) | {"first": said.actions[0], "last": said.actions[-1]}
    return [OPEN if values[name] is None else known.index(values[name])
            for name, known in attributes.items()]


def asked_seen(texts):
    """What N captions say of what a first frame shows: as `asked`, for each of SEEN: (N, 3)."""
    return asked(texts, {name: ATTRIBUTES[name] for name in SEEN})


def _written():
    """Every word of `captions.canonical` for random scenes, each language sorted."""
    whole = captions.Reading(DRAWN[:2], ACTORS[0], COLORS[0], DIRECTIONS[0], MUSIC[0])
    others = [replace(whole, **{name: value}) for name, values in
              (("actor", (*ACTORS, None)), ("color", COLORS), ("direction", DIRECTIONS),
               ("music", MUSIC), ("actions", [(action,) for action in DRAWN]))
              for value in values]
    return tuple(word for language in captions.LANGUAGES for word in
                 sorted({word for said in others for word in
                         captions.tokens(captions.describe(said, language=language))}))


WORDS = Vocabulary(("", *_written()))  # of a model that is trained today; the first is padding


def encode(texts, vocabulary):
    """Captions, English or Chinese, as numbers of a model's words: int64 (N, L), 0 for padding.

    However a caption is worded, its `captions.canonical` form is encoded. L is the length of the
    longest. Raises CourseError for a caption that cannot be read, and for what the model does not
    know since it was trained without it.
    """
    rows = [captions.tokens(text) for text in texts]
    for text, row in zip(texts, rows, strict=True):
        if word := vocabulary.unknown(row):
            raise CourseError(_not_learnt(text, word, vocabulary))
    return vocabulary.encode(rows)                                             # (N, L)


def _not_learnt(text, word, vocabulary):
    """The sentence for a word that the course knows and a model does not: what it knows instead."""
    language = captions.parse(text).language
    kind, _ = captions.LEXICON[language][word]
    known = [phrases.split()[0] for phrases in captions.WRITTEN[language].get(kind, {}).values()]
    known = [plain for plain in known if plain in vocabulary]
    if language == "zh":
        return f"这个模型没有学过“{word}”，它只学过：{'、'.join(known)}。"
    return f"This model was trained without the word '{word}': it knows {', '.join(known)}."


def meanings(texts):
    """What captions say: int64 (N, 6), an index into the values of each of MEANINGS, or OPEN."""
    return asked(texts, MEANINGS)


class CaptionSampler:
    """Several captions a scene, in both languages, to draw from in training.

    `each` captions are made for every scene, half of them English and half Chinese; they differ in
    what they leave open, so that a network learns what may be left open. nameless: how often that
    is the actor. vocabulary: of the model that learns from them.
    """

    def __init__(self, scenes, each=4, seed=0, vocabulary=WORDS, nameless=0.05):
        rng = np.random.default_rng([seed, 4])
        texts = [captions.describe(scene, rng, captions.LANGUAGES[k % 2])
                 for scene in scenes for k in range(each)]
        texts = [_nameless(text) if rng.random() < nameless else text for text in texts]
        self.vocabulary = vocabulary
        self.ids = encode(texts, vocabulary).view(len(scenes), each, -1)       # (scenes, each, L)
        self.meanings = meanings(texts).view(len(scenes), each, -1)            # (scenes, each, 6)

    def draw(self, rows, rng):
        """One caption for each scene of rows (N,): ids (N, L) and meanings (N, 6)."""
        which = torch.randint(self.ids.shape[1], rows.shape, generator=rng)
        ids = self.ids[rows, which]
        return ids[:, :int((ids > 0).sum(1).max())], self.meanings[rows, which]


def _nameless(text):
    """A caption that does not say who it is, and else what this one says."""
    said = replace(captions.parse(text), actor=None)
    return captions.describe(said, language=said.language)


def kinds_of(scenes):
    """Which of MUSIC each of N scenes has: int64 (N,)."""
    return torch.tensor([MUSIC.index(scene.music) for scene in scenes])


def verbs(texts):
    """Where the verbs of captions stand among their words, as a model is given them: bool
    (N, 2, L), for the first and the second action, which may not be there."""
    actions = {word for lexicon in captions.LEXICON.values()
               for word, (kind, _) in lexicon.items() if kind == "action"}
    there = pad_sequence([torch.tensor([word in actions for word in captions.tokens(text)])
                          for text in texts], batch_first=True)                # (N, L)
    which = there.cumsum(1)                                                    # 1, then 2
    return torch.stack([there & (which == 1), there & (which == 2)], 1)        # (N, 2, L)


def is_chinese(ids, vocabulary):
    """In which language captions are: ids (N, L) -> int64 (N,), 0 for English, 1 for Chinese."""
    return _chinese(vocabulary, ids.device)[ids[:, 0]]


@functools.lru_cache
def _chinese(vocabulary, device):
    return torch.tensor([int(not word.isascii()) for word in vocabulary], device=device)
