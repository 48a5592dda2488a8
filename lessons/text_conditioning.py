"""Lesson 3: words become vectors, and a discriminator asks whether a picture fits its caption.

`python -m lessons study conditioning` compares ways in which captions can enter the game.

Axes: N captions, L words of each (padded at the end), E numbers a word.
"""

import functools
import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from lessons.engine import distributed, weights
from lessons.engine.vocabulary import Vocabulary
from lessons.signals import windows
from lessons.world import captions, theatre
from lessons.world.scene import ACTORS, COLORS, DIRECTIONS
from lessons.world.theatre import Theatre
from lessons.world.vocabulary import OPEN, WORDS, CaptionSampler, encode, is_chinese


@functools.lru_cache
def _fillers(vocabulary, device):
    """What may be left open, three pairs for actor, colour and direction: the words to add, as
    numbers (languages, W), and which words of the vocabulary speak of it (V,), both on a device.

    Actor and colour are added in English for both languages, the direction in the caption's own:
    trained with English directions alone, all Chinese captions that left it open went right.
    """
    found = []
    for slot, values in (("actor", ACTORS), ("color", COLORS), ("direction", DIRECTIONS)):
        speaks = {phrase for lexicon in captions.LEXICON.values()
                  for phrase, (kind, value) in lexicon.items() if kind == slot and value}
        words = {"en": values, "zh": ("左", "右") if slot == "direction" else values}
        found.append((vocabulary.encode([[word for word in words[language] if word in vocabulary]
                                         for language in captions.LANGUAGES]).to(device),
                      torch.tensor([word in speaks for word in vocabulary], device=device)))
    return found


def evenly(z):
    """Normal random numbers -> random numbers that lie evenly in [0, 1), of the same shape."""
    return (0.5 + 0.5 * torch.erf(z.float() / math.sqrt(2))).clamp(max=1 - 1e-6)


def fill_unspecified(ids, z, vocabulary):
    """Captions with a word for each thing that they leave open: ids (N, L) -> (N, L + 3).

    ids: numbers of words of the vocabulary. The first three numbers of the noise z (N, any) draw
    the actor, the colour and the direction, all values being equally likely; padding stands where
    the caption has said it.
    """
    chinese = is_chinese(ids, vocabulary)                                      # (N,) 0 or 1
    added = []
    for u, (values, speaks) in zip(evenly(z[:, :3]).T, _fillers(vocabulary, ids.device),
                                   strict=True):
        word = values[chinese, (u * values.shape[1]).long()]
        open_ = ~speaks[ids].any(1)                                            # (N,)
        added.append(word * open_)
    return torch.cat([ids, torch.stack(added, 1)], 1)                          # (N, L + 3)


def mean_of_words(words, ids):
    """The mean vector of each caption's words: words (N, L, E), ids (N, L) -> (N, E).

    Padding, where ids is 0, does not count.
    """
    there = (ids > 0)[..., None]                                               # (N, L, 1)
    return (words * there).sum(1) / there.sum(1)                               # (N, E)


class TextEncoder(nn.Module):
    """Captions -> states of words and one vector a caption.

    forward: ids (N, L) -> words (N, L, E), states (N, L, E), sentence (N, E). `words` are plain
    embeddings: what a word means by itself. A state also knows what was said before the word and
    what comes after it, so the first action is told from the second:

        state_i = e_i + mlp(e_i, sum of e_j for j < i, sum of e_j for j > i)

    Padding is zero everywhere and has no influence on anything else. vocabulary: the `Vocabulary`
    of the numbers in ids.
    """

    def __init__(self, vocabulary=WORDS, width=64):
        super().__init__()
        self.vocabulary = vocabulary
        self.embed = nn.Embedding(len(vocabulary), width, padding_idx=0)
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


