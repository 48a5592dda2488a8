"""Lesson 7: sound from the path that makes the picture, and measures of how well the two agree.

`python -m lessons.audio footfalls|music` trains a judge and ships it; `sound` trains and ships what
the course's films sound like; `compare` plays the game with parts of it taken out and writes
data/sound.json.

Axes: N clips, S samples of sound, B frequencies, C moments (columns of a spectrogram), T frames,
D numbers a frame of a path, L words of a caption.
"""

import functools
import json
import math
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lessons import captions, checkpoints, figures, measuring, sound, training, video
from lessons.errors import nearest
from lessons.losses import Relativistic
from lessons.scene import MUSIC
from lessons.text_conditioning import (
    IDS,
    WORDS,
    Matching,
    TextEncoder,
    Wordings,
    contrastive_loss,
    evenly,
)
from lessons.theatre import Theatre
from lessons.video import FRAMES, PATH, Steps

RATE, FPS = 8000, 8              # samples and frames a second
SAMPLES = RATE * FRAMES // FPS   # of a clip
WINDOW, HOP = 256, 100           # samples that one column looks at, and from column to column
BINS = WINDOW // 2 + 1           # frequencies, RATE / WINDOW = 31.25 Hz apart
A_FRAME = RATE // FPS // HOP     # columns that belong to one frame of the film
COLUMNS = A_FRAME * FRAMES
FLOOR = 0.02                     # a magnitude that counts as silence; a loud tone has about 8
NOISE = 8                        # numbers of noise that become one sound
LOUDEST = 2.35                   # the level that none is above, see `spectrogram`
HANDS = 32                       # of the clock that keeps the time of the music
MODEL = "sound"                  # the name that a checkpoint of this lesson carries


# Sound and its pictures -----------------------------------------------------------------------
def columns(waves, window, hop):
    """Magnitudes of the Fourier transforms of pieces of waves: (N, S) -> (N, B, C).

    window (W,): each piece of W samples, one every `hop`, is multiplied by it; B = W // 2 + 1.
    """
    pieces = waves.unfold(1, len(window), hop) * window                        # (N, C, W)
    return torch.fft.rfft(pieces).abs().transpose(1, 2)                        # (N, B, C)


def transform(waves):
    """The short-time Fourier transform of waves (N, S): complex (N, B, C), C = S / HOP.

    A column is the Fourier transform of WINDOW samples around its moment, faded at both sides.
    """
    window = torch.hann_window(WINDOW, device=waves.device)
    columns = torch.stft(waves, WINDOW, HOP, window=window, pad_mode="constant",
                         return_complex=True)                                  # (N, B, C + 1)
    return columns[..., :waves.shape[1] // HOP]


def inverse(columns):
    """The waves (N, S) of complex columns (N, B, C): overlapping pieces, added and divided by the
    windows' sum. Columns that belong to no wave give the wave whose own are nearest."""
    window = torch.hann_window(WINDOW, device=columns.device)
    return torch.istft(columns, WINDOW, HOP, window=window, length=columns.shape[2] * HOP)


def spectrogram(waves):
    """How loud each frequency is at each moment: waves (N, S) -> levels (N, B, C), 0 for silence.

        level = log(1 + |X| / FLOOR) / 3,   X the short-time Fourier transform

    A level of 2 is a loud tone; from 1 to 2 the magnitude grows twentyfold.
    """
    return torch.log1p(transform(waves).abs() / FLOOR) / 3


def magnitudes(levels):
    """Levels (N, B, C) of `spectrogram` -> magnitudes |X|, of the same shape."""
    return FLOOR * torch.expm1(3 * levels.clamp(min=0))


def mel_filters(bands=64, top=RATE / 2):
    """Triangles that sum frequencies into bands as wide as they sound: float (bands, B).

        mel = 2595 log10(1 + Hz / 700)

    The bands lie evenly in mel, each reaching from the middle of the last to that of the next.
    Source of the formula: O'Shaughnessy, Speech Communication, 1987.
    """
    highest = 2595 * math.log10(1 + top / 700)
    edges = 700 * (10 ** (torch.linspace(0, highest, bands + 2) / 2595) - 1)   # in Hz
    hertz = torch.linspace(0, RATE / 2, BINS)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]   # (bands, 1) each
    return torch.minimum((hertz - low) / (middle - low), (high - hertz) / (high - middle)).clamp(0)


def first_phases(size):
    """A guess of the phases (N, B, C) that belong to magnitudes `size` (N, B, C).

    Each bin turns as fast as the tone that is loudest near it: its frequency lies between two bins
    and is read from a parabola through three neighbours.
    """
    level = F.pad((size + 1e-5).log(), (0, 0, 1, 1), mode="replicate")
    left, middle, right = level[:, :-2], level[:, 1:-1], level[:, 2:]
    peak = (right - left) / (2 * (2 * middle - left - right)).clamp(min=1e-3)  # in bins
    bins = torch.arange(size.shape[1], device=size.device)[:, None] + peak.clamp(-2, 2)
    return (2 * math.pi * HOP / WINDOW * bins).cumsum(2)


