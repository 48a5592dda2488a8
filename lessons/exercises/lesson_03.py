"""Checks of lesson 3: words that are there, projection, wrong captions, the shortcut."""

import torch

from lessons import text_conditioning as text
from lessons.exercises import Exercise, Seen, gradients, rng
from lessons.studies import conditioning, study
from lessons.world import vocabulary


# 3.1 -------------------------------------------------------------------------------------------
def _words():
    """Captions, each with padding, which holds other numbers than 0, as after a bias."""
    cases = []
    for k, (E, *lengths) in enumerate(((1, 1, 2), (8, 2, 5, 3), (8, 4, 1, 6, 6))):
        L = max(lengths) + 1
        ids = torch.randint(1, 50, (len(lengths), L), generator=rng(k))
        ids[0, 0] = 1  # the first word there is
        ids[torch.arange(L) >= torch.tensor(lengths)[:, None]] = 0
        cases.append((torch.randn(*ids.shape, E, generator=rng(k + 9)), ids))
    return cases


Exercise("3.1", ours=text.mean_of_words, cases=_words, trained=True, mistakes=[
    ("Padding counts as a word: multiply by the mask before you sum, and divide by the number of "
     "words that are there.", "(words * there).sum(1) / there.sum(1)", "words.mean(1)"),
    ("The padding is masked out of the sum, but you divide by L: a short caption comes out too "
     "small. Divide by the number of words that are there.", ".sum(1) / there.sum(1)", ".mean(1)"),
    ("You divide by the right number, but the padding is still in the sum: multiply by the mask "
     "first.", "(words * there)", "words"),
    ("This is the sum of the words, not their mean: a long caption would count for more.",
     " / there.sum(1)", ""),
    ("You divided by the number of words in the whole batch: each caption has its own.",
     " / there.sum(1)", " / there.sum()"),
    ("You averaged over the captions, axis 0: the words of a caption are axis 1.",
     "(words * there).sum(1) / there.sum(1)", "words.mean(0)"),
    ("The mask is the wrong way round: this is the mean of the padding.", "ids > 0", "ids == 0"),
])


# 3.2 -------------------------------------------------------------------------------------------
def _projections():
    return [(torch.randn(N, 6, generator=rng(N)), torch.randn(N, E, generator=rng(E)))
            for N, E in ((3, 4), (5, 16))]


def _logits(matching, features, sentence):
    """The logits of a Matching whose weights we choose, however it was written."""
    made = matching(6, sentence.shape[1])
    for i, (_, weight) in enumerate(sorted(made.named_parameters())):
        weight.data = torch.randn(weight.shape, generator=rng(i))
    logits = made(features, sentence)
    return Seen({"result": logits, **gradients([logits], dict(made.named_parameters()))})


_FIT, _ROOT = "self.real(features)[:, 0] + fit", "math.sqrt(sentence.shape[1])"
Exercise("3.2", ours=text.Matching, cases=_projections, observe=_logits, trained=True, mistakes=[
    ("The text is ignored: this logit says only how real the picture is. Add the product of the "
     "projected features with the sentence.", " + fit", ""),
    ("The logit says only whether the caption fits, not how real the picture is: add "
     "`self.real(features)[:, 0]`.", _FIT, "fit"),
    ("The product is not divided by the root of E: with long vectors it would drown the rest.",
     f" / {_ROOT}", ""),
    ("You divided by E instead of by its root.", _ROOT, "sentence.shape[1]"),
    ("You added a column (N, 1) to a row (N,): that gives (N, N), each picture with every caption. "
     "Take `[:, 0]` of `self.real(features)`.", "[:, 0]", ""),
    ("You divided by the root of the number of pictures: E is the length of a sentence, axis 1.",
     _ROOT, "math.sqrt(len(sentence))"),
    ("The fit is taken away: add it, a caption that fits makes a picture more real.",
     "+ fit", "- fit"),
    ("This is the mean of the products: sum them, and divide by the root of E.",
     ".sum(1)", ".mean(1)"),
    ("You summed over the whole batch: each picture has its own product, so sum over axis 1.",
     ".sum(1)", ".sum()"),
])


