"""Lesson 8: a script of one to eight lines becomes one film, with subtitles, sound and one actor.

`python -m lessons.short_film SCRIPT.txt FILM.mp4` shoots one. `python -m lessons.short_film
compare` plays the game with each idea of the course taken away and writes what that costs to
data/ablation.json.

Axes: K shots, one a line, M takes of a shot, of which one is kept, T frames of a shot, H height, W
width, D numbers of a path, L words, B frequencies and C columns of a spectrogram.
"""

import functools
import json
import math
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import display
from matplotlib import font_manager
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle
from PIL import Image, ImageDraw, ImageFont

from lessons import (
    attention,
    audio,
    captions,
    checkpoints,
    measuring,
    show,
    temporal_consistency,
    training,
    video,
)
from lessons.checkpoints import write_whole
from lessons.errors import CourseError
from lessons.scene import Scene
from lessons.text_conditioning import decode, encode
from lessons.theatre import Theatre
from lessons.video import (
    CONTENT,
    LATENT,
    MOTION,
    Films,
    MatchAndSpread,
    PathDiscriminator,
    PathGenerator,
)

LINES = 8     # of a script, at most
TAKES = 32    # of each shot
MARGIN = 0.2  # frame widths on either side that the middle of a figure keeps off
ZOOM = 8      # screen pixels of a pixel
STRIP = 0.2   # height of the subtitles, in frame heights
FADE = (0.15, 0.55)  # how much light the first two frames after a cut have, and the last two before
PRONOUNS = {"he": ("man", "child"), "she": ("woman", "child"), "他": ("man", "child"),
            "她": ("woman", "child")}
# families with Chinese characters that come with the usual systems
CHINESE = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "WenQuanYi Zen Hei",
           "PingFang SC", "Heiti TC", "Microsoft YaHei", "SimHei")


