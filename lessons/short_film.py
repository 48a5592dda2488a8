"""Lesson 8: a script of a few lines becomes one film, with one cast, sound and subtitles.

`python -m lessons.short_film SCRIPT.txt FILM.mp4` shoots one. `python -m lessons.short_film
compare` takes one idea of the course away at a time and writes data/ablation.json; cut off, it goes
on where it stopped.

Axes: N shots, one a line of the script; T frames of each; D numbers a frame of a path; M takes of a
shot, of which one is kept; H and W pixels; B frequencies and C columns of a spectrogram.
"""

import dataclasses
import functools
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from lessons import attention, audio, captions, checkpoints, measuring, temporal_consistency, video
from lessons.checkpoints import write_whole
from lessons.errors import CourseError
from lessons.scene import ACTORS, MUSIC, Scene
from lessons.text_conditioning import Wordings, encode
from lessons.theatre import Theatre

LINES = 8             # of a script, at most
TAKES = 32            # of each shot, from which the one is chosen that goes on best
FOOT = 4              # the number of the noise that sets with which foot a shot begins
EDGES = (0.17, 0.83)  # in frame widths: nobody's middle leaves this part of the stage


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
    cast, paths, looks = {}, [], []
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
    return torch.stack([F.pad(row, (0, length - row.shape[1])) for row in rows]).numpy()


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
    here = {font.name for font in font_manager.fontManager.ttflist}
    for path in (font_manager.findfont(name) for name in FONTS if name in here):
        font = ft2font.FT2Font(path)
        if all(font.get_char_index(ord(letter)) for letter in text):
            return path
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


def player(film, texts=None):
    """The film as an HTML element. Its subtitles are text, which the browser draws in the band, so
    that every script has its letters. texts: as for `subtitles`."""
    from lessons import show
    return show.video_html(mp4(film, words=False), " / ".join(
        texts or [line.text for line in film.lines]), subtitles(film, texts))


# Is it one film? --------------------------------------------------------------------------------
def judged(film):
    """What judges who see and hear each shot by itself say of a film, a dict.

    "obeyed", "music": N of bool, whether a shot shows, and sounds, all that its line says; "same":
    whether each person has one actor and one colour in all shots; "step": for each shot that goes
    on without a cut, how far its figure is from where it stood one frame before, in pixels (who
    runs makes 1.6 a frame). The judge has never seen anybody who stands at the edge, so every shot
    is moved to the middle of the stage, as a whole, before it is read.
    """
    places = temporal_consistency.places(film.shots.video)                     # (N, T)
    middle = film.shots.video.shape[3] / 2 - (places.amin(1) + places.amax(1)) / 2
    read = measuring.read_clips(measuring.clip_judge(), np.stack(
        [np.roll(shot, round(float(by)), 2)
         for shot, by in zip(film.shots.video, middle, strict=True)]))
    music = audio.read_sounds(audio.sound_judge(), film.shots.audio)["music"].argmax(1)
    scenes = [line.scene for line in film.lines]
    people = [(scene.actor, scene.color) for scene in scenes]
    seen = zip(people, read["actor"].argmax(1).tolist(), read["color"].argmax(1).tolist(),
               strict=True)
    return {"obeyed": (measuring.obeyed(read, film.shots.captions)["all"] > 0).tolist(),
            "music": (music == audio.kinds_of(scenes)).tolist(),
            "same": len(set(seen)) == len(set(people)),
            "step": [float(abs(places[i, 0] - places[i - 1, -1])) for i in range(1, len(scenes))
                     if not film.cuts[i]]}


def write_scripts(n, seed=0):
    """n scripts by chance, of LINES lines each: the first names everything, the others only what
    happens, and now and then where to or to which music."""
    rng, scripts = np.random.default_rng([seed, 9]), []
    for scene in Theatre.scenes(n, seed):
        lines = [captions.describe(scene)]
        for verb in rng.choice(["stands", "walks", "runs", "jumps", "waves"], LINES - 1):
            where = rng.choice(["", "", " to the left", " to the right"])
            tune = rng.choice(["", "", "", " without music", " with calm music"])
            lines.append(f"then {verb}{where}{tune}")
        scripts.append(lines)
    return scripts


