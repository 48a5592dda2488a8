"""Lesson 5: which words does a frame look at?

`python -m lessons.attention` plays lesson 4's game with and without attention and writes
data/attention.json; cut off, it goes on where it stopped.

Axes: N captions, L words of each (padded at the end), Q questions (one a frame, mostly), E numbers.
"""

import json
import math

import torch
from torch import nn
from torch.nn import functional as F

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


def looked_at(attention):
    """Among how many words the attention is spread: attention (..., L) -> (...), 1 to L.

        exp(-sum over i of attention_i log attention_i)

    1 where one word has it all, L where all have the same; a word without attention adds nothing.
    """
    return torch.special.entr(attention).sum(-1).exp()


def self_attend(x, places, ask):
    """Frames look at frames: each asks all of them, itself included, and adds what it is told.

        x_t + sum over s of attention_ts v_s,   (q_t, k_t, v_t) = ask(x_t + places_t)

    x (N, T, E), places (T, E): where a frame stands in the film; ask: a layer from E numbers to
    3 E, questions, keys and values side by side -> (N, T, E), attention (N, T, T).
    """
    questions, keys, values = ask(x + places).chunk(3, 2)                      # (N, T, E) each
    everyone = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)      # no padding here
    answers, attention = attend(questions, keys, values, everyone)
    return x + answers, attention


def frame_match(seen, said):
    """How well each film fits each caption, frame by frame: (N, T, E) twice -> (N, N), -1 to 1.

        S_ij = mean over t of cos(seen_it, said_jt)

    seen: what the frames of film i show; said: what frame t should show by caption j. Source of the
    idea: Xu et al., 2018, arXiv 1711.10485, equations 10 and 11, where words look at regions.
    """
    seen, said = F.normalize(seen, dim=2), F.normalize(said, dim=2)
    return torch.einsum("ite,jte->ij", seen, said) / seen.shape[1]


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


