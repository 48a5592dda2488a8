"""Lesson 8: a script of a few lines becomes one film, with one cast, sound and subtitles.

`python -m lessons.short_film SCRIPT.txt FILM.mp4` shoots one. `python -m lessons.short_film
compare` takes one idea of the course away at a time and writes data/ablation.json; cut off, it goes
on where it stopped.

Axes: N shots, one a line of the script; T frames of each; D numbers a frame of a path; M takes of a
shot, of which one is kept; H and W pixels; B frequencies and C columns of a spectrogram.
"""

import dataclasses
import functools
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lessons import audio, captions, training, video
from lessons.checkpoints import write_whole
from lessons.errors import CourseError
from lessons.scene import ACTORS, Scene
from lessons.text_conditioning import encode

LINES = 8             # of a script, at most
TAKES = 32            # of each shot, from which the one is chosen that goes on best
FOOT = 4              # the number of the noise that sets with which foot a shot begins
EDGES = (0.14, 0.86)  # in frame widths: nobody's middle leaves this part of the stage


# The script -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Line:
    """A line of a script: its text as it was written, and the scene that it means."""

    text: str
    scene: Scene
    language: str

    @property
    def told(self):
        """What the model is told: the whole scene, in the plain form of the line's language."""
        return captions.describe(self.scene, language=self.language)


# Who may be meant by a word that names nobody
PRONOUNS = {"he": ("man", "child"), "she": ("woman", "child"), "they": ACTORS,
            "他": ("man", "child"), "她": ("woman", "child")}


def read(script, seed=0):
    """The `Line`s of a script: one text with a line for each shot, or a list of them.

    What a line leaves open is taken from the line before, see `carried`; the first line draws it
    by the seed. Raises CourseError, naming the line, for what cannot be read, and for a script of
    no lines or of more than LINES.
    """
    texts = script.splitlines() if isinstance(script, str) else list(script)
    texts = [text.strip() for text in texts if text.strip()]
    if not 1 <= len(texts) <= LINES:
        raise CourseError(f"The script has {len(texts)} lines: write one to {LINES}, for example "
                          f"'a red man walks' and under it 'then he jumps'.")
    rng, lines = np.random.default_rng([seed, 8]), []
    for number, text in enumerate(texts, 1):
        before = lines[-1].scene if lines else None
        try:
            said = captions.parse(_without_pronoun(text, before))
        except CourseError as error:
            raise CourseError(f"Line {number} of the script: {error}") from None
        lines.append(Line(text, carried(said, before).complete(rng), said.language))
    return lines


def _without_pronoun(text, before):
    """The text without "he" and the like, which must fit whoever was there before."""
    for word in re.findall(r"\b(?:he|she|they)\b|[他她]", text.lower()):
        if not before or before.actor not in PRONOUNS[word]:
            who = f"a {before.actor} was there last" if before else "nobody was there before"
            raise CourseError(f"It says '{word}', but {who}: name the actor.")
    return re.sub(r"\b(?:he|she|they)\b|[他她]", " ", text, flags=re.IGNORECASE)


def carried(said, before):
    """What a line says (`captions.Reading`), and what it leaves open from the scene before it (a
    Scene, or None): who, in which colour, where to, and to which music.

    A colour belongs to its actor: whoever is new does not put on the last one's clothes.
    """
    if before is None:
        return said
    same = said.actor in (None, before.actor)
    return dataclasses.replace(
        said, actor=said.actor or before.actor,
        color=said.color or (before.color if same else None),
        direction=said.direction or before.direction, music=said.music or before.music)


# The shots --------------------------------------------------------------------------------------
@dataclass
class ShortFilm:
    """A film of N shots. lines: N of `Line`; shots: `video.Films`, one of each line, whose sounds
    go on from one to the next; cuts: N of bool, whether the film is cut before the shot."""

    lines: list
    shots: video.Films
    cuts: list

    def save(self, path):
        """Write the film with its subtitles to an .mp4 file, and these once more as text to a
        .vtt file beside it, each whole or not at all."""
        path = Path(path)
        if path.suffix != ".mp4":
            raise CourseError(f"Cannot write '{path.name}': a short film goes to a file whose name "
                              f"ends in .mp4.")
        write_whole(path, mp4(self))
        write_whole(path.with_suffix(".vtt"), subtitles(self).encode())


