"""Lesson 3: words become vectors, and a discriminator asks whether a picture fits its caption.

`python -m lessons.text_conditioning compare` trains with each of WAYS and writes
data/conditioning.json; `python -m lessons.text_conditioning pictures` trains and ships the
generator of pictures.

Axes: N captions, L words of each (padded at the end), E numbers a word.
"""

import functools
import json
import math
import sys
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lessons import captions, checkpoints, measuring, training
from lessons.errors import CourseError, nearest
from lessons.losses import Relativistic
from lessons.scene import ACTORS, COLORS, DIRECTIONS, MUSIC
from lessons.theatre import Theatre

WORDS = ("", *captions.VOCABULARY["en"], *captions.VOCABULARY["zh"])  # the first one is padding
IDS = {word: i for i, word in enumerate(WORDS)}
MEANINGS = measuring.ATTRIBUTES | {"music": MUSIC}  # columns of `meanings`, each with its values
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
    return measuring.asked(texts, MEANINGS)                                    # (N, 6)


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


@functools.lru_cache
def _fillers(device):
    """What may be left open, three pairs for actor, colour and direction: the words to add, as
    numbers (languages, W), and which of WORDS speak of it (V,), both on a device.

    Actor and colour are added in English for both languages, the direction in the caption's own:
    trained with English directions alone, all Chinese captions that left it open went right.
    """
    found = []
    for slot, values in (("actor", ACTORS), ("color", COLORS), ("direction", DIRECTIONS)):
        speaks = {phrase for lexicon in captions.LEXICON.values()
                  for phrase, (kind, value) in lexicon.items() if kind == slot and value}
        words = {"en": values, "zh": ("左", "右") if slot == "direction" else values}
        found.append((torch.tensor([[IDS[word] for word in words[language]]
                                    for language in captions.LANGUAGES], device=device),
                      torch.tensor([word in speaks for word in WORDS], device=device)))
    return found


def evenly(z):
    """Normal random numbers -> random numbers that lie evenly in [0, 1), of the same shape."""
    return (0.5 + 0.5 * torch.erf(z.float() / math.sqrt(2))).clamp(max=1 - 1e-6)


def complete(ids, z):
    """Captions with a word for each thing that they leave open: ids (N, L) -> (N, L + 3).

    The first three numbers of the noise z (N, any) draw the actor, the colour and the direction,
    all values being equally likely; padding stands where the caption has said it.
    """
    chinese = (ids[:, 0] > len(captions.VOCABULARY["en"])).long()              # (N,) 0 or 1
    added = []
    for u, (values, speaks) in zip(evenly(z[:, :3]).T, _fillers(ids.device), strict=True):
        word = values[chinese, (u * values.shape[1]).long()]
        open_ = ~speaks[ids].any(1)                                            # (N,)
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
    Other pairs of the batch that fit by chance do not count as wrong. Where several processes
    train, the batch is that of all. Source: van den Oord et al., 2018, arXiv 1807.03748; Zhang et
    al., 2021, arXiv 2101.04702, for text and images in a GAN.
    """
    films, sentences, said = map(training.gathered, (films, sentences, said))
    scores = scale * F.normalize(films, dim=1) @ F.normalize(sentences, dim=1).T   # (N, N)
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


# Pictures from captions: lesson 1's networks, with a caption beside the noise and the features ----
SAMPLES = ["a red man walks to the left", "a blue woman runs to the right",
           "a green child jumps to the left", "a yellow man waves to the right",
           "a red woman stands to the right", "a blue child walks to the left",
           "一个绿衣男人向右跑", "一个黄衣女人向左走", "一个红衣孩子向右跳", "一个蓝衣男人向左挥手"]
LATENT = 100              # numbers of noise that the generator turns into one picture
SHOWN = [0, 1, 2, 4]      # the columns of `meanings` that a first frame can show
MODEL = "pictures"        # the name that a checkpoint of this lesson carries


class PictureGenerator(nn.Module):
    """x = G(z, t): noise z (N, 100) and captions (N, L) -> pictures (N, 3, 28, 28) in [-1, 1].

    Source of G(z, t): Mirza and Osindero, 2014, arXiv 1411.1784.
    """

    def __init__(self):
        super().__init__()
        self.text = TextEncoder()
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


class PictureDiscriminator(nn.Module):
    """l = D(x, t): is this picture real, and does it fit the caption?

    forward: pictures (N, 3, 28, 28), captions (N, L) -> logits (N,); then what `Mismatched` and
    `Contrastive` need: the logits with the caption of the next picture (N,), a vector of the
    picture and one of its caption (N, 64), and the scale of their product (N,).
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
        wrong = self.head(features, sentence.roll(-1, 0))
        scale = self.scale.exp().clamp(max=30).expand(len(pictures))
        return logits, logits, wrong, self.match(features), sentence, scale