# The picture ----------------------------------------------------------------------------------
def draw(films, i=0, labels=None, title=None):
    """Show the attention of film i under the film: words from top to bottom, frames from left to
    right, and around each of two verbs the frames in which the theatre shows its action.

    films: of `video.film`. labels: what stands for the words, where a font lacks them.
    """
    import matplotlib.pyplot as plt

    from lessons import show
    words = [str(word) for word in films.words[i] if word]
    matrix, T = films.attention[i][:, :len(words)].T, films.video.shape[1]     # (L, T)
    fig, (top, under) = plt.subplots(
        2, 1, figsize=(9.6, 1.1 + 0.25 * len(words)), layout="constrained",
        height_ratios=(0.62, 0.25 * len(words)))
    top.imshow(films.video[i].swapaxes(0, 1).reshape(films.video.shape[2], -1, 3), aspect="auto",
               interpolation="nearest")
    top.axis("off")
    top.set_title(title or films.captions[i], fontsize=10)
    picture = under.imshow(matrix, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    under.set(xlabel="frame", yticks=range(len(words)), yticklabels=labels or words,
              xticks=range(T))
    where, own = verbs([films.captions[i]])[0], own_frames(T)
    if where[1].any():
        for rows, frames in zip(where, own, strict=True):
            y, x = rows.nonzero()[:, 0].tolist(), frames.nonzero()[:, 0].tolist()
            under.add_patch(plt.Rectangle((x[0] - 0.46, y[0] - 0.44), len(x) - 0.08, len(y) - 0.12,
                                          fill=False, edgecolor=show.ORANGE, linewidth=2.5))
    fig.colorbar(picture, ax=under, label="attention", pad=0.01)
    most = ", ".join(words[int(row)] for row in matrix.argmax(0)[[0, T - 1]])
    show.figure(fig, f"A film as a row of {T} frames, and under it the attention of each frame to "
                     f"each word of “{films.captions[i]}”; most of it in the first and in the last "
                     f"frame: {most}.")


def table(films, i=0, frame=None):
    """The attention of film i as an HTML table whose cells tell their number to the mouse.

    frame: the one that is marked, if any.
    """
    from html import escape

    from IPython.display import HTML
    where, own = verbs([films.captions[i]])[0], own_frames(films.video.shape[1])
    rows = []
    for k, word in enumerate(word for word in films.words[i] if word):
        cells = []
        for t, value in enumerate(films.attention[i][:, k]):
            true = where[1].any() and bool((where[:, k] & own[:, t]).any())
            edge = "#E69F00" if true else "#333" if t == frame else "#eee"
            cells.append(f'<td title="{escape(str(word))}, frame {t}: {value:.2f}" '
                         f'style="width:22px;height:18px;padding:0;border:2px solid {edge};'
                         f'background:rgba(0,114,178,{value:.2f})"></td>')
        size = 1 if frame is None else 0.8 + 0.8 * float(films.attention[i][frame, k])
        rows.append(f'<tr><th style="text-align:right;padding-right:8px;font-size:{size:.2f}em">'
                    f'{escape(str(word))}</th>{"".join(cells)}</tr>')
    return HTML(f'<table style="border-collapse:separate;border-spacing:1px" aria-label="Attention '
                f'of {films.video.shape[1]} frames (columns) to the words (rows)">{"".join(rows)}'
                f'</table>')


# What is it worth? ----------------------------------------------------------------------------
class SentenceOnly(nn.Module):
    """In the place of `WordAttention`: one vector of the whole sentence, the same for every frame.

    It is made from the words' states, so it may know which verb came first; and a learnt vector is
    added for each frame, so that the frames may know which they are.
    """

    def __init__(self, questions, heads=2, width=64):
        super().__init__()
        self.moments = nn.Parameter(torch.randn(questions, heads * width) / 8)
        self.sum_up = nn.Sequential(nn.Linear(width, heads * width), nn.LeakyReLU(0.2),
                                    nn.Linear(heads * width, heads * width))

    def forward(self, words, states, there):
        sentence = self.sum_up(states.sum(1) / there.sum(1, keepdim=True).clamp(min=1).sqrt())
        return _for_all(sentence, there, self.moments)


class WordMean(nn.Module):
    """In the place of `WordAttention`: the plain mean of the words, the same for every frame.

    A mean has no order: of two verbs it cannot tell which came first. A learnt vector is added for
    each frame, as in `SentenceOnly`.
    """

    def __init__(self, questions, heads=2, width=64):
        super().__init__()
        self.moments, self.heads = nn.Parameter(torch.randn(questions, heads * width) / 8), heads

    def forward(self, words, states, there):
        mean = words.sum(1) / there.sum(1, keepdim=True).clamp(min=1)          # (N, E)
        return _for_all(mean.repeat(1, self.heads), there, self.moments)


def _for_all(answer, there, moments):
    """One answer (N, V) to all questions, plus what is learnt for each of them, moments (Q, V),
    with attention that is the same for all words."""
    even = there / there.sum(1, keepdim=True).clamp(min=1)                     # (N, L)
    return answer[:, None] + moments, \
        even[:, None, None].expand(-1, 1, len(moments), -1)


# name -> what stands in the place of attention (None: attention itself), and what matching weighs
VARIANTS = {"attention": (None, 0.3), "sentence vector only": (SentenceOnly, 0.3),
            "mean of the words": (WordMean, 0.3), "attention, no matching": (None, 0.0)}


def variant(name, generator, discriminator):
    """Take attention out of two networks, in place, as VARIANTS says for this name."""
    part, _ = VARIANTS[name]
    for network in (generator, discriminator):
        for place, questions in (("who", 1), ("what", 16)):
            if part and hasattr(network, place):
                setattr(network, place, part(questions))
    return generator, discriminator


def play(name, paths, wordings, seed=0, **length):
    """The game of `video.train_paths` for one of VARIANTS; returns the Run."""
    from lessons import video  # it imports this module
    return video.train_paths(
        paths, wordings, seed=seed, extra=video.MatchAndSpread(match=VARIANTS[name][1]),
        networks=lambda: variant(name, video.PathGenerator(), video.PathDiscriminator()), **length)


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
    scores["wins"] = float(wins.mean())
    return {name: round(value, 4) for name, value in scores.items()}


def material(model, films):
    """What a game is played with: paths of so many real films, two of each scene, standardised,
    (N, T, D), and the `Wordings` of the scenes. The model's `middle` and `spread` become those of
    these paths."""
    from lessons import video
    from lessons.text_conditioning import Wordings
    from lessons.theatre import Theatre
    scenes = Theatre.scenes(films // 2, 0)
    both = video.twice(scenes)
    paths = torch.cat([model.autoencoder.paths(Theatre().film(both[i:i + 500], i).video)
                       for i in range(0, films, 500)])                         # (N, T, D)
    model.middle, model.spread = paths.mean((0, 1)), paths.std((0, 1)).clamp(min=1e-3)
    return (paths - model.middle) / model.spread, Wordings(scenes)


def compare(steps=1200, seeds=3, films=8000, every=200, found=None, write=None):
    """Play with each of VARIANTS on one budget, seed by seed; returns what was measured, a dict.

    "steps", "batch", "chance" and "ceiling" (scores of `read_order` for real films, under the
    captions of others and under their own), and "variants": name -> a list with a dict a seed: the
    scores of `measured` for 256 captions, "seconds" of training, and "curve", a list of scores for
    128 captions with their "step", one every `every` steps. found: what was measured before, to go
    on from. write(found): called after each run.
    """
    from lessons import measuring, video
    from lessons.theatre import Theatre
    if not found or found["steps"] != steps:
        found = {"steps": steps, "batch": 64, "variants": {name: [] for name in VARIANTS}}
        scenes, texts = two_actions(256, 60_000)
        reading = measuring.read_clips(measuring.clip_judge(), Theatre().film(scenes, 1).video)
        found["ceiling"] = read_order(reading, texts)
        found["chance"] = read_order(reading, texts[1:] + texts[:1])
        if write:
            write(found)
    left = [(seed, name) for seed in range(seeds) for name in VARIANTS
            if seed not in [run["seed"] for run in found["variants"][name]]]
    if not left:
        return found
    model = video.load_model("theatre")
    paths, wordings = material(model, films)
    for seed, name in left:
        curve = []

        def watch(run, curve=curve):
            if run.step % every == 0:
                model.generator = run.average
                curve.append({"step": run.step} | measured(model, 128))
        run = play(name, paths, wordings, seed, steps=steps, preview=watch, every_seconds=0)
        model.generator = run.average.eval()
        found["variants"][name].append({"seed": seed} | measured(model, 256)
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

    def write(found):
        checkpoints.write_whole(path, (json.dumps(found) + "\n").encode())
    compare(found=compared() if path.exists() else None, write=write)


if __name__ == "__main__":
    main()