# From a script to shots -------------------------------------------------------------------------
def read_script(text, seed=0):
    """The lines of a script and what each of them shows: a list of strings and one of `Scene`s.

    A line may leave open who it is ("then he runs"), the colour, the direction and the music: it
    takes them from the line before. What the first line leaves open is drawn by chance. Empty lines
    do not count. Raises CourseError for a script without lines or with more than eight, and for a
    line that cannot be read; the sentence says which.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= LINES:
        raise CourseError(f"A script has one to {LINES} lines, one a shot, not {len(lines)}.")
    scenes, rng = [], np.random.default_rng(seed)
    for number, line in enumerate(lines, 1):
        try:
            scenes.append(read_line(line, scenes[-1] if scenes else None, rng))
        except CourseError as error:
            raise CourseError(f"Line {number} of the script: {error}") from None
    return lines, scenes


def read_line(line, before, rng):
    """The `Scene` of a line; `before`: that of the line before, None for the first."""
    named, rest = without_pronoun(line)
    said = captions.parse(rest)
    if before is None:
        return said.complete(rng)
    if named and before.actor not in PRONOUNS[named]:
        raise CourseError(f"'{named}' would be the {before.actor} of the line before: say "
                          f"'a {before.actor}' or name somebody else.")
    return carry_on(before, said)


def without_pronoun(line):
    """A line less "then" and the pronoun that it begins with: (pronoun or None, the rest)."""
    found = re.match(r"\s*(?:then\s+|and\s+|然后|接着)?(?:(he|she)\s+|(他|她))?(.*)", line,
                     re.IGNORECASE | re.DOTALL)
    named = found[1] or found[2]
    return named and named.lower(), found[3]


def carry_on(before, said):
    """The `Scene` that `said` (a Reading) shows, where it leaves something open as it was `before`
    (a Scene)."""
    told = {field: getattr(said, field) or getattr(before, field)
            for field in ("actor", "color", "direction", "music")}
    return Scene(actions=said.actions, **told)


# From shots to a film ---------------------------------------------------------------------------
def cast(paths, scenes):
    """One actor in all shots: paths (K, T, D) of scenes -> the same, each with the content of the
    first shot that has the same actor in the same colour, who looks to the same side.

    Where somebody looks belongs to a path's content: with that of a shot to the other side one
    would see ghosts. One noise gives one build, so who turns round is the same person still.
    """
    looks = [(scene.actor, scene.color, scene.direction) for scene in scenes]
    return video.recast(paths[[looks.index(look) for look in looks]], paths)


def best_take(last, takes):
    """Which take goes on best from the last two frames: last (2, D), takes (M, T, D) -> a number.

        |x[-2] - 2 x[-1] + y[0]|^2 + |x[-1] - 2 y[0] + y[1]|^2,   x the last postures, y the next

    In a movement that goes on, these two second differences across the seam are small (lesson 6).
    Only postures count: where a take stands can be changed.
    """
    last, takes = last[:, -MOTION:], takes[..., -MOTION:]
    seam = torch.cat([last.expand(len(takes), -1, -1), takes[:, :2]], 1)       # (M, 4, MOTION)
    return int(seam.diff(n=2, dim=1).square().sum((1, 2)).argmin())


def best_takes(takes):
    """The take to keep of each shot, (K, M, T, D) -> K numbers: the first one of the first shot,
    and of each other shot the one that goes on best."""
    kept = [0]
    for last, shot in zip(takes, takes[1:], strict=False):
        kept.append(best_take(last[kept[-1], -2:], shot))
    return kept


def stand_where_it_stood(place):
    """Each shot begins where the last one ended, as far as its way has room: (K, T) -> (K, T).

    place: in frame widths, 0 to 1. A way that would leave the stage is moved back as a whole; one
    that is longer than the stage stays as it is.
    """
    moved = [place[0]]
    for way in place[1:]:
        least, most = MARGIN - way.min(), 1 - MARGIN - way.max()
        shift = (moved[-1][-1] - way[0]).clamp(least, most) if least <= most else 0.0
        moved.append(way + shift)
    return torch.stack(moved)


def cuts(place, scenes, step=0.06):
    """Before which shots the film is cut, K of bool: where a figure could not begin where it stood,
    but for a `step` in frame widths, and where it is somebody else. place: (K, T)."""
    same = [(a.actor, a.color) == (b.actor, b.color)
            for a, b in zip(scenes, scenes[1:], strict=False)]
    near = (place[1:, 0] - place[:-1, -1]).abs() <= step
    return [False, *(not (one and other) for one, other in zip(same, near.tolist(), strict=True))]


def subtitle(line, scene, width):
    """A line as white words on a dark strip under a picture: uint8 (width / 5, width, 3).

    Chinese is drawn where the machine has a font for it; where it has none, the strip says in
    English what the scene shows.
    """
    chinese = re.search("[\u4e00-\u9fff]", line)
    font = chinese_font() if chinese else font_file("DejaVu Sans")
    text, between = (line, "" if chinese else " ") if font else (captions.describe(scene), " ")
    strip = Image.new("RGB", (width, round(STRIP * width)), (16, 16, 16))
    draw, size = ImageDraw.Draw(strip), width // 16
    letters = ImageFont.truetype(font or font_file("DejaVu Sans"), size)
    rows = wrap(text.split(between) if between else list(text), between,
                lambda row: draw.textlength(row, letters), 0.94 * width)
    draw.multiline_text((width / 2, strip.height / 2), "\n".join(rows), "white", letters,
                        anchor="mm", align="center")
    return np.asarray(strip)


def language(line):
    """In which language a line of a script is, "en" or "zh"."""
    return captions.parse(without_pronoun(line)[1]).language


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


def font_file(family):
    """Where the font of a family is, None where the machine has none."""
    try:
        return font_manager.findfont(family, fallback_to_default=False)
    except ValueError:
        return None


@functools.cache
def chinese_font():
    """The file of the first of CHINESE that the machine has, None where it has none."""
    return next(filter(None, map(font_file, CHINESE)), None)


def clock(seconds):
    """A moment as subtitles have it: 3725.5 -> "01:02:05.500"."""
    thousandths = round(1000 * seconds)
    return (f"{thousandths // 3_600_000:02}:{thousandths // 60_000 % 60:02}:"
            f"{thousandths // 1000 % 60:02}.{thousandths % 1000:03}")


def fade(video, before):
    """Films (K, T, H, W, 3) of which one turns dark and the next bright again at a cut: time has
    passed. before: K of bool, of `cuts`."""
    light = np.ones((*video.shape[:2], 1, 1, 1), np.float32)
    for k in np.flatnonzero(before):
        light[k, :2, 0, 0, 0], light[k - 1, -2:, 0, 0, 0] = FADE, FADE[::-1]
    return (video * light).round().astype(np.uint8)


@dataclass
class ShortFilm:
    """A film of K shots. video: uint8 (K T, H, W, 3); audio: float32 (samples,), -1 to 1; lines: K
    strings; scenes: what each shot shows; cuts: K of bool, see `cuts`; shots: the same as `Films`,
    shot by shot, each with the caption that the model was given."""

    video: np.ndarray
    audio: np.ndarray
    lines: list
    scenes: list
    cuts: list
    shots: Films

    def frames(self, words=True):
        """The pictures as they are played, enlarged, dark around cuts, and with subtitles, or with
        an empty strip: uint8 (K T, H', W', 3)."""
        strips = [subtitle(line if words else "", scene, self.video.shape[2] * ZOOM)
                  for line, scene in zip(self.lines, self.scenes, strict=True)]
        shots = fade(self.shots.video, self.cuts)
        return np.stack([np.concatenate([frame.repeat(ZOOM, 0).repeat(ZOOM, 1), strip])
                         for shot, strip in zip(shots, strips, strict=True) for frame in shot])

    def mp4(self, words=True):
        """The film as bytes of an mp4 file (H.264 and AAC); words: as for `frames`."""
        return show.mp4(self.frames(words), self.audio, self.shots.fps, self.shots.sample_rate,
                        zoom=1)

    def subtitles(self):
        """The lines as subtitles in a text file (WebVTT), each as long as its shot."""
        length = self.shots.video.shape[1] / self.shots.fps
        cues = [f"{clock(k * length)} --> {clock((k + 1) * length)}\n{line}"
                for k, line in enumerate(self.lines)]
        return "\n\n".join(["WEBVTT", *cues]) + "\n"

    def save(self, path):
        """Write the film to a file whose name ends in .mp4, and its subtitles once more as text to
        a .vtt file beside it, each whole or not at all."""
        if Path(path).suffix != ".mp4":
            raise CourseError(f"Cannot write '{path}': a short film is a file whose name ends in "
                              f".mp4.")
        write_whole(path, self.mp4())
        write_whole(Path(path).with_suffix(".vtt"), self.subtitles().encode())


def play(film):
    """Display a `ShortFilm` as a player with sound, under it its script. The browser draws the
    subtitles into the empty strip, since it has letters for every language."""
    display(show.player(film.mp4(words=False), " / ".join(film.lines), film.subtitles()))


@torch.no_grad()
def shoot(model, script, seed=0):
    """The `ShortFilm` of a script, one shot of two seconds a line.

    All shots have one noise: the same actor in the same clothes, who plays to the same tune. Only
    the words differ, and with which foot a shot begins, which is chosen so that the movement goes
    on. A script whose end is changed gives the same film up to there. model: of `video.load_model`;
    raises what `read_script` raises.
    """
    lines, scenes = read_script(script, seed)
    spoken = [captions.describe(scene, language=language(line))
              for line, scene in zip(lines, scenes, strict=True)]
    rng, device = torch.Generator().manual_seed(seed), model.middle.device
    z, noise = (torch.randn(1, n, generator=rng) for n in (LATENT, audio.NOISE))
    z = z.repeat(len(lines) * TAKES, 1)
    feet = torch.special.ndtri((torch.arange(TAKES) + 0.5) / TAKES)            # evenly spread
    z[:, temporal_consistency.FOOT] = feet.repeat(len(lines))
    ids, kept = encode(spoken).to(device), torch.arange(len(lines))            # (K, L)
    with training.mixed_precision(device):
        made = model.generator.explained(z.to(device), ids.repeat_interleave(TAKES, 0))
        made = model.generator.explained(z.to(device), ids.repeat_interleave(TAKES, 0))
        paths, attention = (part.float().unflatten(0, (-1, TAKES)) for part in made)
        best = best_takes(paths)
        paths = cast(paths[kept, best] * model.spread + model.middle, scenes)  # (K, T, D)
        paths[..., CONTENT] = stand_where_it_stood(paths[..., CONTENT])
        wave = soundtrack(model.sound, noise.to(device), ids, paths)           # (K samples,)
    films = model.autoencoder.films(paths)                                     # (K, T, H, W, 3)
    shots = Films(video=films, audio=wave.reshape(len(lines), -1), captions=spoken,
                  attention=attention[kept, best].cpu().numpy(), words=decode(ids.cpu()))
    return ShortFilm(films.reshape(-1, *films.shape[2:]), wave, lines, scenes,
                     cuts(paths[..., CONTENT], scenes), shots)


def soundtrack(sound, noise, ids, paths):
    """The sound of K shots, one after the other: float32 (samples,).

    sound: an `audio.SoundMaker`, or None for silence; noise (1, audio.NOISE), ids (K, L), paths
    (K, T, D). The shots' spectrograms become one wave, so that no tone breaks off between them and
    a film that is too loud is turned down as a whole.
    """
    if sound is None:
        return np.zeros(len(ids) * audio.SAMPLES, np.float32)
    levels = sound.generator(noise.expand(len(ids), -1), ids,
                             (paths - sound.middle) / sound.spread)            # (K, B, C)
    return audio.to_wave(levels.float().cpu().transpose(0, 1).flatten(1)[None])[0].numpy()


# What is each idea of the course worth? ---------------------------------------------------------
class SeesNoCaption(PathDiscriminator):
    """Lesson 4's discriminator, to which every caption is the same single word."""

    def forward(self, paths, ids, *_):
        return super().forward(paths, torch.ones_like(ids[:, :1]))