def contrastive_loss(seen, sentences, scale, said):
    """InfoNCE: each picture must find its own caption in the batch, and each caption its picture.

        -log  exp(c <f_i, s_i>) / sum over j of exp(c <f_i, s_j>),   and the same over pictures

    seen, sentences: vectors (N, E) of pictures (or of films) and of captions, brought to length 1
    here; scale c: a number; said: `meanings` (N, A). Other pairs of the batch that fit by chance do
    not count. Where several processes train, the batch is that of all. Source: van den Oord et al.,
    2018, arXiv 1807.03748; Zhang et al., 2021, arXiv 2101.04702, for text and images in a GAN.
    """
    seen, sentences, said = map(distributed.gathered, (seen, sentences, said))
    scores = scale * F.normalize(seen, dim=1) @ F.normalize(sentences, dim=1).T    # (N, N)
    chance = compatible(said) & ~torch.eye(len(said), dtype=torch.bool, device=said.device)
    scores = scores.masked_fill(chance, -torch.inf)
    own = torch.arange(len(said), device=said.device)
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2


def mismatched_loss(own, wrong, said):
    """What a discriminator loses when a wrong caption suits a real picture as well: a number.

        E[softplus(l(x, wrong t) - l(x, t))],   over the pairs that are truly wrong

    own, wrong: logits (N,) of real pictures with their own captions and with those of the next
    picture; said: `meanings` (N, A). Where the next caption fits by chance, the pair does not
    count. Source: Reed et al., 2016, arXiv 1605.05396, section 4.2, in relativistic form.
    """
    rows = torch.arange(len(said), device=said.device)
    truly = ~compatible(said)[rows, rows.roll(-1)]                             # (N,)
    return (F.softplus(wrong - own) * truly).sum() / truly.sum().clamp(min=1)


LATENT = 100              # numbers of noise that the generator turns into one picture
SHOWN = [0, 1, 2, 4]      # the columns of `meanings` that a first frame can show
MODEL = "pictures"        # the name that a checkpoint of this lesson carries


class PictureGenerator(nn.Module):
    """x = G(z, t): noise z (N, 100) and captions (N, L) -> pictures (N, 3, 28, 28) in [-1, 1].

    Source of G(z, t): Mirza and Osindero, 2014, arXiv 1411.1784.
    """

    def __init__(self, vocabulary=WORDS):
        super().__init__()
        self.text = TextEncoder(vocabulary)
        self.layers = nn.Sequential(
            nn.Linear(LATENT + 64, 256), nn.LeakyReLU(0.2),
            nn.Linear(256, 320), nn.LeakyReLU(0.2),
            nn.Linear(320, 3 * 28 * 28), nn.Tanh(),
        )

    def forward(self, z, ids, *_):
        _, _, sentence = self.text(ids)                                        # (N, 64)
        return self.layers(torch.cat([z, sentence], 1)).view(-1, 3, 28, 28)    # (N, 3, 28, 28)


class Blind(nn.Module):
    """A head that does not look at the caption: features (N, D) -> logits (N,)."""

    def __init__(self, features):
        super().__init__()
        self.real = nn.Linear(features, 1)

    def forward(self, features, sentence):
        return self.real(features)[:, 0]                                       # (N,)


class Concatenation(nn.Module):
    """A head that sees features (N, D) and caption (N, 64) side by side -> logits (N,).

    Source: Mirza and Osindero, 2014, arXiv 1411.1784; Reed et al., 2016, arXiv 1605.05396.
    """

    def __init__(self, features):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(features + 64, 128), nn.LeakyReLU(0.2),
                                    nn.Linear(128, 1))

    def forward(self, features, sentence):
        return self.layers(torch.cat([features, sentence], 1))[:, 0]           # (N,)