# 3.3 -------------------------------------------------------------------------------------------
def _pairs():
    """Logits with meanings of which some neighbours fit by chance; in the last case all fit, in the
    first all but one."""
    batches = (["a man walks", "a red man walks", "a blue man walks"],
               ["a man walks", "a red man walks", "a child jumps to the left", "a child jumps",
                "a woman waves"],
               ["a woman runs", "a blue woman runs", "a man runs to the right", "a woman runs"],
               ["a man walks", "a red man walks", "a man walks to the left"])
    cases = []
    for k, texts in enumerate(batches):
        own, wrong = torch.randn(2, len(texts), generator=rng(k))
        cases.append((own, wrong, vocabulary.meanings(texts)[:, text.SHOWN]))
    return cases


_MEAN, _COUNT = "(F.softplus(wrong - own) * truly)", "truly.sum().clamp(min=1)"
Exercise("3.3", ours=text.mismatched_loss, cases=_pairs, trained=True, mistakes=[
    ("The two logits are swapped: the loss must fall when the own caption has the higher one.",
     "wrong - own", "own - wrong"),
    ("Every neighbour counts as wrong, also the one that fits by chance: leave out the pairs that "
     "`compatible` names.", f"{_MEAN}.sum() / {_COUNT}", "F.softplus(wrong - own).mean()"),
    ("You kept the pairs that fit and left out the wrong ones: it should be the other way round.",
     "~compatible", "compatible"),
    ("The pairs are chosen rightly, but you divide by N: divide by how many of them count.",
     f".sum() / {_COUNT}", ".mean()"),
    ("You looked at the previous caption: `wrong` belongs to the next one, `rows.roll(-1)`.",
     "roll(-1)", "roll(1)"),
    ("The own caption is missing: compare the two, `wrong - own`.", "wrong - own", "wrong"),
    ("Where no pair is wrong yours is nan: 0 / 0. Divide by at least 1.", ".clamp(min=1)", ""),
    ("This is the sum over the wrong pairs: take their mean.", f" / {_COUNT}", ""),
    ("The softplus is missing: a pair that is told apart already must not push any more.",
     "F.softplus", ""),
    ("This is max(0, wrong - own): softplus is smooth, log(1 + exp(x)).", "softplus", "relu"),
    ("A pair counts as soon as two captions differ: those that leave something open may fit.",
     "~compatible(said)[rows, rows.roll(-1)]", "(said != said.roll(-1, 0)).any(1)"),
])


# 3.4 -------------------------------------------------------------------------------------------
def _preferences():
    right, wrong = torch.randn(2, 40, generator=rng(0))
    some = torch.where(torch.arange(40) % 4 == 0, right, wrong)  # ten ties
    return [(right, some), (right, right.clone()), (torch.ones(4), torch.tensor([0.0, 1, 2, 1])),
            (torch.ones(2), torch.tensor([0.0, 0.5])), (torch.ones(3), torch.tensor([0.0, 0.5, 9]))]


_HALF = "((right > wrong).float() + (right == wrong).float() / 2).mean()"
Exercise("3.4", ours=text.prefers, cases=_preferences, asked="float", mistakes=[
    ("A tie counts as lost: a discriminator that ignores captions, all of whose pairs are ties, "
     "would get 0 and seem to prefer the wrong ones. Count a tie as a half.",
     " + (right == wrong).float() / 2", ""),
    ("A tie counts as won: a discriminator that ignores captions would get 1 and seem perfect. "
     "Count a tie as a half.", " / 2", ""),
    ("Right and wrong are swapped: this is how often the wrong caption wins.",
     "right > wrong", "wrong > right"),
    ("This is by how much the right caption is ahead, not how often.",
     _HALF, "(right - wrong).mean()"),
    ("Pairs with a tie are left out: count each as a half.", _HALF,
     "(right > wrong)[right != wrong].float().mean() if len(right.unique()) > 1 else 0.0"),
    ("You count pairs: divide by their number.", ".mean()", ".sum()"),
    ("A tie counts as a whole and a win as two: this is twice the share.", _HALF, "2 * " + _HALF),
    ("A tie counts for nothing and a loss takes away: this lies between -1 and 1.",
     _HALF, "(right - wrong).sign().mean()"),
    ("You compare the means of all logits: compare the two logits of each picture.",
     _HALF, "right.mean() > wrong.mean()"),
])


# 3.5 -------------------------------------------------------------------------------------------
def _batches():
    """Vectors of pictures and captions, of which some fit others by chance; in the last, none."""
    batches = (["a man walks", "a red man walks", "a child jumps"],
               ["a man walks", "a red man walks", "a child jumps to the left", "a child jumps",
                "a woman waves"],
               ["a red man walks", "a blue woman runs", "a green child jumps", "a man waves"])
    return [(torch.randn(len(texts), 5, generator=rng(k)), torch.randn(len(texts), 5,
             generator=rng(k + 9)), scale, vocabulary.meanings(texts)[:, text.SHOWN])
            for k, (texts, scale) in enumerate(zip(batches, (2.0, 5.0, 1.0), strict=True))]