@torch.no_grad()
def shoot(model, script, seed=0):
    """The `ShortFilm` of a script. model: of `video.load_model`; script: see `read`.

    One noise makes the whole film, so the figure keeps its build and its pace; the content of a
    person's first shot is kept for all later ones. Of each shot TAKES are made, which begin with
    another foot, and the one is kept that goes on best from where the last shot ended.
    """
    lines, rng = read(script, seed), torch.Generator().manual_seed(seed)
    z, noise = (torch.randn(1, n, generator=rng) for n in (video.LATENT, audio.NOISE))
    takes = z.repeat(TAKES, 1)
    takes[:, FOOT] = torch.special.ndtri((torch.arange(TAKES) + 0.5) / TAKES)  # evenly spread
    cast, paths, looks, seconds = {}, [], [], []
    for line in lines:
        ids = encode([line.told])
        made, attention = model.generator.explained(takes, ids.expand(TAKES, -1))
        who = cast.setdefault(person(line), made[:1])                          # (1, T, D)
        best = best_take(paths[-1][-2:], made) if paths else 0
        paths.append(video.recast(who, made[best:best + 1])[0])                # (T, D)
        looks.append(attention[best])
    paths, cuts = staged(torch.stack(paths) * model.spread + model.middle, lines)
    ids = encode([line.told for line in lines])                                # (N, L)
    return ShortFilm(lines, video.Films(
        video=model.autoencoder.films(paths), audio=heard(model, noise, ids, paths),
        captions=[line.told for line in lines], attention=padded(looks, ids.shape[1]),
        words=video.decode(ids)), cuts)


def person(line):
    """Who must stay the same: actor, colour, and where they look, which a path keeps with who is
    there. One noise gives one build, so who turns round is the same person still."""
    return line.scene.actor, line.scene.color, line.scene.direction


def best_take(last, takes):
    """Which take goes on best after the last two frames: last (2, D), takes (M, T, D) -> a number.

        |x[-2] - 2 x[-1] + y[0]|^2 + |x[-1] - 2 y[0] + y[1]|^2,   x the last postures, y the next

    The two second differences across the seam; in a movement that goes on they are small. Only
    postures count: a take can be moved to another place.
    """
    last, takes = last[:, -video.MOTION:], takes[..., -video.MOTION:]
    seam = torch.cat([last.expand(len(takes), -1, -1), takes[:, :2]], 1)       # (M, 4, MOTION)
    return int(seam.diff(n=2, dim=1).square().sum((1, 2)).argmin())


def staged(paths, lines):
    """Give every shot its place on the stage: paths (N, T, D) as the decoder takes them -> the same
    with other places, and cuts, N of bool.

    Where a person goes on, the next shot begins where the last one ended. A cut stands where the
    stage would end too soon, and where somebody else appears; there shots begin anew.
    """
    paths, ways = paths.clone(), paths[..., video.CONTENT]                     # (N, T)
    new = [False] + [a.scene.actor != b.scene.actor or a.scene.color != b.scene.color
                     for a, b in zip(lines, lines[1:], strict=False)]
    groups = together(ways, new)
    for group in groups:
        whole = joined(ways[group])
        room = EDGES[1] - EDGES[0] - (whole.max() - whole.min()).clamp(max=EDGES[1] - EDGES[0])
        share = ((whole[0] - 0.5) * 2).clamp(-0.5, 0.5) + 0.5                  # as the model began
        paths[group, :, video.CONTENT] = EDGES[0] + room * share \
            + (whole - whole.min()).view(len(group), -1)
    starts = {group[0] for group in groups[1:]}
    return paths, [number in starts for number in range(len(paths))]


def together(ways, new):
    """Which shots follow each other without a cut: a list of lists of numbers.

    ways (N, T): places in frame widths; new: N of bool, whether somebody else appears. A shot is
    taken along as long as the whole way since the last cut fits between EDGES.
    """
    groups = [[0]]
    for shot in range(1, len(ways)):
        whole = joined(ways[[*groups[-1], shot]])
        if new[shot] or whole.max() - whole.min() > EDGES[1] - EDGES[0]:
            groups.append([shot])
        else:
            groups[-1].append(shot)
    return groups


def joined(ways):
    """Ways of shots (N, T), each moved so that it goes on where the last one ended: (N T,).

    Between two shots the figure makes the first step of the later one.
    """
    steps = torch.cat([ways[:, 1:2] - ways[:, :1], ways.diff(dim=1)], 1)       # (N, T)
    steps[0, 0] = ways[0, 0]
    return steps.flatten().cumsum(0)


def heard(model, noise, ids, paths):
    """The sound of shots that follow each other: float32 (N, S), or silence for a model without.

    noise (1, audio.NOISE), ids (N, L), paths (N, T, D). Each shot's spectrogram is made by itself,
    but they become one wave, so that no tone breaks off between two shots.
    """
    silence = np.zeros((len(ids), audio.SAMPLES), np.float32)
    if model.sound is None:
        return silence
    paths = (paths - model.sound.middle) / model.sound.spread
    levels = model.sound.generator(noise.expand(len(ids), -1), ids, paths)     # (N, B, C)
    film = levels.transpose(0, 1).flatten(1)[None].float()                     # (1, B, N C)
    return audio.to_wave(film).view(silence.shape).numpy()


