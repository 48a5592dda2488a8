"""Lesson 8: a script of one to eight lines becomes one film, with subtitles, sound and one actor.

`python -m lessons.short_film` plays the game with each idea of the course taken away and writes
what that costs to data/ablation.json.

Axes: K shots, one a line, T frames of a shot, H height, W width, D numbers of a path, L words.
"""

import functools
import json
import math
import re
from dataclasses import dataclass
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
from lessons.video import CONTENT, LATENT, Films, MatchAndSpread, PathDiscriminator, PathGenerator

LINES = 8     # of a script, at most
MARGIN = 0.2  # frame widths on either side that the middle of a figure keeps off
ZOOM = 8      # screen pixels of a pixel
STRIP = 0.2   # height of the subtitles, in frame heights
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
def cast(paths):
    """One actor for all shots: paths (K, T, D) -> the same, with the content of the first shot."""
    return video.recast(paths[:1].expand_as(paths), paths)


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


def subtitle(line, scene, width):
    """A line as white words on a dark strip under a picture: uint8 (width / 5, width, 3).

    Chinese is drawn where the machine has a font for it; where it has none, the strip says in
    English what the scene shows.
    """
    font = chinese_font() if language(line) == "zh" else font_file("DejaVu Sans")
    text = line if font else captions.describe(scene)
    strip = Image.new("RGB", (width, round(STRIP * width)), (16, 16, 16))
    draw, size = ImageDraw.Draw(strip), width // 16
    letters = ImageFont.truetype(font or font_file("DejaVu Sans"), size)
    words = text.split(" ") if " " in text else list(text)
    rows = wrap(words, " " if " " in text else "", lambda row: draw.textlength(row, letters),
                0.94 * width)
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


