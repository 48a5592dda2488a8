"""Lesson 8: a script of one to eight lines becomes one film, with subtitles, sound and one actor.

Axes: K shots, one a line, M takes of a shot, of which one is kept, T frames of a shot, H height, W
width, D numbers of a path, L words, B frequencies and C columns of a spectrogram.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from IPython.display import display

from lessons import text_to_video, video
from lessons.display import media
from lessons.display.films import Films, ShortFilm
from lessons.display.subtitles import wrap
from lessons.errors import CourseError
from lessons.frames import CONTENT, MOTION
from lessons.priors import FOOT, TheatreSound
from lessons.signals import clip
from lessons.video import LATENT
from lessons.world import captions
from lessons.world.scene import Scene

LINES = 8     # of a script, at most
TAKES = 32    # of each shot
MARGIN = 0.26  # frame widths from either edge to the middle of a figure, as in the theatre


# From a script to shots -------------------------------------------------------------------------
def carry_on(before, said):
    """The `Scene` that `said` (a Reading) shows, where it leaves something open as it was `before`
    (a Scene)."""
    told = {field: getattr(said, field) or getattr(before, field)
            for field in ("actor", "color", "direction", "music")}
    return Scene(actions=said.actions, **told)


def read_script(text, seed=0, carry_on=carry_on):
    """The lines of a script and what each of them shows: a list of strings and one of `Scene`s.

    A line may leave open who it is ("then he runs"), the colour, the direction and the music: it
    takes them from the line before. What the first line leaves open is drawn by chance. Empty lines
    do not count. carry_on: see `carry_on`, the place for your own. Raises CourseError for a script
    without lines or with more than eight, and for a line that cannot be read; the sentence says
    which.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= LINES:
        raise CourseError(f"A script has one to {LINES} lines, one a shot, not {len(lines)}.")
    scenes, rng = [], np.random.default_rng(seed)
    for number, line in enumerate(lines, 1):
        try:
            scenes.append(read_line(line, scenes[-1] if scenes else None, rng, carry_on))
        except CourseError as error:
            raise CourseError(f"Line {number} of the script: {error}") from None
    return lines, scenes


def read_line(line, before, rng, carry_on=carry_on):
    """The `Scene` of a line; `before`: that of the line before, None for the first.

    Somebody new brings a colour and a side of their own; only the music plays on.
    """
    said, pronoun = captions.parse(line), captions.pronoun(line)
    if before is None:
        return said.complete(rng)
    if pronoun:
        if before.actor not in captions.COULD_BE[said.actor]:
            raise CourseError(f"'{pronoun}' would be the {before.actor} of the line before: say "
                              f"'a {before.actor}' or name somebody else.")
        said = replace(said, actor=None)
    if said.actor not in (None, before.actor) or said.color not in (None, before.color):
        return replace(said, actor=said.actor or before.actor,
                       music=said.music or before.music).complete(rng)
    return carry_on(before, said)


# From shots to a film ---------------------------------------------------------------------------
def cast(paths, scenes, swap_motion=video.swap_motion):
    """One actor in all shots: paths (K, T, D) of scenes -> the same, each with the content of the
    first shot that has the same actor in the same colour, who looks to the same side.

    Where somebody looks belongs to a path's content: with that of a shot to the other side one
    would see ghosts. One noise gives one build, so who turns round is the same person still.
    """
    looks = [(scene.actor, scene.color, scene.direction) for scene in scenes]
    return swap_motion(paths[[looks.index(look) for look in looks]], paths)


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


def person(scene):
    """Whom a shot shows."""
    return scene.actor, scene.color


def arrange(place, scenes, stand_where_it_stood=stand_where_it_stood):
    """Where the figures of K shots are, (K, T) -> (K, T): one person's shots go on where the last
    one ended, and somebody new enters on the other side of the stage."""
    parts = []
    for _, shots in itertools.groupby(range(len(scenes)), lambda k: person(scenes[k])):
        ways = place[list(shots)]
        if parts:
            ways = torch.cat([enter(ways[:1], parts[-1][-1, -1]), ways[1:]])
        parts.append(stand_where_it_stood(ways))
    return torch.cat(parts)


def enter(way, taken):
    """A way (1, T) moved to where, of all places for which it has room, it begins furthest from the
    one that is taken."""
    least, most = MARGIN - way.min(), 1 - MARGIN - way.max()
    if least > most:
        return way
    return max((way + least, way + most), key=lambda moved: (moved[0, 0] - taken).abs())


