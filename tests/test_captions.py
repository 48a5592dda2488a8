"""Captions say what is true of a scene, and reading gives back what they say."""

import itertools

import numpy as np
import pytest

from lessons.errors import CourseError, nearest
from lessons.studies import forms
from lessons.world import captions, figures
from lessons.world.captions import describe, parse
from lessons.world.lexicon import WRITTEN
from lessons.world.scene import ACTIONS, ACTORS, COLORS, DIRECTIONS, DRAWN, MUSIC, Scene

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
    ("a red man wakls", "Unknown word 'wakls'.*'walks'"), ("一个红衣男人飞", "不认识“飞”"),
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
    assert str(raised.value).endswith((".", "?", "。"))


def read(text):
    """A reading as actor|colour|actions|direction|music, "-" where it is open; or "refused"."""
    try:
        said = parse(text)
    except CourseError:
        return "refused"
    return "|".join(value or "-" for value in (said.actor, said.color, "+".join(said.actions),
                                               said.direction, said.music))


# Captions as people write them, by what is special in them, and what they say.
PEOPLE = {
    "who": """
        A girl jumps. -> child|-|jump|-|-
        the boy is running -> child|-|run|-|-
        a toddler waves goodbye -> child|-|wave|-|-
        a lady jogs -> woman|-|run|-|-
        a little girl hops up and down -> child|-|jump|-|-
        he walks -> man|-|walk|-|-
        She's waving her hand -> woman|-|wave|-|-
        somebody waits -> -|-|stand|-|-
        一个小女孩在跳 -> child|-|jump|-|-
        男孩跑步 -> child|-|run|-|-
        她在挥手 -> woman|-|wave|-|-
        他走路 -> man|-|walk|-|-
        红衣女跑 -> woman|red|run|-|-
        一个女生慢跑 -> woman|-|run|-|-
        一個男孩在跑 -> child|-|run|-|-
        a man walks, then he runs -> man|-|walk+run|-|-
        before he runs, a man walks -> man|-|walk+run|-|-
        a boy walks and then the child runs -> child|-|walk+run|-|-
    """,
    "clothes": """
        a man in a red shirt walks -> man|red|walk|-|-
        a girl whose dress is yellow jumps -> child|yellow|jump|-|-
        a woman wearing blue jeans stands still -> woman|blue|stand|-|-
        a kid in a green T-shirt runs -> child|green|run|-|-
        一个穿蓝色裙子的女人走 -> woman|blue|walk|-|-
        穿红T恤的男人在跑步 -> man|red|run|-|-
        身穿绿色外套的孩子站着 -> child|green|stand|-|-
    """,
    "how": """
        a man walked slowly to the left -> man|-|walk|left|-
        a child runs very fast -> child|-|run|-|-
        a woman quickly walks to the right side of the stage -> woman|-|walk|right|-
        一个男人慢慢地走 -> man|-|walk|-|-
        女人跑得很快 -> woman|-|run|-|-
        孩子跳了起来 -> child|-|jump|-|-
        男人走了过去 -> man|-|walk|-|-
        女人欢快地跳 -> woman|-|jump|-|-
    """,
    "where to": """
        a man walks from left to right -> man|-|walk|right|-
        a woman looks left and waves -> woman|-|wave|left|-
        from the right to the left a child runs -> child|-|run|left|-
        一个女人从左往右走 -> woman|-|walk|right|-
        男人跑向左边 -> man|-|run|left|-
        孩子从右边跑到左边 -> child|-|run|left|-
        一个男人走到舞台右边 -> man|-|walk|right|-
    """,
    "in which order": """
        a man walks and runs -> man|-|walk+run|-|-
        a man walks; he runs -> man|-|walk+run|-|-
        a man runs after walking -> man|-|walk+run|-|-
        before running, a man walks -> man|-|walk+run|-|-
        a man walks before running -> man|-|walk+run|-|-
        a man runs, but first he walks -> man|-|walk+run|-|-
        after walking, a man runs -> man|-|walk+run|-|-
        he walks first, then runs -> man|-|walk+run|-|-
        a girl stands still, then breaks into a run -> child|-|stand+run|-|-
        一个男人跑步之前先走路 -> man|-|walk+run|-|-
        一个男人走完就跑 -> man|-|walk+run|-|-
        男人走着走着跑了起来 -> man|-|walk+run|-|-
        一个男人跑步，先走路 -> man|-|walk+run|-|-
        一个女人走路，然后停下来 -> woman|-|walk+stand|-|-
        一个女人先走再跑 -> woman|-|walk+run|-|-
    """,
    "music": """
        a man walks to happy music -> man|-|walk|-|cheerful
        a man walks, no sound -> man|-|walk|-|none
        a man walks while calm music plays -> man|-|walk|-|calm
        女人在欢快的音乐中跳 -> woman|-|jump|-|cheerful
        男人跑步，静音 -> man|-|run|-|none
        a happy child jumps -> refused
        a man runs with sad music -> refused
        a man walks with fast music -> refused
        一个快乐的孩子跳 -> refused
    """,
    "two at once": """
        a man walks while waving -> refused
        a man walks, waving -> refused
        a waving man walks -> refused
        a man and a child walk -> refused
        a man walks, then she runs -> refused
        a man walks towards a woman -> refused
        three men walk -> refused
        people walk -> refused
        a man walks together with someone -> refused
        男人边走边挥手 -> refused
        男人一边走一边跳 -> refused
        男人跳着走 -> refused
        女人和孩子一起跑 -> refused
        两个人在跑 -> refused
        他们在走 -> refused
        一男一女走路 -> refused
        a man walks, runs and jumps -> refused
        男人先走，再跑，最后跳 -> refused
    """,
    "what cannot be played": """
        a man does not walk -> refused
        nobody walks -> refused
        a woman isn't running -> refused
        一个男人没有跑 -> refused
        女人不走 -> refused
        a man walks on the left -> refused
        the man on the right waves -> refused
        the man to the left walks -> refused
        一个男人在左边跑 -> refused
        左边的女人挥手 -> refused
        a man walks from the left -> refused
        a man runs backwards -> refused
        一个男人向后走 -> refused
        a man in black walks -> refused
        穿白衣服的女人走 -> refused
        a man with red hair walks -> refused
        红地上一个男人走 -> refused
        a man walks or runs -> refused
        a man walks on green grass -> refused
        a small man walks -> refused
        a man waves his left hand -> refused
        a man walks left, then right -> refused
        一个男人跳舞 -> refused
        a man runs in place -> refused
    """,
}