def padded(rows, length):
    """Attention (T, l) of several shots, each as long as its caption: one array (N, T, L)."""
    return torch.stack([torch.nn.functional.pad(row, (0, length - row.shape[1]))
                        for row in rows]).numpy()


# Subtitles and files ----------------------------------------------------------------------------
ZOOM = 10    # screen pixels for each pixel of a film
BAND = 80    # screen pixels below the picture, for the words
FADE = (0.55, 0.15)  # how much light the last two frames before a cut keep, and the first two after


def clock(seconds):
    """A moment as WebVTT writes it: 3725.5 -> "01:02:05.500". Source: www.w3.org/TR/webvtt1."""
    millis = round(seconds * 1000)
    return (f"{millis // 3_600_000:02}:{millis // 60_000 % 60:02}:{millis // 1000 % 60:02}"
            f".{millis % 1000:03}")


def subtitles(film, texts=None):
    """Subtitles as WebVTT, a cue a shot. texts: N, by default the lines as they were written."""
    length, cues = film.shots.video.shape[1] / film.shots.fps, ["WEBVTT"]
    for i, text in enumerate(texts or [line.text for line in film.lines]):
        cues.append(f"{clock(i * length)} --> {clock((i + 1) * length)}\n"
                    + text.replace("&", "&amp;").replace("<", "&lt;").replace("-->", "->"))
    return "\n\n".join(cues) + "\n"


def mp4(film, words=True, texts=None):
    """The film as bytes of an mp4 file, with a band for subtitles under the picture.

    words: draw them, or leave the band to a player. texts: as for `subtitles`. A line in letters
    that no font here has is drawn as what it means in English; the .vtt has it as it is.
    """
    from lessons import show  # needs what draws pictures, which nothing above does
    frames = faded(film.shots.video, film.cuts)                                # (N, T, H, W, 3)
    frames = frames.repeat(ZOOM, 2).repeat(ZOOM, 3)
    texts = texts or [line.text for line in film.lines]
    bands = np.stack([_band(text if _font(text) else captions.describe(line.scene),
                            frames.shape[3]) for text, line in zip(texts, film.lines, strict=True)])
    bands = bands[:, None].repeat(frames.shape[1], 1) * np.uint8(words)        # (N, T, BAND, W, 3)
    whole = np.concatenate([frames, bands], 2)
    return show.mp4(whole.reshape(-1, *whole.shape[2:]), film.shots.audio.reshape(-1),
                    film.shots.fps, film.shots.sample_rate, zoom=1)


def faded(video, cuts):
    """Films (N, T, H, W, 3) that fade to black and back around each cut: time has passed."""
    light = np.ones((*video.shape[:2], 1, 1, 1), np.float32)
    for shot in np.flatnonzero(cuts):
        light[shot - 1, -2:, 0, 0, 0] = FADE
        light[shot, :2, 0, 0, 0] = FADE[::-1]
    return (video * light).round().astype(np.uint8)


FONTS = ("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans SC", "WenQuanYi Micro Hei",
         "WenQuanYi Zen Hei", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "SimHei",
         "Arial Unicode MS")


@functools.cache
def _font(text):
    """The file of the first of FONTS on this machine that has every letter of a text, or None."""
    from matplotlib import font_manager, ft2font
    here = {font.name: font.fname for font in font_manager.fontManager.ttflist}
    for name in (name for name in FONTS if name in here):
        font = ft2font.FT2Font(here[name])
        if all(font.get_char_index(ord(letter)) for letter in text):
            return here[name]
    return None


def _band(text, width):
    """A text in white on black, uint8 (BAND, width, 3), in letters as large as there is room."""
    from PIL import Image, ImageDraw, ImageFont
    image = Image.new("RGB", (width, BAND))
    draw = ImageDraw.Draw(image)
    for size in range(24, 9, -1):
        font = ImageFont.truetype(_font(text), size)
        rows = _rows(text, lambda row, font=font: draw.textlength(row, font) <= width - 20)
        if len(rows) * size * 1.25 <= BAND - 8:
            break
    draw.multiline_text((width / 2, BAND / 2), "\n".join(rows), "white", font, "mm",
                        spacing=size * 0.25, align="center")
    return np.array(image)


def _rows(text, fits):
    """A text in rows that fit: broken between words, or anywhere in a text without spaces."""
    words = text.split(" ") if " " in text else list(text)
    glue, rows = " " if " " in text else "", [""]
    for word in words:
        longer = rows[-1] + (glue if rows[-1] else "") + word
        rows = rows[:-1] + [longer] if fits(longer) or not rows[-1] else rows + [word]
    return rows
