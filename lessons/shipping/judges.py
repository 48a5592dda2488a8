"""The judges: how each is trained on real examples alone, and how often it reads fresh ones right.

Every trainer takes a folder for its checkpoints, from which it goes on.
"""

import math

import numpy as np
import torch
from torch.nn import functional as F

from lessons.audio import hits, lags
from lessons.engine import training
from lessons.judges.clips import ClipJudge, _answers, read_clips
from lessons.judges.digits import DigitJudge, judged, sure_share
from lessons.judges.gait import STEPS, PhaseJudge, read_frames, stepping_scenes, windows
from lessons.judges.pictures import PictureJudge, _seen, read_pictures
from lessons.judges.sound import (
    MOMENTS,
    FootfallJudge,
    SoundJudge,
    figures_of,
    read_footfalls,
    read_sounds,
)
from lessons.judges.voices import VoiceJudge
from lessons.signals.clip import FPS, FRAMES
from lessons.signals.spoiling import spoil
from lessons.signals.windows import as_films, as_pictures, cut
from lessons.sources import downloads
from lessons.sources.downloads import mnist
from lessons.sources.moving_digits import _placed
from lessons.world.scene import MUSIC
from lessons.world.theatre import Theatre, all_scenes, first_frames
from lessons.world.vocabulary import ATTRIBUTES, SEEN, kinds_of, truth


# What all judges share ---------------------------------------------------------------------------
def _train(kind, examples, loss, *, steps, batch, folder=None, seed=0, lr=3e-3):
    """A judge of this kind, trained on examples, tensors with a row each; loss(judge, *rows)."""
    torch.manual_seed(seed)

    def draw(n, rng):
        rows = torch.randint(len(examples[0]), (n,), generator=rng)
        return [part[rows] for part in examples]
    run = training.Supervised(kind(), model=kind.__name__, seed=seed, lr=lr)
    return training.fit_to_end(run, folder, draw, loss=loss, batch=batch, steps=steps) \
        .network.eval()


def _varied(x):
    """Examples (N, ...) a little lighter or darker each, and with a little noise."""
    each = (len(x), *[1] * (x.dim() - 1))
    light = 1 + 0.1 * (2 * torch.rand(each) - 1)
    return x * light + 0.05 * torch.rand(each) * torch.randn_like(x)


def _louder(waves, bels, noise):
    """Waves (N, S) up to so many bels louder or softer each, and with a little noise."""
    heard = waves * 10 ** (bels * (2 * torch.rand(len(waves), 1) - 1))
    return heard + noise * torch.rand(len(waves), 1) * torch.randn_like(heard)


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
def _at_times(n, most):
    """A strength for each of n images, (n, 1, 1, 1): 0 for half of them, else up to `most`."""
    return most * (2 * torch.rand(n, 1, 1, 1) - 1).clamp(min=0)


def _spoilt(images):
    """Images (N, 1, 28, 28) with faults that generators make, each image with others."""
    n = len(images)
    middle = 14 + torch.randint(-3, 4, (n, 2))
    moved = cut(cut(images + 1, middle[:, 0], 28).mT, middle[:, 1], 28).mT - 1
    return spoil(moved, dark=_at_times(n, 0.6) - 1,
                 contrast=1 - _at_times(n, 0.6), towards=2 * torch.rand(n, 1, 1, 1) - 1,
                 blur=_at_times(n, 1.0), noise=_at_times(n, 0.4))


def _no_digits(n):
    """n images (n, 1, 28, 28) in [-1, 1] without a digit: plain grey, or with soft blots."""
    blots = F.interpolate(torch.randn(n, 1, 7, 7), (28, 28), mode="bilinear")
    return _spoilt((2 * torch.rand(n, 1, 1, 1) - 1 + _at_times(n, 1.0) * blots).clamp(-1, 1))


def train_digit_judge(folder=None, steps=5600):
    """A judge trained on real digits with faults that generators make. So that it is not sure of
    what is no digit, it sees some such images too, and every answer to them is as right.
    Source: Hendrycks et al., 2019, arXiv 1812.04606. About 2 minutes on a core."""
    images, labels = mnist("train")

    def loss(judge, images, labels):
        digits, others = _spoilt(images[:, None].float() / 127.5 - 1), _no_digits(16)
        of_digits, of_others = judge(torch.cat([digits, others])).split([len(digits), 16])
        undecided = torch.full_like(of_others, 0.1)
        return F.cross_entropy(of_digits, labels) + 0.2 * F.cross_entropy(of_others, undecided)
    return _train(DigitJudge, (images, labels), loss, steps=steps, batch=128, folder=folder)