class Answer(NamedTuple):
    """What a discriminator says of N pictures and their captions. Training hands all but the logits
    to the losses that are added, such as `Mismatched`; so `own` holds them once more."""

    logits: torch.Tensor     # (N,) is this picture real, and does it fit its caption?
    own: torch.Tensor        # (N,) the same
    wrong: torch.Tensor      # (N,) the same with the caption of the next picture
    seen: torch.Tensor       # (N, 64) what the picture shows, and ...
    sentence: torch.Tensor   # (N, 64) ... what its caption says, to be compared
    scale: torch.Tensor      # (N,) the number c of the contrastive loss, N times


class PictureDiscriminator(nn.Module):
    """l = D(x, t): pictures (N, 3, 28, 28) and captions (N, L) -> an `Answer`.

    head: the class of the layers that make one logit of features and caption.
    """

    def __init__(self, head):
        super().__init__()
        self.text = TextEncoder()
        self.look = nn.Sequential(nn.Flatten(), nn.Linear(3 * 28 * 28, 512), nn.LeakyReLU(0.2),
                                  nn.Linear(512, 256), nn.LeakyReLU(0.2))
        self.head = head(256)
        self.match = nn.Linear(256, 64)
        self.scale = nn.Parameter(torch.tensor(1.6))

    def forward(self, pictures, ids, *_):
        features = self.look(pictures)                                         # (N, 256)
        _, _, sentence = self.text(ids)                                        # (N, 64)
        logits = self.head(features, sentence)                                 # (N,)
        wrong = self.head(features, sentence.roll(-1, 0))                      # (N,)
        scale = self.scale.exp().clamp(max=30).expand(len(pictures))           # (N,)
        return Answer(logits, logits, wrong, self.match(features), sentence, scale)


class Mismatched:
    """What is added to D's loss: it must prefer the right caption of a real picture."""

    @staticmethod
    def discriminator(more, conditions):
        answer = Answer(None, *more)
        return mismatched_loss(answer.own, answer.wrong, conditions[1])

    @staticmethod
    def generator(real, fake, more, conditions):
        return 0.0  # what D learns from it reaches the generator through D's logit


class Contrastive:
    """What is added to both losses: in a batch, pictures and captions must find each other."""

    @staticmethod
    def discriminator(more, conditions):
        answer = Answer(None, *more)
        return contrastive_loss(answer.seen, answer.sentence, answer.scale[0], conditions[1])

    @classmethod
    def generator(cls, real, fake, more, conditions):
        return cls.discriminator(more, conditions)


@functools.lru_cache(1)
def world(n=6000, seed=0):
    """What the networks of this lesson learn from: n first frames of scenes of the training split,
    float (n, 3, 28, 28), and their `CaptionSampler`."""
    scenes = Theatre.scenes(n, seed)
    pictures = windows.as_pictures(theatre.first_frames(scenes, seed))
    return pictures, CaptionSampler(scenes, seed=seed)


def draw_pairs(n, rng):
    """n real pictures with captions: (N, 3, 28, 28), ids (N, L), what of it is shown (N, 4)."""
    pictures, wordings = world()
    rows = torch.randint(len(pictures), (n,), generator=rng)
    ids, said = wordings.draw(rows, rng)
    return pictures[rows], ids, said[:, SHOWN]


@torch.no_grad()
def draw_pictures(generator, texts, seed=0):
    """A picture of each caption: float (N, 3, 28, 28) in [-1, 1]."""
    z = torch.randn(len(texts), LATENT, generator=torch.Generator().manual_seed(seed))
    ids = encode(texts, generator.text.vocabulary)                             # (N, L)
    return torch.cat([generator(*part) for part in zip(z.split(500), ids.split(500), strict=True)])


def prefers(right, wrong):
    """How often the right caption has the higher logit: right, wrong (N,) -> 0 to 1.

    A tie counts half: who does not look at the caption gets 0.5.
    """
    return float(((right > wrong).float() + (right == wrong).float() / 2).mean())


def finished():
    """The generator of pictures that the course ships."""
    words = weights.shipped_facts("pictures.safetensors")["vocabulary"]
    return weights.load(PictureGenerator(Vocabulary(words)), "pictures")
