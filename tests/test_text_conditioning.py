"""Captions become vectors that padding cannot change; matching tells right captions from wrong."""

import pytest
import torch

from lessons import text_conditioning as text
from lessons.engine.vocabulary import Vocabulary
from lessons.errors import CourseError
from lessons.studies import conditioning, scores, study
from lessons.studies.scores import fresh_pictures, pictures_obeyed, score_pictures
from lessons.world import captions, vocabulary
from lessons.world.theatre import Theatre
from lessons.world.vocabulary import WORDS


@pytest.fixture(scope="module")
def scenes():
    return Theatre.scenes(120, seed=3)


def test_encode_pads_and_decode_gives_the_words_back():
    ids = vocabulary.encode(["a red man walks", "一个男人正在跑步", "a boy is running to the left"],
                            WORDS)
    assert ids.shape == (3, 6) and ids.dtype == torch.int64
    assert (ids[0, 4:] == 0).all() and (ids[0, :4] > 0).all()
    words = WORDS.decode(ids)
    assert words[0].tolist() == ["a", "red", "man", "walks", "", ""]
    assert words[1].tolist() == ["一个", "男人", "跑", "", "", ""]
    assert words[2].tolist() == ["a", "child", "runs", "to", "the", "left"]


def test_bad_captions_are_named():
    with pytest.raises(CourseError, match="flies"):
        vocabulary.encode(["a man flies"], WORDS)
    with pytest.raises(CourseError, match="empty"):
        vocabulary.encode([" "], WORDS)


def test_a_model_says_what_it_was_trained_without_and_what_it_knows_instead():
    small = Vocabulary(word for word in WORDS if word not in ("waves", "red", "跳"))
    ids = vocabulary.encode(["a man walks"], small)
    assert torch.equal(small.encode([["a", "man"]]), ids[:, :2])
    for caption, said in (("a man waves", "without the word 'waves'.* stands, walks, runs, ju"),
                          ("a lady in scarlet runs", "without the word 'red': it knows blue, gr"),
                          ("一个男孩蹦跳", "没有学过“跳”.*走")):
        with pytest.raises(CourseError, match=said):
            vocabulary.encode([caption], small)


def test_words_that_come_later_change_nothing_in_a_model():
    torch.manual_seed(0)
    captions_ = ["a red man walks", "一个红衣男人先走后跑", "someone jumps with calm music"]
    old, more = text.TextEncoder(), Vocabulary(("", "bows", *WORDS[1:], "鞠躬"))
    new = text.TextEncoder(more)
    rows = [more.numbers[word] for word in WORDS]
    new.load_state_dict(old.state_dict() | {"embed.weight": new.embed.weight.detach().index_copy(
        0, torch.tensor(rows), old.embed.weight.detach())})
    for a, b in zip(old(vocabulary.encode(captions_, WORDS)),
                    new(vocabulary.encode(captions_, more)), strict=True):
        assert torch.equal(a, b)
    z = torch.randn(3, 8)
    for words in (WORDS, more):
        full = text.fill_unspecified(vocabulary.encode(captions_, words), z, words)
        assert (words.decode(full)[:, -3:] == WORDS.decode(text.fill_unspecified(
            vocabulary.encode(captions_, WORDS), z, WORDS))[:, -3:]).all()


def test_wordings_are_of_their_scenes_and_hold_every_word(scenes):
    wordings = vocabulary.CaptionSampler(scenes, each=4)
    values = torch.tensor([[known.index(value) for value, known in zip(
        (s.actor, s.color, s.actions[0], s.actions[-1], s.direction, s.music),
        vocabulary.MEANINGS.values(), strict=True)] for s in scenes])
    rows = torch.arange(len(scenes)).repeat(8)
    ids, said = wordings.draw(rows, torch.Generator().manual_seed(0))
    assert ((said == values[rows]) | (said == vocabulary.OPEN)).all()
    assert (said[:, 2:4] != vocabulary.OPEN).all()
    assert 0.1 < (said[:, 1] == vocabulary.OPEN).float().mean() < 0.4
    chinese = vocabulary.is_chinese(ids, WORDS)
    assert 0.4 < chinese.float().mean() < 0.6
    assert ids.shape[1] == (ids > 0).sum(1).max()
    many = vocabulary.CaptionSampler(Theatre.scenes(1500, 4)).ids.unique()
    assert len(many) == len(WORDS)
    assert (said[:, 0] == vocabulary.OPEN).any()
    assert (said[:, 0] != vocabulary.OPEN).float().mean() > 0.9