class Mismatched:
    """What is added to D's loss: it must prefer the right caption of a real picture."""

    @staticmethod
    def discriminator(more, conditions):
        own, wrong, *_ = more
        return mismatched_loss(own, wrong, conditions[1])

    @staticmethod
    def generator(real, fake, more, conditions):
        return 0.0  # the generator hears of it through D's logit


class Contrastive:
    """What is added to both losses: in a batch, pictures and captions must find each other."""

    @staticmethod
    def discriminator(more, conditions):
        _, _, pictures, sentences, scale = more
        return contrastive_loss(pictures, sentences, scale[0], conditions[1])

    @classmethod
    def generator(cls, real, fake, more, conditions):
        return cls.discriminator(more, conditions)


@dataclass(frozen=True)
class Way:
    """How captions enter the game: the discriminator's head, what is added to the losses, and
    whether the generator's words stay the random vectors that they are at the start."""

    head: type
    extra: type = None
    frozen: bool = False


WAYS = {"no caption": Way(Blind), "concatenation": Way(Concatenation),
        "projection": Way(Matching),
        "concatenation + wrong captions": Way(Concatenation, Mismatched),
        "projection + wrong captions": Way(Matching, Mismatched),
        "projection + contrastive": Way(Matching, Contrastive),
        # the popular shortcut has two faults; the second of these has one of them
        "no caption, frozen words": Way(Blind, frozen=True),
        "projection + wrong captions, frozen words": Way(Matching, Mismatched, frozen=True)}
SEVERAL = ("concatenation", "projection", "concatenation + wrong captions",
           "projection + wrong captions", "projection + contrastive")  # with more seeds than one


@functools.lru_cache(1)
def world(n=6000, seed=0):
    """What the networks of this lesson learn from: n first frames of scenes of the training split,
    float (n, 3, 28, 28), and their `Wordings`."""
    scenes = Theatre.scenes(n, seed)
    return measuring.as_pictures(measuring.first_frames(scenes, seed)), Wordings(scenes, seed=seed)


def still(before, after):
    """Names of weights that a training left exactly as they were; before, after: dicts name ->
    tensor. A weight counts as moved where any number of it changed."""
    return [name for name, value in before.items() if torch.equal(value, after[name])]


def draw_pairs(n, rng):
    """n real pictures with captions: (N, 3, 28, 28), ids (N, L), what of it is shown (N, 4)."""
    pictures, wordings = world()
    rows = torch.randint(len(pictures), (n,), generator=rng)
    ids, said = wordings.draw(rows, rng)
    return pictures[rows], ids, said[:, SHOWN]


def new_run(way, seed=0, device="cpu"):
    """The `training.Run` of one of WAYS before its first step."""
    if way not in WAYS:
        raise CourseError(f"There is no way '{way}'. {nearest(way, WAYS)}")
    torch.manual_seed(seed)
    generator = PictureGenerator()
    generator.text.requires_grad_(not WAYS[way].frozen)
    return training.Run(generator, PictureDiscriminator(WAYS[way].head), model=MODEL, seed=seed,
                        device=device)


