"""Measuring a GAN: judges that it never trains against, and numbers that the judges read.

`python -m lessons.measuring digits|pictures|clips` trains a judge, of lesson 1's digits, lesson 3's
pictures or films, ships it and prints how often it is right. `python -m lessons.measuring losses`
trains lesson 1's networks with each loss and writes data/losses.json.

Axes: N films, T frames of each, height H, width W.
"""

import base64
import io
import json
import sys

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from lessons import captions, checkpoints, figures, losses
from lessons.errors import CourseError, nearest
from lessons.real_data import mnist
from lessons.scene import ACTIONS, ACTORS, COLORS, DIRECTIONS
from lessons.theatre import Theatre

# What the judge of films reads, each with its values. A film with one action ends as it began.
ATTRIBUTES = {"actor": ACTORS, "color": COLORS, "first": ACTIONS, "last": ACTIONS,
              "direction": DIRECTIONS}
SEEN = ("actor", "color", "direction")  # those of them that the judge of first frames reads


class DigitJudge(nn.Module):
    """A convolutional classifier of digits, trained on real MNIST alone.

    forward: images (N, 1, 28, 28) in [-1, 1] -> logits (N, 10). `features` gives the 32 numbers
    per image in which the Fréchet distance is measured.
    """

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
            nn.Flatten(), nn.Linear(64 * 4 * 4, 32), nn.LayerNorm(32),
        )
        self.classify = nn.Sequential(nn.ReLU(), nn.Linear(32, 10))

    def forward(self, images):
        return self.classify(self.features(images))


def digit_judge():
    """The shipped judge of digits, ready to read images (`DigitJudge` in evaluation mode)."""
    judge = DigitJudge()
    judge.load_state_dict(checkpoints.shipped("digit_judge.safetensors"))
    return judge.eval()


