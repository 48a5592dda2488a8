"""Lesson 5: which words does a frame look at?

`python -m lessons.attention` plays lesson 4's game with and without attention and writes
data/attention.json; cut off, it goes on where it stopped.

Axes: N captions, L words of each (padded at the end), Q questions (one a frame, mostly), E numbers.
"""

import json
import math

import torch
from torch import nn

from lessons import captions, checkpoints


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


class SelfAttention(nn.Module):
    """Frames look at frames: each asks all of them, itself included, and adds what it is told.

        x_t + sum over s of attention_ts W_v x_s,   q_t = W_q x_t,   k_s = W_k x_s

    places: where each frame stands in the film, learnt; without them attention is blind to order.
    forward: x (N, T, E) -> the same shape, attention (N, T, T), each row summing to 1.
    """

    def __init__(self, width, frames):
        super().__init__()
        self.places = nn.Parameter(torch.randn(frames, width) / math.sqrt(width))
        self.ask = nn.Linear(width, 3 * width, bias=False)  # questions, keys and values at once

    def forward(self, x):
        questions, keys, values = self.ask(x + self.places).chunk(3, 2)        # (N, T, E) each
        everyone = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)  # no padding here
        answers, attention = attend(questions, keys, values, everyone)
        return x + answers, attention


# Is it true? -----------------------------------------------------------------------------------
SWITCH = (0.44, 0.56)  # of a film of the theatre: here the second action takes over


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


def own_frames(frames=16, margin=0):
    """In which frames each of two actions is seen for certain: bool (2, T).

    margin: how many frames away from the switch they must be at least.
    """
    t = torch.arange(frames)
    return torch.stack([t + margin <= SWITCH[0] * frames, t - margin >= SWITCH[1] * frames])


def verb_shares(attention, where):
    """How much each frame looks at each verb: attention (N, T, L), verbs (N, 2, L) -> (N, T, 2)."""
    return attention @ where.float().mT


def right_verb_wins(attention, where, own):
    """How often the verb of the action that is seen gets more attention than the other, (N,).

    attention (N, T, L), where (N, 2, L) of `verbs`, own (2, T) of `own_frames`: the share of the
    frames of `own` in which it does, 0 to 1, for each caption of two actions.
    """
    shares = verb_shares(attention, where)                                     # (N, T, 2)
    first, second = (shares[..., 0] > shares[..., 1]), (shares[..., 1] > shares[..., 0])
    right = (first & own[0]) | (second & own[1])                               # (N, T)
    return right.float().sum(1) / own.sum()


def inside_and_outside(attention, where, own):
    """Mean attention on a verb in its own frames and in those of the other, (N, 2)."""
    shares = verb_shares(attention, where).mT                                  # (N, 2, T)
    def mean(frames):
        return (shares * frames).sum((1, 2)) / frames.sum()
    return torch.stack([mean(own), mean(own.flip(0))], 1)


class Interchanged(nn.Module):
    """A `WordAttention` whose weights for two words change places; all else stays as it is.

    where: of `verbs`, with one word a verb, (N, 2, L). What was looked at as the first action is
    then looked at as the second: do the films follow?
    """

    def __init__(self, attention, where):
        super().__init__()
        self.attention, self.where = attention, where

    def forward(self, words, states, there):
        _, weights = self.attention(words, states, there)                      # (N, heads, Q, L)
        one, two = self.where.int().argmax(2).T                                # (N,) each
        rows = torch.arange(len(words))
        order = torch.arange(words.shape[1]).repeat(len(words), 1)             # (N, L)
        order[rows, one], order[rows, two] = two, one
        weights = weights.gather(3, order[:, None, None].expand_as(weights))
        return (weights @ words[:, None]).transpose(1, 2).flatten(2), weights


# What is it worth? ----------------------------------------------------------------------------
class SentenceOnly(nn.Module):
    """In the place of `WordAttention`: one vector of the whole sentence, the same for every frame.

    It is made from the words' states, so it may know which verb came first.
    """

    def __init__(self, questions, heads=2, width=64):
        super().__init__()
        self.count = questions
        self.sum_up = nn.Sequential(nn.Linear(width, heads * width), nn.LeakyReLU(0.2),
                                    nn.Linear(heads * width, heads * width))

    def forward(self, words, states, there):
        sentence = self.sum_up(states.sum(1) / there.sum(1, keepdim=True).clamp(min=1).sqrt())
        return _for_all(sentence, there, self.count)


class WordMean(nn.Module):
    """In the place of `WordAttention`: the plain mean of the words, the same for every frame.

    A mean has no order: of two verbs it cannot tell which came first.
    """

    def __init__(self, questions, heads=2):
        super().__init__()
        self.count, self.heads = questions, heads

    def forward(self, words, states, there):
        mean = words.sum(1) / there.sum(1, keepdim=True).clamp(min=1)          # (N, E)
        return _for_all(mean.repeat(1, self.heads), there, self.count)


def _for_all(answer, there, questions):
    """One answer (N, V) to every question, with attention that is the same for all words."""
    even = there / there.sum(1, keepdim=True).clamp(min=1)                     # (N, L)
    return answer[:, None].expand(-1, questions, -1), \
        even[:, None, None].expand(-1, 1, questions, -1)


class SmoothOnly:
    """What `video.MatchAndSmooth` adds to the losses, without the matching of words and frames."""

    def discriminator(self, more, conditions):
        return 0.0

    def generator(self, real, fake, more, conditions):
        return 0.1 * fake.diff(n=2, dim=1).square().mean()


# name -> what stands in the place of attention (None: attention itself), and whether it matches
VARIANTS = {"attention": (None, True), "sentence vector only": (SentenceOnly, True),
            "mean of the words": (WordMean, True), "attention, no matching": (None, False)}