def train(way, seed=0, *, device="cpu", **how):
    """Train pictures from captions in one of WAYS; returns the Run. how: as `training.fit` takes
    it, the length for one (steps or minutes)."""
    return training.fit(new_run(way, seed, device), draw_pairs, loss=Relativistic, latent=LATENT,
                        r1=0.5, r2=0.5, extra=WAYS[way].extra, decay=0.99, **how)


@torch.no_grad()
def draw_pictures(generator, texts, seed=0):
    """A picture of each caption: float (N, 3, 28, 28) in [-1, 1]."""
    z = torch.randn(len(texts), LATENT, generator=torch.Generator().manual_seed(seed))
    return torch.cat([generator(*part) for part in zip(z.split(500), encode(texts).split(500),
                                                       strict=True)])


def prefers(right, wrong):
    """How often the right caption has the higher logit: right, wrong (N,) -> 0 to 1.

    A tie counts half: who does not look at the caption gets 0.5.
    """
    return float(((right > wrong).float() + (right == wrong).float() / 2).mean())


@functools.lru_cache(4)
def fresh(n, seed=30_000):
    """n real pictures that no network has seen, (n, 3, 28, 28), and their captions."""
    scenes = Theatre.scenes(n, seed)
    return (measuring.as_pictures(measuring.first_frames(scenes, seed)),
            [captions.describe(scene) for scene in scenes])


@torch.no_grad()
def reads_captions(discriminator, n=1000, by_match=False):
    """How often D gives a fresh real picture's own caption more than a wrong one, the next
    picture's: 0 to 1, where 0.5 means that it does not look at captions.

    by_match: compare not its logits but the products that `Contrastive` trains.
    """
    pictures, texts = fresh(n)
    rows = torch.arange(n)
    truly = ~compatible(meanings(texts)[:, SHOWN])[rows, rows.roll(-1)]
    right, _, wrong, seen, sentence, _ = discriminator(pictures, encode(texts))
    if by_match:
        right, wrong = (F.cosine_similarity(seen, part) for part in (sentence,
                                                                     sentence.roll(-1, 0)))
    return prefers(right[truly], wrong[truly])


def obeys(generator, texts, seed=20_000):
    """The share of pictures, one a caption, that show all three of `measuring.SEEN` as said."""
    read, _ = measuring.read_pictures(measuring.picture_judge(),
                                      draw_pictures(generator, texts, seed))
    return float(measuring.follows(read, measuring.asked_seen(texts)).mean())


def score(generator, n=1000, seed=20_000):
    """What the judge of pictures reads in those of a generator, as a dict of floats.

    "train", "heldout": share that show all three of `measuring.SEEN` as the caption says, of n
    captions each; " zh" for Chinese ones; "train actor" and so on for each. "frechet": distance to
    real pictures, "floor": that of other real ones.
    """
    judge, scores, features = measuring.picture_judge(), {}, []
    for split in ("train", "heldout"):
        scenes = Theatre.scenes(n, seed, split)
        for language, mark in (("en", ""), ("zh", " zh")):
            texts = [captions.describe(scene, language=language) for scene in scenes]
            read, found = measuring.read_pictures(judge, draw_pictures(generator, texts, seed))
            said = measuring.asked_seen(texts)
            scores[split + mark] = float(measuring.follows(read, said).mean())
            if not mark:
                scores |= {f"{split} {name}": float(part.float().mean())
                           for name, part in zip(measuring.SEEN, (read == said).T, strict=True)}
                features.append(found)
    real = [measuring.read_pictures(judge, measuring.as_pictures(measuring.first_frames(
        Theatre.scenes(n, s), s)))[1] for s in (seed + 1, seed + 2)]
    return scores | {"frechet": measuring.frechet_distance(features[0], real[0]),
                     "floor": measuring.frechet_distance(real[1], real[0])}


