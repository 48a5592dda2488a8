"""The theatre: a stage whose short films are drawn, sounded and captioned by our own code.

Nothing to download and no shortage of data; and of every clip we know the whole truth: who acts,
which action when, and at which instant a foot lands.
"""

import io
import json
import zipfile
import zlib
from dataclasses import asdict, dataclass, field

import numpy as np
import torch

from lessons.engine.checkpoints import write_whole
from lessons.errors import CourseError, nearest
from lessons.signals.windows import to_middle
from lessons.world import captions, figures, sound
from lessons.world.flow import drawn
from lessons.world.scene import ACTIONS, ACTORS, COLORS, DIRECTIONS, DRAWN, MUSIC, Scene

__all__ = ["Clips", "Scene", "Theatre", "is_heldout"]


def is_heldout(scene):
    """Whether a scene belongs to the split "heldout": one in ten combinations of (actor, colour,
    first action, direction), which the split "train" never yields."""
    a, c, k, d = (known.index(value) for known, value in
                  zip((ACTORS, COLORS, ACTIONS, DIRECTIONS), scene.combination, strict=True))
    return (3 * a + 7 * c + a * c + 7 * k + 5 * d) % 10 == 3  # spread evenly over every attribute


@dataclass
class Clips:
    """N short films with sound, and the truth about them.

    video: uint8 (N, T, H, W, 3). audio: float32 (N, samples), -1 to 1. captions: list of str.
    scenes: list of Scene, the truth, also where a caption leaves something open. footfalls: list
    of float arrays, the seconds at which a foot lands. changes: float32 (N,), the second at which
    the second action takes over, nan where there is one action. fps, sample_rate: in Hz.
    """

    video: np.ndarray
    audio: np.ndarray
    captions: list
    scenes: list
    footfalls: list
    changes: np.ndarray
    fps: int
    sample_rate: int

    def __len__(self):
        return len(self.video)

    def save(self, path):
        """Write all to one .npz file, whole or not at all."""
        file = io.BytesIO()
        np.savez_compressed(
            file, video=self.video, audio=self.audio, captions=np.array(self.captions, str),
            scenes=np.array([json.dumps(asdict(scene)) for scene in self.scenes], str),
            footfalls=np.concatenate([*self.footfalls, np.zeros(0)]),
            footfall_counts=np.array([len(f) for f in self.footfalls], int),
            changes=self.changes, fps=self.fps, sample_rate=self.sample_rate)
        write_whole(path, file.getvalue())

    @classmethod
    def load(cls, path):
        """Clips from a file that `save` wrote. Raises CourseError naming a missing or bad file."""
        try:
            with np.load(path, allow_pickle=False) as file:
                parts = {name: file[name] for name in file.files}
            ends = parts.pop("footfall_counts").cumsum()
            return cls(video=parts["video"], audio=parts["audio"],
                       captions=parts["captions"].tolist(),
                       scenes=[Scene(**json.loads(text)) for text in parts["scenes"].tolist()],
                       footfalls=np.split(parts["footfalls"], ends)[:-1],
                       changes=parts["changes"], fps=int(parts["fps"]),
                       sample_rate=int(parts["sample_rate"]))
        except FileNotFoundError:
            raise CourseError(f"There is no file {path}: check the name, or save clips first.") \
                from None
        except (OSError, ValueError, KeyError, TypeError, EOFError, NotImplementedError,
                zipfile.BadZipFile, zlib.error):
            raise CourseError(f"The file {path} is damaged or holds no clips: make it again with "
                              f"Clips.save.") from None