def continuity(model, n=32, seed=0):
    """What is left of continuity in films of n scripts of `write_scripts`, a dict of floats.

    Shares of the shots that are "obeyed" and whose "music" is right, and of the films in which
    everybody stays the "same"; "cuts" a film; the mean and the largest "step" at a seam.
    """
    films = [shoot(model, script, seed + i) for i, script in enumerate(write_scripts(n, seed))]
    found = [judged(film) for film in films]
    steps = [step for row in found for step in row["step"]]
    return {"obeyed": float(np.mean([row["obeyed"] for row in found])),
            "music": float(np.mean([row["music"] for row in found])),
            "same": float(np.mean([row["same"] for row in found])),
            "cuts": float(np.mean([sum(film.cuts) for film in films])),
            "step": float(np.mean(steps)), "largest step": max(steps)}


# Which idea does what? --------------------------------------------------------------------------
class Unread(video.PathDiscriminator):
    """Lesson 4's discriminator under a caption that is always the same: it cannot read."""

    def forward(self, paths, ids, *_):
        return super().forward(paths, torch.ones_like(ids[:, :1]))


@dataclass(frozen=True)
class Without:
    """The course's model without one idea: the lesson of the idea, the generator and discriminator
    of the game over paths, what is added to its losses, and which of `audio.VARIANTS` sounds."""

    lesson: int
    networks: object
    extra: object
    sound: str = "shipped"


def _of_lesson_6(name, lesson=6):
    generator, discriminator, extra = temporal_consistency.VARIANTS[name]
    return Without(lesson, lambda: (generator(), discriminator()), extra())


def _whole():
    return video.PathGenerator(), video.PathDiscriminator()


ALL = "all ideas"
ABLATION = {
    ALL: Without(0, _whole, video.MatchAndSpread()),
    # the energy score compares films of one caption, so it would teach the words as well
    "no loss reads the words": Without(
        3, lambda: (video.PathGenerator(), Unread()), video.MatchAndSpread(match=0, spread=0)),
    "no path: noise anew in each frame": _of_lesson_6("noise anew in each frame", 4),
    "no energy score": Without(4, _whole, video.MatchAndSpread(spread=0)),
    "no attention: a sentence vector": Without(
        5, lambda: attention.variant("sentence vector only", *_whole()), video.MatchAndSpread()),
    "no look at time: frames only": _of_lesson_6("frames only"),
    "sound judged without its picture": Without(7, _whole, video.MatchAndSpread(), "sound alone"),
}

# key -> (title, whether it is a share, the value of chance, that of real films); None: measured
MEASURES = {
    "train": ("captions\nobeyed", True, None, None),
    "train two": ("two actions\nin order", True, None, None),
    "realism": ("realism\nfloor / Fréchet", False, 0, 1),
    "variety": ("variety\n/ real", False, 0, 1),
    "dynamics": ("motion\n/ real", False, 0, 1),
    "flicker": ("flicker\n/ real", False, 0, 1),
    "inside": ("steady\nsteps", True, 0, None),
    "sync": ("sound\nin time", True, None, None),
    "music": ("music\nas asked", True, 1 / len(MUSIC), None),
}