_AXES, _MASK = ("seen, dim=1", "sentences, dim=1"), "-torch.inf"
_BOTH = ("scores.T, own", "scores, own")
Exercise("3.5", ours=text.contrastive_loss, cases=_batches, trained=True, mistakes=[
    ("This is still the broken loss: three things in it are wrong.",
     _AXES[0], "seen, dim=0", _AXES[1], "sentences, dim=0", _MASK, "0.0", *_BOTH),
    ("The vectors are brought to length 1 along the batch, axis 0: each vector is a row, axis 1.",
     _AXES[0], "seen, dim=0", _AXES[1], "sentences, dim=0"),
    ("Still, one of the two kinds of vectors is normalised along axis 0.",
     _AXES[0], "seen, dim=0"),
    ("A pair that fits by chance has the score 0, and exp(0) = 1: it still counts. With minus "
     "infinity it would not.", _MASK, "0.0"),
    ("Twice each picture looks for its caption: the second time each caption must look for its "
     "picture, along the other axis of the scores.", *_BOTH),
    ("The axes are right now, but pairs that fit by chance still count, and captions do not look "
     "for their pictures.", _MASK, "0.0", *_BOTH),
    ("Still, the axes of both `normalize` are wrong, and captions do not look for their pictures.",
     _AXES[0], "seen, dim=0", _AXES[1], "sentences, dim=0", *_BOTH),
    ("Still, the axes of both `normalize` are wrong, and pairs that fit by chance count.",
     _AXES[0], "seen, dim=0", _AXES[1], "sentences, dim=0", _MASK, "0.0"),
    ("The own pairs are left out as well: a caption always fits its own picture, and that is the "
     "pair to be found.", " & ~torch.eye(len(said), dtype=torch.bool, device=said.device)", "",
     _MASK, "-1e4"),
    ("Pairs that fit by chance count as wrong: leave them out, as the broken loss tried to.",
     "    scores = scores.masked_fill(chance, -torch.inf)\n", ""),
    ("The vectors were to be brought to length 1, so that only their directions count.",
     "F.normalize(seen, dim=1)", "seen", "F.normalize(sentences, dim=1)", "sentences"),
    ("The scale is missing: it was right.", "scale * ", ""),
    ("The two losses are added: take half of their sum, as before.", ") / 2", ")"),
])


# 3.6 -------------------------------------------------------------------------------------------
_SUSPECTS = {"A": "no caption", "B": "projection + wrong captions, frozen words",
             "C": "no caption, frozen words", "D": "projection + wrong captions"}


def suspect(letter, steps=0):
    """One of the suspects A to D: its `training.Run`, new or after some steps."""
    way = _SUSPECTS[letter]
    return conditioning.train(way, steps=steps) if steps else conditioning.new_run(way)


def measured(letter):
    """What was measured of a suspect after 1,000 steps: how often its D prefers the right caption
    of a real picture, and how many of its pictures obey, 0 to 1."""
    run = next(run for run in study.stored("conditioning")["runs"]
               if (run["variant"], run["seed"]) == (_SUSPECTS[letter], 0))
    return run["reads"], run["train"]


FAULTS = {"A": "caption", "B": "words", "C": "both", "D": "none"}

Exercise("3.6", ours=FAULTS, used=False,
         observe=lambda answer: Seen({f"fault of {key}": answer.get(key) for key in FAULTS}),
         mistakes=[
    ("You went by what is obeyed alone: B and D both obey, but in B something never moved.",
     {"A": "both", "B": "none", "C": "both", "D": "none"}),
    ("The two faults are swapped: where `generator.text` did not move, the words are at fault; "
     "where D prefers no caption, it is the caption that D does not see.",
     {"A": "words", "B": "caption", "C": "both", "D": "none"}),
    ("B and D are swapped: in B, `generator.text` did not move.",
     {"A": "caption", "B": "none", "C": "both", "D": "words"}),
    ("You found one fault of C. It has two: its words are frozen, and its D prefers nothing.",
     {"A": "caption", "B": "words", "C": "words", "D": "none"}),
    ("You found one fault of C. It has two: besides D, look at `generator.text`.",
     {"A": "caption", "B": "words", "C": "caption", "D": "none"}),
])