@dataclass
class ShortFilm:
    """A film of K shots. video: uint8 (K T, H, W, 3); audio: float32 (samples,), -1 to 1; lines: K
    strings; scenes: what each shot shows; shots: the same as `Films`, shot by shot, each with the
    caption that the model was given."""

    video: np.ndarray
    audio: np.ndarray
    lines: list
    scenes: list
    shots: Films

    def frames(self):
        """The pictures as they are played, enlarged and with subtitles: uint8 (K T, H', W', 3)."""
        strips = [subtitle(line, scene, self.video.shape[2] * ZOOM)
                  for line, scene in zip(self.lines, self.scenes, strict=True)]
        T = len(self.video) // len(self.lines)
        return np.stack([np.concatenate([frame.repeat(ZOOM, 0).repeat(ZOOM, 1), strips[i // T]])
                         for i, frame in enumerate(self.video)])

    def mp4(self):
        """The film as bytes of an mp4 file (H.264 and AAC)."""
        return show.mp4(self.frames(), self.audio, self.shots.fps, self.shots.sample_rate, zoom=1)

    def save(self, path):
        """Write the film to a file whose name ends in .mp4, whole or not at all."""
        if Path(path).suffix != ".mp4":
            raise CourseError(f"Cannot write '{path}': a short film is a file whose name ends in "
                              f".mp4.")
        write_whole(path, self.mp4())


def play(film):
    """Display a `ShortFilm` as a player with sound, under it its script."""
    display(show.player(film.mp4(), " / ".join(film.lines)))


@torch.no_grad()
def shoot(model, script, seed=0):
    """The `ShortFilm` of a script, one shot of two seconds a line.

    All shots have one noise: the same actor in the same clothes, who plays to the same tune. Only
    the words differ, so a line that is not changed gives the same movement again. model: of
    `video.load_model`; raises what `read_script` raises.
    """
    lines, scenes = read_script(script, seed)
    spoken = [captions.describe(scene, language=language(line))
              for line, scene in zip(lines, scenes, strict=True)]
    rng, device = torch.Generator().manual_seed(seed), model.middle.device
    z, noise = (torch.randn(1, n, generator=rng).expand(len(lines), -1).to(device)
                for n in (LATENT, audio.NOISE))
    ids = encode(spoken).to(device)                                            # (K, L)
    with training.mixed_precision(device):
        paths, attention = model.generator.explained(z, ids)
        paths = cast(paths.float() * model.spread + model.middle)              # (K, T, D)
        paths[..., CONTENT] = stand_where_it_stood(paths[..., CONTENT])
        waves = model.sound(noise, ids, paths)                                 # (K, S)
    films = model.autoencoder.films(paths)                                     # (K, T, H, W, 3)
    shots = Films(video=films, audio=waves.numpy(), captions=spoken,
                  attention=attention.float().cpu().numpy(), words=decode(ids))
    return ShortFilm(films.reshape(-1, *films.shape[2:]), waves.flatten().numpy(), lines, scenes,
                     shots)


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
    "3 · D sees the caption": (lambda: (PathGenerator(), SeesNoCaption()), MatchAndSpread(match=0)),
    "4 · a path through time": (
        lambda: (temporal_consistency.without_path(), PathDiscriminator()), MatchAndSpread()),
    "4 · energy score": (None, MatchAndSpread(spread=0)),
    "5 · attention": (without_attention, MatchAndSpread()),
    "6 · D sees changes": (lambda: (PathGenerator(), temporal_consistency.FramesOnly()),
                           temporal_consistency.OfFrames()),
}
# the same for sound, all with the films of the first: one of `audio.VARIANTS`
SOUNDS = {"nothing": "shipped", "7 · D hears sound and path": "sound alone"}


def measured(model, n=384, seed=60_000):
    """The numbers of a row, as a dict of floats: some of `measuring.score`, and "jerk"; where the
    model has sound, "sync share" and "music"."""
    scores = measuring.score(lambda *wish: video.film(model, *wish, sound=False).video, n, seed)
    scenes = measuring.all_scenes(n, seed)
    made = video.film(model, [captions.describe(scene) for scene in scenes], 1, seed)
    real = Theatre().film(scenes, seed)
    jerks = [float(temporal_consistency.jerk(temporal_consistency.places(clips.video)).mean())
             for clips in (made, real)]
    row = {"obeyed": scores["train"], "held out": scores["heldout"], "two": scores["train two"],
           "realism": scores["frechet"] / scores["floor"], "variety": scores["variety of place"],
           "dynamics": scores["dynamics"], "flicker": scores["flicker"],
           "jerk": jerks[0] / jerks[1]}
    if model.sound:
        sound = audio.measured(made, scenes, seed)
        row |= {"sync": sound["sync share"], "music": sound["music"]}
    return {name: round(value, 4) for name, value in row.items()}


def compare(steps=600, seeds=3, films=8000, found=None, write=None):
    """Play without each idea on one budget, seed by seed; returns what was measured, a dict.

    "steps", and "ideas": name of GAMES or SOUNDS -> a list with a dict a seed: `measured`'s, and
    "seed". found: what was measured before, to go on from; write(found): called after each game.
    """
    if not found or found["steps"] != steps:
        found = {"steps": steps, "ideas": {name: [] for name in GAMES | SOUNDS}}
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
            found["ideas"][row].append({"seed": seed} | measured(model))
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
           "sync": ("sound\nin time", True), "music": ("music\nas asked", True)}


def loss(key, value):
    """How much is lost, 0 (as real films) to 1 (all, or off by a factor of three)."""
    if COLUMNS[key][1]:
        return 1 - min(1.0, max(0.0, value))
    return min(1.0, abs(math.log(max(value, 1e-3))) / math.log(3))


def draw(found):
    """The table of the whole course as a figure. found: of `compared`.

    A row for each idea that is taken away, a column for each number: the mean over the seeds, below
    it their range. The darker a cell, the further from real films; a frame marks what lies apart
    from the row with all ideas (`clear`).
    """
    names = list(found["ideas"])
    fig, ax = plt.subplots(figsize=(12, 0.62 * len(names) + 1.2))
    paint = LinearSegmentedColormap.from_list("loss", ["white", show.ORANGE])
    for y, name in enumerate(names):
        ax.text(-0.15, y, f"without {name}" if y else "all ideas", ha="right", va="center")
        for x, key in enumerate(COLUMNS):
            values = [row[key] for row in found["ideas"][name] if key in row]
            if values:
                whole = [row[key] for row in found["ideas"][names[0]]]
                _cell(ax, x, y, key, values, paint, y > 0 and clear(whole, values))
    for x, (heading, _) in enumerate(COLUMNS.values()):
        ax.text(x + 0.5, -0.85, heading, ha="center", va="center", fontsize=9)
    ax.set(xlim=(-2.9, len(COLUMNS)), ylim=(len(names) - 0.4, -1.3))
    ax.axis("off")
    return fig


def _cell(ax, x, y, key, values, paint, apart):
    form = "{:.0%}".format if COLUMNS[key][1] else "{:.2f}".format
    mean = sum(values) / len(values)
    ax.add_patch(Rectangle((x + 0.04, y - 0.44), 0.92, 0.88, facecolor=paint(loss(key, mean)),
                           edgecolor="#222222" if apart else "#dddddd",
                           linewidth=1.8 if apart else 0.8))
    ax.text(x + 0.5, y - 0.1, form(mean), ha="center", va="center", fontsize=10,
            fontweight="bold" if apart else "normal")
    ax.text(x + 0.5, y + 0.25, f"{form(min(values))} to {form(max(values))}", ha="center",
            va="center", fontsize=6.5, color="#444444")


def compared():
    """What `python -m lessons.short_film` found, as `compare` describes it."""
    return json.loads((checkpoints.DATA / "ablation.json").read_text(encoding="utf-8"))


def main():
    """Compare, and write what was found to data/ablation.json, game by game; what was cut goes on
    where it stopped."""
    path = checkpoints.DATA / "ablation.json"
    compare(found=compared() if path.exists() else None, write=lambda found:
            checkpoints.write_whole(path, (json.dumps(found) + "\n").encode()))


if __name__ == "__main__":
    main()