def train_digit_judge(epochs=5, seed=0):
    """A judge trained on real digits that move by up to two pixels, and its share right on test."""
    torch.manual_seed(seed)
    images, labels = mnist("train")
    images = F.pad(images[:, None].float() / 127.5 - 1, (2, 2, 2, 2), value=-1.0)  # (N, 1, 32, 32)
    judge, batch = DigitJudge(), 128
    steps = epochs * len(images) // batch
    optimizer = torch.optim.AdamW(judge.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=steps)
    for _ in range(steps):
        rows = torch.randint(len(images), (batch,))
        y, x = torch.randint(5, (2,)).tolist()
        loss = F.cross_entropy(judge(images[rows, :, y:y + 28, x:x + 28]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return judge.eval()


@torch.no_grad()
def judged(judge, images, chunk=1000):
    """(logits (N, 10), features (N, 32)) of images (N, 1, 28, 28) in [-1, 1]."""
    features = torch.cat([judge.features(part) for part in images.split(chunk)])
    return judge.classify(features), features


def frechet_distance(features, others):
    """The Fréchet distance between two sets of features, (N, d) and (M, d), as Gaussians.

        |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))

    0 for equal sets of moments. Its value falls with N and M: quote a real-against-real floor at
    the same sizes beside it. Source: Heusel et al., 2017, arXiv 1706.08500.
    """
    a, b = features.double(), others.double()
    product = torch.linalg.eigvals(a.T.cov() @ b.T.cov()).real.clamp(min=0)
    trace = a.T.cov().trace() + b.T.cov().trace() - 2 * product.sqrt().sum()
    return float((a.mean(0) - b.mean(0)).square().sum() + trace)


def digit_shares(logits):
    """Logits (N, 10) of a classifier -> the share of images read as each digit, (10,), sum 1."""
    return logits.argmax(dim=1).bincount(minlength=10) / len(logits)


def sure_share(logits, confidence=0.9):
    """The share of images (float) that the classifier reads with at least this probability."""
    return float((logits.softmax(dim=1).amax(dim=1) >= confidence).float().mean())


def score_digits(images):
    """Scores of generated digits (5000, 1, 28, 28) in [-1, 1], read by the judge, as a dict.

    "rarest": the smallest share of a digit; "sure": share read with confidence of 0.9 or more;
    "frechet": distance to real test digits; "floor": that of other real digits. All float.
    """
    judge, (real, _) = digit_judge(), mnist("test")
    real = real[:, None].float() / 127.5 - 1
    logits, features = judged(judge, images)
    (_, even), (_, odd) = (judged(judge, real[start::2]) for start in (0, 1))  # 5,000 each
    return {"rarest": float(digit_shares(logits).min()), "sure": sure_share(logits),
            "frechet": frechet_distance(features, even), "floor": frechet_distance(odd, even)}


def frame_change(video):
    """Mean change between neighbouring frames: uint8 (N, T, H, W, 3) -> float (N, T - 1), 0 to 1.

    The mean over pixels and colours of |frame t+1 - frame t| / 255.
    """
    values = video.astype("float32") / 255  # bytes would wrap around: 3 - 5 = 254
    return abs(values[:, 1:] - values[:, :-1]).mean(axis=(2, 3, 4))  # (N, T - 1)


def place(video):
    """Where the figure is from left (0) to right (1): uint8 (N, T, H, W, 3) -> float (N, T).

    The mean x of all pixels of which some colour is brighter than 90 of 255: the stage is darker.
    """
    bright = video.max(axis=4) > 90              # (N, T, H, W)
    columns = bright.sum(axis=2)                 # (N, T, W): bright pixels in each column
    W = video.shape[3]
    x = (np.arange(W) + 0.5) / W                 # the middle of each column
    return (columns * x).sum(axis=2) / columns.sum(axis=2)  # (N, T)


def to_middle(frames):
    """The same frames with the figure of each in the middle: uint8 (N, H, W, 3), shifted as a
    ring, which the stage does not show since it is the same from left to right."""
    W = frames.shape[2]
    shift = np.round(place(frames[:, None])[:, 0] * W - W / 2).astype(int)  # (N,)
    columns = (np.arange(W) + shift[:, None]) % W                           # (N, W)
    return np.take_along_axis(frames, columns[:, None, :, None], axis=2)


def first_frames(scenes, seed=0):
    """The first frames of the films of scenes, seen from near: uint8 (N, 28, 28, 3).

    Drawn at 36 x 36; of these the 28 columns around the figure and the 28 rows above the ground.
    """
    ends, radii, colors = figures.capsules(Theatre(36).motion(scenes, seed), torch.zeros(1))
    parts = zip(ends[:, 0].split(100), radii[:, 0].split(100), colors.split(100), strict=True)
    frames = torch.cat([figures.draw(*part, 36) for part in parts])    # (N, 36, 36, 3)
    return to_middle(frames.numpy())[:, 6:34, 4:32]


class ClipJudge(nn.Module):
    """Reads who does what in a film: trained on real films alone, never shown to a generator.

    forward: films (N, 16, 3, 48, 48) in [-1, 1] -> 21 numbers a film: a logit for each value of
    each of ATTRIBUTES, then cosine and sine of the gait phase at the first frame. They are a
    linear function of the 32 `features`, in which the Fréchet distance between films is measured.
    First each frame is looked at, then all frames in order. Without batch norm the same network
    learns the actions late or never.
    """

    def __init__(self):
        super().__init__()
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
        self.answer = nn.Linear(32, sum(map(len, ATTRIBUTES.values())) + 2)

    def features(self, films):
        N, T = films.shape[:2]
        frames = self.look(films.flatten(0, 1))                        # (NT, 96)
        return self.watch(frames.view(N, T, 96).transpose(1, 2))       # (N, 32)

    def forward(self, films):
        return self.answer(self.features(films))                       # (N, 21)


def clip_judge():
    """The shipped judge of films, ready to read (`ClipJudge` in evaluation mode)."""
    judge = ClipJudge()
    judge.load_state_dict(checkpoints.shipped("clip_judge.safetensors"))
    return judge.eval()


def as_films(video):
    """Films as networks see them: uint8 (N, T, H, W, 3) -> float (N, T, 3, H, W), -1 to 1."""
    return torch.as_tensor(video).permute(0, 1, 4, 2, 3).float() / 127.5 - 1


def truth(scenes):
    """What a perfect judge would read: dict attribute -> indices (N,) into its values."""
    said = {"actor": [s.actor for s in scenes], "color": [s.color for s in scenes],
            "first": [s.actions[0] for s in scenes], "last": [s.actions[-1] for s in scenes],
            "direction": [s.direction for s in scenes]}
    return {name: torch.tensor([ATTRIBUTES[name].index(value) for value in values])
            for name, values in said.items()}


def real_films(n, seed):
    """n real films (`Clips`) of all scenes in their natural shares, held-out ones among them, and
    the gait phase of each at its first frame: cosine and sine (n, 2), zero for who stands."""
    theatre, scenes = Theatre(), all_scenes(n, seed)
    clips = theatre.film(scenes, seed)
    angle = 2 * np.pi * theatre.motion(scenes, seed).phase(torch.zeros(1))      # (n, 1)
    moves = torch.tensor([scene.actions[0] != "stand" for scene in scenes])[:, None]
    return clips, torch.cat([angle.cos(), angle.sin()], 1) * moves


class PictureJudge(nn.Module):
    """Reads who is in a first frame, in which colour, facing where; trained on real ones alone.

    forward: pictures (N, 3, 28, 28) in [-1, 1] -> 9 logits a picture, one for each value of each of
    SEEN: a linear function of the 32 `features`, in which the Fréchet distance is measured.
    """

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 24, 5, stride=2, padding=2), nn.BatchNorm2d(24), nn.ReLU(),
            nn.Conv2d(24, 48, 3, stride=2, padding=1), nn.BatchNorm2d(48), nn.ReLU(),
            nn.Conv2d(48, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
            nn.Flatten(), nn.Linear(64 * 4 * 4, 32), nn.BatchNorm1d(32, affine=False),
        )
        self.answer = nn.Linear(32, sum(len(ATTRIBUTES[name]) for name in SEEN))

    def forward(self, pictures):
        return self.answer(self.features(pictures))                    # (N, 9)


def picture_judge():
    """The shipped judge of first frames (`PictureJudge` in evaluation mode)."""
    judge = PictureJudge()
    judge.load_state_dict(checkpoints.shipped("picture_judge.safetensors"))
    return judge.eval()


def as_pictures(frames):
    """Frames as networks see them: uint8 (N, H, W, 3) -> float (N, 3, H, W), -1 to 1."""
    return as_films(np.asarray(frames)[:, None])[:, 0]


def all_scenes(n, seed):
    """n scenes in their natural shares, one in ten of them held out."""
    held = -(-n // 10)
    return Theatre.scenes(n - held, seed) + Theatre.scenes(held, seed, "heldout")


def train_picture_judge(frames=12_000, steps=1500, batch=128, seed=0):
    """A judge trained on first frames, with a little noise and light. About 2 minutes on a core."""
    torch.manual_seed(seed)
    scenes = all_scenes(frames, seed)
    shown, labels = as_pictures(first_frames(scenes, seed)), truth(scenes)
    judge = PictureJudge()
    optimizer = torch.optim.AdamW(judge.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in tqdm(range(steps), desc="training the judge", unit="step"):
        rows = torch.randint(frames, (batch,))
        light = 1 + 0.1 * (2 * torch.rand(batch, 1, 1, 1) - 1)
        noise = 0.05 * torch.rand(batch, 1, 1, 1) * torch.randn(batch, 3, 28, 28)
        logits = _seen(judge((shown[rows] + 1) * light - 1 + noise))
        loss = sum(F.cross_entropy(part, labels[name][rows])
                   for name, part in zip(SEEN, logits, strict=True))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return judge.eval()


def _seen(logits):
    return logits.split([len(ATTRIBUTES[name]) for name in SEEN], dim=1)


@torch.no_grad()
def read_pictures(judge, pictures, chunk=500):
    """What a judge reads in pictures, float (N, 3, 28, 28) in [-1, 1]: the index of a value for
    each of SEEN, (N, 3), and the features (N, 32)."""
    features = torch.cat([judge.features(part) for part in pictures.split(chunk)])
    return torch.stack([part.argmax(1) for part in _seen(judge.answer(features))], 1), features


def asked_seen(texts):
    """What N captions say of what a first frame shows: as `asked`, for each of SEEN: (N, 3)."""
    return asked(texts)[:, [list(ATTRIBUTES).index(name) for name in SEEN]]


def train_clip_judge(films=12_000, steps=1800, batch=32, seed=0):
    """A judge trained on real films, with a little noise and light so that it reads shapes.

    films: how many are drawn for it; every one of them is real. About 5 minutes on one core.
    """
    torch.manual_seed(seed)
    clips, phases = real_films(films, seed)
    labels = truth(clips.scenes)
    judge = ClipJudge()
    optimizer = torch.optim.AdamW(judge.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in tqdm(range(steps), desc="training the judge", unit="step"):
        rows = torch.randint(films, (batch,))
        shown = as_films(clips.video[rows.numpy()])
        light = 1 + 0.1 * (2 * torch.rand(batch, 1, 1, 1, 1) - 1)
        shown = (shown + 1) * light - 1 + 0.05 * torch.rand(batch, 1, 1, 1, 1) \
            * torch.randn_like(shown)
        *logits, phase = _answers(judge(shown))
        loss = sum(F.cross_entropy(part, labels[name][rows])
                   for name, part in zip(ATTRIBUTES, logits, strict=True))
        stands = phases[rows].norm(dim=1) == 0
        loss = loss + (phase - phases[rows])[~stands].square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return judge.eval()


def _answers(numbers):
    """The judge's 21 numbers in parts: logits of each attribute, then the phase (N, 2)."""
    return numbers.split([*map(len, ATTRIBUTES.values()), 2], dim=1)


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
    *logits, phase = _answers(judge.answer(features))
    return {name: part.softmax(1) for name, part in zip(ATTRIBUTES, logits, strict=True)} | \
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


def asked(texts):
    """What N captions say: for each of ATTRIBUTES the index of its value, -1 where it is left open,
    in a tensor (N, attributes)."""
    rows = []
    for text in texts:
        said = captions.parse(text)
        wish = {"actor": said.actor, "color": said.color, "first": said.actions[0],
                "last": said.actions[-1], "direction": said.direction}
        rows.append([-1 if wish[name] is None else values.index(wish[name])
                     for name, values in ATTRIBUTES.items()])
    return torch.tensor(rows)


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


def coverage(features, others, k=5):
    """The share of real films that have a generated one in their neighbourhood, 0 to 1.

    features: generated, (N, d); others: real, (M, d). A neighbourhood reaches to the k-th nearest
    of the other real films. Source: Naeem et al., 2020, arXiv 2002.09797, equation 6.
    """
    reach = torch.cdist(others, others).kthvalue(k + 1, dim=1).values           # (M,)
    return float((torch.cdist(others, features).amin(1) <= reach).float().mean())


def spread_of_place(video):
    """How much the start differs between films of one caption: the standard deviation of the
    figure's place in the first frame, in frame widths. video: uint8 (N, T, H, W, 3)."""
    return float(place(video[:, :1]).std())


def spread_of_phase(angles):
    """How evenly gait phases (N,), in radians, lie around the circle: 0 all equal, 1 all around.

        1 - |mean of exp(i angle)|

    Chance alone takes about 0.9 / sqrt(N) away from 1: compare with as many real films.
    """
    return float(1 - torch.polar(torch.ones_like(angles), angles).mean().abs())


def flicker(video):
    """Mean second difference in time, 0 to 2: what changes and does not go on changing.

        mean of |x[t + 1] - 2 x[t] + x[t - 1]| / 255

    A frozen film has none: compare with real films of the same captions, and beside `frame_change`.
    Of both ratios 1 is best; above it a film trembles, below it it is frozen or smeared.
    """
    values = video.astype("float32") / 255
    return float(abs(values[:, 2:] - 2 * values[:, 1:-1] + values[:, :-2]).mean())


def gradients(video):
    """Length of the brightness gradient at each pixel: uint8 (..., H, W, 3) -> (..., H, W)."""
    light = video.astype("float32").mean(-1) / 255
    across, down = np.zeros_like(light), np.zeros_like(light)
    across[..., :-1] = light[..., 1:] - light[..., :-1]
    down[..., :-1, :] = light[..., 1:, :] - light[..., :-1, :]
    return np.hypot(across, down)


def sharpness(video):
    """Mean gradient of films; divide by that of real films: below 1 is blurred."""
    return float(gradients(video).mean())


def leg_sharpness(video):
    """Edges in the legs: the mean gradient over the pixels of the lower 45 % of each figure.

    video: uint8 (N, T, H, W, 3) of running films; divide by the number of real running films.
    The judge cannot see legs smear, and over a whole frame it hardly counts. A figure is where
    some colour is more than 24 of 255 away from the empty stage.
    """
    empty = figures.stage(video.shape[2]).numpy().astype(int)
    figure = abs(video - empty).max(-1) > 24                                     # (N, T, H, W)
    rows = figure.any(3)                                                         # (N, T, H)
    y = np.arange(video.shape[2])
    top = np.where(rows, y, len(y)).min(2)                                       # (N, T)
    bottom = np.where(rows, y, 0).max(2)
    low = y >= (bottom - 0.45 * (bottom - top))[..., None]                       # (N, T, H)
    return float(gradients(video)[figure & low[..., None]].mean())


def score(make, n=1024, seed=20_000, size=48):
    """The numbers of the scoreboard for a model, in a dict of floats.

    make(texts, count, seed) -> uint8 (N, 16, size, size, 3), `count` films of each caption in a
    row. n: captions of each split, all in the plain form, in both languages.

    "train", "heldout": the share of English captions that the judge finds obeyed in everything;
    with " zh" their Chinese twins, with " one" and " two" those of one or two actions. Apart from
    "frechet", "floor" (the same distance between real films) and "coverage", all others are
    ratios to real films of the same scenes: 1 is best.
    """
    judge, theatre, scores = clip_judge(), Theatre(size), {}
    for split in ("train", "heldout"):
        scenes = theatre.scenes(n, seed, split)
        for language, mark in (("en", ""), ("zh", " zh")):
            texts = [captions.describe(scene, language=language) for scene in scenes]
            video = make(texts, 1, seed)
            reading = read_clips(judge, video)
            found = obeyed(reading, texts)
            scores[split + mark] = float(found["all"].mean())
            if not mark:
                two = torch.tensor([len(scene.actions) == 2 for scene in scenes])
                scores[split + " one"] = float(found["all"][~two].mean())
                scores[split + " two"] = float(found["all"][two].mean())
                scores |= {f"{split} {name}": float(found[name].mean()) for name in ATTRIBUTES}
            if split + mark == "train":
                real = theatre.film(scenes, seed + 1).video
                many = read_clips(judge, theatre.sample(2 * n, seed + 2).video)["features"]
                twin = read_clips(judge, real)["features"]
                scores["frechet"] = frechet_distance(reading["features"], many)
                scores["floor"] = frechet_distance(twin, many)
                scores["coverage"] = coverage(reading["features"], many)
                scores["dynamics"] = float(frame_change(video).mean() / frame_change(real).mean())
                scores["flicker"] = flicker(video) / flicker(real)
                scores["sharpness"] = sharpness(video) / sharpness(real)
    return scores | _variety(judge, make, theatre, seed) | _legs(make, theatre, seed)


def _variety(judge, make, theatre, seed, films=32):
    """Spread of place and phase among films of one caption, relative to that of real ones."""
    scenes = [scene for scene in theatre.scenes(200, seed)
              if len(scene.actions) == 1 and scene.actions[0] != "stand"][:16]
    made = make([captions.describe(scene) for scene in scenes], films, seed)
    real = theatre.film([scene for scene in scenes for _ in range(films)], seed).video
    spreads = []
    for video in (made, real):
        groups = range(0, len(video), films)
        phases = read_clips(judge, video)["phase"]
        spreads.append((np.mean([spread_of_place(video[i:i + films]) for i in groups]),
                        np.mean([spread_of_phase(phases[i:i + films]) for i in groups])))
    (place_made, phase_made), (place_real, phase_real) = spreads
    return {"variety of place": float(place_made / place_real),
            "variety of phase": float(phase_made / phase_real)}


def _legs(make, theatre, seed, films=64):
    """Sharpness of running legs, relative to real ones."""
    scenes = [scene for scene in theatre.scenes(20 * films, seed)
              if scene.actions == ("run",)][:films]
    made = make([captions.describe(scene) for scene in scenes], 1, seed)
    return {"legs": leg_sharpness(made) / leg_sharpness(theatre.film(scenes, seed).video)}


# Lesson 2's comparison: the losses by name, each with the penalties (R1, R2) that it is played with
LOSSES = {"minimax": (losses.Minimax, 0, 0), "non-saturating": (losses.NonSaturating, 0, 0),
          "hinge": (losses.Hinge, 0, 0), "WGAN-GP": (losses.Wasserstein, 0, 0),
          "relativistic + R1 + R2": (losses.Relativistic, 0.5, 0.5),
          "non-saturating + R1": (losses.NonSaturating, 0.5, 0)}


def train_with(name, steps, seed=0, batch=64):
    """Lesson 1's networks, trained on MNIST with the loss of this name; returns the Run."""
    from lessons import mlp_gan, training  # they import this module
    loss, r1, r2 = LOSSES[name]
    torch.manual_seed(seed)
    run = training.Run(mlp_gan.Generator(mlp_gan.LEAK), mlp_gan.Discriminator(), model=name,
                       seed=seed)
    images, _ = mnist("train")
    return training.fit(run, mlp_gan.draw_from(images), loss=loss, r1=r1, r2=r2, batch=batch,
                        steps=steps, decay=0.99)


def compare_losses(steps=1000, seeds=3, write=None):
    """Train with each of LOSSES on one budget, seed by seed; returns what was measured, a dict.

    "steps", "batch", and "losses": name -> "runs", a list with a dict a seed (the scores of
    `score_digits`, "seconds" of training, and "generator", its loss averaged over 50 spans of
    time), and "images", 8 of the first seed's images side by side as a PNG in base64.
    write(found): called after each run.
    """
    from lessons import mlp_gan
    found = {"steps": steps, "batch": 64, "losses": {name: {"runs": []} for name in LOSSES}}
    for seed in range(seeds):
        for name in LOSSES:
            run = train_with(name, steps, seed)
            spans = torch.tensor(run.history["generator"]).chunk(50)
            images = mlp_gan.draw_images(run.average.eval(), 5000, seed)
            scores = score_digits(images) | {"seconds": run.seconds}
            row = {key: round(value, 4) for key, value in scores.items()}
            row["generator"] = [round(float(span.mean()), 4) for span in spans]
            found["losses"][name]["runs"].append(row)
            if seed == 0:
                strip = ((images[:8, 0] + 1) * 127.5).round().byte().permute(1, 0, 2).flatten(1)
                file = io.BytesIO()
                Image.fromarray(strip.numpy()).save(file, "PNG")
                found["losses"][name]["images"] = base64.b64encode(file.getvalue()).decode()
            if write:
                write(found)
    return found


def compared():
    """What `python -m lessons.measuring losses` found, as `compare_losses` describes it."""
    return json.loads((checkpoints.DATA / "losses.json").read_text(encoding="utf-8"))


def main(arguments=None):
    """Train one of the judges, write it to data/ and print how often it is right; or compare the
    losses and write what was found to data/losses.json."""
    names = arguments or sys.argv[1:]
    known = [*_JUDGES, "losses"]
    if len(names) != 1 or names[0] not in known:
        raise SystemExit("Say what to train: python -m lessons.measuring "
                         + "|".join(known)
                         + "".join(f". {nearest(name, known)}" for name in names[:1]))
    if names[0] == "losses":
        compare_losses(write=lambda found: checkpoints.write_whole(
            checkpoints.DATA / "losses.json", (json.dumps(found) + "\n").encode()))
        return
    judge, scores = _JUDGES[names[0]]()
    tensors = {name: value.half() if value.is_floating_point() else value
               for name, value in judge.state_dict().items()}
    file = {"digits": "digit_judge", "clips": "clip_judge",
            "pictures": "picture_judge"}[names[0]] + ".safetensors"
    checkpoints.ship(file, tensors, f"python -m lessons.measuring {names[0]}", scores)
    print(f"{file}: {scores}")


def _digits():
    judge = train_digit_judge()
    images, labels = mnist("test")
    logits, _ = judged(judge, images[:, None].float() / 127.5 - 1)
    right = float((logits.argmax(dim=1) == labels).float().mean())
    return judge, {"right": round(right, 4), "sure": round(sure_share(logits), 4)}


def _clips():
    judge, scores = train_clip_judge(), {}
    for split in ("train", "heldout"):
        clips = Theatre().sample(1024, 10_001, split)
        reading, real = read_clips(judge, clips.video), truth(clips.scenes)
        right = torch.stack([reading[name].argmax(1) == real[name] for name in ATTRIBUTES])
        scores |= {f"{split} {name}": round(float(part.float().mean()), 4)
                   for name, part in zip(ATTRIBUTES, right, strict=True)}
        scores[f"{split} all"] = round(float(right.all(0).float().mean()), 4)
    return judge, scores


def _pictures():
    judge, scores = train_picture_judge(), {}
    for split in ("train", "heldout"):
        scenes = Theatre.scenes(2048, 10_001, split)
        read, _ = read_pictures(judge, as_pictures(first_frames(scenes, 10_001)))
        right = read == torch.stack([truth(scenes)[name] for name in SEEN], 1)
        scores |= {f"{split} {name}": round(float(part.float().mean()), 4)
                   for name, part in zip(SEEN, right.T, strict=True)}
        scores[f"{split} all"] = round(float(right.all(1).float().mean()), 4)
    return judge, scores


_JUDGES = {"digits": _digits, "clips": _clips, "pictures": _pictures}


if __name__ == "__main__":
    main()
