"""Captions: a scene in words, and words read back into what they say and what they leave open.

A small table for each language maps phrases to meanings. Reading takes the longest phrase that
fits, again and again; what no table knows is an unknown word, and says so.
"""

import re
import unicodedata
from dataclasses import dataclass

from lessons.errors import CourseError, nearest
from lessons.world.scene import ACTIONS, ACTORS, COLORS, DIRECTIONS, MUSIC, Scene

LANGUAGES = ("en", "zh")
LONGEST = 200  # characters of a caption


# slot -> value -> phrases, the first being the plain one. A value of None leaves the slot open.
ENGLISH = {
    "actor": {"man": "man guy gentleman", "woman": "woman lady", "child": "child kid",
              None: "hero protagonist person someone actor"},
    "color": {"red": "red scarlet", "blue": "blue navy", "green": "green emerald",
              "yellow": "yellow golden"},
    "action": {"stand": "stands standing stand stays waits waiting|stands still|standing still",
               "walk": "walks walking walk strolls strolling",
               "run": "runs running run sprints sprinting",
               "jump": "jumps jumping jump hops hopping",
               "wave": "waves waving wave|waves a hand|waving a hand"},
    "direction": {"left": "left leftward leftwards", "right": "right rightward rightwards"},
    "mood": {"none": "|without music|without any music|no music|in silence",
             "calm": "calm slow quiet gentle",
             "cheerful": "cheerful happy lively light"},
    "music": {"": "music tune melody"},
    "": {"": "a an the is and then first from to into towards toward facing going goes in dressed "
             "wearing clothes with while as background accompanied by|goes with|and then|to the"},
}


CHINESE = {
    "actor": {"man": "男人 男子 男士", "woman": "女人 女子 女士", "child": "孩子 小孩 儿童",
              None: "主角 主人公 有人 人"},
    "color": {"red": "红 红色", "blue": "蓝 蓝色", "green": "绿 绿色", "yellow": "黄 黄色"},
    "action": {"stand": "站 站着 站立", "walk": "走 走路 步行 行走 散步", "run": "跑 跑步 奔跑",
               "jump": "跳 跳跃 跳着", "wave": "挥手 招手"},
    "direction": {"left": "左 左边", "right": "右 右边"},
    "mood": {"none": "没有音乐 无音乐 安静无声", "calm": "平静 舒缓 轻柔",
             "cheerful": "欢快 轻快 愉快"},
    "music": {"": "音乐 背景音乐 乐曲"},
    "": {"": "一个 一位 这个 个 位 正在 在 着 先 后 再 然后 接着 之后 从 过渡到 变成 到 的 地 "
             "衣 衣服 穿 穿着 身穿 配着 伴着 伴随 伴随着 配合 配合着 和 并 朝 向 往 面向 朝着"},
}
TRADITIONAL = str.maketrans("紅藍綠黃個從過後樂歡靜著變這揮無沒輕緩兒間",
                            "红蓝绿黄个从过后乐欢静着变这挥无没轻缓儿间")


def _lexicon(table):
    """{phrase: (slot, value)}; an English phrase of several words stands between bars."""
    return {phrase: (slot, value) for slot, values in table.items()
            for value, phrases in values.items()
            for part, group in enumerate(phrases.split("|"))
            for phrase in (group.split() if part == 0 else [group])}


LEXICON = {"en": _lexicon(ENGLISH), "zh": _lexicon(CHINESE)}
VOCABULARY = {"en": sorted({word for phrase in LEXICON["en"] for word in phrase.split()}),
              "zh": sorted(LEXICON["zh"])}


@dataclass(frozen=True)
class Reading:
    """What a caption says; None stands where it leaves something open. actions: one or two."""

    actions: tuple
    actor: str = None
    color: str = None
    direction: str = None
    music: str = None
    language: str = "en"

    def complete(self, rng):
        """A Scene that fits, what is open drawn from rng (a numpy Generator)."""
        def draw(value, known):
            return known[rng.integers(len(known))] if value is None else value
        return Scene(draw(self.actor, ACTORS), draw(self.color, COLORS), self.actions,
                     draw(self.direction, DIRECTIONS), draw(self.music, MUSIC))


def tokens(text):
    """The words of a caption, in order: English words in lower case, Chinese words as segmented.

    Raises CourseError for an empty, overlong or unreadable caption and for an unknown word.
    """
    language, found = phrases(text)
    return [word for phrase in found for word in
            (phrase.split() if language == "en" else [phrase])]


def parse(text):
    """Read a caption, English or Chinese, into a Reading.

    Raises CourseError, in one sentence, for a caption that is empty, longer than 200 characters,
    of unknown words, without an action, with more than two, or that contradicts itself.
    """
    language, found = phrases(text)
    text = " ".join(text.split())  # what is said about it below stays on one line
    said = {"actor": [], "color": [], "action": [], "direction": [], "mood": [], "music": []}
    for phrase in found:
        slot, value = LEXICON[language][phrase]
        if slot:
            said[slot].append(value)
    actions = tuple(said["action"])
    if not 1 <= len(actions) <= 2:
        raise CourseError(f"The caption '{text}' names {len(actions)} actions: it needs one or "
                          f"two of " + ", ".join(ACTIONS) + ".")
    mood = _one(text, "mood of music", said["mood"])
    if (mood in ("calm", "cheerful")) != bool(said["music"]):
        raise CourseError(f"The caption '{text}' leaves the music unclear: say 'with calm music', "
                          f"'with cheerful music' or 'without music'.")
    return Reading(actions, _one(text, "actor", said["actor"]), _one(text, "colour", said["color"]),
                   _one(text, "direction", said["direction"]), mood, language)


