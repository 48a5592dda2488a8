"""Train the judges anew and ship them: `python -m lessons ship NAME`."""

import math

import numpy as np
import torch
from torch.nn import functional as F
from tqdm.auto import tqdm

from lessons.audio import hits, lags
from lessons.engine import training, weights
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
from lessons.signals import clip
from lessons.signals.clip import FPS, FRAMES
from lessons.signals.windows import as_films, as_pictures
from lessons.sources import downloads
from lessons.sources.downloads import mnist
from lessons.sources.moving_digits import _placed
from lessons.world import theatre, vocabulary
from lessons.world.scene import MUSIC
from lessons.world.theatre import Theatre, all_scenes, first_frames
from lessons.world.vocabulary import ATTRIBUTES, SEEN, kinds_of, truth


def train_digit_judge(epochs=5, seed=0):
    """A judge trained on real digits that move by up to two pixels, and its share right on test."""
    torch.manual_seed(seed)
    images, labels = mnist("train")
    images = F.pad(images[:, None].float() / 127.5 - 1, (2, 2, 2, 2), value=-1.0)  # (N, 1, 32, 32)
    judge, batch = DigitJudge(), 128

    def loss():
        rows = torch.randint(len(images), (batch,))
        y, x = torch.randint(5, (2,)).tolist()
        return F.cross_entropy(judge(images[rows, :, y:y + 28, x:x + 28]), labels[rows])
    return _teach(judge, loss, epochs * len(images) // batch, rate=0.01, decay=0.05)


def _teach(judge, loss, steps, rate=3e-3, decay=0.01):
    """Train a judge: loss() draws a batch and gives what the judge loses on it. Returns it."""
    optimizer = torch.optim.AdamW(judge.parameters(), weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for _ in tqdm(range(steps), desc="training the judge", unit="step"):
        value = loss()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
    return judge.eval()


def real_films(n, seed):
    """n real films (`Clips`) of all scenes in their natural shares, held-out ones among them, and
    the gait phase of each at its first frame: cosine and sine (n, 2), zero for who stands."""
    theatre, scenes = Theatre(), all_scenes(n, seed)
    clips = theatre.film(scenes, seed)
    angle = 2 * np.pi * theatre.motion(scenes, seed).phase(torch.zeros(1))      # (n, 1)
    moves = torch.tensor([scene.actions[0] != "stand" for scene in scenes])[:, None]
    return clips, torch.cat([angle.cos(), angle.sin()], 1) * moves


def train_picture_judge(frames=12_000, steps=1500, batch=128, seed=0):
    """A judge trained on first frames, with a little noise and light. About 2 minutes on a core."""
    torch.manual_seed(seed)
    scenes = all_scenes(frames, seed)
    shown, labels = as_pictures(first_frames(scenes, seed)), truth(scenes)
    judge = PictureJudge()

    def loss():
        rows = torch.randint(frames, (batch,))
        light = 1 + 0.1 * (2 * torch.rand(batch, 1, 1, 1) - 1)
        noise = 0.05 * torch.rand(batch, 1, 1, 1) * torch.randn(batch, 3, 28, 28)
        logits = _seen(judge((shown[rows] + 1) * light - 1 + noise))
        return sum(F.cross_entropy(part, labels[name][rows])
                   for name, part in zip(SEEN, logits, strict=True))
    return _teach(judge, loss, steps)


def train_clip_judge(films=12_000, steps=1800, batch=32, seed=0):
    """A judge trained on real films, with a little noise and light so that it reads shapes.

    films: how many are drawn for it; every one of them is real. About 5 minutes on one core.
    """
    torch.manual_seed(seed)
    clips, phases = real_films(films, seed)
    labels = truth(clips.scenes)
    judge = ClipJudge()

    def loss():
        rows = torch.randint(films, (batch,))
        shown = as_films(clips.video[rows.numpy()])
        light = 1 + 0.1 * (2 * torch.rand(batch, 1, 1, 1, 1) - 1)
        shown = (shown + 1) * light - 1 + 0.05 * torch.rand(batch, 1, 1, 1, 1) \
            * torch.randn_like(shown)
        *logits, phase = _answers(judge, judge(shown))
        read = sum(F.cross_entropy(part, labels[name][rows])
                   for name, part in zip(ATTRIBUTES, logits, strict=True))
        stands = phases[rows].norm(dim=1) == 0
        return read + (phase - phases[rows])[~stands].square().mean()
    return _teach(judge, loss, steps)


def digits():
    """The judge of digits, and how often it is right and sure on the 10,000 test digits."""
    judge = train_digit_judge()
    images, labels = mnist("test")
    logits, _ = judged(judge, images[:, None].float() / 127.5 - 1)
    right = float((logits.argmax(dim=1) == labels).float().mean())
    return judge, {"right": right, "sure": sure_share(logits)}


def clips():
    """The judge of films, and how often it reads fresh real ones right."""
    judge, scores = train_clip_judge(), {}
    for split in ("train", "heldout"):
        clips = Theatre().sample(1024, 10_001, split)
        reading, real = read_clips(judge, clips.video), truth(clips.scenes)
        right = torch.stack([reading[name].argmax(1) == real[name] for name in ATTRIBUTES])
        scores |= {f"{split} {name}": float(part.float().mean())
                   for name, part in zip(ATTRIBUTES, right, strict=True)}
        scores[f"{split} all"] = float(right.all(0).float().mean())
    return judge, scores


def pictures():
    """The judge of first frames, and how often it reads fresh real ones right."""
    judge, scores = train_picture_judge(), {}
    for split in ("train", "heldout"):
        scenes = Theatre.scenes(2048, 10_001, split)
        read, _ = read_pictures(judge, as_pictures(first_frames(scenes, 10_001)))
        right = read == torch.stack([truth(scenes)[name] for name in SEEN], 1)
        scores |= {f"{split} {name}": float(part.float().mean())
                   for name, part in zip(SEEN, right.T, strict=True)}
        scores[f"{split} all"] = float(right.all(1).float().mean())
    return judge, scores


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
    clips = Theatre().film(theatre.all_scenes(films, seed), seed)
    lands, judge = landing(clips.footfalls), FootfallJudge()

    def loss():
        rows = torch.randint(films, (batch,))
        shown = figures_of(clips.video[rows.numpy()])
        shown = shown * (1 + 0.1 * (2 * torch.rand(batch, 1, 1, 1, 1) - 1))
        shown = shown + 0.05 * torch.rand(batch, 1, 1, 1, 1) * torch.randn_like(shown)
        return F.binary_cross_entropy_with_logits(judge(shown), lands[rows])
    return _teach(judge, loss, steps)


def train_sound_judge(clips=6000, steps=1200, batch=64, seed=0):
    """A judge of sounds, trained on real ones, a little louder or softer and with faint noise."""
    torch.manual_seed(seed)
    theatre, scenes = Theatre(), all_scenes(clips, seed)
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
    return _teach(judge, loss, steps)


def footfalls():
    """The judge of footfalls; on fresh real films: which share of its footfalls are
    true within a frame, which share of the true ones it finds, and how far they are apart."""
    judge, clips = train_footfall_judge(), Theatre().sample(1024, 10_001)
    seen = read_footfalls(judge, clips.video)
    true = [row[row < FRAMES / FPS] for row in clips.footfalls]
    pairs = sum(hits(*pair) for pair in zip(seen, true, strict=True))
    return judge, {"precision": pairs / sum(map(len, seen)), "recall": pairs / sum(map(len, true)),
                   "milliseconds": 1000 * float(np.abs(lags(seen, true)).mean())}


def sounds():
    """The judge of sounds, with the share of fresh real ones that it reads right."""
    judge, scores = train_sound_judge(), {}
    for split in ("train", "heldout"):
        clips = Theatre().sample(1024, 10_001, split)
        read = read_sounds(judge, clips.audio)["music"].argmax(1)
        scores[split + " music"] = float((read == kinds_of(clips.scenes)).float().mean())
    return judge, scores


def true_phases(scenes, seed):
    """The gait phase in cycles of each frame of `Theatre().film(scenes, seed)`, (N, T)."""
    return Theatre().motion(scenes, seed).phase(torch.arange(clip.FRAMES) / FPS)


def train_phase_judge(films=4000, steps=2500, seed=0):
    """A judge trained on real films, half of them of steps, with a little noise and light. About
    5 minutes on one core."""
    torch.manual_seed(seed)
    scenes = stepping_scenes(films // 2, seed) + theatre.all_scenes(films - films // 2, seed)
    shown = torch.from_numpy(Theatre().film(scenes, seed).video)
    labels = vocabulary.truth(scenes)
    phase = 2 * math.pi * true_phases(scenes, seed)                            # (N, T)
    known = torch.tensor([set(scene.actions) <= set(STEPS) for scene in scenes])

    def draw(n, rng):
        rows, at = (torch.randint(end, (n,), generator=rng) for end in (films, shown.shape[1]))
        return (shown[rows, at], phase[rows, at], known[rows].float(),
                labels["actor"][rows], labels["color"][rows])

    def loss(judge, frames, phase, known, actor, color):
        cut, _ = windows(frames)
        light = 1 + 0.1 * (2 * torch.rand(len(cut), 1, 1, 1) - 1)
        noise = 0.05 * torch.rand(len(cut), 1, 1, 1) * torch.randn_like(cut)
        turn, who, what = judge(cut * light + noise)
        wanted = torch.stack([phase.cos(), phase.sin()], 1)                    # (F, 2)
        off = (known[:, None] * (turn - wanted).square()).mean()
        return 8 * off + F.cross_entropy(who, actor) + F.cross_entropy(what, color)
    run = training.Supervised(PhaseJudge(), model="phase judge", seed=seed)
    return training.fit_supervised(run, draw, loss, batch=192, steps=steps).network.eval()


def judge_scores(judge, n=512, seed=90_001):
    """How well a judge reads fresh real films: errors of the phase in cycles, shares right."""
    scenes = stepping_scenes(n, seed)
    angle, who, color = read_frames(judge, Theatre().film(scenes, seed).video)
    gap = angle / (2 * math.pi) - true_phases(scenes, seed)
    gap, labels = (gap - gap.round()).abs(), vocabulary.truth(scenes)
    scores = {"mean error": gap.mean(), "99th percentile": gap.flatten().quantile(0.99),
              "actor": (who.argmax(2) == labels["actor"][:, None]).float().mean(),
              "color": (color.argmax(2) == labels["color"][:, None]).float().mean()}
    return {name: float(value) for name, value in scores.items()}


def phases():
    """The judge of steps, with `judge_scores`."""
    judge = train_phase_judge()
    judge.load_state_dict(weights.in_16_bits(judge))  # what is scored is what is shipped
    return judge, judge_scores(judge)


def train_voice_judge(steps=1500, batch=64, seed=0):
    """A judge of voices, trained on real recordings, earlier or later, louder or softer, and with
    faint noise."""
    torch.manual_seed(seed)
    waves, labels, _ = downloads.spoken_digits("train")
    waves, judge = torch.stack([_placed(wave) for wave in waves]), VoiceJudge()

    def loss():
        rows = torch.randint(len(waves), (batch,))
        heard = waves[rows].roll(int(torch.randint(-1500, 1500, ())), 1)
        heard = heard * 10 ** (-0.5 * torch.rand(batch, 1))
        heard = heard + 0.01 * torch.rand(batch, 1) * torch.randn_like(heard)
        return F.cross_entropy(judge(heard), labels[rows])
    return _teach(judge, loss, steps)


def voices():
    """The judge of voices, with the share of the test recordings that it reads right."""
    judge = train_voice_judge().eval()
    waves, labels, _ = downloads.spoken_digits("test")
    with torch.no_grad():
        right = judge(torch.stack([_placed(wave) for wave in waves])).argmax(1) == labels
    return judge, {"test recordings": float(right.float().mean())}