def without_attention():
    """Lesson 4's networks with one vector of the sentence in the place of attention."""
    return attention.variant("sentence vector only", PathGenerator(), PathDiscriminator())


# what is taken away -> the two networks, and what is added to their losses
GAMES = {
    "nothing": (None, MatchAndSpread()),
    # without the energy score, which compares films of one caption and so teaches words as well
    "3 · D sees the caption": (lambda: (PathGenerator(), SeesNoCaption()),
                               MatchAndSpread(match=0, spread=0)),
    "4 · a path through time": (
        lambda: (temporal_consistency.without_path(), PathDiscriminator()), MatchAndSpread()),
    "4 · energy score": (None, MatchAndSpread(spread=0)),
    "5 · attention": (without_attention, MatchAndSpread()),
    "6 · D sees changes": (lambda: (PathGenerator(), temporal_consistency.FramesOnly()),
                           temporal_consistency.OfFrames()),
}
# the same for sound, all with the films of the first: one of `audio.VARIANTS`
SOUNDS = {"nothing": "shipped", "7 · D hears sound and path": "sound alone"}


def measured(film, n=384, seed=60_000):
    """The numbers of a row, as a dict of floats: some of `measuring.score`, and "jerk"; where the
    films have sound, "sync share" and "music". film(texts, count, seed) -> films, `count` of each
    caption in a row."""
    scores = measuring.score(lambda *wish: film(*wish).video, n, seed)
    scenes = measuring.all_scenes(n, seed)
    made = film([captions.describe(scene) for scene in scenes], 1, seed)
    real = Theatre().film(scenes, seed)
    jerks = [float(temporal_consistency.jerk(temporal_consistency.places(clips.video)).mean())
             for clips in (made, real)]
    row = {"obeyed": scores["train"], "held out": scores["heldout"], "two": scores["train two"],
           "realism": scores["frechet"] / scores["floor"], "variety": scores["variety of place"],
           "dynamics": scores["dynamics"], "flicker": scores["flicker"],
           "jerk": jerks[0] / jerks[1]}
    if made.audio.any():
        sound = audio.measured(made, scenes, seed)
        row |= {"sync": sound["sync share"], "music": sound["music"]}
    return {name: round(value, 4) for name, value in row.items()}


