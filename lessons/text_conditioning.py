"""Lesson 3: words become vectors, and a discriminator asks whether a film fits its caption.

Axes: N captions, L words of each (padded at the end), E numbers a word.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lessons import captions
from lessons.scene import ACTIONS, ACTORS, COLORS, DIRECTIONS, MUSIC

WORDS = ("", *captions.VOCABULARY["en"], *captions.VOCABULARY["zh"])  # the first one is padding
IDS = {word: i for i, word in enumerate(WORDS)}
MEANINGS = (ACTORS, COLORS, ACTIONS, ACTIONS, DIRECTIONS, MUSIC)  # columns of `meanings`
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
    """What captions say: int64 (N, 6), an index into each of MEANINGS, or OPEN.

    The columns: actor, colour, first action, last action, direction, music.
    """
    rows = []
    for said in map(captions.parse, texts):
        values = (said.actor, said.color, said.actions[0], said.actions[-1], said.direction,
                  said.music)
        rows.append([OPEN if value is None else known.index(value)
                     for value, known in zip(values, MEANINGS, strict=True)])
    return torch.tensor(rows)                                                  # (N, 6)


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


def _fillers():
    """What may be left open: for actor, colour and direction, plain words as numbers (W,), and
    which of WORDS speak of it (V,)."""
    found = []
    for slot, values in (("actor", ACTORS), ("color", COLORS), ("direction", DIRECTIONS)):
        speaks = {phrase for lexicon in captions.LEXICON.values()
                  for phrase, (kind, value) in lexicon.items() if kind == slot and value}
        found.append((torch.tensor([IDS[value] for value in values]),
                      torch.tensor([word in speaks for word in WORDS])))
    return found


FILLERS = _fillers()


def evenly(z):
    """Normal random numbers -> random numbers that lie evenly in [0, 1), of the same shape."""
    return (0.5 + 0.5 * torch.erf(z.float() / math.sqrt(2))).clamp(max=1 - 1e-6)


def complete(ids, z):
    """Captions with a word for each thing that they leave open: ids (N, L) -> (N, L + 3).

    The first three numbers of the noise z (N, any) draw the actor, the colour and the direction,
    all values being equally likely; padding stands where the caption has said it.
    """
    added = []
    for u, (values, speaks) in zip(evenly(z[:, :3]).T, FILLERS, strict=True):
        word = values.to(ids.device)[(u * len(values)).long()]
        open_ = ~speaks.to(ids.device)[ids].any(1)                             # (N,)
        added.append(word * open_)
    return torch.cat([ids, torch.stack(added, 1)], 1)                          # (N, L + 3)


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


class TextEncoder(nn.Module):
    """Captions -> states of words and one vector a caption.

    forward: ids (N, L) -> words (N, L, E), states (N, L, E), sentence (N, E). `words` are plain
    embeddings: what a word means by itself. A state also knows what was said before the word and
    what comes after it, so the first action is told from the second:

        state_i = e_i + mlp(e_i, sum of e_j for j < i, sum of e_j for j > i)

    Padding is zero everywhere and has no influence on anything else.
    """

    def __init__(self, width=64):
        super().__init__()
        self.embed = nn.Embedding(len(WORDS), width, padding_idx=0)
        self.mix = nn.Sequential(nn.Linear(3 * width, 2 * width), nn.LeakyReLU(0.2),
                                 nn.Linear(2 * width, width))
        self.sum_up = nn.Sequential(nn.Linear(width, width), nn.LeakyReLU(0.2),
                                    nn.Linear(width, width))

    def forward(self, ids):
        there = (ids > 0)[..., None]                                           # (N, L, 1)
        words = self.embed(ids)                                                # (N, L, E)
        before = words.cumsum(1) - words
        after = words.sum(1, keepdim=True) - before - words
        scale = 1 / math.sqrt(8)  # the sum of about eight words is as large as one
        context = torch.cat([words, before * scale, after * scale], -1)        # (N, L, 3 E)
        states = (words + self.mix(context)) * there                           # (N, L, E)
        count = there.sum(1).clamp(min=1)                                      # (N, 1)
        sentence = self.sum_up(states.sum(1) / count.sqrt())                   # (N, E)
        return words, states, sentence


class Matching(nn.Module):
    """How real is this, and does it fit the caption? A logit of both, by projection.

        logit = l(f) + <P f, s> / sqrt(E)

    forward: features f (N, D), sentence s (N, E) -> logits (N,). Source: Miyato and Koyama, 2018,
    arXiv 1802.05637, with the caption's vector in the place of the label's.
    """

    def __init__(self, features, width=64):
        super().__init__()
        self.real = nn.Linear(features, 1)
        self.project = nn.Linear(features, width, bias=False)

    def forward(self, features, sentence):
        fit = (self.project(features) * sentence).sum(1) / math.sqrt(sentence.shape[1])
        return self.real(features)[:, 0] + fit                                 # (N,)


def compatible(said):
    """Which captions could stand under the same film: said (N, 6) -> bool (N, N).

    Two are compatible where no attribute has two different values; what is open fits all.
    """
    a, b = said[:, None], said[None]
    return ((a == b) | (a == OPEN) | (b == OPEN)).all(-1)                      # (N, N)


def contrastive_loss(films, sentences, scale, said):
    """InfoNCE: each film must find its own caption in the batch, and each caption its film.

        -log  exp(c <f_i, s_i>) / sum over j of exp(c <f_i, s_j>),   and the same over films

    films, sentences: (N, E), brought to length 1 here; scale c: a number; said: `meanings` (N, 6).
    Other pairs of the batch that fit by chance do not count as wrong. Source: van den Oord et al.,
    2018, arXiv 1807.03748; Zhang et al., 2021, arXiv 2101.04702, for text and images in a GAN.
    """
    scores = scale * F.normalize(films, dim=1) @ F.normalize(sentences, dim=1).T   # (N, N)
    chance = compatible(said) & ~torch.eye(len(said), dtype=torch.bool, device=said.device)
    scores = scores.masked_fill(chance, -torch.inf)
    own = torch.arange(len(said), device=said.device)
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2


def mismatched_loss(discriminator, real, ids, said):
    """What a discriminator loses when it takes a wrong caption for a right one: a number.

        E[softplus(l(x, wrong t))]

    real: films (N, ...), ids (N, L), said: `meanings` (N, 6). The captions move on by one; where
    the next one fits by chance, the pair does not count. Source: Reed et al., 2016,
    arXiv 1605.05396, section 4.2.
    """
    own = torch.arange(len(said), device=said.device)
    other = own.roll(-1)
    wrong = ~compatible(said)[own, other]                                      # (N,)
    logits = discriminator(real, ids[other])
    return (F.softplus(logits) * wrong).sum() / wrong.sum().clamp(min=1)
