"""Captions: a scene in words, and words read back into what they say and what they leave open.

Reading takes from a caption the longest phrase that the lexicon knows, again and again, and then
asks of each phrase what it says where it stands. What the theatre cannot play is refused, in the
caption's own language. A model is given `canonical` captions alone: what is said in many ways
reaches it in one.
"""

import functools
import itertools
import re
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

from lessons.errors import CourseError, is_near
from lessons.world.lexicon import LEXICON, REFUSALS, TRADITIONAL, WRITTEN
from lessons.world.scene import ACTORS, COLORS, DIRECTIONS, MUSIC, Scene

LANGUAGES = ("en", "zh")
LONGEST = 200  # characters of a caption


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


class Mark(NamedTuple):
    """A phrase of a caption, of which kind it is, and which value it names, see `LEXICON`."""

    phrase: str
    kind: str
    value: str = None


def parse(text):
    """Read a caption, English or Chinese, into a Reading.

    Raises CourseError, in one sentence of the caption's language, for a caption that is empty,
    longer than 200 characters, of unknown words, without an action, with more than two or with two
    at the same time, with two actors, with a "not", or that contradicts itself.
    """
    _must_be_text(text)
    return _read(text)


@functools.lru_cache(2 ** 15)
def _read(text):
    language, found = marks(text)
    refuse = functools.partial(_refuse, " ".join(text.split()), language)
    for mark in found:
        if mark.kind in ("other color", "elsewhere", "not", "or"):
            refuse(mark.kind, mark.phrase)
    actor = _actor(found, refuse)
    direction, found = _direction(found, language, refuse)
    mood = _mood(found, refuse)
    return Reading(_actions(found, language, refuse), actor,
                   _one([mark.value for mark in found if mark.kind == "color"], "color", refuse),
                   direction, mood, language)


def _refuse(text, language, what, *more):
    """Raise the CourseError of a caption for one of REFUSALS."""
    raise CourseError(REFUSALS[what][language].format(text, *more))


def _one(values, what, refuse):
    """The one value that was said, or None."""
    if len(set(values)) > 1:
        refuse(what)
    return values[0] if values else None


def pronoun(text):
    """The pronoun that stands for the actor of a caption, "he" for one, or None where a name does
    or nothing."""
    _, found = marks(text)
    if any(mark.kind == "actor" for mark in found):
        return None
    return next((mark.phrase for mark in found if mark.kind == "pronoun"), None)


COULD_BE = {"man": ("man", "child", None), "woman": ("woman", "child", None),
            None: ("man", "woman", "child", None)}  # whom "he", "she" and "it" may mean


def _actor(found, refuse):
    """Who acts: one actor, whom a pronoun or "the man" may name once more."""
    named, seen, known = False, False, None
    nothing = Mark("", "")
    for before, mark, after in zip([nothing, *found], found, [*found[1:], nothing], strict=False):
        if mark.kind == "many":
            refuse("actors")
        if mark.kind == "small" and after.value != "child":
            refuse("small", mark.phrase)
        if mark.kind == "pronoun":
            if seen and known not in COULD_BE[mark.value] or mark.value is None and not seen:
                refuse("actors")
            known, seen = known or mark.value, True
        elif mark.kind == "actor":
            again = before.kind == "the" and mark.value == known
            if named and not again or seen and not named and mark.value not in COULD_BE[known]:
                # "he" may come before the name: "before he runs, a man walks"
                refuse("actors")
            named, seen, known = True, True, mark.value
    return known


SKIPPED = ("very", "far", "舞台", "画面", "屏幕")  # between "to" and "left"


def _direction(found, language, refuse):
    """Where to, and the marks that have another meaning: those before a side speak of it alone."""
    sides, left = {"to": [], "from": []}, []
    for i, mark in enumerate(found):
        if mark.kind != "direction":
            left.append(mark)
            continue
        while left and (left[-1].kind in ("the", "pronoun") or left[-1].phrase in SKIPPED):
            left.pop()
        way = left[-1].kind if left else ""
        after = found[i + 1].kind if i + 1 < len(found) else ""
        if way in ("to", "from"):
            before = left.pop()
            if left and left[-1].kind == "actor" and before.phrase == "to":
                refuse("place", mark.phrase)  # "the man to the left walks"
            while left and left[-1].kind == "to":  # 朝向 or "over to"
                left.pop()
        elif way == "at" or left and left[-1].phrase == "in" or language == "zh" \
                or after in ("actor", "pronoun"):
            refuse("place", mark.phrase)
        sides["from" if way == "from" else "to"].append(mark)
    to, origin = ([mark.value for mark in sides[way]] for way in ("to", "from"))
    if origin and not to:
        refuse("place", sides["from"][0].phrase)
    if set(origin) & set(to):
        refuse("direction")
    return _one(to, "direction", refuse), left


