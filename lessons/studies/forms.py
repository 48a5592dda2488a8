"""How well the shipped films obey captions of every form that the reader accepts."""

import re

from lessons import text_to_video
from lessons.judges import clips
from lessons.studies.study import Study
from lessons.world import captions
from lessons.world.lexicon import WRITTEN
from lessons.world.theatre import Theatre

# name of a form -> a caption of it. What stands in no {brackets} is left open; "b" is a second
# action, "ed" the past; {he} needs a man or a woman.
FORMS = {
    "then": "a {color} {actor} {a} then {b} to the {direction}",
    "and": "a {color} {actor} {a} and {b}",
    "and then": "a {actor} {a} and then {b}",
    "comma": "a {actor} in {color} {a}, {b}",
    "two sentences": "A {color} {actor} {a}. Then {he} {b}.",
    "before": "a {color} {actor} {a} before {bing}",
    "after": "a {color} {actor} {b} after {aing}",
    "from ... to": "a {actor} goes from {aing} to {bing}",
    "first": "a {actor} first {a}, after that {he} {b}",
    "starts, ends up": "a {actor} starts {aing} and ends up {bing}",
    "turns into": "a {color} {actor} who {a} and later {b}",
    "plain": "a {color} {actor} {a} to the {direction}",
    "progressive": "the {actor} is {aing} towards the {direction}",
    "past": "a {color} {actor} {aed} to the {direction}",
    "pronoun": "{he} {a} to the {direction}",
    "nobody named": "someone wearing {color} {a}",
    "clothes": "a {actor} in a {color} shirt {a}",
    "how": "a {actor} {a} very slowly",
    "from left to right": "a {actor} {a} from {origin} to {direction}",
    "there is": "there is a {color} {actor} {aing} {direction}",
    "telegram": "{actor}, {color}, {a}, {direction}",
    "music": "a {actor} {a} to {music} music",
    "先…后": "一个{color}衣{actor}先{a}后{b}",
    "先…再": "一个{color}衣{actor}先{a}再{b}",
    "变成": "一个{actor}从{a}变成{b}",
    "过渡到": "{actor}从{a}过渡到{b}",
    "之后": "一个{actor}{a}之后{b}",
    "接着": "一个{color}衣{actor}{a}，接着{b}",
    "和": "一个{actor}{a}和{b}",
    "逗号": "一个{actor}{a}，{b}",
    "之前": "一个{actor}{b}之前先{a}",
    "向左": "{color}衣{actor}向{direction}{a}",
    "正在": "一个{actor}正在{a}",
    "代词": "{he}慢慢地{a}",
    "衣服": "一个穿着{color}色裙子的{actor}在{a}",
    "从左往右": "一个{actor}从{origin}往{direction}{a}",
    "了": "{actor}{a}了起来",
    "音乐": "一个{actor}{a}，配上{music}的音乐",
}
PAST = {"stand": "stood", "walk": "walked", "run": "ran", "jump": "jumped", "wave": "waved"}
HE = {"en": {"man": "he", "woman": "she"}, "zh": {"man": "他", "woman": "她"}}
OTHER = {"left": "right", "right": "left"}


def prepare(**_):
    """The shipped model and the judge of its films."""
    return text_to_video.load_model("theatre", sound=False), clips.clip_judge()


def measure(shared, form, seed, captions):
    """"obeyed": the share of films of so many captions of one of FORMS that show all that was
    meant, 0 to 1. It is printed."""
    share = obeyed(*shared, FORMS[form], captions, 70_000 + seed)
    print(f"{form:18} {share:6.1%}   {FORMS[form]}", flush=True)
    return {"obeyed": round(share, 4)}


STUDY = Study("forms", [list(FORMS)], {"captions": 64}, measure, prepare)


def obeyed(model, judge, form, n, seed):
    """The share of n films of captions of a form that show all that was meant, 0 to 1."""
    scenes = _scenes(form, n, seed)
    films = text_to_video.film(model, [worded(form, scene) for scene in scenes], seed=seed,
                               sound=False)
    meant = [captions.describe(meaning(form, scene), language=_language(form)) for scene in scenes]
    return clips.text_match(clips.read_clips(judge, films.video), meant)["all"]


def _language(form):
    return "en" if form.isascii() else "zh"


def _scenes(form, n, seed):
    """n scenes that a form can tell."""
    fit = [scene for scene in Theatre.scenes(12 * n, seed)
           if len(scene.actions) == 1 + ("{b" in form)
           and ("{he}" not in form or scene.actor != "child")
           and ("{music}" not in form or scene.music != "none")]
    return fit[:n]


def worded(form, scene):
    """The caption of a scene in one of FORMS."""
    language = _language(form)

    def plain(kind, value, which=0):
        return WRITTEN[language][kind][value].split("|")[0].split()[which]
    said = {kind: plain(kind, getattr(scene, kind)) for kind in ("actor", "color", "direction")}
    said |= {"origin": plain("direction", OTHER[scene.direction]),
             "music": scene.music != "none" and plain("mood", scene.music),
             "he": HE[language].get(scene.actor)}
    for name, action in zip("ab", scene.actions, strict=False):
        said |= {name: plain("action", action), name + "ing": plain("action", action, 1),
                 name + "ed": PAST[action]}
    return form.format(**said)


def meaning(form, scene):
    """What a caption of a form says of a scene: a `captions.Reading`."""
    told = set(re.findall(r"{(\w+)}", form)) | ({"actor"} if "{he}" in form else set())
    return captions.Reading(scene.actions, language=_language(form), **{
        name: getattr(scene, name) if name in told else None
        for name in ("actor", "color", "direction", "music")})
