"""Films that a model made, and the files that hold them."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lessons.display import media
from lessons.engine.checkpoints import write_whole
from lessons.errors import CourseError


@dataclass
class Films:
    """What a model made, N films.

    video: uint8 (N, T, H, W, C). audio: float32 (N, samples), -1 to 1. captions: N strings.
    attention: float32 (N, T, L), how much each frame looked at each word, rows summing to 1 over
    the words that are there. words: (N, L) strings, empty where there is none. A model that looks
    at no words leaves both away.
    """

    video: np.ndarray
    audio: np.ndarray
    captions: list
    attention: np.ndarray | None = None
    words: np.ndarray | None = None
    fps: int = 8
    sample_rate: int = 8000

    def __len__(self):
        return len(self.video)

    def save(self, path):
        """Write all to a file, whole or not at all: .npz holds everything, .gif and .mp4 the
        films one after the other."""
        kind = must_be_film(path)
        if kind == ".npz":
            parts = {name: part for name, part in vars(self).items() if part is not None}
            file = io.BytesIO()
            np.savez_compressed(file, **parts | {"captions": np.array(self.captions, str)})
            content = file.getvalue()
        else:
            frames = np.concatenate(self.video)                                # (N T, H, W, C)
            content = media.gif(frames, self.fps) if kind == ".gif" else \
                media.mp4(frames, self.audio.reshape(-1), self.fps, self.sample_rate)
        write_whole(path, content)


def must_be_film(path):
    """The ending of a file's name, .npz, .gif or .mp4; raises CourseError for any other."""
    if (kind := Path(path).suffix.lower()) not in (".npz", ".gif", ".mp4"):
        raise CourseError(f"Cannot write '{Path(path).name}': films go to a file whose name ends "
                          f"in .npz, .gif or .mp4.")
    return kind