def jumps(place, scenes, step=0.06):
    """How far the figure jumps before each shot, K numbers in frame widths: 0 where it goes on, but
    for a `step`; nan where it is somebody else. place: (K, T)."""
    same = [True, *(person(a) == person(b) for a, b in itertools.pairwise(scenes))]
    leap = torch.cat([torch.zeros(1), place[1:, 0] - place[:-1, -1]])          # (K,)
    leap = torch.where(leap.abs() <= step, 0.0, leap)
    return torch.where(torch.tensor(same), leap, torch.nan).tolist()


def play(film):
    """Display a `ShortFilm` as a player with sound, under it its script. The browser draws the
    subtitles into the empty strip, since it has letters for every language."""
    display(media.video_player(film.mp4(words=False), " / ".join(film.lines), film.subtitles()))


@dataclass(frozen=True)
class Parts(text_to_video.Parts):
    """The functions of a short film that are exercises of the course: each may be your own."""

    swap_motion: Callable = video.swap_motion                     # exercise 4.4
    carry_on: Callable = carry_on                       # 8.1
    stand_where_it_stood: Callable = stand_where_it_stood   # 8.2
    wrap: Callable = wrap                               # 8.3


LIBRARY = Parts()


@torch.no_grad()
def rehearse(model, spoken, seed=0):
    """TAKES takes of each of K captions, which begin with another foot, and all else from one
    noise: standardised paths (K, TAKES, T, D), attention (K, TAKES, T, L), the words' numbers
    (K, L)."""
    z = torch.randn(1, LATENT, generator=torch.Generator().manual_seed(seed))
    z = z.repeat(len(spoken) * TAKES, 1)
    feet = torch.special.ndtri((torch.arange(TAKES) + 0.5) / TAKES)            # evenly spread
    z[:, FOOT] = feet.repeat(len(spoken))
    ids = model.encode(spoken).to(model.middle.device)
    made = model.generator.explained(z.to(ids.device), ids.repeat_interleave(TAKES, 0))
    return *(part.unflatten(0, (-1, TAKES)) for part in made), ids


@torch.no_grad()
def shoot(model, script, seed=0, parts=LIBRARY):
    """The `ShortFilm` of a script, one shot of two seconds a line.

    All shots have one noise: the same actor in the same clothes, who plays to the same tune. Only
    the words differ, and with which foot a shot begins, which is chosen so that the movement goes
    on. A script whose end is changed gives the same film up to there. model: of
    `text_to_video.load_model`, which is given `parts` as well; raises what `read_script` raises.
    """
    lines, scenes = read_script(script, seed, parts.carry_on)
    spoken = [captions.describe(scene, language=captions.parse(line).language)
              for line, scene in zip(lines, scenes, strict=True)]
    takes, attention, ids = rehearse(model, spoken, seed)
    kept = torch.arange(len(lines)), best_takes(takes)
    paths = cast(takes[kept] * model.spread + model.middle, scenes, parts.swap_motion)
    place = arrange(paths[..., CONTENT].cpu(), scenes, parts.stand_where_it_stood)  # (K, T)
    paths[..., CONTENT] = place
    wave = soundtrack(model.sound, seed, ids, paths)                           # (K samples,)
    films = model.autoencoder.films(paths)                                     # (K, T, H, W, 3)
    shots = Films(video=films, audio=wave.reshape(len(lines), -1), captions=spoken,
                  attention=attention[kept].cpu().numpy(),
                  words=model.vocabulary.decode(ids.cpu()))
    return ShortFilm(films.reshape(-1, *films.shape[2:]), wave, lines, scenes,
                     jumps(place, scenes), shots, parts.wrap)


def soundtrack(sound, seed, ids, paths):
    """The sound of K shots, one after the other: float32 (samples,).

    sound: an `audio.SoundModel`, or None for silence; seed: of its noise, one for all shots; ids
    (K, L), paths (K, T, D).
    The shots' spectrograms become one wave, so that no tone breaks off between them and a film that
    is too loud is turned down as a whole.
    """
    if sound is None:
        return np.zeros(len(ids) * clip.SAMPLES, np.float32)
    noise = torch.randn(1, TheatreSound.latent, generator=torch.Generator().manual_seed(seed))
    noise = noise.to(ids.device).expand(len(ids), -1)                          # (K, any)
    levels = sound.levels(noise, ids, paths)                                   # (K, B, C)
    return sound.heard(levels.transpose(0, 1).flatten(1)[None])[0].numpy()