def measured(model, n=256, seed=20_000):
    """The numbers of MEASURES for a `video.FilmMaker`, and with them what chance and real films
    reach: three dicts.

    "variety" is the mean of those of place and phase. "inside" is the share of cadence curves in
    the band of real ones.
    """
    torch.manual_seed(seed)  # for noise that is drawn anew in each frame
    scenes, judge = Theatre.scenes(n, seed), measuring.clip_judge()
    texts = [captions.describe(scene) for scene in scenes]
    scores = measuring.score(lambda *wish: video.film(model, *wish, sound=False).video, n, seed)
    scores |= audio.measured(video.film(model, texts, 1, seed), scenes, seed)
    scores["realism"] = scores["floor"] / scores["frechet"]
    scores["variety"] = (scores["variety of place"] + scores["variety of phase"]) / 2
    change = temporal_consistency.change_scenes(n)
    films = {"inside": video.film(model, [captions.describe(scene) for scene in change], 1, seed,
                                  sound=False).video, "real": Theatre().film(change, seed).video}
    curves = {name: temporal_consistency.read_cadence(temporal_consistency.phase_judge(), film)
              for name, film in films.items()}
    inside = {name: float(temporal_consistency.inside(curve, *temporal_consistency.band()).float()
                          .mean()) for name, curve in curves.items()}
    real = measuring.read_clips(judge, Theatre().film(scenes, seed + 1).video)
    two = torch.tensor([len(scene.actions) == 2 for scene in scenes])
    own, others = (measuring.obeyed(real, said)["all"]
                   for said in (texts, texts[1:] + texts[:1]))
    chance = {"train": others.mean(), "train two": others[two].mean(),
              "sync": scores["sync shuffled"]}
    ceiling = {"train": own.mean(), "train two": own[two].mean(), "inside": inside["real"],
               "sync": scores["sync real"],
               "music": checkpoints.listed("sound_judge.safetensors")["scores"]["train music"]}
    return ({name: float((scores | inside)[name]) for name in MEASURES},
            {name: float(chance.get(name, low)) for name, (_, _, low, _) in MEASURES.items()},
            {name: float(ceiling.get(name, high)) for name, (_, _, _, high) in MEASURES.items()})


