"""The judge of films: who, in which colour, does what and where to?

Axes: N films.
"""

import torch
from torch import nn
from torch.nn import functional as F

from lessons.engine import weights
from lessons.errors import CourseError
from lessons.signals.windows import as_films
from lessons.world.vocabulary import ATTRIBUTES, asked


class ClipJudge(nn.Module):
    """Reads who does what in a film: trained on real films alone, never shown to a generator.

    forward: films (N, 16, 3, 48, 48) in [-1, 1] -> 21 numbers a film: a logit for each value of
    each of ATTRIBUTES, then cosine and sine of the gait phase at the first frame. They are a
    linear function of the 32 `features`, in which the Fréchet distance between films is measured.
    First each frame is looked at, then all frames in order. Without batch norm the same network
    learns the actions late or never. answers: the values that it can read, as in ATTRIBUTES.
    """

    def __init__(self, answers=ATTRIBUTES):
        super().__init__()
        self.answers = answers
        self.look = nn.Sequential(
            nn.PixelUnshuffle(3),                                      # (NT, 27, 16, 16)
            nn.Conv2d(27, 48, 3, stride=2, padding=1), nn.BatchNorm2d(48), nn.ReLU(),
            nn.Conv2d(48, 96, 3, stride=2, padding=1), nn.BatchNorm2d(96), nn.ReLU(),
            nn.Flatten(), nn.Linear(96 * 4 * 4, 96),                   # (NT, 96)
        )
        self.watch = nn.Sequential(
            nn.Conv1d(96, 128, 3, padding=1), nn.BatchNorm1d(128), nn.ReLU(),
            nn.Conv1d(128, 128, 3, stride=2, padding=1), nn.BatchNorm1d(128), nn.ReLU(),
            nn.Conv1d(128, 128, 3, stride=2, padding=1), nn.BatchNorm1d(128), nn.ReLU(),
            nn.Flatten(), nn.Linear(128 * 4, 32), nn.BatchNorm1d(32, affine=False),
        )
        self.answer = nn.Linear(32, sum(map(len, answers.values())) + 2)

    def features(self, films):
        N, T = films.shape[:2]
        frames = self.look(films.flatten(0, 1))                        # (NT, 96)
        return self.watch(frames.view(N, T, 96).transpose(1, 2))       # (N, 32)

    def forward(self, films):
        return self.answer(self.features(films))                       # (N, 21)


def clip_judge():
    """The shipped judge of films, ready to read (`ClipJudge` in evaluation mode)."""
    answers = weights.shipped_facts("clip_judge.safetensors")["answers"]
    return weights.load(ClipJudge(answers), "clip_judge")


def _answers(answers, numbers):
    """A judge's 21 numbers in parts: logits of each attribute, then the phase (N, 2)."""
    return numbers.split([*map(len, answers.values()), 2], dim=1)


def _among(logits, answers, values):
    """Probabilities (N, values) from logits (N, answers): what a judge cannot read has none."""
    placed = logits.new_full((len(logits), len(values)), -torch.inf)
    placed[:, [values.index(answer) for answer in answers]] = logits
    return placed.softmax(1)


@torch.no_grad()
def read_clips(judge, video, chunk=64):
    """What a judge reads in films, uint8 (N, 16, H, W, 3), each as a float tensor.

    A dict: each of ATTRIBUTES -> probabilities (N, values), "phase" -> angle (N,) in radians of
    the gait at the first frame, "features" -> (N, 32). Films of another size than 48 x 48 are
    scaled to it first.
    """
    if video.ndim != 5 or video.shape[1] != 16 or video.shape[4] != 3:
        raise CourseError(f"The judge reads films of 16 frames, uint8 (N, 16, H, W, 3), "
                          f"not {tuple(video.shape)}.")
    features = []
    for i in range(0, len(video), chunk):
        films = as_films(video[i:i + chunk])
        if films.shape[-2:] != (48, 48):
            films = F.interpolate(films.flatten(0, 1), (48, 48), mode="bilinear",
                                  antialias=True).unflatten(0, films.shape[:2])
        features.append(judge.features(films))
    features = torch.cat(features)                                              # (N, 32)
    *logits, phase = _answers(judge.answers, judge.answer(features))
    return {name: _among(part, judge.answers[name], values)
            for (name, values), part in zip(ATTRIBUTES.items(), logits, strict=True)} | \
        {"phase": torch.atan2(phase[:, 1], phase[:, 0]), "features": features}


def obeyed(reading, texts):
    """Which of what a caption says the judge reads in its film.

    reading: of `read_clips`; texts: N captions. A dict: each of ATTRIBUTES -> (N,), 1 where it is
    read as said, 0 where not, nan where the caption leaves it open; "all" -> 1 where everything
    said is read.
    """
    if len(texts) != len(reading["features"]):
        raise CourseError(f"There are {len(texts)} captions for {len(reading['features'])} films: "
                          f"give one for each.")
    said = asked(texts)                                                          # (N, A)
    read = torch.stack([reading[name].argmax(1) for name in ATTRIBUTES], 1)      # (N, A)
    found = torch.where(said < 0, torch.nan, (read == said).float())
    return dict(zip(ATTRIBUTES, found.T, strict=True)) | {"all": follows(read, said)}


def follows(read, said):
    """Which films show everything that is said of them, float (N,): 1 if so, else 0.

    read, said: indices of values, (N, attributes); said is -1 where a caption leaves it open, and
    what is left open does not count.
    """
    return ((read == said) | (said < 0)).all(dim=1).float()


def text_match(reading, texts):
    """Shares of films that obey their captions: each of ATTRIBUTES and "all" -> float, 0 to 1.

    What captions leave open does not count; an attribute of which no caption speaks is nan.
    """
    return {name: float(values.nanmean()) for name, values in obeyed(reading, texts).items()}
