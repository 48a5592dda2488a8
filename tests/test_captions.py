"""Captions say what is true of a scene, and reading gives back what they say."""

import itertools

import numpy as np
import pytest

from lessons.errors import CourseError
from lessons.world import captions
from lessons.world.captions import describe, parse
from lessons.world.scene import ACTIONS, ACTORS, COLORS, DIRECTIONS, MUSIC, Scene

PAIRS = [(a,) for a in ACTIONS] + list(itertools.permutations(ACTIONS, 2))
SCENES = [Scene(*facts) for facts in itertools.product(ACTORS, COLORS, PAIRS, DIRECTIONS, MUSIC)]


@pytest.mark.parametrize("language", captions.LANGUAGES)
def test_the_plain_form_says_everything(language):
    for scene in SCENES:
        reading = parse(describe(scene, None, language))
        assert reading.language == language
        assert reading.complete(np.random.default_rng(0)) == scene


@pytest.mark.parametrize("language", captions.LANGUAGES)
def test_varied_captions_never_contradict_the_scene(language):
    rng, open_slots = np.random.default_rng(0), set()
    for scene in SCENES + SCENES:
        text = describe(scene, rng, language)
        reading = parse(text)
        assert (reading.actor, reading.actions) == (scene.actor, scene.actions), text
        for slot in ("color", "direction", "music"):
            said = getattr(reading, slot)
            assert said in (None, getattr(scene, slot)), text
            if said is None:
                open_slots.add(slot)
    assert open_slots == {"color", "direction", "music"}


@pytest.mark.parametrize("text", ["a red man walks then runs to the left with calm music",
                                  "a red man walks then runs to the left", "a man is running",
                                  "A RED MAN WALKS, THEN RUNS TO THE LEFT, WITHOUT MUSIC."])
def test_the_contract_form(text):
    assert parse(text).actor == "man"


@pytest.mark.parametrize("text,actor,color,actions,direction,music", [
    ("一个男人正在跑步", "man", None, ("run",), None, None),
    ("a man is running", "man", None, ("run",), None, None),
    ("男人从走路过渡到跑步", "man", None, ("walk", "run"), None, None),
    ("a man goes from walking to running", "man", None, ("walk", "run"), None, None),
    ("轻快地背景音乐配合着主角奔跑", None, None, ("run",), None, "cheerful"),
    ("running with light, cheerful background music", None, None, ("run",), None, "cheerful"),
    ("一个红衣男人先走后跑", "man", "red", ("walk", "run"), None, None),
    ("一個紅衣男人先走後跑", "man", "red", ("walk", "run"), None, None),
    ("a red man walks, then runs to the right, with cheerful music", "man", "red",
     ("walk", "run"), "right", "cheerful"),
    ("ａ ｍａｎ ｗａｌｋｓ", "man", None, ("walk",), None, None),
])
def test_sentences_of_the_article_and_their_kin(text, actor, color, actions, direction, music):
    reading = parse(text)
    assert (reading.actor, reading.color, reading.actions, reading.direction, reading.music) \
        == (actor, color, actions, direction, music)


@pytest.mark.parametrize("text,said", [
    ("", "empty"), (" \n", "empty"), ("...", "no words"), ("🏃 🏃", "no words"), (None, "empty"),
    ("a red man wakls", "Unknown word 'wakls'.*'walks'"), ("一个红衣男人飞", "Unknown word '飞'"),
    ("a red blue man walks", "more than one colour"), ("a man and a woman walk", "more than one"),
    ("a man", "0 actions"), ("a man walks, runs, jumps", "3 actions"),
    ("a man walks with music", "music unclear"), ("a cheerful man walks", "music unclear"),
    ("a man walks left and right", "more than one direction"), ("a man\x00 walks", "control"),
    ("a man walks " * 900, "characters"), ("человек бежит", "English or Chinese"),
    ("رجل يمشي", "English or Chinese"), ("मनुष्य", "English or Chinese"),
    ("a man\ud800 walks", "control"),
    ("a man\nand a woman\u2028walk", "more than one"), ("a\x1b[31m man walks", "control"),
])
def test_what_cannot_be_read_gets_one_sentence(text, said):
    with pytest.raises(CourseError, match=said) as raised:
        parse(text)
    assert len(str(raised.value).splitlines()) == 1
    assert str(raised.value).endswith((".", "?"))


def test_words_of_a_caption():
    assert captions.tokens("A red man walks, then runs.") == ["a", "red", "man", "walks", "then",
                                                             "runs"]
    assert " ".join(captions.tokens("一个红衣男人先走后跑")) == "一个 红 衣 男人 先 走 后 跑"
    for language in captions.LANGUAGES:
        rng = np.random.default_rng(1)
        words = {w for s in SCENES for w in captions.tokens(describe(s, rng, language))}
        assert words <= set(captions.VOCABULARY[language])


def test_completing_what_is_open_varies_with_chance():
    reading = parse("a man is running")
    scenes = {reading.complete(np.random.default_rng(seed)) for seed in range(40)}
    assert {s.color for s in scenes} == set(COLORS) and {s.direction for s in scenes} == {
        "left", "right"}


@pytest.mark.parametrize("facts,said", [
    (("men", "red", ("walk",), "left"), "Unknown actor 'men'.*'man'"),
    (("man", "red", ("fly",), "left"), "Unknown action 'fly'"),
    (("man", "red", (), "left"), "one or two actions"),
    (("man", "red", ("walk",), "up"), "Unknown direction"),
    (("man", "pink", ("walk",), "left"), "Unknown color"),
    (("man", "red", ("walk",), "left", "jazz"), "Unknown music"),
])
def test_a_scene_with_an_unknown_value_names_the_nearest(facts, said):
    with pytest.raises(CourseError, match=said):
        Scene(*facts)