def _mood(found, refuse):
    """The music: a mood counts where it stands beside the word for music."""
    moods = [mark.value for mark in found if mark.kind == "mood"]
    kinds = "".join({"mood": "m", "music": "n", "": ".", ",": ".", "then": ".", "the": ".",
                     "manner": "m"}.get(mark.kind, "|") for mark in found)
    if not moods and "n" not in kinds:
        return None
    mood = _one(moods or [mark.value for mark in found if mark.kind == "manner"], "mood", refuse)
    if mood == "none" and "n" not in kinds or \
            mood in ("calm", "cheerful") and re.search(r"m[m.]*n|n[n.]*m", kinds):
        return mood
    refuse("music", [mark.phrase for mark in found if mark.kind in ("mood", "music")][0])


def _actions(found, language, refuse):
    """One or two actions in the order in which they happen."""
    _refuse_at_once(found, refuse)
    where = [i for i, mark in enumerate(found) if mark.kind == "action"]
    where = [i for k, i in enumerate(where)  # "walks and walks" is one walk
             if k == 0 or found[i].value != found[where[k - 1]].value]
    if not where:
        refuse("action", _listed(language, "action"))
    if len(where) > 2:
        refuse("actions", len(where))
    actions = [found[i].value for i in where]
    if len(actions) == 1:
        return tuple(actions)
    first, last = where
    leading, between, trailing = (
        [mark.kind for mark in part if mark.kind in ORDER] for part in
        (found[:first], found[first:last], found[last + 1:]))
    in_form = [found[i].phrase.endswith("ing") for i in where]
    alike = in_form[0] == in_form[1] or {"before", "after", "from"} & set(leading)
    if not between or set(between) == {","} and not alike:
        refuse("at once")  # "a waving man walks", "a man walks, waving"
    return tuple(actions[::-1] if _reversed(leading, between, trailing, language) else actions)


ORDER = (",", "then", "before", "after", "first", "from", "to")  # kinds that put actions in order


def _reversed(leading, between, trailing, language):
    """Whether the action named last comes first; leading, between, trailing: kinds of ORDER before
    both actions, between them and after them. "after" stands before what it speaks of, 之后 behind.
    """
    if language == "zh":
        return "before" in between or between[-1] == "first" or "after" in trailing
    return "before" in leading or between[-1] in ("first", "after") \
        or "from" in between and "from" not in leading


def _refuse_at_once(found, refuse):
    """Only music may go on at the same time: "while calm music plays"."""
    for i, mark in enumerate(found):
        if mark.kind == "with":
            clause = itertools.takewhile(lambda mark: mark.kind != ",", found[i + 1:])
            kinds = {mark.kind for mark in clause}
            if kinds & {"action", "actor", "pronoun"} or not kinds & {"mood", "music"}:
                refuse("at once")


def marks(text):
    """What a caption says phrase by phrase, the longest phrases first: (language, list of `Mark`).

    Raises CourseError for a caption without words, and for an unknown word.
    """
    language, text = _plain(text)
    pattern = r"[a-z0-9]+|[^\W_]|," if language == "zh" else r"[^\W_]+|,"
    units, glue = re.findall(pattern, text), "" if language == "zh" else " "
    if not any(unit != "," for unit in units):
        raise CourseError("The caption holds no words: write for example 'a red man walks'.")
    lexicon, found, i = LEXICON[language], [], 0
    while i < len(units):
        for n in range(min(7, len(units) - i), 0, -1):
            if (phrase := glue.join(units[i:i + n])) in lexicon:
                break
        else:
            _refuse_unknown(units, i, found, language)
        found.append(Mark(phrase, *lexicon[phrase]))
        i += n
    return language, found


def _must_be_text(text):
    if not isinstance(text, str) or not text.strip():
        raise CourseError("The caption is empty: write for example 'a red man walks to the left'.")
    if len(text) > LONGEST:
        raise CourseError(f"The caption has {len(text)} characters: keep it under {LONGEST}.")
    if any(unicodedata.category(c) in ("Cc", "Cs") and not c.isspace() for c in text):
        raise CourseError("The caption holds control characters: type it anew as plain text.")


def _plain(text):
    """The language of a caption, and its text in lower case, what may end a clause as a comma."""
    text = unicodedata.normalize("NFKC", text).lower().translate(TRADITIONAL)
    text = re.sub(r"[,;:.!?()、。—–]", ",", text).replace("t-shirt", "tshirt")
    if re.search(r"[\u4e00-\u9fff]", text):
        return "zh", re.sub(r"(\w)着\1着", r"\1,", text)  # 走着走着跑了: one, then the other
    return "en", re.sub(r"['’]s\b", " is", re.sub(r"n['’]t\b", " not", text))


