"""Lesson 5: padding gets nothing, the measure counts the right frames, variants fit the game."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lessons import attention, frames, text_to_video
from lessons.attention import attend
from lessons.display import attention_map
from lessons.judges import clips
from lessons.studies import ablations, games, study
from lessons.world import captions
from lessons.world.theatre import Theatre, own_frames
from lessons.world.vocabulary import WORDS, CaptionSampler, encode, verbs


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# Attention ------------------------------------------------------------------------------------
def test_attention_agrees_with_the_one_of_torch():
    q, k, v = _random(3, 5, 8), _random(3, 7, 8, seed=1), _random(3, 7, 6, seed=2)
    there = torch.arange(7) < torch.tensor([7, 3, 1])[:, None]
    answers, weights = attend(q, k, v, there)
    wanted = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=there[:, None])
    torch.testing.assert_close(answers, wanted)
    torch.testing.assert_close(weights.sum(2), torch.ones(3, 5))
    assert (weights[~there[:, None].expand_as(weights)] == 0).all()


def test_padding_changes_nothing():
    q, k, v = _random(2, 4, 8), _random(2, 5, 8, seed=1), _random(2, 5, 8, seed=2)
    there = torch.ones(2, 5, dtype=torch.bool)
    more = [torch.cat([part, 9 * _random(2, 3, 8, seed=3)], 1) for part in (k, v)]
    padded = torch.cat([there, torch.zeros(2, 3, dtype=torch.bool)], 1)
    torch.testing.assert_close(attend(q, *more, padded)[0], attend(q, k, v, there)[0])


@pytest.mark.parametrize("part", [attention.WordAttention, games.SentenceOnly,
                                  games.WordMean])
def test_what_stands_for_attention_has_its_contract(part):
    words, there = _random(3, 6, 64), torch.arange(6) < torch.tensor([6, 2, 1])[:, None]
    words = words * there[..., None]
    answers, weights = part(16)(words, words, there)
    assert answers.shape == (3, 16, 128)
    assert weights.shape[::2] == (3, 16) and weights.shape[3] == 6
    torch.testing.assert_close(weights.sum(3), torch.ones(weights.shape[:3]))
    assert (weights.transpose(1, 3)[~there] == 0).all()


def test_without_attention_every_frame_is_told_the_same_and_the_mean_has_no_order():
    words, there = _random(2, 6, 64), torch.ones(2, 6, dtype=torch.bool)
    for part in (games.SentenceOnly(16), games.WordMean(16)):
        answers = part(words, words, there)[0] - part.moments      # but for which frame it is
        torch.testing.assert_close(answers, answers[:, :1].expand_as(answers))
    torch.testing.assert_close(part(words.flip(1), words, there)[0] - part.moments, answers)


def test_attention_without_places_is_blind_to_order_and_with_them_it_is_not():
    x, ask = _random(2, 7, 8), torch.nn.Linear(8, 24)
    order = torch.randperm(7, generator=torch.Generator().manual_seed(0))
    for places, blind in ((torch.zeros(7, 8), True), (_random(7, 8, seed=4), False)):
        straight, _ = attention.self_attend(x, places, ask)
        mixed, _ = attention.self_attend(x[:, order], places, ask)
        assert torch.allclose(mixed, straight[:, order], atol=1e-5) is blind


def test_looked_at_counts_words():
    rows = torch.tensor([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]])
    torch.testing.assert_close(attention.looked_at(rows), torch.tensor([1.0, 2.0, 4.0]))


# The measure ----------------------------------------------------------------------------------
def test_verbs_are_found_where_the_words_are():
    texts = ["a red man walks then runs", "a lady waves a hand and then stands still",
             "一个红衣男人先走后跑", "一个男人正在跑步"]
    where, words = verbs(texts), WORDS.decode(encode(texts, WORDS))
    found = [[" ".join(words[n][where[n, k].numpy()]) for k in range(2)] for n in range(4)]
    assert found == [["walks", "runs"], ["waves", "stands"], ["走", "跑"], ["跑", ""]]
    assert where.shape == (4, 2, words.shape[1])


def test_verbs_of_all_wordings_mean_their_actions():
    for language in captions.LANGUAGES:
        scenes, texts = ablations.two_actions(40, 3, language, np.random.default_rng(0))
        where, words = verbs(texts), WORDS.decode(encode(texts, WORDS))
        for n, scene in enumerate(scenes):
            for k, action in enumerate(scene.actions):
                phrase = (" " if language == "en" else "").join(words[n][where[n, k].numpy()])
                assert captions.LEXICON[language][phrase] == ("action", action)


def test_the_frames_of_an_action_hold_for_every_film_of_the_theatre():
    scenes, _ = ablations.two_actions(30, 5)
    changes = Theatre().film(scenes, 5).changes * 8                            # in frames
    first, second = own_frames()
    assert first.nonzero().max() <= changes.min() and second.nonzero().min() >= changes.max()
    near, far = own_frames(), own_frames(margin=1)
    assert (near.sum(1) - far.sum(1) == 1).all()


def test_the_right_verb_wins_or_loses():
    where, own = torch.zeros(1, 2, 4, dtype=torch.bool), own_frames(margin=1)
    where[0, 0, 1] = where[0, 1, 3] = True
    right = torch.zeros(1, 16, 4)
    right[:, :8, 1] = right[:, 8:, 3] = 1.0
    wrong = right.flip(1)
    even = torch.full((1, 16, 4), 0.25)
    assert [float(attention.right_verb_wins(a, where, own)) for a in (right, wrong, even)] == \
        [1.0, 0.0, 0.0]
    torch.testing.assert_close(attention.inside_and_outside(right, where, own),
                               torch.tensor([[1.0, 0.0]]))


def test_in_the_shipped_model_the_right_verb_wins_in_both_languages():
    model = text_to_video.load_model("theatre")
    for language in captions.LANGUAGES:
        _, texts = ablations.two_actions(48, 9, language)
        films = text_to_video.film(model, texts, seed=2)
        wins = attention.right_verb_wins(torch.as_tensor(films.attention), verbs(texts),
                                         own_frames(margin=1))
        assert wins.mean() >= 0.9


def test_verbs_that_change_places_turn_the_films_round():
    model, judge = text_to_video.load_model("theatre"), clips.clip_judge()
    _, texts = ablations.two_actions(48, 9)
    model.generator.what = games.Interchanged(model.generator.what, verbs(texts))
    made = text_to_video.film(model, texts).video
    order = ablations.read_order(clips.read_clips(judge, made), texts)
    assert order["reversed"] > 0.5 > order["order"]


# The comparison -------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ablations.ATTENTION_GAMES.values())
def test_every_variant_can_be_played_and_all_that_it_has_learns(name, precision):
    scenes = Theatre.scenes(20, 1)
    paths = _random(40, 16, frames.PATH)
    run = games.play(name, paths, CaptionSampler(scenes), steps=2, batch=16)
    assert run.step == 2 and torch.stack(run.log).isfinite().all()
    part = games.GAMES[name].words or attention.WordAttention
    assert isinstance(run.generator.what, part) and isinstance(run.generator.who, part)
    moments = run.optimizers["generator"].state
    assert all(moments[weight]["exp_avg"].any() for weight in run.generator.what.parameters())


def test_a_comparison_goes_on_where_it_stopped():
    written = []
    short = replace(ablations.ATTENTION, seeds=[list(ablations.ATTENTION_GAMES)],
                    settings={"steps": 1, "batch": 8, "films": 12, "every": 200})
    first = short.compare(write=lambda results: written.append(len(results["runs"])))
    assert written == list(range(1, len(ablations.ATTENTION_GAMES) + 1))
    again = short.compare(first, written.append)
    assert again == first and len(written) == len(ablations.ATTENTION_GAMES)
    assert all(set(run) >= {"seed", "two", "order", "reversed", "wins", "seconds", "curve"}
               for run in first["runs"])
    assert set(first["references"]) == {"chance", "ceiling"}


def test_the_stored_comparison_is_of_these_variants():
    results = study.stored("attention")
    assert results["settings"] == ablations.ATTENTION.settings
    assert [(run["seed"], run["variant"]) for run in results["runs"]] == \
        [(seed, name) for seed in range(3) for name in ablations.ATTENTION_GAMES]
    assert 0 <= results["references"]["chance"]["two"] < 0.1
    assert 0.9 < results["references"]["ceiling"]["two"] <= 1


# Pictures -------------------------------------------------------------------------------------
def test_the_table_tells_every_cell():
    model = text_to_video.load_model("theatre")
    films = text_to_video.film(model, ["一个红衣男人先走后跑"])
    html = attention_map.attention_table(films, frame=3).data
    assert html.count("<td") == 8 * 16 and "走, frame 3: " in html
    assert html.count("#E69F00") == int(own_frames().sum())