@dataclass
class Theatre:
    """A stage: size in pixels, frames per clip, fps and sample_rate in Hz.

    Raises CourseError for sizes that cannot be drawn.
    """

    size: int = 48
    frames: int = 16
    fps: int = 8
    sample_rate: int = 8000
    duration: float = field(init=False)  # seconds

    def __post_init__(self):
        for name, low, high in (("size", 16, 512), ("frames", 1, 1024), ("fps", 1, 120),
                                ("sample_rate", 1000, 96000)):
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or not low <= value <= high:
                raise CourseError(f"A theatre's {name} is a whole number from {low} to {high}, "
                                  f"not {value!r}.")
        self.duration = self.frames / self.fps

    def sample(self, n, seed=0, split="train", language="en"):
        """n clips of random scenes, half of them with two actions.

        split: "train", or "heldout" for the combinations that "train" never yields. language: of
        the captions, "en" or "zh". The same seed gives the same clips.
        """
        return self.film(self.scenes(n, seed, split), seed, language)

    @staticmethod
    def scenes(n, seed=0, split="train"):
        """The n random scenes that `sample` films with this seed and split."""
        if split not in ("train", "heldout"):
            raise CourseError(f"Unknown split '{split}'. {nearest(split, ('train', 'heldout'))}")
        if not isinstance(n, (int, np.integer)) or n < 1:
            raise CourseError(f"The number of clips is a whole number of 1 or more, not {n!r}.")
        rng, scenes = np.random.default_rng([seed, 1]), []
        while len(scenes) < n:
            scene = _random_scene(rng)
            if is_heldout(scene) == (split == "heldout"):
                scenes.append(scene)
        return scenes

    def film(self, scenes, seed=0, language="en"):
        """One clip of each scene (a list of Scene). The seed sets place, size, phase, tempo, and
        the wording of the captions."""
        scenes = list(scenes)
        if not scenes or not all(isinstance(scene, Scene) for scene in scenes):
            raise CourseError("Theatre.film takes a list of one or more Scene, for example "
                              "[Scene('man', 'red', ('walk',), 'left')].")
        if language not in captions.LANGUAGES:
            raise CourseError(f"Unknown language '{language}'. "
                              f"{nearest(language, captions.LANGUAGES)}")
        motion, chance = self.motion(scenes, seed), self._chance(len(scenes), seed)
        clip, seconds, weights = motion.landings(self.duration)
        samples = round(self.duration * self.sample_rate)
        audio = sound.soundtrack(
            sound.footsteps(clip, seconds, weights, len(scenes), samples, self.sample_rate),
            sound.music([s.music for s in scenes], chance[:, 6:], samples, self.sample_rate),
            self.sample_rate)
        words = np.random.default_rng([seed, 3])
        return Clips(
            video=drawn(motion, self.frames, self.size, self.fps), audio=audio.numpy(),
            captions=[captions.describe(scene, words, language) for scene in scenes],
            scenes=scenes,
            footfalls=[seconds[clip == i].double().numpy() for i in range(len(scenes))],
            changes=torch.where(motion.change.isinf(), torch.nan, motion.change).numpy(),
            fps=self.fps, sample_rate=self.sample_rate)

    def motion(self, scenes, seed=0):
        """How the actors of `film(scenes, seed)` move (`figures.Motion`): their phase, for one."""
        return figures.Motion(scenes, self._chance(len(scenes), seed)[:, :6], self.duration)

    @staticmethod
    def _chance(n, seed):
        """What a seed decides for n clips: float32 (n, 8) in [0, 1), see Motion and music."""
        rng = np.random.default_rng([seed, 2])
        return torch.from_numpy(rng.random((n, 8)).astype(np.float32))


def _random_scene(rng):
    """A scene with each attribute drawn evenly; two different actions in half of the cases."""
    actor, color, direction, tune = (known[rng.integers(len(known))]
                                     for known in (ACTORS, COLORS, DIRECTIONS, MUSIC))
    first, second = rng.choice(len(DRAWN), 2, replace=False)
    actions = (DRAWN[first], DRAWN[second])[:rng.integers(1, 3)]
    return Scene(actor, color, actions, direction, tune)


def first_frames(scenes, seed=0):
    """The first frames of the films of scenes, seen from near: uint8 (N, 28, 28, 3).

    Drawn at 36 x 36; of these the 28 columns around the figure and the 28 rows above the ground.
    """
    ends, radii, colors = figures.capsules(Theatre(36).motion(scenes, seed), torch.zeros(1))
    parts = zip(ends[:, 0].split(100), radii[:, 0].split(100), colors.split(100), strict=True)
    frames = torch.cat([figures.draw(*part, 36) for part in parts])    # (N, 36, 36, 3)
    return to_middle(frames.numpy())[:, 6:34, 4:32]


def all_scenes(n, seed):
    """n scenes in their natural shares, one in ten of them held out."""
    held = -(-n // 10)
    return Theatre.scenes(n - held, seed) + Theatre.scenes(held, seed, "heldout")


def theatre_figures(n, centred=True, seed=0):
    """n grey pictures of theatre figures, uint8 (n, 28, 28), in the middle or at random places."""
    frames = Theatre(28, frames=1).sample(n, seed).video[:, 0]
    if centred:
        frames = to_middle(frames)
    bright = frames.max(axis=3).astype(int)                           # (n, 28, 28)
    pictures = ((bright - 68).clip(0) * 255 // 187).astype(np.uint8)  # the stage becomes black
    return torch.from_numpy(pictures)


SWITCH = (0.44, 0.56)  # of a film of the theatre: here the second action takes over


def own_frames(frames=16, margin=0):
    """In which frames each of two actions is seen for certain: bool (2, T).

    margin: how many frames away from the switch they must be at least.
    """
    t = torch.arange(frames)
    return torch.stack([t + margin <= SWITCH[0] * frames, t - margin >= SWITCH[1] * frames])