def _refuse_unknown(units, i, found, language):
    """Raise the CourseError of the unknown word at units[i]; found: the marks before it."""
    refuse, word = functools.partial(_refuse, "", language), units[i]
    if language == "en":
        if not word.isascii():
            raise CourseError(f"Unknown word '{word}' in the caption: write it in English or "
                              f"Chinese, for example 'a red man walks'.")
        near = [phrase for phrase, (kind, _) in LEXICON["en"].items()
                if kind and is_near(word, phrase)]
        refuse("unknown", word, f"Did you mean '{near[0]}'?" if near else
               f"The theatre has a {_listed('en', 'actor')} in {_listed('en', 'color')} who "
               f"{_listed('en', 'action')}.")
    if found and len(found[-1].phrase) == 1 and found[-1].kind in ("action", "color", "actor"):
        word = found[-1].phrase + word                       # 跳舞 is a word, 跳 only begins it
    while (i := i + 1) < len(units) and units[i] != "," and (
            units[i] == "人" or not any("".join(units[i:i + n]) in LEXICON["zh"]
                                       for n in range(1, 7))):
        word += units[i]
    refuse("unknown", word, f"剧场里有{_listed('zh', 'actor')}，穿{_listed('zh', 'color')}，"
                            f"会{_listed('zh', 'action')}。")


def _listed(language, kind):
    """The plain words of a kind as a list in a sentence."""
    words = [_words(language, kind, value)[0] for value in WRITTEN[language][kind] if value]
    comma, last = ("、", "或") if language == "zh" else (", ", " or ")
    return comma.join(words[:-1]) + last + words[-1]


def canonical(text):
    """A caption in the words of the course, which a model is given in its place: it says and leaves
    open the same things. Raises CourseError as `parse` does."""
    return describe(said := parse(text), language=said.language)


def tokens(text):
    """The words that a model is given for a caption, in order: those of its `canonical` form.

    Raises CourseError as `parse` does.
    """
    return list(_cut(canonical(text)))


@functools.lru_cache(2 ** 12)
def _cut(text):
    language, found = marks(text)
    return [word for mark in found for word in
            (mark.phrase.split() if language == "en" else [mark.phrase]) if word != ","]


def describe(scene, rng=None, language="en"):
    """A caption of a scene. Without rng the plain form, which says everything, or as much as a
    Reading does; with rng (a numpy Generator) the wording varies, and colour, direction and music
    may stay open."""
    return {"en": _english, "zh": _chinese}[language](scene, rng)


def _choose(rng, *options):
    """One of the options; the first, the plain one, without rng."""
    return options[0] if rng is None else options[rng.integers(len(options))]


def _words(language, kind, value):
    """The words in which the theatre writes a value, the plain one first."""
    return WRITTEN[language][kind][value].split("|")[0].split()


def _english(scene, rng):
    actor = _choose(rng, *_words("en", "actor", scene.actor))
    who = f"a {actor}"
    if scene.color:
        color = _choose(rng, *_words("en", "color", scene.color))
        who = _choose(rng, f"a {color} {actor}", f"a {color} {actor}", f"a {actor} in {color}",
                      f"a {actor} dressed in {color}", who)
    plain = [_words("en", "action", action)[0] for action in scene.actions]
    going = [_words("en", "action", action)[1] for action in scene.actions]
    if len(plain) == 1:
        does = _choose(rng, plain[0], f"is {going[0]}")
    else:
        does = _choose(rng, " then ".join(plain), ", then ".join(plain), " and then ".join(plain),
                       "is {}, then {}".format(*going), "goes from {} to {}".format(*going))
    where = tune = ""
    if scene.direction:
        where = _choose(rng, f" to the {scene.direction}", f" to the {scene.direction}",
                        f" towards the {scene.direction}", "")
    mood = scene.music
    if mood == "none":
        tune = _choose(rng, " without music", " in silence", "", "")
    elif mood:
        tune = _choose(rng, f" with {mood} music", f", with {mood} music",
                       f" with {mood} background music", "")
    who = who.replace("a emerald", "an emerald")
    return who + " " + does + where + tune


def _chinese(scene, rng):
    actor = _choose(rng, *_words("zh", "actor", scene.actor))
    who = f"一个{actor}"
    if scene.color:
        color = _words("zh", "color", scene.color)[0]
        who = _choose(rng, f"一个{color}衣{actor}", f"一个{color}衣{actor}",
                      f"一个穿{color}色衣服的{actor}", who)
    words = [_words("zh", "action", action) for action in scene.actions]
    short, long = zip(*((some[0], some[min(1, len(some) - 1)]) for some in words), strict=True)
    return who + _chinese_way(scene, rng, short, long) + _chinese_music(scene.music, rng)


def _chinese_way(scene, rng, short, long):
    side = scene.direction and _words("zh", "direction", scene.direction)[0]
    if len(short) == 1:
        return _choose(rng, f"向{side}{short[0]}", f"正在向{side}{long[0]}",
                       f"正在{long[0]}") if side else short[0]
    does = _choose(rng, "先{}后{}".format(*short), "先{}，然后{}".format(*short),
                   "从{}过渡到{}".format(*long))
    return (_choose(rng, f"向{side}", f"面向{side}边", "") if side else "") + does


def _chinese_music(mood, rng):
    if not mood:
        return ""
    word = _choose(rng, *_words("zh", "mood", mood))
    if mood == "none":
        return _choose(rng, f"，{word}", "")
    return _choose(rng, f"，配着{word}的音乐", f"，伴着{word}的背景音乐", "")