def test_noise_completes_what_a_caption_leaves_open():
    texts = ["a man is running", "someone runs leftwards", "一个红衣男人先走后跑",
             "a child in red jumps towards the left"]
    z = torch.randn(400, 8, generator=torch.Generator().manual_seed(0))
    for row, open_ in zip(vocabulary.encode(texts, WORDS),
                          ((0, 1, 1), (1, 1, 0), (0, 0, 1), (0, 0, 0)), strict=True):
        full = text.fill_unspecified(row.expand(400, -1), z, WORDS)
        assert torch.equal(full[:, :-3], row.expand(400, -1))
        for added, free, values in zip(full[:, -3:].T, open_, (3, 4, 2), strict=True):
            counts = added.unique(return_counts=True)[1]
            assert len(counts) == (values if free else 1)
            assert (added > 0).all() == bool(free) and counts.min() > 60


def test_padding_changes_nothing(scenes):
    encoder = text.TextEncoder()
    ids = vocabulary.encode([captions.describe(scene) for scene in scenes[:9]], WORDS)
    wide = torch.cat([ids, torch.zeros(9, 6, dtype=torch.int64)], 1)
    words, states, sentence = encoder(ids)
    more_words, more_states, same = encoder(wide)
    assert torch.allclose(sentence, same, atol=1e-6)
    assert torch.allclose(states, more_states[:, :ids.shape[1]], atol=1e-6)
    assert (more_states[:, ids.shape[1]:] == 0).all() and (more_words[:, ids.shape[1]:] == 0).all()


def test_the_order_of_words_counts():
    encoder = text.TextEncoder()
    ids = vocabulary.encode(["a man walks then runs", "a man runs then walks"], WORDS)
    words, states, sentence = encoder(ids)
    assert torch.equal(words[0, 2], words[1, 4])              # "walks" by itself
    assert not torch.allclose(states[0, 2], states[1, 4])     # "walks" in its place
    assert not torch.allclose(sentence[0], sentence[1])


def test_compatible():
    said = vocabulary.meanings(["a man walks", "a red man walks to the left", "a blue man walks",
                          "a man walks then runs"])
    fits = text.compatible(said)
    assert fits.tolist() == [[True, True, True, False], [True, True, False, False],
                             [True, False, True, False], [False, False, False, True]]


def test_contrastive_loss():
    said = vocabulary.meanings(["a man walks", "a woman runs", "a child jumps", "a child waves"])
    one = torch.eye(4)
    right = text.contrastive_loss(one, one, 20.0, said)
    wrong = text.contrastive_loss(one, one.roll(1, 0), 20.0, said)
    assert right < 0.01 and wrong > 10
    assert torch.allclose(right, text.contrastive_loss(3 * one, one, 20.0, said), atol=1e-6)
    # a second caption that fits the same film does not count as wrong
    said = vocabulary.meanings(["a man walks", "a red man walks", "a child jumps", "a child waves"])
    twins = one.clone()
    twins[1] = twins[0]
    assert text.contrastive_loss(twins, twins, 20.0, said) < 0.01


def test_mismatched_loss_counts_only_wrong_captions():
    said = vocabulary.meanings(["a man walks", "a red man walks", "a child jumps"])
    own, wrong = torch.tensor([5.0, 1.0, 2.0]), torch.tensor([50.0, 1.0, -3.0])
    # "a red man walks" may stand under the first picture; the other two get a wrong caption
    expected = torch.nn.functional.softplus(torch.tensor([0.0, -5.0])).mean()
    assert torch.allclose(text.mismatched_loss(own, wrong, said), expected)
    assert text.mismatched_loss(own, wrong, said[[0, 0, 0]]) == 0


def test_projection_depends_on_the_caption_and_on_the_features():
    torch.manual_seed(0)
    matching = text.Matching(8)
    features, sentence = torch.randn(5, 8), torch.randn(5, 64)
    logits = matching(features, sentence)
    assert logits.shape == (5,)
    assert not torch.allclose(logits, matching(features, sentence.flip(0)))
    assert torch.allclose(matching(features, 0 * sentence), matching.real(features)[:, 0])


def test_mean_of_words_is_that_of_the_words_that_are_there():
    words, ids = torch.ones(2, 3, 4), torch.tensor([[5, 6, 7], [5, 0, 0]])
    words[1, 1:] = 100.0
    assert torch.equal(text.mean_of_words(words, ids), torch.ones(2, 4))