def to_wave(levels, rounds=32, speed=0.99):
    """Back to sound: levels (N, B, C) -> waves (N, S), faded at both ends, at most 0.95 high.

    The phases are lost, so they are guessed and then made to agree: in each round the columns
    become a wave, the wave becomes columns, and these keep their phases and take the magnitudes
    that are wanted. speed: how much of the last step is made once more (0 for the plain method).
    Source: Griffin and Lim, 1984, doi 10.1109/TASSP.1984.1164317; the fast form is that of
    Perraudin et al., 2013, doi 10.1109/WASPAA.2013.6701851.
    """
    size = magnitudes(levels)
    columns, last = torch.polar(size, first_phases(size)), 0
    for _ in range(rounds):
        now = transform(inverse(columns))
        columns, last = with_size(now + speed * (now - last), size), now
    waves = sound.fade(inverse(columns), RATE, 0.008)
    highest = waves.abs().amax(1, keepdim=True)
    return waves * (0.95 / highest.clamp(min=0.95))  # turned down as a whole, not clipped


def with_size(columns, size):
    """Complex columns with other magnitudes and the phases that they have, both (N, B, C)."""
    return size * columns / columns.abs().clamp(min=1e-9)


# The networks ---------------------------------------------------------------------------------
@functools.lru_cache
def _moods(device):
    """What is added to captions: the words for each of MUSIC in each language, as numbers
    (languages, 3, 3), and which of WORDS speak of music."""
    phrases = {"en": ("without music", "with calm music", "with cheerful music"),
               "zh": ("没有音乐", "伴着 平静 音乐", "伴着 欢快 音乐")}
    words = [[(row.split() + ["", ""])[:3] for row in phrases[language]]
             for language in captions.LANGUAGES]
    speaks = {word for lexicon in captions.LEXICON.values() for phrase, (slot, _) in lexicon.items()
              if slot == "mood" for word in [*phrase.split(), phrase]}
    speaks -= {phrase for lexicon in captions.LEXICON.values()
               for phrase, (slot, _) in lexicon.items() if slot == ""}         # "in" says nothing
    return (torch.tensor([[[IDS[word] for word in row] for row in rows] for rows in words],
                         device=device),
            torch.tensor([word in speaks for word in WORDS], device=device))


def with_music(ids, kinds):
    """Captions that speak of music: ids (N, L) -> (N, L + 3), with padding where they do already.

    kinds (N,): which of MUSIC to add, in words of the caption's language, where none is named.
    """
    words, speaks = _moods(ids.device)
    chinese = (ids[:, 0] > len(captions.VOCABULARY["en"])).long()              # (N,) 0 or 1
    added = words[chinese, kinds] * ~speaks[ids].any(1, keepdim=True)          # (N, 3)
    return torch.cat([ids, added], 1)


class SoundGenerator(nn.Module):
    """G(z, t, path): noise (N, NOISE), captions (N, L), standardised paths (N, T, D) -> levels
    (N, B, C).

    Two sounds with two causes, whose magnitudes are added. Steps are heard where the path says:
    each frame, with its neighbours, gives the ten columns that belong to it. Music is heard as the
    words say: a clock goes up to a tenth faster or slower, as noise and words set it, and what
    sounds is a function of where its hands stand. No level is above LOUDEST: on a scale of
    logarithms a small mistake upwards would be a bang.
    """

    def __init__(self, width=128):
        super().__init__()
        self.frames = nn.Sequential(nn.Linear(2 * PATH, width), nn.LeakyReLU(0.2),
                                    Steps(width, 3, 1), Steps(width, 3, 1))
        self.spread = nn.Linear(width, A_FRAME * 32)
        self.steps = nn.Sequential(Steps(32, 5, 1), nn.Linear(32, 64), nn.LeakyReLU(0.2),
                                   nn.Linear(64, BINS))
        self.text = TextEncoder()
        self.tune = nn.Sequential(nn.Linear(64 + NOISE, width), nn.LeakyReLU(0.2))
        self.pace = nn.Linear(width, 1)
        self.hands, self.key = nn.Linear(2 * HANDS, width), nn.Linear(width, width)
        self.music = nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2),
                                   nn.Linear(width, BINS))

    def forward(self, z, ids, paths, *_):
        steps, music = self.footsteps(paths), self.melody(z, ids)              # (N, C, B) each
        both = torch.logaddexp(steps, music).transpose(1, 2) / 3               # (N, B, C)
        return LOUDEST - F.softplus(8 * (LOUDEST - both)) / 8

    def footsteps(self, paths):
        """Paths (N, T, D) -> logarithms of magnitudes (N, C, B)."""
        x = self.frames(with_change(paths))                                    # (N, T, width)
        return self.steps(self.spread(x).unflatten(2, (A_FRAME, 32)).flatten(1, 2))

    def melody(self, z, ids):
        """Noise (N, NOISE), captions (N, L) -> logarithms of magnitudes (N, C, B)."""
        _, _, sentence = self.text(ids)
        tune = self.tune(torch.cat([sentence, z], 1))                          # (N, width)
        seconds = torch.arange(COLUMNS, device=z.device) * HOP / RATE
        clock = (1 + 0.1 * torch.tanh(self.pace(tune).float())) * seconds      # (N, C)
        # the slowest hand goes round in 4 seconds, the others two, three, ... times as fast
        turned = math.pi / 2 * clock[..., None] * torch.arange(1, HANDS + 1, device=z.device)
        x = self.hands(torch.cat([turned.sin(), turned.cos()], 2))             # (N, C, width)
        return self.music(x + self.key(tune)[:, None])