def real_films(texts, count=1, seed=0):
    """`Clips` of the theatre that show captions, `count` of each: the ceiling of the table."""
    scenes = [captions.parse(text).complete(np.random.default_rng(seed)) for text in texts]
    return Theatre().film([scene for scene in scenes for _ in range(count)], seed + 10)


def real_films_of_others(texts, count=1, seed=0):
    """As `real_films`, but each caption with the films of the one before, and each film with the
    sound of another: the floor of the table."""
    clips = real_films(texts[-1:] + texts[:-1], count, seed)
    return replace(clips, audio=np.roll(clips.audio, 2, axis=0))


# what the rows stand between
REFERENCES = {"real films": real_films, "real films of other captions": real_films_of_others}


def compare(steps=1200, seeds=3, films=8000, found=None, write=None):
    """Play without each idea on one budget, seed by seed; returns what was measured, a dict.

    "steps"; "references": name of REFERENCES -> `measured`'s dict; and "ideas": name of GAMES or
    SOUNDS -> a list with such a dict a seed, and its "seed". found: what was measured before, to go
    on from; write(found): called after each game.
    """
    if not found or found["steps"] != steps:
        found = {"steps": steps, "ideas": {name: [] for name in GAMES | SOUNDS},
                 "references": {name: measured(film) for name, film in REFERENCES.items()}}
    left = [(seed, name) for seed in range(seeds) for name in GAMES
            if seed not in [row["seed"] for row in found["ideas"][name]]]
    if not left:
        return found
    model = video.load_model("theatre", sound=False)
    material, tapes = attention.material(model, films), audio.world(films)
    for seed, name in left:
        networks, extra = GAMES[name]
        run = video.train_paths(*material, networks=networks, extra=extra, seed=seed, steps=steps)
        model.generator = run.average.eval()
        for row, kind in (SOUNDS if name == "nothing" else {name: None}).items():
            model.sound = kind and heard(tapes, kind, seed, steps)
            scores = measured(functools.partial(video.film, model))
            found["ideas"][row].append({"seed": seed} | scores)
        if write:
            write(found)
    return found


