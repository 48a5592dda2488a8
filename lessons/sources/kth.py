"""The KTH human action clips, where they are unpacked."""

import re

from lessons.errors import CourseError
from lessons.sources.clips import Entry
from lessons.sources.downloads import _fetch, _verified, data_home

KTH_MIRRORS = ("https://www.csc.kth.se/cvap/actions/", "http://www.nada.kth.se/cvap/actions/")
KTH_SHA256 = "6331f4e4d0d820f306a46c40f82afc39f2486cc8723fe15f4742c14c261ccba7"  # 00sequences.txt
KTH_PEOPLE = {"train": (11, 12, 13, 14, 15, 16, 17, 18),  # as its authors split them
              "validation": (19, 20, 21, 23, 24, 25, 1, 4),
              "test": (22, 2, 3, 5, 6, 7, 8, 9, 10)}
KTH_ACTIONS = {"walking": ("walks", "走路"), "jogging": ("jogs", "慢跑"),
               "running": ("runs", "跑步"), "boxing": ("boxes", "打拳"),
               "handwaving": ("waves both hands", "挥手"), "handclapping": ("claps", "拍手")}
KTH_LINE = re.compile(r"(person(\d\d)_([a-z]+)_d(\d))\s+frames\s+(\d.*)")


def kth(split="train"):
    """KTH's films: a person walks, jogs, runs, boxes, waves or claps; 160 x 120, grey, 25 a second.

    split: "train" (760 ranges of 8 people), "validation" (768 of 8) or "test" (863 of 9). Returns a
    list of `clips.Entry`, a range of frames each, of the films that are there; where
    there is none, CourseError says what to fetch. Captions are English and Chinese by turns.

    The list of ranges is downloaded. The films have no published hash and are not: unpack them
    anywhere below the folder kth of the cache.
    Source: Schuldt, Laptev, Caputo, "Recognizing human actions: a local SVM approach", ICPR 2004.
    """
    listed, folder = _listed(split), data_home() / "kth"
    here = {path.name: path for path in sorted(folder.rglob("person*_uncomp.avi"))}
    entries = [Entry(here[film], caption, first, last) for film in listed if film in here
               for caption, first, last in listed[film]]
    if not entries:
        raise CourseError(f"No film of KTH's split '{split}' is below {folder}: download "
                          f"{KTH_MIRRORS[0]}walking.zip (and likewise jogging, running, "
                          f"boxing, handwaving, handclapping) and unpack it there.")
    return entries


def _listed(split):
    """What 00sequences.txt lists of a split: film -> [(caption, first, last), ...]."""
    if split not in KTH_PEOPLE:
        raise CourseError(f"KTH has the splits {', '.join(map(repr, KTH_PEOPLE))}, not '{split}'.")
    name = "00sequences.txt"
    text = _fetch("kth", name, [mirror + name for mirror in KTH_MIRRORS],
                  lambda content: _verified(content, KTH_SHA256).decode("ascii"))
    found = (KTH_LINE.fullmatch(line.strip()) for line in text.splitlines())
    return {f"{line[1]}_uncomp.avi": [(_said(line[3], line[4], number), *frames)
                                      for number, frames in enumerate(ranges(line[5]))]
            for line in found if line and int(line[2]) in KTH_PEOPLE[split]}


def ranges(text):
    """"1-95, 96-185" as [(0, 95), (95, 185)]: in order, from 0, last excluded, without overlap.

    In two of KTH's 599 films they are out of order, and in seven by 1 to 105 frames overlap.
    """
    ranges, end = [], 0
    for first, last in sorted((int(a), int(b)) for a, b in re.findall(r"(\d+)-(\d+)", text)):
        if last > end:
            ranges.append((max(first - 1, end), last))
            end = last
    return ranges


def _said(action, scenario, number):
    """The caption of a film's range: scenario "4" is indoors; an odd number asks for Chinese."""
    english, chinese = KTH_ACTIONS[action]
    if number % 2:
        return f"一个人在室{'内' if scenario == '4' else '外'}{chinese}"
    return f"a person {english} {'indoors' if scenario == '4' else 'outdoors'}"