def score_digit_judge(judge):
    """How often the judge is right and sure on the 10,000 test digits."""
    images, labels = mnist("test")
    logits, _ = judged(judge, images[:, None].float() / 127.5 - 1)
    return {"right": (logits.argmax(1) == labels).float().mean(), "sure": sure_share(logits)}


def train_picture_judge(folder=None, frames=12_000, steps=1500):
    """A judge trained on first frames, with a little noise and light. About 2 minutes on a core."""
    scenes = all_scenes(frames, 0)

    def loss(judge, shown, labels):
        return _cross_entropies(_seen(judge(_varied(shown + 1) - 1)), labels)
    return _train(PictureJudge, (as_pictures(first_frames(scenes, 0)), _labels(scenes, SEEN)),
                  loss, steps=steps, batch=128, folder=folder)


def score_picture_judge(judge):
    """How often the judge reads fresh first frames right."""
    return _shares_right(lambda scenes, seed: read_pictures(
        judge, as_pictures(first_frames(scenes, seed)))[0], SEEN, 2048)


# Films -----------------------------------------------------------------------------------------
def real_films(n, seed):
    """n real films (`Clips`) of all scenes in their natural shares, held-out ones among them, and
    the gait phase of each at its first frame: cosine and sine (n, 2), zero for who stands."""
    theatre, scenes = Theatre(), all_scenes(n, seed)
    clips = theatre.film(scenes, seed)
    angle = 2 * np.pi * theatre.motion(scenes, seed).phase(torch.zeros(1))      # (n, 1)
    moves = torch.tensor([scene.actions[0] != "stand" for scene in scenes])[:, None]
    return clips, torch.cat([angle.cos(), angle.sin()], 1) * moves


def train_clip_judge(folder=None, films=12_000, steps=1800, batch=32):
    """A judge trained on real films, with a little noise and light so that it reads shapes.

    films: how many are drawn for it; every one of them is real. About 5 minutes on one core.
    """
    clips, phases = real_films(films, 0)

    def loss(judge, video, labels, phases):
        *logits, phase = _answers(ATTRIBUTES, judge(_varied(as_films(video) + 1) - 1))
        moves = phases.norm(dim=1) > 0
        return _cross_entropies(logits, labels) + (phase - phases)[moves].square().mean()
    return _train(ClipJudge, (torch.from_numpy(clips.video), _labels(clips.scenes, ATTRIBUTES),
                              phases), loss, steps=steps, batch=batch, folder=folder)


def score_clip_judge(judge):
    """How often the judge reads fresh real films right."""
    def read(scenes, seed):
        reading = read_clips(judge, Theatre().film(scenes, seed).video)
        return torch.stack([reading[name].argmax(1) for name in ATTRIBUTES], 1)
    return _shares_right(read, ATTRIBUTES, 1024)


def true_phases(scenes, seed):
    """The gait phase in cycles of each frame of `Theatre().film(scenes, seed)`, (N, T)."""
    return Theatre().motion(scenes, seed).phase(torch.arange(FRAMES) / FPS)


