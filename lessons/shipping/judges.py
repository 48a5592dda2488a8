"""The judges: how each is trained on real examples alone, and how often it reads fresh ones right.

Half of what a judge learns from is spoilt as generators spoil it (`signals.spoiling`), so that it
reads on where a picture is grey, soft or noisy; its scores are those on clean examples.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from lessons.audio import hits, lags
from lessons.engine import training
from lessons.judges import clips, digits, gait, pictures, sound, voices
from lessons.signals.clip import FPS, FRAMES
from lessons.signals.spoiling import at_times, spoil_at_times, spoil_sound_at_times
from lessons.signals.windows import as_films, as_pictures, figures_of
from lessons.sources import downloads
from lessons.world.scene import MUSIC
from lessons.world.theatre import Theatre, all_scenes, first_frames
from lessons.world.vocabulary import ATTRIBUTES, SEEN, kinds_of, truth


@dataclass(frozen=True)
class Teacher:
    """How a judge is made and examined.

    judge: its class. examples(n) -> n real ones, tensors with a row each. loss(judge, *rows) ->
    a number. score(judge) -> how it reads fresh real examples, a dict. steps, batch: of training.
    """

    judge: type
    examples: Callable
    loss: Callable
    score: Callable
    n: int
    steps: int
    batch: int

    def train(self, folder=None, n=None, steps=None):
        """A judge trained from seed 0; folder: for its checkpoints, from which it goes on."""
        torch.manual_seed(0)
        examples = self.examples(n or self.n)

        def draw(n, rng):
            rows = torch.randint(len(examples[0]), (n,), generator=rng)
            return [part[rows] for part in examples]
        run = training.Supervised(self.judge(), model=self.judge.__name__, seed=0)
        return training.fit_to_end(run, folder, draw, loss=self.loss, batch=self.batch,
                                   steps=steps or self.steps).network.eval()


def _cross_entropies(logits, labels):
    """The sum over attributes: lists of (N, values) and columns of (N, attributes)."""
    return sum(F.cross_entropy(part, label) for part, label in zip(logits, labels.T, strict=True))


def _labels(scenes, names):
    """What scenes show: indices of values, (N, names)."""
    return torch.stack([truth(scenes)[name] for name in names], 1)


def _shares_right(read, names, n):
    """Which share of fresh scenes is read right: each of names and "all", for both splits.

    read(scenes, seed) -> indices of values, (N, names).
    """
    scores = {}
    for split in ("train", "heldout"):
        scenes = Theatre.scenes(n, 10_001, split)
        right = (read(scenes, 10_001) == _labels(scenes, names)).float()       # (N, names)
        scores |= {f"{split} {name}": part.mean() for name, part in zip(names, right.T,
                                                                        strict=True)}
        scores[f"{split} all"] = right.amin(1).mean()
    return scores


# Digits and first frames -------------------------------------------------------------------------
def _digits(split):
    images, labels = downloads.mnist(split)
    return images[:, None].float() / 127.5 - 1, labels


def _no_digits(n):
    """n images (n, 1, 28, 28) in [-1, 1] without a digit: plain grey, or with soft blots."""
    blots = F.interpolate(torch.randn(n, 1, 7, 7), (28, 28), mode="bilinear")
    plain = 2 * torch.rand(n, 1, 1, 1) - 1
    return spoil_at_times((plain + at_times(plain, 1.0) * blots).clamp(-1, 1))


def _digit_loss(judge, images, labels):
    """So that the judge is not sure of what is no digit, it sees some such images too, and every
    answer to them is as right. Source: Hendrycks et al., 2019, arXiv 1812.04606."""
    both = torch.cat([spoil_at_times(images), _no_digits(16)])
    of_digits, of_others = judge(both).split([len(images), 16])
    return F.cross_entropy(of_digits, labels) \
        + 0.2 * F.cross_entropy(of_others, torch.full_like(of_others, 0.1))


def _digit_scores(judge):
    """How often the judge is right and sure on the 10,000 test digits."""
    images, labels = _digits("test")
    logits, _ = digits.judged(judge, images)
    return {"right": (logits.argmax(1) == labels).float().mean(),
            "sure": digits.sure_share(logits)}


def _pictures(n):
    scenes = all_scenes(n, 0)
    return as_pictures(first_frames(scenes, 0)), _labels(scenes, SEEN)


def _picture_loss(judge, shown, labels):
    return _cross_entropies(pictures._seen(judge(spoil_at_times(shown, 0.85))), labels)


def _picture_scores(judge):
    return _shares_right(lambda scenes, seed: pictures.read_pictures(
        judge, as_pictures(first_frames(scenes, seed)))[0], SEEN, 2048)


# Films -------------------------------------------------------------------------------------------
def real_films(n, seed=0):
    """n real films uint8 (n, T, H, W, 3) of all scenes in their natural shares, held-out ones among
    them; what they show, (n, 5); and the gait phase of each at its first frame: cosine and sine
    (n, 2), zero for who stands."""
    theatre, scenes = Theatre(), all_scenes(n, seed)
    angle = 2 * np.pi * theatre.motion(scenes, seed).phase(torch.zeros(1))      # (n, 1)
    moves = torch.tensor([scene.actions[0] != "stand" for scene in scenes])[:, None]
    return torch.from_numpy(theatre.film(scenes, seed).video), _labels(scenes, ATTRIBUTES), \
        torch.cat([angle.cos(), angle.sin()], 1) * moves


def _film_loss(judge, video, labels, phases):
    *logits, phase = clips._answers(ATTRIBUTES, judge(spoil_at_times(as_films(video), 0.85)))
    moves = phases.norm(dim=1) > 0
    return _cross_entropies(logits, labels) + (phase - phases)[moves].square().mean()


def _film_scores(judge):
    def read(scenes, seed):
        reading = clips.read_clips(judge, Theatre().film(scenes, seed).video)
        return torch.stack([reading[name].argmax(1) for name in ATTRIBUTES], 1)
    return _shares_right(read, ATTRIBUTES, 1024)


def true_phases(scenes, seed):
    """The gait phase in cycles of each frame of `Theatre().film(scenes, seed)`, (N, T)."""
    return Theatre().motion(scenes, seed).phase(torch.arange(FRAMES) / FPS)


def _steps(n):
    """n films, half of them of steps alone, in which the phase is known, and what they show."""
    scenes = gait.stepping_scenes(n // 2, 0) + all_scenes(n - n // 2, 0)
    known = torch.tensor([float(set(scene.actions) <= set(gait.STEPS)) for scene in scenes])
    return torch.from_numpy(Theatre().film(scenes, 0).video), true_phases(scenes, 0), known, \
        _labels(scenes, ("actor", "color"))


def _step_loss(judge, video, phases, known, labels):
    at = torch.randint(FRAMES, (len(video),))                                  # a frame of each
    frames, phase = (part[torch.arange(len(at)), at] for part in (video, phases))
    frames, half = as_films(frames[:, None])[:, 0], len(at) // 2
    # on clean frames a phase must be exact
    frames = torch.cat([frames[:half], spoil_at_times(frames[half:], 0.85)])
    turn, *logits = judge(figures_of(frames))
    wanted = 2 * math.pi * phase
    wanted = torch.stack([wanted.cos(), wanted.sin()], 1)                      # (N, 2)
    off = (known[:, None] * (turn - wanted).square()).mean()
    return 8 * off + _cross_entropies(logits, labels)


def score_phase_judge(judge, n=512, seed=90_001):
    """How well a judge reads fresh real films: errors of the phase in cycles, shares right."""
    scenes = gait.stepping_scenes(n, seed)
    angle, who, color = gait.read_frames(judge, Theatre().film(scenes, seed).video)
    gap = angle / (2 * math.pi) - true_phases(scenes, seed)
    gap, labels = (gap - gap.round()).abs(), truth(scenes)
    scores = {"mean error": gap.mean(), "99th percentile": gap.flatten().quantile(0.99),
              "actor": (who.argmax(2) == labels["actor"][:, None]).float().mean(),
              "color": (color.argmax(2) == labels["color"][:, None]).float().mean()}
    return {name: float(value) for name, value in scores.items()}


def landing(footfalls):
    """What a perfect judge of footfalls would say: lists of seconds -> float (N, T MOMENTS).

    1 at the moment at which a foot lands, falling off within two moments on either side.
    """
    middles = (np.arange(FRAMES * sound.MOMENTS) + 0.5) / (FPS * sound.MOMENTS)
    far = [np.abs(middles[:, None] - seconds).min(1, initial=9) for seconds in footfalls]
    return torch.from_numpy(np.exp(-(np.stack(far) * FPS * sound.MOMENTS) ** 2 / 2)).float()


def _footfalls(n):
    films = Theatre().film(all_scenes(n, 0), 0)
    return torch.from_numpy(films.video), landing(films.footfalls)


def _footfall_loss(judge, video, lands):
    return F.binary_cross_entropy_with_logits(judge(spoil_at_times(as_films(video), 0.85)), lands)


def _footfall_scores(judge):
    """On fresh real films: which share of the footfalls it sees are true within a frame, which
    share of the true ones it finds, and how far they are apart."""
    films = Theatre().sample(1024, 10_001)
    seen = sound.read_footfalls(judge, films.video)
    true = [row[row < FRAMES / FPS] for row in films.footfalls]
    pairs = sum(hits(*pair) for pair in zip(seen, true, strict=True))
    return {"precision": pairs / sum(map(len, seen)), "recall": pairs / sum(map(len, true)),
            "milliseconds": 1000 * np.abs(lags(seen, true)).mean()}


# Sounds ------------------------------------------------------------------------------------------
def _sounds(n):
    scenes = all_scenes(n, 0)
    real = Theatre().film(scenes, 0)
    landings = torch.tensor([len(seconds) / 2.5 - 1 for seconds in real.footfalls])
    numbers = torch.cat([2 * Theatre._chance(n, 0)[:, 6:] - 1, landings[:, None]], 1)
    return torch.from_numpy(real.audio), kinds_of(scenes), numbers


def _sound_loss(judge, waves, kinds, numbers):
    logits, said = judge(spoil_sound_at_times(waves)).split([len(MUSIC), 3], 1)
    # without music there is no tempo
    counts = torch.stack([kinds > 0, kinds > 0, kinds >= 0], 1)
    return F.cross_entropy(logits, kinds) + ((said - numbers).square() * counts).mean()


def _sound_scores(judge):
    films = {split: Theatre().sample(1024, 10_001, split) for split in ("train", "heldout")}
    return {f"{split} music": (sound.read_sounds(judge, part.audio)["music"].argmax(1)
                               == kinds_of(part.scenes)).float().mean()
            for split, part in films.items()}


def _voice_loss(judge, waves, labels):
    moved = waves.roll(int(torch.randint(-1000, 1000, ())), 1)
    return F.cross_entropy(judge(spoil_sound_at_times(moved)), labels)


@torch.no_grad()
def _voice_scores(judge):
    waves, labels = voices.recordings("test")
    return {"test recordings": (judge(waves).argmax(1) == labels).float().mean()}


TEACHERS = {
    "digit_judge": Teacher(digits.DigitJudge, lambda n: [part[:n] for part in _digits("train")],
                           _digit_loss, _digit_scores, n=60_000, steps=5600, batch=128),
    "picture_judge": Teacher(pictures.PictureJudge, _pictures, _picture_loss, _picture_scores,
                             n=12_000, steps=6000, batch=128),
    "clip_judge": Teacher(clips.ClipJudge, real_films, _film_loss, _film_scores,
                          n=8000, steps=6000, batch=32),
    "phase_judge": Teacher(gait.PhaseJudge, _steps, _step_loss, score_phase_judge,
                           n=4000, steps=8000, batch=192),
    "footfall_judge": Teacher(sound.FootfallJudge, _footfalls, _footfall_loss, _footfall_scores,
                              n=8000, steps=1500, batch=32),
    "sound_judge": Teacher(sound.SoundJudge, _sounds, _sound_loss, _sound_scores,
                           n=6000, steps=1200, batch=64),
    "voice_judge": Teacher(voices.VoiceJudge,
                           lambda n: [part[:n] for part in voices.recordings("train")], _voice_loss,
                           _voice_scores, n=10_000, steps=1500, batch=64)}