def cases(kind):
    return [tuple(line.strip().split(" -> ")) for line in PEOPLE[kind].strip().splitlines()]


@pytest.mark.parametrize("kind", PEOPLE)
def test_captions_as_people_write_them(kind):
    assert [(text, read(text)) for text, _ in cases(kind)] == cases(kind)


@pytest.mark.parametrize("text,said", [
    ("a man jogs a dog", "Unknown word 'dog'"), ("a man jgos", r"Did you mean 'jogs'\?$"),
    ("a man talks", "Unknown word 'talks' in the caption. The theatre has a man, woman or child"),
    ("a man with a red hat walks", "Unknown word 'hat' .* The theatre"),
    ("a man in purple walks", "no 'purple': its colours are red, blue, green and yellow"),
    ("一个女人跳舞", "^剧场不认识“跳舞”"), ("一个机器人走路", "“机器人”"),
    ("绿地的孩子在跑", "“绿地”"),
    ("一个男人打篮球", "“打篮球”.*会站、走、跑、跳"), ("穿紫色衣服的女人走", "没有“紫色”"),
    ("男人和女人走", "^“男人和女人走”说到不止一个人"), ("男人一边走一边跳", "先……后……"),
    ("红衣男人", "没有说做什么"), ("男人不走", "“不”"), ("男人在左边走", "“左边”是位置"),
    ("男人往后走", "“往后”"), ("男人伴着音乐走", "没有说清音乐"),
])
def test_a_refusal_names_the_whole_word_in_the_language_of_the_caption(text, said):
    with pytest.raises(CourseError, match=said) as raised:
        parse(text)
    message = str(raised.value)
    assert len(message) < 200 and message.endswith((".", "?", "。"))
    if not text.isascii():
        assert not any(c.isascii() and c.isalpha() for c in message)


def test_every_caption_has_one_form_that_says_the_same():
    texts = [text for kind in PEOPLE for text, said in cases(kind) if said != "refused"]
    texts += [describe(scene, np.random.default_rng(i), language) for i, scene in
              enumerate(SCENES[::3]) for language in captions.LANGUAGES]
    for text in texts:
        plain = captions.canonical(text)
        assert parse(plain) == parse(text), text
        assert captions.canonical(plain) == plain
    for scene in SCENES[::7]:
        for language in captions.LANGUAGES:
            plain = describe(scene, language=language)
            assert captions.canonical(plain) == plain


def test_words_that_a_model_is_given():
    assert captions.tokens("The red gentleman walked, and then he ran.") == [
        "a", "red", "man", "walks", "then", "runs"]
    assert captions.tokens("穿紅色衣服的男子先走路，然後跑步") == [
        "一个", "红", "衣", "男人", "先", "走", "后", "跑"]


@pytest.mark.parametrize("name", forms.FORMS)
def test_every_form_is_read_as_it_is_meant(name):
    form = forms.FORMS[name]
    for scene in forms._scenes(form, 12, 1):
        assert parse(forms.worded(form, scene)) == forms.meaning(form, scene)


@pytest.mark.parametrize("language", captions.LANGUAGES)
def test_every_action_has_words_in_both_languages_and_a_row_of_its_own(language):
    assert tuple(WRITTEN[language]["action"]) == ACTIONS and set(DRAWN) <= set(ACTIONS)
    assert len(figures.STYLES) == len(ACTIONS)
    for action in ACTIONS:
        scene = Scene("man", "red", (action,), "left")
        assert parse(describe(scene, language=language)).actions == (action,)


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


@pytest.mark.parametrize("word,known,said", [
    ("rnu", ["run", "walk"], "Did you mean 'run'?"), ("traim", ["train"], "Known: train."),
    ("trian", ["train", "heldout"], "Did you mean 'train'?"),
    ("men", ["man"], "Did you mean 'man'?"), ("jogs", ["hops"], "Known: hops."),
    ("walk", ["walks"], "Did you mean 'walks'?"),
    ("hat", ["halt"], "Known: halt."), ("", ["a"], "Known: a."),
])
def test_only_what_looks_like_a_slip_is_suggested(word, known, said):
    assert nearest(word, known) == said