def with_change(paths):
    """Paths (N, T, D) beside their changes from frame to frame, the first being 0: (N, T, 2 D)."""
    return torch.cat([paths, F.pad(paths.diff(dim=1), (0, 0, 1, 0))], 2)


class SoundDiscriminator(nn.Module):
    """Two discriminators that look at one spectrogram.

    The first asks: is this sound real, and does its music fit the caption? The second asks: do
    sound and path belong together, frame by frame?

    forward: levels (N, B, C), captions (N, L), paths (N, T, D) -> logits (N,), the sum of both;
    then, for `MusicAndShift`, a vector of the sound and one of the caption, (N, 64) each, and the
    second logit (N,) twice: with the path in its place, and with a path that is early or late.
    """

    def __init__(self, width=96, joint=True):
        super().__init__()
        self.joint = joint
        self.look = nn.Sequential(nn.Linear(BINS, width), nn.LeakyReLU(0.2),
                                  Steps(width, 4, 2), Steps(width, 5, 5))
        self.near = Steps(width, 3, 1)
        self.sum_up = nn.Sequential(nn.Linear(FRAMES * width, 192), nn.LeakyReLU(0.2))
        self.text = TextEncoder()
        self.fits, self.match = Matching(192), nn.Linear(192, 64)
        self.beside = nn.Sequential(nn.Linear(width + 2 * PATH, width), nn.LeakyReLU(0.2),
                                    Steps(width, 3, 1), Steps(width, 3, 1), nn.Linear(width, 1))

    def forward(self, levels, ids, paths, *_):
        heard = self.look(levels.transpose(1, 2))                              # (N, T, width)
        whole = self.sum_up(self.near(heard).flatten(1))                       # (N, 192)
        _, _, sentence = self.text(ids)                                        # (N, 64)
        seen = with_change(paths)                                              # (N, T, 2 D)
        own, early = shifted(heard, seen, int(torch.randint(1, 9, ())))
        logits = self.fits(whole, sentence)
        if self.joint:
            logits = logits + self.together(heard, seen)
        return logits, self.match(whole), sentence, self.together(*own), self.together(*early)

    def together(self, heard, seen):
        """Frames of a sound (N, T, .) and of a path (N, T, .) -> do they belong together? (N,)"""
        return self.beside(torch.cat([heard, seen], 2)).mean((1, 2))


def shifted(heard, seen, k):
    """Two pairs of T - k frames: one in time, and one whose picture comes k frames too early.

    heard, seen: frames of sound and of picture (N, T, .) that belong together. The sound of both
    pairs is the same, and nothing is rolled round: a seam would give the second pair away.
    """
    return (heard[:, k:], seen[:, k:]), (heard[:, k:], seen[:, :-k])


def energy(one, other, real):
    """The energy score of two generated sounds of one cause beside the real one, a number.

        E |x - y| - 1/2 E |x - x'|,   the length being that of each column, and the mean over all

    one, other: x and x', real: y, levels (N, B, C) each. Its mean is smallest where x is drawn from
    the distribution of y: to hit y is not enough, the spread must be right, too. Source: Gneiting
    and Raftery, 2007, doi 10.1198/016214506000001437, equation 22.
    """
    def far(a, b):
        return ((a - b).square().sum(1) + 1e-6).sqrt().mean()                  # of (N, C) lengths
    return (far(one, real) + far(other, real)) / 2 - far(one, other) / 2


class MusicAndShift:
    """What is added to the adversarial losses of sound.

    The discriminator must match sounds with captions by their music, and must tell a pair in time
    from one whose picture is early. The generator must match, too, and its pairs of sounds from one
    cause must have a small energy score. shift, energy: weights, 0 to leave a part out.
    """

    def __init__(self, shift=1.0, energy=1.0):
        self.shift, self.energy = shift, energy

    def discriminator(self, more, conditions):
        _, _, own, early = more
        return self.matching(more, conditions) + self.shift * F.softplus(early - own).mean()

    def generator(self, real, fake, more, conditions):
        loss = 0.3 * self.matching(more, conditions)
        if self.energy:
            one, other = fake.chunk(2)  # each cause is drawn twice, see `train_sound`
            loss = loss + self.energy * energy(one, other, real.chunk(2)[0])
        return loss

    @staticmethod
    def matching(more, conditions):
        heard, sentences, *_ = more
        return contrastive_loss(heard, sentences, 10.0, conditions[2])