def heard(tapes, kind, seed, steps):
    """The sound of a game of lesson 7, of one of `audio.VARIANTS`. tapes: of `audio.world`."""
    waves, paths, *said = tapes
    middle, spread = audio.scale_of(paths)
    run = audio.train_sound(waves, (paths - middle) / spread, *said, variant=kind, seed=seed,
                            steps=steps)
    return audio.made_of(run, paths)


def clear(whole, without):
    """Do two lists of numbers, one a seed, lie apart? True where every number of the one is above
    every number of the other; what overlaps may be chance."""
    return min(whole) > max(without) or max(whole) < min(without)


# what is measured -> heading, and whether it is a share (1 is best) or a ratio to real films
COLUMNS = {"obeyed": ("captions\nobeyed", True), "held out": ("held-out\ncaptions", True),
           "two": ("two\nactions", True), "realism": ("Fréchet\n/ floor", False),
           "variety": ("variety\nof place", False), "dynamics": ("motion\n/ real", False),
           "flicker": ("flicker\n/ real", False), "jerk": ("jerk\n/ real", False),
           "sync": ("steps in time,\nabove luck", True), "music": ("music\nas asked", True)}


def loss(key, value):
    """How much is lost, 0 (as real films) to 1 (all, or off by a factor of three)."""
    if COLUMNS[key][1]:
        return 1 - min(1.0, max(0.0, value))
    return min(1.0, abs(math.log(max(value, 1e-3))) / math.log(3))