def _one(text, what, values):
    """The one value that was said, or None."""
    values = list(dict.fromkeys(value for value in values if value))
    if len(values) > 1:
        raise CourseError(f"The caption '{text}' names more than one {what} "
                          f"({' and '.join(values)}): keep one.")
    return values[0] if values else None


def phrases(text):
    """A caption cut into what LEXICON knows: (language, list of phrases), the longest match first.

    Raises CourseError for a caption that cannot be read.
    """
    if not isinstance(text, str) or not text.strip():
        raise CourseError("The caption is empty: write for example 'a red man walks to the left'.")
    if len(text) > LONGEST:
        raise CourseError(f"The caption has {len(text)} characters: keep it under {LONGEST}.")
    if any(unicodedata.category(c) in ("Cc", "Cs") and not c.isspace() for c in text):
        raise CourseError("The caption holds control characters: type it anew as plain text.")
    text = unicodedata.normalize("NFKC", text).lower().translate(TRADITIONAL)
    language = "zh" if re.search(r"[\u4e00-\u9fff]", text) else "en"
    units = re.findall(r"[^\W_]" if language == "zh" else r"[^\W_]+", text)
    if not units:
        raise CourseError("The caption holds no words: write for example 'a red man walks'.")
    glue, known, longest = ("", LEXICON["zh"], 6) if language == "zh" else (" ", LEXICON["en"], 3)
    found, i = [], 0
    while i < len(units):
        for n in range(longest, 0, -1):
            phrase = glue.join(units[i:i + n])
            if phrase in known:
                break
        else:
            if language == "en" and not units[i].isascii():
                raise CourseError(f"Unknown word '{units[i]}' in the caption: write it in English "
                                  f"or Chinese, for example 'a red man walks'.")
            telling = [phrase for phrase, (slot, _) in known.items() if slot]
            raise CourseError(f"Unknown word '{units[i]}' in the caption. "
                              f"{nearest(units[i], telling)}")
        found.append(phrase)
        i += n
    return language, found


def describe(scene, rng=None, language="en"):
    """A caption of a scene. Without rng the plain form, which says everything; with rng (a numpy
    Generator) the wording varies, and colour, direction and music may stay open."""
    return {"en": _english, "zh": _chinese}[language](scene, rng)


def _choose(rng, *options):
    """One of the options; the first, the plain one, without rng."""
    return options[0] if rng is None else options[rng.integers(len(options))]


def _words(table, slot, value):
    return table[slot][value].split("|")[0].split()


def _english(scene, rng):
    actor = _choose(rng, *_words(ENGLISH, "actor", scene.actor))
    color = _choose(rng, *_words(ENGLISH, "color", scene.color))
    who = _choose(rng, f"a {color} {actor}", f"a {color} {actor}", f"a {actor} in {color}",
                  f"a {actor} dressed in {color}", f"a {actor}")
    plain = [_words(ENGLISH, "action", action)[0] for action in scene.actions]
    going = [_words(ENGLISH, "action", action)[1] for action in scene.actions]
    if len(plain) == 1:
        does = _choose(rng, plain[0], f"is {going[0]}")
    else:
        does = _choose(rng, " then ".join(plain), ", then ".join(plain), " and then ".join(plain),
                       "is {}, then {}".format(*going),
                       "goes from {} to {}".format(*going))
    where = _choose(rng, f" to the {scene.direction}", f" to the {scene.direction}",
                    f" towards the {scene.direction}", "")
    mood = scene.music
    if mood == "none":
        tune = _choose(rng, " without music", " in silence", "", "")
    else:
        tune = _choose(rng, f" with {mood} music", f", with {mood} music",
                       f" with {mood} background music", "")
    who = who.replace("a emerald", "an emerald")
    return who + " " + does + where + tune


def _chinese(scene, rng):
    actor = _choose(rng, *_words(CHINESE, "actor", scene.actor))
    color = _words(CHINESE, "color", scene.color)[0]
    who = _choose(rng, f"一个{color}衣{actor}", f"一个{color}衣{actor}",
                  f"一个穿{color}色衣服的{actor}", f"一个{actor}")
    short, long = zip(*((words[0], words[min(1, len(words) - 1)]) for words in
                        (_words(CHINESE, "action", action) for action in scene.actions)),
                      strict=True)
    side = _words(CHINESE, "direction", scene.direction)[0]
    if len(short) == 1:
        does = _choose(rng, f"向{side}{short[0]}", f"正在向{side}{long[0]}", f"正在{long[0]}")
    else:
        does = _choose(rng, "先{}后{}".format(*short), "先{}，然后{}".format(*short),
                       "从{}过渡到{}".format(*long))
        does = _choose(rng, f"向{side}", f"面向{side}边", "") + does
    mood = _choose(rng, *_words(CHINESE, "mood", scene.music))
    if scene.music == "none":
        tune = _choose(rng, f"，{mood}", "")
    else:
        tune = _choose(rng, f"，配着{mood}的音乐", f"，伴着{mood}的背景音乐", "")
    return who + does + tune
