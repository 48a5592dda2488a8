"""Films of the theatre made to try measures on: spoilt on purpose, or longer than the usual.

Axes: N films, T frames of each, H and W pixels.
"""

import dataclasses

import numpy as np

from lessons.signals import clip
from lessons.world.flow import drawn
from lessons.world.scene import COLORS
from lessons.world.theatre import Theatre


def spoilt(scenes, seed=0):
    """Real films of scenes, and the same spoilt in six ways: dict name -> uint8 (N, 16, 48, 48, 3).
    """
    theatre, half = Theatre(), clip.FRAMES // 2
    films = theatre.film(scenes, seed).video
    colors = [COLORS[(COLORS.index(scene.color) + 1) % len(COLORS)] for scene in scenes]
    others = [dataclasses.replace(scene, color=color)
              for scene, color in zip(scenes, colors, strict=True)]
    ahead = theatre.motion(scenes, seed)
    ahead.start_phase = ahead.start_phase + 0.3
    odd = np.arange(clip.FRAMES)[:, None, None, None] % 2 == 1                # (T, 1, 1, 1)

    def then(later):
        return np.concatenate([films[:, :half], later[:, half:]], 1)
    return {"as it is": films, "frozen": films[:, :1].repeat(clip.FRAMES, 1),
            "light flickers": np.where(odd, films * 0.85, films).astype("uint8"),
            "trembles": np.where(odd, np.roll(films, 1, 3), films),
            "stutters": films[:, [*range(half), half - 1, *range(half + 1, clip.FRAMES)]],
            "other clothes": then(theatre.film(others, seed).video),
            "a wrong step": then(drawn(ahead))}


def long_films(scenes, frames, seed):
    """Real films of walks that become runs, longer than usual, uint8 (N, T, H, W, 3): like
    others up to frame 16, and then the run goes on."""
    motion = Theatre(frames=frames).motion(scenes, seed)
    motion.change = motion.change * clip.FRAMES / frames
    return drawn(motion, frames)