@pytest.mark.parametrize("head", [text.Blind, text.Concatenation, text.Matching])
def test_only_a_blind_head_gives_every_caption_the_same_logit(head):
    torch.manual_seed(0)
    discriminator = text.PictureDiscriminator(head)
    pictures, texts = scores.fresh_pictures(20)
    logits, own, wrong, *_ = discriminator(pictures, vocabulary.encode(texts, WORDS))
    assert logits.shape == wrong.shape == (20,) and torch.equal(logits, own)
    assert torch.equal(own, wrong) == (head is text.Blind)
    moved_on, *_ = discriminator(pictures, vocabulary.encode(texts[1:] + texts[:1], WORDS))
    assert torch.allclose(wrong, moved_on, atol=1e-5)


def test_preference_counts_a_tie_as_a_half():
    one = torch.ones(4)
    assert text.prefers(one, one) == 0.5
    assert text.prefers(one, torch.tensor([0.0, 0, 2, 1])) == 0.625
    blind = text.PictureDiscriminator(text.Blind)
    assert scores.caption_accuracy(blind, 50) == 0.5


def test_a_caption_is_wrong_only_by_what_a_first_frame_shows():
    said = vocabulary.meanings(["a man walks then runs with calm music",
                          "a man walks without music"])
    assert not text.compatible(said)[0, 1]
    assert text.compatible(said[:, text.SHOWN])[0, 1]


def test_a_few_steps_move_what_they_should(precision):
    for way, where in (("no caption", "discriminator"),
                       ("projection + wrong captions, frozen words", "generator"),
                       ("projection + contrastive", None)):
        run = conditioning.new_run(way)
        before = [{name: value.clone() for name, value in getattr(run, part).state_dict().items()}
                  for part in ("generator", "discriminator")]
        run = conditioning.train(way, steps=2, batch=16)
        for old, part in zip(before, ("generator", "discriminator"), strict=True):
            names = conditioning.unchanged(old, getattr(run, part).state_dict())
            assert any(name.startswith("text.") for name in names) == (part == where), (way, part)
            assert "layers.0.weight" not in names and "look.1.weight" not in names


def test_an_unknown_way_is_named():
    with pytest.raises(CourseError, match="projection"):
        conditioning.new_run("projektion")


def test_every_run_is_measured_while_it_learns_and_the_first_seed_draws():
    run = conditioning.measure(None, "projection", seed=0, steps=100, batch=8)
    assert len(run["reads over time"]) == len(run["obeys over time"]) == 1
    assert {"train", "heldout zh", "frechet", "reads", "finds", "seconds", "images"} <= set(run)


def test_the_shipped_painter_obeys_in_both_languages_and_swaps_with_its_captions():
    painter = text.finished()
    scores = score_pictures(painter, 300, seed=91)
    for name in ("train", "heldout", "train zh", "heldout zh"):
        assert scores[name] >= 0.95
    _, texts = fresh_pictures(200, 92)
    others = texts[1:] + texts[:1]
    assert pictures_obeyed(painter, others) >= 0.97
    z = torch.randn(2, text.LATENT, generator=torch.Generator().manual_seed(0))[:1]
    one, other = (painter(z, vocabulary.encode([words], painter.text.vocabulary))
                  for words in ("a red man walks", "a blue man walks"))
    red, blue = (picture[0, :, 8:24, 8:20].mean((1, 2)) for picture in (one, other))
    assert red[0] > blue[0] and red[2] < blue[2]


def test_what_was_compared_bears_out_the_lesson():
    results = study.stored("conditioning")
    assert [(run["seed"], run["variant"]) for run in results["runs"]] == \
        [(0, way) for way in conditioning.WAYS] + [(1, way) for way in conditioning.TWICE]
    ways = {name: [run for run in results["runs"] if run["variant"] == name]
            for name in conditioning.WAYS}
    assert results["references"]["real pictures"]["train"] >= 0.98
    assert results["references"]["captions of others"]["train"] < 0.1
    assert all(run["reads"] == 0.5 and run["train"] < 0.1 for run in ways["no caption"])
    for head in ("concatenation", "projection"):
        never, shown = ways[head], ways[f"{head} + wrong captions"]
        assert max(run["reads"] for run in never) < min(run["reads"] for run in shown)