def measured(way, seed=0, steps=1000):
    """Train in one of WAYS; returns what was measured, a dict, and the generator.

    The dict: all of `score`; "reads" and "finds", what D prefers, see `reads_captions`; "seconds";
    and "reads over time" and "obeys over time", lists with a value each hundred steps.
    """
    row = {"reads over time": [], "obeys over time": []}

    def note(run):
        if run.step % 100 == 0:
            row["reads over time"].append(round(reads_captions(run.discriminator, 500), 4))
            row["obeys over time"].append(round(obeys(run.average, fresh(500)[1]), 4))
    run = train(way, seed, steps=steps, preview=note, every_seconds=0)
    generator = run.average.eval()
    scores = score(generator) | {"reads": reads_captions(run.discriminator),
                                 "finds": reads_captions(run.discriminator, by_match=True),
                                 "seconds": run.seconds}
    return row | {key: round(value, 4) for key, value in scores.items()}, generator


def compare(ways, steps=1000, seeds=3, write=None, found=None):
    """Train in each of ways on one budget, seed by seed; returns what was measured, a dict.

    "steps", "batch", "real" (see `ends`) and "ways": name -> "runs", a list with a dict a seed, see
    `measured`, and "images", what the first seed drew for SAMPLES, see `measuring.strip`.
    write(found): is called after each run. found: of an earlier call that was cut off, to go on
    from.
    """
    found = found or {"steps": steps, "batch": 64, "real": ends(),
                      "ways": {name: {"runs": []} for name in ways}}
    for seed in range(seeds):
        for name in ways:
            this = found["ways"][name]
            if seed < len(this["runs"]):
                continue
            row, generator = measured(name, seed, steps)
            this["runs"].append(row)
            if seed == 0:
                this["images"] = measuring.strip(draw_pictures(generator, SAMPLES))
            if write:
                write(found)
    return found


def compared():
    """What `python -m lessons.text_conditioning compare` found, as `compare` describes it."""
    return json.loads((checkpoints.DATA / "conditioning.json").read_text(encoding="utf-8"))


def ends(n=2000, seed=40_000):
    """What real pictures reach, a dict: "own", read against their own captions, and "other",
    against those of the next pictures."""
    pictures, texts = fresh(n, seed)
    read, _ = measuring.read_pictures(measuring.picture_judge(), pictures)
    said = measuring.asked_seen(texts)
    return {"own": float(measuring.follows(read, said).mean()),
            "other": float(measuring.follows(read, said.roll(-1, 0)).mean())}


def finished():
    """The generator of pictures that the course ships."""
    generator = PictureGenerator()
    generator.load_state_dict(checkpoints.shipped("pictures.safetensors"))
    return generator.eval()


BEST = "projection + contrastive"  # what the shipped generator was trained with


def ship_pictures(steps=2000):
    """Train the generator of pictures that the course ships, score and write it."""
    run = train(BEST, steps=steps)
    tensors = checkpoints.in_16_bits(run.average)
    run.average.load_state_dict(tensors)  # what is scored is what is shipped, in 16 bits
    scores = score(run.average.eval()) | {"steps": steps, "minutes": run.seconds / 60}
    scores = {name: round(value, 4) for name, value in scores.items()}
    checkpoints.ship("pictures.safetensors", tensors,
                     "python -m lessons.text_conditioning pictures", scores)
    print(scores)


def main():
    """Compare the ways, or train the shipped generator: see the top of this file."""
    wish = sys.argv[1:]
    if wish == ["pictures"]:
        return ship_pictures()
    if wish not in (["compare"], ["compare", "--resume"]):
        raise SystemExit("Say what to do: python -m lessons.text_conditioning pictures, or "
                         "compare, or compare --resume")

    def write(found):
        checkpoints.write_whole(checkpoints.DATA / "conditioning.json",
                                (json.dumps(found) + "\n").encode())
    found = compare(WAYS, seeds=1, write=write, found=compared() if "--resume" in wish else None)
    compare(SEVERAL, seeds=2, write=write, found=found)


if __name__ == "__main__":
    main()