def material(model, films):
    """What the games are played with: of so many real films, two of each scene, the standardised
    paths (M, T, D), the `Wordings` of the scenes, the sounds (M, S) and the kinds of music. The
    model's `middle` and `spread` become those of these paths."""
    scenes = Theatre.scenes(films // 2, 0)
    both, paths, waves = video.twice(scenes), [], []
    for i in range(0, films, 500):
        real = Theatre().film(both[i:i + 500], i)
        paths.append(model.autoencoder.paths(real.video))
        waves.append(torch.from_numpy(real.audio).half())
    paths = torch.cat(paths)
    model.middle, model.spread = audio.scale_of(paths)
    return ((paths - model.middle) / model.spread, Wordings(scenes), torch.cat(waves),
            audio.kinds_of(scenes))


def compare(steps=700, seeds=3, films=8000, n=256, folder="runs/ablation", found=None, write=None):
    """Train the course's model without each idea of ABLATION on one budget, seed by seed; returns
    what was measured, a dict.

    "steps", "chance", "ceiling" and "rows": name -> a list with a dict a seed: the numbers of
    `measured` for n captions, and "seed". The shipped decoder paints the frames; both games, over
    paths and over sounds, are played anew with `steps` steps each. folder: where their checkpoints
    go, so that one which was cut off goes on. found: what was measured before. write(found): called
    after each row.
    """
    if not found or found["steps"] != steps:
        found = {"steps": steps, "chance": {}, "ceiling": {},
                 "rows": {name: [] for name in ABLATION}}
    left = [(seed, name) for seed in range(seeds) for name in ABLATION
            if seed not in [row["seed"] for row in found["rows"][name]]]
    if not left:
        return found
    model = video.load_model("theatre")
    paths, wordings, waves, kinds = material(model, films)
    for seed, name in left:
        idea, place = ABLATION[name], Path(folder) / f"{steps} steps" / f"seed {seed}"
        own = ALL if idea.sound != "shipped" else name  # its pictures are those of all ideas
        model.generator = video.train_paths(
            paths, wordings, place / own.split(":")[0], networks=idea.networks, extra=idea.extra,
            seed=seed, steps=steps).average.eval()
        model.sound = audio.made_of(audio.train_sound(
            waves, paths, wordings, kinds, place / f"sound {idea.sound}", variant=idea.sound,
            seed=seed, steps=steps), paths * model.spread + model.middle)
        row, found["chance"], found["ceiling"] = measured(model, n)
        found["rows"][name].append({key: round(value, 4) for key, value in row.items()}
                                   | {"seed": seed})
        if write:
            write(found)
    return found


def share_of_way(value, chance, ceiling):
    """How far a number got from what chance reaches to what real films reach, 0 to 1.

        (value - chance) / (ceiling - chance),   and beyond the ceiling: ceiling / value

    More motion than real films have is as wrong as less. Numbers, or arrays of them.
    """
    way = (value - chance) / (ceiling - chance)
    beyond = ceiling / np.maximum(value, ceiling)
    return np.clip(np.where(value > ceiling, beyond, way), 0, 1)


def worse(these, those):
    """Whether every one of these numbers is below every one of those: what no seed explains."""
    return bool(np.max(these) < np.min(those))


def draw_ablation(found):
    """Show what `compare` found: a row for each idea that is missing, a column for each measure.

    A bar goes from chance to real films, a dot on it is a seed. It is orange where all seeds are
    worse than all of the model with all ideas.
    """
    import matplotlib.pyplot as plt

    from lessons import show
    names = [name for name, rows in found["rows"].items() if rows]
    fig, ax = plt.subplots(figsize=(12.2, 0.62 * len(names) + 1.2))
    lost = {}
    for x, (key, (title, share, _, _)) in enumerate(MEASURES.items()):
        ends = found["chance"][key], found["ceiling"][key]
        ax.text(x + 0.4, -1.15, title, ha="center", va="center", fontsize=9)
        ax.text(x + 0.4, -0.68, " to ".join(_number(end, share) for end in ends), ha="center",
                va="center", fontsize=7.5, color="#666666")
        ways = {name: [float(share_of_way(row[key], *ends)) for row in found["rows"][name]]
                for name in names}
        for y, name in enumerate(names):
            bad = worse(ways[name], ways[ALL])
            lost.setdefault(name, []).extend([title.replace("\n", " ")] * bad)
            mean = np.mean([row[key] for row in found["rows"][name]])
            ax.text(x + 0.4, y - 0.12, _number(mean, share), ha="center", va="center", fontsize=10,
                    weight="bold" if bad else "normal")
            for way, color in ((1, "#dddddd"), (np.mean(ways[name]),
                                                show.ORANGE if bad else show.BLUE)):
                ax.plot([x, x + 0.8 * way], [y + 0.22, y + 0.22], color=color, linewidth=5,
                        solid_capstyle="butt")
            ax.plot([x + 0.8 * way for way in ways[name]], [y + 0.22] * len(ways[name]), "o",
                    color="black", markersize=2.5)
    for y, name in enumerate(names):
        lesson = f"lesson {ABLATION[name].lesson} · " if ABLATION[name].lesson else ""
        ax.text(-0.15, y, lesson + name.replace(": ", ":\n"), ha="right", va="center", fontsize=10)
    ax.axhline(0.5, color="#999999", linewidth=0.6)
    ax.set(xlim=(-3.6, len(MEASURES)), ylim=(len(names) - 0.5, -1.5))
    ax.axis("off")
    show.figure(fig, f"What is lost without each idea, {found['steps']} steps: " + "; ".join(
        f"{name}: {', '.join(titles) or 'nothing'}" for name, titles in lost.items()) + ".")


def _number(value, share):
    return f"{value:.0%}" if share else f"{value:.2g}" if value else "0"


def compared():
    """What `python -m lessons.short_film compare` found, as `compare` describes it."""
    return json.loads((checkpoints.DATA / "ablation.json").read_text(encoding="utf-8"))


def main(arguments=None):
    """Shoot a script, or compare the ideas of the course; returns the exit code."""
    names = sys.argv[1:] if arguments is None else arguments
    try:
        if names == ["compare"]:
            path = checkpoints.DATA / "ablation.json"
            compare(found=compared() if path.exists() else None, write=lambda found:
                    write_whole(path, (json.dumps(found) + "\n").encode()))
        elif len(names) == 2:
            film = shoot(video.load_model("theatre"), _text(names[0]))
            film.save(names[1])
            print(f"{names[1]}: {len(film.lines)} shots, {sum(film.cuts)} cuts.")
        else:
            raise CourseError("Say what to shoot and where to: python -m lessons.short_film "
                              "SCRIPT.txt FILM.mp4, or compare.")
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _text(path):
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise CourseError(f"Cannot read a script from '{path}': give a text file in UTF-8 with one "
                          f"line for each shot.") from None


if __name__ == "__main__":
    sys.exit(main())
