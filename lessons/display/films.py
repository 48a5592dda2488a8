"""Films that a model made, and the files that hold them."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lessons.display import media
from lessons.display.subtitles import clock, seen, subtitle, wrap
from lessons.engine.checkpoints import write_whole
from lessons.errors import CourseError
from lessons.world import figures

ZOOM = 8  # screen pixels of a pixel of a short film
FADE = (0.15, 0.55)  # how much light the first two frames after a cut have, and the last two before
PAN = np.array([0.06, 0.20, 0.39])  # shares of a jump made up in the last three frames before it
MARKS = 12  # pixels between two marks on the floor
FLOOR = (255 * figures.FLOOR).round().int().numpy()


@dataclass
class Films:
    """What a model made, N films.

    video: uint8 (N, T, H, W, C). audio: float32 (N, samples), -1 to 1. captions: N strings.
    attention: float32 (N, T, L), how much each frame looked at each word, rows summing to 1 over
    the words that are there. words: (N, L) strings, empty where there is none. A model that looks
    at no words leaves both out.
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


# Several shots, one after the other --------------------------------------------------------------
def edited(video, jumps):
    """Shots (K, T, H, W, 3) as they are played, uint8, with marks on the floor.

    jumps: see `short_film.jumps`. Where somebody else comes, the picture turns dark and bright
    again: time has passed. Where a figure would jump, the camera catches up with it, and the marks
    pass by.
    """
    (K, T, _, W), still = video.shape[:4], np.nan_to_num(jumps)
    light, moved = np.ones((K, T, 1, 1, 1), np.float32), np.zeros((K, T))
    for k in np.flatnonzero(np.isnan(jumps)):
        light[k, :2, 0, 0, 0], light[k - 1, -2:, 0, 0, 0] = FADE, FADE[::-1]
    for k in np.flatnonzero(still):
        moved[k - 1, -len(PAN):] += still[k] * PAN
        moved[k, :len(PAN)] -= still[k] * PAN[::-1]
    camera = -still.cumsum()[:, None] - moved                 # (K, T), in frame widths
    frames = zip(video.reshape(-1, *video.shape[2:]), moved.reshape(-1), strict=True)
    shown = np.stack([np.roll(frame, round(W * by), 1) for frame, by in frames])
    shown = shown.reshape(video.shape)                                         # (K, T, H, W, 3)
    floor = abs(shown.astype(int) - FLOOR).max(-1) < 16        # (K, T, H, W)
    marks = (np.arange(W) + (W * camera[..., None]).round()) % MARKS < 1       # (K, T, W)
    shown[floor & marks[:, :, None]] = FLOOR + 16
    return (shown * light).round().astype(np.uint8)


@dataclass
class ShortFilm:
    """A film of K shots. video: uint8 (K T, H, W, 3); audio: float32 (samples,), -1 to 1; lines: K
    strings; scenes: what each shot shows; jumps: K numbers, as for `edited`; shots: the same as
    `Films`, shot by shot, each with the caption that the model was given; wrap: see
    `subtitles.wrap`."""

    video: np.ndarray
    audio: np.ndarray
    lines: list
    scenes: list
    jumps: list
    shots: Films
    wrap: Callable = wrap

    def frames(self, words=True):
        """The pictures as they are played, `edited`, enlarged, and with subtitles, or with an empty
        strip: uint8 (K T, H', W', 3)."""
        width = self.video.shape[2] * ZOOM
        strips = [subtitle(seen(line) if words else "", scene, width, self.wrap)
                  for line, scene in zip(self.lines, self.scenes, strict=True)]
        shots = edited(self.shots.video, self.jumps)
        return np.stack([np.concatenate([frame.repeat(ZOOM, 0).repeat(ZOOM, 1), strip])
                         for shot, strip in zip(shots, strips, strict=True) for frame in shot])

    def mp4(self, words=True):
        """The film as bytes of an mp4 file (H.264 and AAC); words: as for `frames`."""
        return media.mp4(self.frames(words), self.audio, self.shots.fps, self.shots.sample_rate,
                        zoom=1)

    def subtitles(self):
        """The lines as subtitles in a text file (WebVTT), each as long as its shot."""
        length = self.shots.video.shape[1] / self.shots.fps
        cues = [f"{clock(k * length)} --> {clock((k + 1) * length)}\n{seen(line)}"
                for k, line in enumerate(self.lines)]
        return "\n\n".join(["WEBVTT", *cues]) + "\n"

    def save(self, path):
        """Write the film to a file whose name ends in .mp4, and its subtitles once more as text to
        a .vtt file beside it, each whole or not at all."""
        if Path(path).suffix.lower() != ".mp4":
            raise CourseError(f"Cannot write '{path}': a short film is a file whose name ends in "
                              f".mp4.")
        write_whole(path, self.mp4())
        write_whole(Path(path).with_suffix(".vtt"), self.subtitles().encode())
