"""The words of captions in two languages, what each of them means to the reader, and how the
reader refuses what the theatre cannot play.

`WRITTEN` is what the theatre writes, the plain word first: kind -> value -> words; phrases of
several words stand between bars. `data/words.txt` is what people write besides.
"""

import itertools

from lessons.engine.weights import DATA

WRITTEN = {
    "en": {
        "actor": {"man": "man guy gentleman", "woman": "woman lady", "child": "child kid",
                  None: "person someone"},
        "color": {"red": "red scarlet", "blue": "blue navy", "green": "green emerald",
                  "yellow": "yellow golden"},
        "action": {"stand": "stands standing", "walk": "walks walking", "run": "runs running",
                   "jump": "jumps jumping", "wave": "waves waving"},
        "direction": {"left": "left", "right": "right"},
        "mood": {"none": "|without music|in silence", "calm": "calm", "cheerful": "cheerful"},
    },
    "zh": {
        "actor": {"man": "男人 男子 男士", "woman": "女人 女子 女士", "child": "孩子 小孩 儿童",
                  None: "人 有人"},
        "color": {"red": "红", "blue": "蓝", "green": "绿", "yellow": "黄"},
        "action": {"stand": "站 站着 站立", "walk": "走 走路 步行 行走 散步", "run": "跑 跑步 奔跑",
                   "jump": "跳 跳跃 跳着", "wave": "挥手 招手"},
        "direction": {"left": "左", "right": "右"},
        "mood": {"none": "没有音乐 无音乐 安静无声", "calm": "平静 舒缓 轻柔",
                 "cheerful": "欢快 轻快 愉快"},
    },
}


TRADITIONAL = str.maketrans("紅藍綠黃個從過後樂歡靜著變這揮無沒輕緩兒間邊動躍褲襯連長飛開來時"
                            "會轉為進還們對隨聲給與臺雙兩條襲裝運頭慣調節點氣",
                            "红蓝绿黄个从过后乐欢静着变这挥无没轻缓儿间边动跃裤衬连长飞开来时"
                            "会转为进还们对随声给与台双两条袭装运头惯调节点气")

# How a caption is refused: {what: {language: sentence}}.
REFUSALS = {
    "unknown": {"en": "Unknown word '{1}' in the caption. {2}",
                "zh": "剧场不认识“{1}”：{2}"},
    "action": {"en": "The caption '{0}' names 0 actions: say what is done, one or two of {1}.",
               "zh": "“{0}”没有说做什么：请写一个或两个动作（{1}）。"},
    "actions": {"en": "The caption '{0}' names {1} actions: keep one or two of them.",
                "zh": "“{0}”里有{1}个动作：请只留一个或两个。"},
    "at once": {"en": "The caption '{0}' lets two actions happen at the same time: the theatre "
                      "plays one after the other, so put 'then' between them.",
                "zh": "“{0}”里有同时做的事：剧场只能一件接一件地演，请写成“先……后……”。"},
    "actors": {"en": "The caption '{0}' speaks of more than one actor: the theatre has one, so "
                     "keep one.",
               "zh": "“{0}”说到不止一个人：剧场只有一个演员，请只写一个。"},
    "color": {"en": "The caption '{0}' names more than one colour: keep one.",
              "zh": "“{0}”里有不止一种颜色：请只留一种。"},
    "direction": {"en": "The caption '{0}' names more than one direction: keep one.",
                  "zh": "“{0}”里有不止一个方向：请只留一个。"},
    "mood": {"en": "The caption '{0}' names more than one mood of music: keep one.",
             "zh": "“{0}”里有不止一种音乐：请只留一种。"},
    "music": {"en": "The caption '{0}' leaves the music unclear: leave '{1}' out, or say 'with "
                    "calm music', 'with cheerful music' or 'without music'.",
              "zh": "“{0}”没有说清音乐：请去掉“{1}”，或者写“配着平静的音乐”、"
                    "“配着欢快的音乐”或“没有音乐”。"},
    "other color": {"en": "The theatre has no '{1}': its colours are red, blue, green and yellow.",
                    "zh": "剧场没有“{1}”：只有红、蓝、绿、黄四种颜色。"},
    "place": {"en": "The caption '{0}' says with '{1}' where somebody is, which nobody can choose: "
                    "say where to, for example 'to the left'.",
              "zh": "“{0}”里的“{1}”是位置，不能选：请写朝哪边去，例如“向左”。"},
    "elsewhere": {"en": "The theatre cannot play '{1}': leave it out, or say for example 'to the "
                        "left'.",
                  "zh": "剧场演不了“{1}”：请去掉，或者写例如“向左”。"},
    "not": {"en": "The theatre cannot play what is not done ('{1}'): say what is done.",
            "zh": "剧场演不了“{1}”：请只写做什么，不写不做什么。"},
    "or": {"en": "The caption '{0}' leaves a choice ('{1}'): name one thing, or leave it out.",
           "zh": "“{0}”里有“{1}”：请只写一种，或者不写。"},
    "small": {"en": "The theatre cannot show '{1}': leave it out, or say 'a child'.",
              "zh": "剧场演不出“{1}”：请去掉，或者写“孩子”。"},
}


def _forms(verb):
    """walk -> walk walks walking walked; jog -> jogging, wave -> waving, dash -> dashes."""
    stem = verb.removesuffix("e")
    if verb[-1] in "bgmnpt" and verb[-2] in "aeiou" and verb[-3] not in "aeiou":
        stem = verb + verb[-1]
    third = "es" if verb.endswith(("sh", "ch", "ss")) else "s"
    return [verb, verb + third, stem + "ing", stem + "ed"]


def _expanded(phrase):
    """All phrases that one stands for: *walk is any of its forms, a/b is a or b."""
    words = ([form for word in choice.split("/")
              for form in (_forms(word[1:]) if word[0] == "*" else [word])]
             for choice in phrase.split())
    return map(" ".join, itertools.product(*words))


def _phrases(text):
    """The words and phrases of an entry, in order."""
    words, *phrases = text.split("|")
    return [phrase for part in (*words.split(), *phrases) for phrase in _expanded(part)]


def _lexicon(language):
    """{phrase: (kind, value)}; what is in WRITTEN counts where both tables have a phrase."""
    entries = (line.split("\t") for line in WORDS.splitlines() if line.startswith(language + "\t"))
    read = ((kind.strip("-"), None if value == "-" else value, words)
            for _, kind, value, words in entries)
    written = ((kind, value, words) for kind, values in WRITTEN[language].items()
               for value, words in values.items())
    return {phrase: (kind, value) for kind, value, words in (*read, *written)
            for phrase in _phrases(words)}


WORDS = (DATA / "words.txt").read_text(encoding="utf-8")
LEXICON = {language: _lexicon(language) for language in WRITTEN}
# 慢慢地, 欢快地: who does something in this manner; the music is not meant
MANNERS = ("慢慢 缓缓 快 快速 飞快 迅速 飞速 很快 慢 匆匆 快快 用力 使劲 努力 高高 一直 不停 "
           "不断 尽情 大步 小步 独自").split()
LEXICON["zh"] |= {word + "地": ("manner", value) for word, (kind, value) in LEXICON["zh"].items()
                  if kind == "mood" or word in MANNERS}
