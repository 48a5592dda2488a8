"""Captions become vectors that padding cannot change; matching tells right captions from wrong."""

import numpy as np
import pytest
import torch

from lessons import captions
from lessons import text_conditioning as text
from lessons.errors import CourseError
from lessons.theatre import Theatre


@pytest.fixture(scope="module")
def scenes():
    return Theatre.scenes(120, seed=3)


def test_encode_pads_and_decode_gives_the_words_back():
    ids = text.encode(["a red man walks", "一个男人正在跑步", "a man is running to the left"])
    assert ids.shape == (3, 7) and ids.dtype == torch.int64
    assert (ids[0, 4:] == 0).all() and (ids[0, :4] > 0).all()
    words = text.decode(ids)
    assert words[0].tolist() == ["a", "red", "man", "walks", "", "", ""]
    assert words[1, :4].tolist() == ["一个", "男人", "正在", "跑步"]


def test_bad_captions_are_named():
    with pytest.raises(CourseError, match="flies"):
        text.encode(["a man flies"])
    with pytest.raises(CourseError, match="empty"):
        text.encode([" "])


def test_other_words_keep_the_meaning(scenes):
    rng = np.random.default_rng(0)
    changed = 0
    for scene in scenes:
        for language in captions.LANGUAGES:
            plain = captions.describe(scene, language=language)
            other = text.reword(plain, rng)
            changed += other != plain
            said = captions.parse(other)
            assert said.actions == scene.actions and said.language == language
            for name in ("color", "direction", "music"):
                assert getattr(said, name) == getattr(scene, name)
            assert said.actor in (scene.actor, None)
    assert changed > 1.2 * len(scenes)


def test_wordings_are_of_their_scenes_and_hold_every_word(scenes):
    wordings = text.Wordings(scenes, each=4)
    values = torch.tensor([[known.index(value) for value, known in zip(
        (s.actor, s.color, s.actions[0], s.actions[-1], s.direction, s.music), text.MEANINGS,
        strict=True)] for s in scenes])
    rows = torch.arange(len(scenes)).repeat(8)
    ids, said = wordings.draw(rows, torch.Generator().manual_seed(0))
    assert ((said == values[rows]) | (said == text.OPEN)).all()
    assert (said[:, 2:4] != text.OPEN).all()
    assert 0.1 < (said[:, 1] == text.OPEN).float().mean() < 0.4
    chinese = ids[:, 0] > len(captions.VOCABULARY["en"])
    assert 0.4 < chinese.float().mean() < 0.6
    assert ids.shape[1] == (ids > 0).sum(1).max()
    many = text.Wordings(Theatre.scenes(1500, 4)).ids.unique()
    assert len(many) == len(text.WORDS)


def test_noise_completes_what_a_caption_leaves_open():
    texts = ["a man is running", "someone runs leftwards", "一个红衣男人先走后跑",
             "a child in red jumps towards the left"]
    z = torch.randn(400, 8, generator=torch.Generator().manual_seed(0))
    for row, open_ in zip(text.encode(texts), ((0, 1, 1), (1, 1, 0), (0, 0, 1), (0, 0, 0)),
                          strict=True):
        full = text.complete(row.expand(400, -1), z)
        assert torch.equal(full[:, :-3], row.expand(400, -1))
        for added, free, values in zip(full[:, -3:].T, open_, (3, 4, 2), strict=True):
            counts = added.unique(return_counts=True)[1]
            assert len(counts) == (values if free else 1)
            assert (added > 0).all() == bool(free) and counts.min() > 60


def test_padding_changes_nothing(scenes):
    encoder = text.TextEncoder()
    ids = text.encode([captions.describe(scene) for scene in scenes[:9]])
    wide = torch.cat([ids, torch.zeros(9, 6, dtype=torch.int64)], 1)
    words, states, sentence = encoder(ids)
    more_words, more_states, same = encoder(wide)
    assert torch.allclose(sentence, same, atol=1e-6)
    assert torch.allclose(states, more_states[:, :ids.shape[1]], atol=1e-6)
    assert (more_states[:, ids.shape[1]:] == 0).all() and (more_words[:, ids.shape[1]:] == 0).all()


def test_the_order_of_words_counts():
    encoder = text.TextEncoder()
    ids = text.encode(["a man walks then runs", "a man runs then walks"])
    words, states, sentence = encoder(ids)
    assert torch.equal(words[0, 2], words[1, 4])              # "walks" by itself
    assert not torch.allclose(states[0, 2], states[1, 4])     # "walks" in its place
    assert not torch.allclose(sentence[0], sentence[1])


def test_compatible():
    said = text.meanings(["a man walks", "a red man walks to the left", "a blue man walks",
                          "a man walks then runs"])
    fits = text.compatible(said)
    assert fits.tolist() == [[True, True, True, False], [True, True, False, False],
                             [True, False, True, False], [False, False, False, True]]


def test_contrastive_loss():
    said = text.meanings(["a man walks", "a woman runs", "a child jumps", "a child waves"])
    one = torch.eye(4)
    right = text.contrastive_loss(one, one, 20.0, said)
    wrong = text.contrastive_loss(one, one.roll(1, 0), 20.0, said)
    assert right < 0.01 and wrong > 10
    assert torch.allclose(right, text.contrastive_loss(3 * one, one, 20.0, said), atol=1e-6)
    # a second caption that fits the same film does not count as wrong
    said = text.meanings(["a man walks", "a red man walks", "a child jumps", "a child waves"])
    twins = one.clone()
    twins[1] = twins[0]
    assert text.contrastive_loss(twins, twins, 20.0, said) < 0.01


def test_mismatched_loss_counts_only_wrong_captions():
    seen = []

    def discriminator(films, ids):
        seen.append(ids)
        return torch.tensor([5.0, 0.0, -5.0])
    captions_ = ["a man walks", "a red man walks", "a child jumps"]
    ids, said = text.encode(captions_), text.meanings(captions_)
    loss = text.mismatched_loss(discriminator, torch.zeros(3, 2), ids, said)
    # "a red man walks" may stand under the first film; the other two films get a wrong caption
    expected = torch.nn.functional.softplus(torch.tensor([0.0, -5.0])).mean()
    assert torch.allclose(loss, expected)
    assert torch.equal(seen[0], ids.roll(-1, 0))


def test_projection_depends_on_the_caption_and_on_the_features():
    torch.manual_seed(0)
    matching = text.Matching(8)
    features, sentence = torch.randn(5, 8), torch.randn(5, 64)
    logits = matching(features, sentence)
    assert logits.shape == (5,)
    assert not torch.allclose(logits, matching(features, sentence.flip(0)))
    assert torch.allclose(matching(features, 0 * sentence), matching.real(features)[:, 0])
