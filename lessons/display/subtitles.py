"""Subtitles drawn into a film's pictures."""

import functools
import re

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from lessons.world import captions

STRIP = 0.2   # height of the subtitles, in frame heights
LATIN = "DejaVu Sans"  # comes with matplotlib
# families with Chinese characters that come with the usual systems
CHINESE = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "WenQuanYi Zen Hei",
           "PingFang SC", "Heiti TC", "Microsoft YaHei", "SimHei")


def wrap(words, between, length, most):
    """Words in rows of which none is longer than `most`: a list of strings. length(row) -> how long
    it is. A word that is longer by itself stands alone."""
    rows = [words[0]]
    for word in words[1:]:
        longer = rows[-1] + between + word
        if length(longer) <= most:
            rows[-1] = longer
        else:
            rows.append(word)
    return rows


# what a line says to the theatre, and not of what is seen: anything in brackets, and the music
DIRECTIONS = re.compile(
    r"\s*[(（\[［][^)）\]］]*[)）\]］]|"
    r",?\s*\b(?:with|without|to|in)(?: [\w-]+){0,2} (?:music|silence)\b|"
    r"，?(?:(?:配|伴)[着上]?[^，。]{0,8}|没有|无)音乐|，?安静无声", re.IGNORECASE)


def seen(line):
    """A line of a script as its subtitle: without stage directions, see DIRECTIONS; where nothing
    else is left, the line."""
    return DIRECTIONS.sub("", line).strip(" ,，") or line


def subtitle(line, scene, width, wrap=wrap):
    """A line as white words on a dark strip under a picture: uint8 (width / 5, width, 3).

    Chinese is drawn where the machine has a font for it; where it has none, the strip says in
    English what the scene shows.
    """
    chinese = re.search("[\u4e00-\u9fff]", line)
    font = font_file(*CHINESE) if chinese else font_file(LATIN)
    text, between = (line, "" if chinese else " ") if font else (captions.describe(scene), " ")
    strip = Image.new("RGB", (width, round(STRIP * width)), (16, 16, 16))
    draw, letters = ImageDraw.Draw(strip), ImageFont.truetype(font or font_file(LATIN), width // 16)
    rows = wrap(text.split(between) if between else list(text), between,
                lambda row: draw.textlength(row, letters), 0.94 * width)
    draw.multiline_text((width / 2, strip.height / 2), "\n".join(rows), "white", letters,
                        anchor="mm", align="center")
    return np.asarray(strip)


@functools.cache
def font_file(*families):
    """The file of the first of these font families that the machine has, None where it has none."""
    for family in families:
        try:
            return font_manager.findfont(family, fallback_to_default=False)
        except ValueError:
            pass


def clock(seconds):
    """A moment as subtitles have it: 3725.5 -> "01:02:05.500"."""
    thousandths = round(1000 * seconds)
    return (f"{thousandths // 3_600_000:02}:{thousandths // 60_000 % 60:02}:"
            f"{thousandths // 1000 % 60:02}.{thousandths % 1000:03}")