def draw(found):
    """The table of the whole course as a figure. found: of `compared`.

    A row for each idea that is taken away, between those of real films; a column for each number:
    the mean over the seeds, below it their range. The darker a cell, the further from real films; a
    frame marks what lies apart from the row with all ideas (`clear`).
    """
    first, last = REFERENCES
    rows = {first: [found["references"][first]]}
    rows |= {f"without {name}" if name != "nothing" else "all ideas": row
             for name, row in found["ideas"].items()} | {last: [found["references"][last]]}
    fig, ax = plt.subplots(figsize=(12, 0.62 * len(rows) + 1.2))
    paint = LinearSegmentedColormap.from_list("loss", ["white", show.ORANGE])
    for y, (name, measures) in enumerate(rows.items()):
        ax.text(-0.15, y, name, ha="right", va="center",
                style="italic" if name in REFERENCES else "normal")
        for x, key in enumerate(COLUMNS):
            values = [row[key] for row in measures if key in row]
            if values:
                whole = [row[key] for row in rows["all ideas"]]
                _cell(ax, x, y, key, values, paint,
                      name.startswith("without") and clear(whole, values))
    for x, (heading, _) in enumerate(COLUMNS.values()):
        ax.text(x + 0.5, -0.85, heading, ha="center", va="center", fontsize=9)
    ax.set(xlim=(-2.9, len(COLUMNS)), ylim=(len(rows) - 0.4, -1.3))
    ax.axis("off")
    return fig


def _cell(ax, x, y, key, values, paint, apart):
    digits = ".0%" if COLUMNS[key][1] else ".0f" if max(values) >= 10 else ".2f"
    form = f"{{:{digits}}}".format
    mean = sum(values) / len(values)
    ax.add_patch(Rectangle((x + 0.04, y - 0.44), 0.92, 0.88, facecolor=paint(loss(key, mean)),
                           edgecolor="#222222" if apart else "#dddddd",
                           linewidth=1.8 if apart else 0.8))
    many = form(min(values)) != form(max(values))
    ax.text(x + 0.5, y - 0.1 * many, form(mean), ha="center", va="center", fontsize=10,
            fontweight="bold" if apart else "normal")
    if many:
        ax.text(x + 0.5, y + 0.25, f"{form(min(values))} to {form(max(values))}", ha="center",
                va="center", fontsize=6.5)


def compared():
    """What `python -m lessons.short_film` found, as `compare` describes it."""
    return json.loads((checkpoints.DATA / "ablation.json").read_text(encoding="utf-8"))


def main(arguments=None):
    """Shoot a script; or compare, and write what was found to data/ablation.json, game by game;
    what was cut goes on where it stopped. Returns the exit code."""
    names = sys.argv[1:] if arguments is None else arguments
    try:
        if names == ["compare"]:
            path = checkpoints.DATA / "ablation.json"
            compare(found=compared() if path.exists() else None, write=lambda found:
                    write_whole(path, (json.dumps(found) + "\n").encode()))
        elif len(names) == 2:
            film = shoot(video.load_model("theatre"), script_of(names[0]))
            film.save(names[1])
            print(f"{names[1]}: {len(film.lines)} shots")
        else:
            raise CourseError("Say what to shoot: python -m lessons.short_film SCRIPT.txt FILM.mp4"
                              ", or compare.")
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def script_of(path):
    """The text of a script's file. Raises CourseError where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise CourseError(f"Cannot read a script from '{path}': give a text file in UTF-8 with one "
                          f"line for each shot.") from None


if __name__ == "__main__":
    sys.exit(main())