def variant(name, generator, discriminator):
    """Take attention out of two networks, in place, as VARIANTS says for this name."""
    part, _ = VARIANTS[name]
    for network in (generator, discriminator):
        for place, questions in (("who", 1), ("what", 16)):
            if part and hasattr(network, place):
                setattr(network, place, part(questions))
    return generator, discriminator


def play(name, paths, wordings, steps, seed=0, watch=None):
    """The game over paths of `video.train_paths` for one of VARIANTS; returns the Run.

    paths: standardised, (N, T, D). watch(run): called after every step.
    """
    from lessons import losses, training, video  # they import this module
    torch.manual_seed(seed)

    def draw(n, rng):
        rows = torch.randint(len(paths), (n,), generator=rng)
        return paths[rows], *wordings.draw(rows, rng)
    generator, discriminator = variant(name, video.PathGenerator(), video.PathDiscriminator())
    discriminator.pace.copy_(paths.diff(dim=1).std((0, 1)).clamp(min=0.05))
    run = training.Run(generator, discriminator, model=name, seed=seed)
    extra = video.MatchAndSmooth() if VARIANTS[name][1] else SmoothOnly()
    return training.fit(run, draw, loss=losses.Relativistic, latent=video.LATENT, r1=0.5, r2=0.5,
                        extra=extra, decay=0.998, steps=steps, preview=watch, every_seconds=0)


def two_actions(n, seed, language="en", rng=None):
    """n captions of two actions, of scenes of both splits: plain, or varied by rng."""
    from lessons.theatre import Theatre
    scenes = Theatre.scenes(3 * n, seed) + Theatre.scenes(n, seed, "heldout")
    scenes = [scene for scene in scenes if len(scene.actions) == 2][-n:]
    return scenes, [captions.describe(scene, rng, language) for scene in scenes]


@torch.no_grad()
def read_order(reading, texts):
    """How films of two actions are read: a dict of shares.

    "two": all that the caption says; "order": both actions, in their order; "reversed": both, the
    second one first.
    """
    from lessons import measuring
    said = measuring.asked(texts)                                              # (N, A)
    names = list(measuring.ATTRIBUTES)
    first, last = (reading[name].argmax(1) for name in ("first", "last"))
    one, two = (said[:, names.index(name)] for name in ("first", "last"))
    return {"two": float(measuring.obeyed(reading, texts)["all"].mean()),
            "order": float(((first == one) & (last == two)).float().mean()),
            "reversed": float(((first == two) & (last == one)).float().mean())}


def measured(model, n, seed=60_000):
    """Scores of a model's films of n plain captions of two actions: those of `read_order`, and
    "wins", the mean of `right_verb_wins` one frame away from the switch or more."""
    from lessons import measuring, video
    _, texts = two_actions(n, seed)
    films = video.film(model, texts, seed=seed)
    wins = right_verb_wins(torch.as_tensor(films.attention), verbs(texts), own_frames(margin=1))
    scores = read_order(measuring.read_clips(measuring.clip_judge(), films.video), texts)
    return {name: round(value, 4) for name, value in (scores | {"wins": float(wins.mean())}).items()}


def compare(steps=1600, seeds=3, films=8000, every=200, found=None, write=None):
    """Play with each of VARIANTS on one budget, seed by seed; returns what was measured, a dict.

    "steps", "batch", "chance" and "ceiling" (scores of `read_order` for real films, under the
    captions of others and under their own), and "variants": name -> a list with a dict a seed: the
    scores of `measured` for 512 captions, "seconds" of training, and "curve", a list of scores for
    128 captions with their "step", one every `every` steps. found: what was measured before, to go
    on from. write(found): called after each run.
    """
    from lessons import measuring, video
    from lessons.text_conditioning import Wordings
    from lessons.theatre import Theatre
    if not found or found["steps"] != steps:
        found = {"steps": steps, "batch": 64, "variants": {name: [] for name in VARIANTS}}
        scenes, texts = two_actions(512, 60_000)
        reading = measuring.read_clips(measuring.clip_judge(), Theatre().film(scenes, 1).video)
        found["ceiling"] = read_order(reading, texts)
        found["chance"] = read_order(reading, texts[1:] + texts[:1])
    model = video.load_model("theatre")
    scenes = Theatre.scenes(films, 0)
    paths = torch.cat([model.autoencoder.paths(Theatre().film(scenes[i:i + 500], i).video)
                       for i in range(0, films, 500)])                         # (N, T, D)
    model.middle, model.spread = paths.mean((0, 1)), paths.std((0, 1)).clamp(min=1e-3)
    paths, wordings = (paths - model.middle) / model.spread, Wordings(scenes)
    for seed in range(seeds):
        for name in VARIANTS:
            if any(run["seed"] == seed for run in found["variants"][name]):
                continue
            curve = []
            def watch(run, curve=curve):
                if run.step % every == 0:
                    model.generator = run.average
                    curve.append({"step": run.step} | measured(model, 128))
            run = play(name, paths, wordings, steps, seed, watch)
            model.generator = run.average.eval()
            found["variants"][name].append(
                {"seed": seed} | measured(model, 512)
                | {"seconds": round(run.seconds, 1), "curve": curve})
            if write:
                write(found)
    return found


def compared():
    """What `python -m lessons.attention` found, as `compare` describes it."""
    return json.loads((checkpoints.DATA / "attention.json").read_text(encoding="utf-8"))


def main():
    """Compare VARIANTS and write what was found to data/attention.json, run by run; a comparison
    that was cut goes on where it stopped."""
    path = checkpoints.DATA / "attention.json"
    compare(found=compared() if path.exists() else None, write=lambda found: checkpoints.write_whole(
        path, (json.dumps(found) + "\n").encode()))


if __name__ == "__main__":
    main()