def train_phase_judge(folder=None, films=4000, steps=2500):
    """A judge trained on real films, half of them of steps, with a little noise and light. About
    5 minutes on one core."""
    scenes = stepping_scenes(films // 2, 0) + all_scenes(films - films // 2, 0)
    known = torch.tensor([float(set(scene.actions) <= set(STEPS)) for scene in scenes])

    def loss(judge, video, phases, known, labels):
        at = torch.randint(FRAMES, (len(video),))                              # a frame of each
        frames, phase = (part[torch.arange(len(at)), at] for part in (video, phases))
        turn, *logits = judge(_varied(windows(frames)[0]))
        wanted = 2 * math.pi * phase
        wanted = torch.stack([wanted.cos(), wanted.sin()], 1)                  # (N, 2)
        off = (known[:, None] * (turn - wanted).square()).mean()
        return 8 * off + _cross_entropies(logits, labels)
    return _train(PhaseJudge, (torch.from_numpy(Theatre().film(scenes, 0).video),
                               true_phases(scenes, 0), known, _labels(scenes, ("actor", "color"))),
                  loss, steps=steps, batch=192, folder=folder)


def score_phase_judge(judge, n=512, seed=90_001):
    """How well a judge reads fresh real films: errors of the phase in cycles, shares right."""
    scenes = stepping_scenes(n, seed)
    angle, who, color = read_frames(judge, Theatre().film(scenes, seed).video)
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
    middles = (np.arange(FRAMES * MOMENTS) + 0.5) / (FPS * MOMENTS)
    far = [np.abs(middles[:, None] - seconds).min(1, initial=9) for seconds in footfalls]
    return torch.from_numpy(np.exp(-(np.stack(far) * FPS * MOMENTS) ** 2 / 2)).float()


def train_footfall_judge(folder=None, films=8000, steps=1500):
    """A judge of footfalls, trained on real films with a little noise and light."""
    clips = Theatre().film(all_scenes(films, 0), 0)

    def loss(judge, video, lands):
        return F.binary_cross_entropy_with_logits(judge(_varied(figures_of(video))), lands)
    return _train(FootfallJudge, (torch.from_numpy(clips.video), landing(clips.footfalls)), loss,
                  steps=steps, batch=32, folder=folder)


def score_footfall_judge(judge):
    """On fresh real films: which share of the footfalls it sees are true within a frame, which
    share of the true ones it finds, and how far they are apart."""
    clips = Theatre().sample(1024, 10_001)
    seen = read_footfalls(judge, clips.video)
    true = [row[row < FRAMES / FPS] for row in clips.footfalls]
    pairs = sum(hits(*pair) for pair in zip(seen, true, strict=True))
    return {"precision": pairs / sum(map(len, seen)), "recall": pairs / sum(map(len, true)),
            "milliseconds": 1000 * np.abs(lags(seen, true)).mean()}


# Sounds ----------------------------------------------------------------------------------------
def train_sound_judge(folder=None, clips=6000, steps=1200):
    """A judge of sounds, trained on real ones, a little louder or softer and with faint noise."""
    scenes = all_scenes(clips, 0)
    real, kinds = Theatre().film(scenes, 0), kinds_of(scenes)
    landings = torch.tensor([len(seconds) / 2.5 - 1 for seconds in real.footfalls])
    numbers = torch.cat([2 * Theatre._chance(clips, 0)[:, 6:] - 1, landings[:, None]], 1)

    def loss(judge, waves, kinds, numbers):
        logits, said = judge(_louder(waves, 0.15, 0.003)).split([len(MUSIC), 3], 1)
        # without music there is no tempo
        counts = torch.stack([kinds > 0, kinds > 0, kinds >= 0], 1)
        return F.cross_entropy(logits, kinds) + ((said - numbers).square() * counts).mean()
    return _train(SoundJudge, (torch.from_numpy(real.audio), kinds, numbers), loss, steps=steps,
                  batch=64, folder=folder)


def score_sound_judge(judge):
    """The share of fresh real sounds whose music the judge reads right."""
    films = {split: Theatre().sample(1024, 10_001, split) for split in ("train", "heldout")}
    return {f"{split} music": (read_sounds(judge, clips.audio)["music"].argmax(1)
                               == kinds_of(clips.scenes)).float().mean()
            for split, clips in films.items()}


def _recordings(split):
    """Real recordings as clips, (N, S), and which digit each says, (N,)."""
    waves, labels, _ = downloads.spoken_digits(split)
    return torch.stack([_placed(wave) for wave in waves]), labels


def train_voice_judge(folder=None, steps=1500):
    """A judge of voices, trained on real recordings, earlier or later, up to ten decibels softer,
    and with faint noise."""
    def loss(judge, waves, labels):
        heard = waves.roll(int(torch.randint(-1500, 1500, ())), 1) * 10 ** -0.25
        return F.cross_entropy(judge(_louder(heard, 0.25, 0.01)), labels)
    return _train(VoiceJudge, _recordings("train"), loss, steps=steps, batch=64, folder=folder)


@torch.no_grad()
def score_voice_judge(judge):
    """The share of the test recordings that the judge reads right."""
    waves, labels = _recordings("test")
    return {"test recordings": (judge(waves).argmax(1) == labels).float().mean()}