class SoundMaker(nn.Module):
    """What makes a film sound: the generator, and the scale of the paths that it knows."""

    def __init__(self):
        super().__init__()
        self.generator = SoundGenerator()
        self.register_buffer("middle", torch.zeros(PATH))
        self.register_buffer("spread", torch.ones(PATH))

    @torch.no_grad()
    def forward(self, z, ids, paths):
        """Noise (N, NOISE), captions (N, L), paths (N, T, D) as the encoder gives them -> waves
        (N, S), -1 to 1, on the CPU, where they come out the same on every machine.

        Where a caption leaves the music open, the first number of the noise draws it, each of MUSIC
        being equally likely.
        """
        ids = with_music(ids, (evenly(z[:, 0]) * len(MUSIC)).long())
        return to_wave(self.generator(z, ids, (paths - self.middle) / self.spread).float().cpu())


def train_sound(waves, paths, wordings, kinds, folder=None, *, variant="shipped", seed=0,
                device="cpu", batch=32, **length):
    """The `training.Run` of the game over sounds.

    waves (M, S) are the sounds of real films, paths (M, T, D) what the encoder makes of their
    frames, standardised, wordings the `Wordings` of their scenes; where a scene has several films,
    they stand in a row. kinds (scenes,): which of MUSIC each has; a caption that leaves it open is
    completed with the truth, so that every sound learnt belongs to its words. variant: one of
    VARIANTS. folder: where the checkpoint is, gone on from if there is one. length: minutes or
    steps.
    """
    joint, shift, weight = VARIANTS[variant]
    torch.manual_seed(seed)

    def draw(n, rng):
        rows = torch.randint(len(waves), (n // 2,), generator=rng)
        scenes = rows * len(kinds) // len(waves)
        ids, _ = wordings.draw(scenes, rng)
        once = (spectrogram(waves[rows].float()), with_music(ids, kinds[scenes]), paths[rows],
                kinds[scenes, None])
        return [part.repeat(2, *[1] * (part.dim() - 1)) for part in once]
    run = training.Run(SoundGenerator(), SoundDiscriminator(joint=joint), model=MODEL, seed=seed,
                       device=device)
    return training.fit_to_end(run, folder, draw, loss=Relativistic, latent=NOISE, batch=batch,
                               r1=0.5, r2=0.5, extra=MusicAndShift(shift, weight), decay=0.995,
                               **length)


# name -> is there a joint discriminator, how much do shifted pairs count, and the energy score?
VARIANTS = {"shipped": (True, 1.0, 1.0), "no energy score": (True, 1.0, 0.0),
            "no shifted pairs": (True, 0.0, 0.0), "sound alone": (False, 0.0, 0.0)}


# Judges, trained on real clips alone ------------------------------------------------------------
MOMENTS = 5  # of each frame: the judge says in which fortieth of a second a foot lands


class FootfallJudge(nn.Module):
    """Reads from the pixels of a film when a foot lands: trained on real films, never shown to a
    generator, and without the path that the generator hears.

    forward: windows around the figure (N, T, 3, 48, 24) -> logits (N, T MOMENTS).
    """

    def __init__(self):
        super().__init__()
        self.look = nn.Sequential(
            nn.PixelUnshuffle(3),                                              # (NT, 27, 16, 8)
            nn.Conv2d(27, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 48, 3, stride=2, padding=1), nn.BatchNorm2d(48), nn.ReLU(),
            nn.Flatten(), nn.Linear(48 * 4 * 2, 64))                           # (NT, 64)
        self.watch = nn.Sequential(
            nn.Conv1d(64, 96, 3, padding=1), nn.BatchNorm1d(96), nn.ReLU(),
            nn.Conv1d(96, 96, 3, padding=1), nn.BatchNorm1d(96), nn.ReLU(),
            nn.Conv1d(96, 96, 3, padding=1), nn.BatchNorm1d(96), nn.ReLU(),
            nn.Conv1d(96, MOMENTS, 1))

    def forward(self, windows):
        N, T = windows.shape[:2]
        frames = self.look(windows.flatten(0, 1)).view(N, T, 64)
        return self.watch(frames.transpose(1, 2)).transpose(1, 2).flatten(1)   # (N, T MOMENTS)


def footfall_judge():
    """The shipped judge of footfalls (`FootfallJudge` in evaluation mode)."""
    judge = FootfallJudge()
    judge.load_state_dict(checkpoints.shipped("footfall_judge.safetensors"))
    return judge.eval()


def figures_of(films):
    """Windows around the figures of uint8 (N, T, H, W, 3), less the stage: (N, T, 3, 48, 24)."""
    frames = measuring.as_films(films).flatten(0, 1)                           # (NT, 3, H, W)
    if frames.shape[2:] != (48, 48):
        frames = F.interpolate(frames, (48, 48), mode="bilinear", antialias=True)
    empty = measuring.as_films(figures.stage(48)[None, None])[0]               # (1, 3, 48, 48)
    return video.cut(frames - empty)[0].unflatten(0, films.shape[:2])


def landing(footfalls):
    """What a perfect judge of footfalls would say: lists of seconds -> float (N, T MOMENTS).

    1 at the moment at which a foot lands, falling off within two moments on either side.
    """
    middles = (np.arange(FRAMES * MOMENTS) + 0.5) / (FPS * MOMENTS)
    far = [np.abs(middles[:, None] - seconds).min(1, initial=9) for seconds in footfalls]
    return torch.from_numpy(np.exp(-(np.stack(far) * FPS * MOMENTS) ** 2 / 2)).float()


def train_footfall_judge(films=8000, steps=1500, batch=32, seed=0):
    """A judge of footfalls, trained on real films with a little noise and light; returns it."""
    torch.manual_seed(seed)
    clips = Theatre().film(measuring.all_scenes(films, seed), seed)
    lands, judge = landing(clips.footfalls), FootfallJudge()

    def loss():
        rows = torch.randint(films, (batch,))
        shown = figures_of(clips.video[rows.numpy()])
        shown = shown * (1 + 0.1 * (2 * torch.rand(batch, 1, 1, 1, 1) - 1))
        shown = shown + 0.05 * torch.rand(batch, 1, 1, 1, 1) * torch.randn_like(shown)
        return F.binary_cross_entropy_with_logits(judge(shown), lands[rows])
    return measuring._teach(judge, loss, steps)


@torch.no_grad()
def read_footfalls(judge, films, chunk=64):
    """When feet land in films, uint8 (N, 16, H, W, 3), as the judge sees it: a list of N arrays of
    seconds."""
    sure = torch.cat([judge(figures_of(films[i:i + chunk])).sigmoid()
                      for i in range(0, len(films), chunk)])                   # (N, T MOMENTS)
    found = peaks(sure, least=0.3, apart=6)
    around = F.pad(sure, (2, 2)).unfold(1, 5, 1)                               # (N, T MOMENTS, 5)
    aside = (around * torch.arange(-2, 3)).sum(2) / around.sum(2)              # the mean moment
    seconds = (torch.arange(sure.shape[1]) + 0.5 + aside) / (FPS * MOMENTS)
    return [row[peak].numpy() for row, peak in zip(seconds, found, strict=True)]


class SoundJudge(nn.Module):
    """Reads what kind of music there is in a sound: trained on real sounds alone.

    forward: waves (N, S) -> 6 numbers: a logit for each of MUSIC; then the tempo and the key of
    the music, and how often a foot lands, all in about -1 to 1. They are a linear function of the
    32 `features`, in which the Fréchet distance between sounds is measured. It hears 64 mel bands.
    """

    def __init__(self):
        super().__init__()
        self.register_buffer("mel", mel_filters())
        self.listen = nn.Sequential(
            nn.Conv1d(64, 64, 5, stride=2, padding=2), nn.BatchNorm1d(64), nn.ReLU(),
            nn.Conv1d(64, 64, 5, stride=2, padding=2), nn.BatchNorm1d(64), nn.ReLU(),
            nn.Conv1d(64, 64, 5, stride=2, padding=2), nn.BatchNorm1d(64), nn.ReLU(),
            nn.Flatten(), nn.Linear(64 * COLUMNS // 8, 32), nn.BatchNorm1d(32, affine=False))
        self.answer = nn.Linear(32, len(MUSIC) + 3)

    def features(self, waves):
        bands = self.mel @ transform(waves).abs()                              # (N, 64, C)
        return self.listen(torch.log1p(bands / FLOOR) / 3)                     # (N, 32)

    def forward(self, waves):
        return self.answer(self.features(waves))                               # (N, 6)


def sound_judge():
    """The shipped judge of sounds (`SoundJudge` in evaluation mode)."""
    judge = SoundJudge()
    judge.load_state_dict(checkpoints.shipped("sound_judge.safetensors"))
    return judge.eval()


def train_sound_judge(clips=6000, steps=1200, batch=64, seed=0):
    """A judge of sounds, trained on real ones, a little louder or softer and with faint noise."""
    torch.manual_seed(seed)
    theatre, scenes = Theatre(), measuring.all_scenes(clips, seed)
    real = theatre.film(scenes, seed)
    waves = torch.from_numpy(real.audio)
    kinds = kinds_of(scenes)
    landings = torch.tensor([len(seconds) / 2.5 - 1 for seconds in real.footfalls])
    numbers = torch.cat([2 * theatre._chance(clips, seed)[:, 6:] - 1, landings[:, None]], 1)
    counts = torch.stack([kinds > 0, kinds > 0, kinds >= 0], 1)  # without music there is no tempo
    judge = SoundJudge()

    def loss():
        rows = torch.randint(clips, (batch,))
        heard = waves[rows] * 10 ** (0.15 * (2 * torch.rand(batch, 1) - 1))
        heard = heard + 0.003 * torch.rand(batch, 1) * torch.randn_like(heard)
        kind, said = judge(heard).split([len(MUSIC), 3], 1)
        wrong = ((said - numbers[rows]).square() * counts[rows]).mean()
        return F.cross_entropy(kind, kinds[rows]) + wrong
    return measuring._teach(judge, loss, steps)


@torch.no_grad()
def read_sounds(judge, waves, chunk=256):
    """What a judge hears in waves, float (N, S): dict "music" -> probabilities (N, 3), "tempo",
    "key", "landings" -> (N,), about -1 to 1, "features" -> (N, 32)."""
    features = torch.cat([judge.features(part) for part in torch.as_tensor(waves).split(chunk)])
    kind, numbers = judge.answer(features).split([len(MUSIC), 3], 1)
    return {"music": kind.softmax(1), "features": features} | \
        dict(zip(("tempo", "key", "landings"), numbers.T, strict=True))


# Do sound and picture agree? --------------------------------------------------------------------
def peaks(curve, least, apart):
    """Where a curve (N, C) has a peak: bool (N, C). A peak is at least `least` high, and nothing
    that is nearer than `apart` places is higher."""
    top = F.max_pool1d(curve[:, None], 2 * apart - 1, 1, apart - 1)[:, 0]      # (N, C)
    return (curve == top) & (curve >= least)


def strikes(waves):
    """How suddenly it gets louder above 2 kHz: waves (N, S) -> (N, C), about 1 for a step.

    The mean rise of the levels within two columns. A step is a noise, and noise has all
    frequencies; the tones of the music have few.
    """
    high = spectrogram(waves)[:, BINS // 2:]                                   # (N, B / 2, C)
    return F.pad((high[..., 2:] - high[..., :-2]).clamp(min=0).mean(1), (2, 0))


def onsets(waves):
    """When steps are heard in waves (N, S): a list of N arrays of seconds."""
    found = peaks(strikes(torch.as_tensor(waves)), least=0.4, apart=12)
    return [row.nonzero()[:, 0].numpy() * HOP / RATE for row in found]


def hits(heard, seen, within=1 / FPS):
    """How many pairs of a moment heard and one seen can be made, none used twice: a whole number.

    heard, seen: seconds in ascending order, any number of them; a pair is at most `within` apart.
    """
    i = j = count = 0
    while i < len(heard) and j < len(seen):
        if abs(heard[i] - seen[j]) <= within:
            i, j, count = i + 1, j + 1, count + 1
        elif heard[i] < seen[j]:
            i += 1
        else:
            j += 1
    return count


def sync(heard, seen, within=1 / FPS):
    """How well moments heard and seen agree over N clips, 0 to 1: both lists of N arrays.

        2 hits / (number heard + number seen),   summed over all clips

    1 where each has its partner. A clip in which nothing is heard and nothing seen adds nothing.
    """
    pairs = sum(hits(one, other, within) for one, other in zip(heard, seen, strict=True))
    return 2 * pairs / max(1, sum(map(len, heard)) + sum(map(len, seen)))


def lags(heard, seen):
    """From each moment heard to the nearest that is seen in its clip, in seconds, one array: above
    0 where the sound is late. Clips in which nothing is seen have none."""
    found = [one[:, None] - other for one, other in zip(heard, seen, strict=True) if len(other)]
    return np.concatenate([row[np.arange(len(row)), np.abs(row).argmin(1)] for row in found])


def av_align(heard, seen, within=1 / FPS):
    """AV-Align of one clip: hits / (heard + seen - hits), 0 to 1; nan where both lists are empty.

    An intersection over a union. Source: Yariv et al., 2024, arXiv 2309.16429, where peaks of
    loudness meet peaks of optical flow.
    """
    pairs = hits(heard, seen, within)
    union = len(heard) + len(seen) - pairs
    return pairs / union if union else math.nan


def motion_peaks(films):
    """When films uint8 (N, T, H, W, 3) move most: the local peaks of `measuring.frame_change`, a
    list of N arrays of seconds."""
    change = torch.from_numpy(measuring.frame_change(films))                   # (N, T - 1)
    found = peaks(change, least=1e-3, apart=2)
    return [(row.nonzero()[:, 0].numpy() + 1) / FPS for row in found]


def decibels(waves, others):
    """How much louder waves are than others, in dB: 10 log10 of the ratio of their mean squares."""
    return float(10 * np.log10(np.square(waves).mean() / np.square(others).mean()))


def score(make, n=512, seed=30_000):
    """The scores of the sound of films, a dict of floats: make(texts, count, seed) ->
    `video.Films`; n: how many captions. See `measured`."""
    scenes = Theatre.scenes(n, seed)
    return measured(make([captions.describe(scene) for scene in scenes], 1, seed), scenes, seed)


def measured(made, scenes, seed=30_000):
    """The scores of the sound of films (`video.Films`, one of each scene), a dict of floats.

    "sync": of the steps heard with the footfalls that the judge sees; "sync real" that of real
    clips, "sync shuffled" with the sounds of other films, and "sync share" how much of the way from
    these to real clips it is. "av-align" likewise. "music": the share of films whose music is heard
    as the scene has it. "sound frechet", "sound floor": distance to real sounds, and that of other
    real ones. "loudness": dB above real clips of the same scenes. "peak": the largest sample.
    """
    real, judge = Theatre().film(scenes, seed + 1), sound_judge()
    many = read_sounds(judge, Theatre().sample(2 * len(scenes), seed + 2).audio)["features"]
    heard, twin = (read_sounds(judge, clips.audio) for clips in (made, real))
    kinds = kinds_of(scenes)
    return _agreement(made, real) | {
        "music": float((heard["music"].argmax(1) == kinds).float().mean()),
        "sound frechet": measuring.frechet_distance(heard["features"], many),
        "sound floor": measuring.frechet_distance(twin["features"], many),
        "loudness": decibels(made.audio, real.audio), "peak": float(np.abs(made.audio).max())}


def _agreement(made, real):
    """"sync" and "av-align" of `measured`."""
    judge, scores = footfall_judge(), {}
    for name, clips in (("", made), (" real", real)):
        steps, seen = onsets(clips.audio), read_footfalls(judge, clips.video)
        moves = motion_peaks(clips.video)
        pairs = {name: steps}
        if not name:
            pairs[" shuffled"] = steps[1:] + steps[:1]
        for kind, heard in pairs.items():
            scores["sync" + kind] = sync(heard, seen)
            scores["av-align" + kind] = float(np.nanmean(
                [av_align(*pair) for pair in zip(heard, moves, strict=True)]))
    for name in ("sync", "av-align"):
        low, high = scores[name + " shuffled"], scores[name + " real"]
        scores[name + " share"] = (scores[name] - low) / (high - low)
    return scores


# Pictures and players --------------------------------------------------------------------------
def draw(clips, i=0, seen=(), title=None):
    """Show film i over its spectrogram, with a dotted line at each second of `seen`.

    clips: of the theatre or of `video.film`. The film is a row of its 16 frames.
    """
    import matplotlib.pyplot as plt

    from lessons import show
    film, wave = clips.video[i], torch.as_tensor(clips.audio[i:i + 1])
    fig, (top, under) = plt.subplots(2, 1, figsize=(9.6, 2.9), layout="constrained",
                                     height_ratios=(0.6, 2))
    top.imshow(film.swapaxes(0, 1).reshape(film.shape[1], -1, 3), aspect="auto")  # (H, T W, 3)
    top.axis("off")
    top.set_title(title or clips.captions[i], fontsize=10)
    levels(under, spectrogram(wave)[0])
    for second in seen:
        under.axvline(second, color="white", linestyle=":", linewidth=1.2)
    show.figure(fig, f"A film as a row of frames and under it the spectrogram of its sound: "
                     f"“{clips.captions[i]}”; feet land at "
                     + (", ".join(f"{second:.2f}" for second in seen) or "no") + " seconds.")


def levels(ax, picture):
    """Draw one spectrogram (B, C) on a matplotlib axis: seconds from left, kHz from below."""
    ax.imshow(picture, origin="lower", aspect="auto", vmin=0, vmax=2, cmap="cividis",
              extent=(0, FRAMES / FPS, 0, RATE / 2000))
    ax.set(xlabel="seconds", ylabel="kHz")


def listen(wave, label):
    """A player of a wave (S,), -1 to 1, as an HTML element with a label."""
    import base64
    import io
    import wave as files
    from html import escape

    from IPython.display import HTML
    file = io.BytesIO()
    with files.open(file, "wb") as sound_:
        sound_.setparams((1, 2, RATE, 0, "NONE", ""))  # one channel of 16 bits
        sound_.writeframes((np.asarray(wave) * 32767).astype("<i2").tobytes())
    data = base64.b64encode(file.getvalue()).decode()
    return HTML(f'<figure style="margin:0"><audio controls aria-label="Sound: {escape(label)}" '
                f'src="data:audio/wav;base64,{data}"></audio>'
                f'<figcaption>{escape(label)}</figcaption></figure>')


# Training, scoring, shipping --------------------------------------------------------------------
def world(clips=8000, seed=0):
    """What the game over sounds learns from: waves (M, S) in 16 bits, paths (M, T, D) of their
    films by the shipped encoder, as they are, the `Wordings` of their scenes and their kinds of
    music (M,)."""
    scenes = Theatre.scenes(clips, seed)
    real = Theatre().film(scenes, seed)
    paths = video.load_model("theatre", sound=False).autoencoder.paths(real.video)
    return torch.from_numpy(real.audio).half(), paths, Wordings(scenes, seed=seed), kinds_of(scenes)


def kinds_of(scenes):
    """Which of MUSIC each of N scenes has: int64 (N,)."""
    return torch.tensor([MUSIC.index(scene.music) for scene in scenes])


def scale_of(paths):
    """Mean and spread of each number of paths (M, T, D), (D,) each."""
    return paths.mean((0, 1)), paths.std((0, 1)).clamp(min=1e-3)


def made_of(run, paths):
    """The `SoundMaker` of a finished run; paths: what it learnt from, as the encoder gave them."""
    maker = SoundMaker().to(paths.device)
    maker.generator.load_state_dict(run.average.state_dict())
    maker.middle, maker.spread = scale_of(paths)
    return maker.eval()


LAGS = np.linspace(-0.4125, 0.4125, 34)  # edges of the bins of a histogram of lags, in seconds


def compare(steps=600, clips=8000, found=None, write=None):
    """Play with each of VARIANTS on one budget; returns what was measured, a dict.

    "steps" and "variants": name -> the scores of `measured` for 256 films, "seconds" of training,
    and "lags", how many lie in each bin of LAGS. found: what was measured before, to go on from.
    write(found): called after each run.
    """
    if not found or found["steps"] != steps:
        found = {"steps": steps, "variants": {}}
    scenes = Theatre.scenes(256, 60_000)
    texts = [captions.describe(scene) for scene in scenes]
    model, (waves, paths, *said) = video.load_model("theatre", sound=False), world(clips)
    middle, spread = scale_of(paths)
    for name in [name for name in VARIANTS if name not in found["variants"]]:
        run = train_sound(waves, (paths - middle) / spread, *said, variant=name, steps=steps)
        model.sound = made_of(run, paths)
        made = video.film(model, texts, seed=1)
        late = lags(onsets(made.audio), read_footfalls(footfall_judge(), made.video))
        row = {key: round(value, 4) for key, value in measured(made, scenes).items()}
        found["variants"][name] = row | {"seconds": round(run.seconds, 1),
                                         "lags": np.histogram(late, LAGS)[0].tolist()}
        if write:
            write(found)
    return found


def compared():
    """What `python -m lessons.audio compare` found, as `compare` describes it."""
    return json.loads((checkpoints.DATA / "sound.json").read_text(encoding="utf-8"))


def _compare():
    path = checkpoints.DATA / "sound.json"
    compare(found=compared() if path.exists() else None,
            write=lambda found: checkpoints.write_whole(path, (json.dumps(found) + "\n").encode()))


def _footfalls():
    """Train and ship the judge of footfalls; on fresh real films: which share of its footfalls are
    true within a frame, which share of the true ones it finds, and how far they are apart."""
    judge, clips = train_footfall_judge(), Theatre().sample(1024, 10_001)
    seen = read_footfalls(judge, clips.video)
    true = [row[row < FRAMES / FPS] for row in clips.footfalls]
    pairs = sum(hits(*pair) for pair in zip(seen, true, strict=True))
    _ship("footfall_judge.safetensors", judge, "footfalls",
          {"precision": pairs / sum(map(len, seen)), "recall": pairs / sum(map(len, true)),
           "milliseconds": 1000 * float(np.abs(lags(seen, true)).mean())})


def _music():
    """Train and ship the judge of sounds, with the share of fresh real ones that it reads right."""
    judge, scores = train_sound_judge(), {}
    for split in ("train", "heldout"):
        clips = Theatre().sample(1024, 10_001, split)
        read = read_sounds(judge, clips.audio)["music"].argmax(1)
        scores[split + " music"] = float((read == kinds_of(clips.scenes)).float().mean())
    _ship("sound_judge.safetensors", judge, "music", scores)


def _sound():
    """Train and ship the sound of the course's films, with the scores of `score`."""
    model, (waves, paths, *said) = video.load_model("theatre", sound=False), world()
    middle, spread = scale_of(paths)
    run = train_sound(waves, (paths - middle) / spread, *said, steps=2000)
    model.sound = made_of(run, paths)
    model.sound.load_state_dict(checkpoints.in_16_bits(model.sound))  # what is scored is shipped
    scores = score(functools.partial(video.film, model))
    _ship("sound.safetensors", model.sound, "sound",
          scores | {"minutes": run.seconds / 60, "steps": run.step})


def _ship(file, network, command, scores):
    scores = {name: round(value, 4) for name, value in scores.items()}
    checkpoints.ship(file, checkpoints.in_16_bits(network), f"python -m lessons.audio {command}",
                     scores)
    print(f"{file}: {scores}")


COMMANDS = {"footfalls": _footfalls, "music": _music, "sound": _sound, "compare": _compare}


def main():
    """Train what is named, ship it or write what was found, and print its scores."""
    if len(sys.argv) != 2 or sys.argv[1] not in COMMANDS:
        raise SystemExit("Say what to train: python -m lessons.audio " + "|".join(COMMANDS)
                         + "".join(f". {nearest(name, COMMANDS)}" for name in sys.argv[1:2]))
    COMMANDS[sys.argv[1]]()


if __name__ == "__main__":
    main()
