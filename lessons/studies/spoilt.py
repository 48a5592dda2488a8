"""Lesson 2's test of the judges: what becomes of their scores when real data are spoilt.

Each judge reads fresh real data, first as they are, then with the same fault in all of them.
"""

import math

import torch

from lessons.audio import hits
from lessons.judges import clips, digits, gait, pictures, sound, voices
from lessons.measuring import frechet_distance
from lessons.signals.clip import FPS, FRAMES
from lessons.signals.spoiling import spoil, spoil_sound
from lessons.signals.windows import as_films, as_pictures
from lessons.sources.downloads import mnist
from lessons.studies.study import Study, rounded
from lessons.world.theatre import Theatre, all_scenes, first_frames
from lessons.world.vocabulary import ATTRIBUTES, SEEN, kinds_of, truth

REAL = "as they are"
SEEN_FAULTS = {REAL: {}, "darkest -0.9": {"dark": -0.9}, "darkest -0.8": {"dark": -0.8},
               "darkest -0.7": {"dark": -0.7}, "half the contrast": {"contrast": 0.5},
               "soft": {"blur": 0.5}, "noisy": {"noise": 0.2}, "shifted": {"shift": (2, 2)}}
HEARD_FAULTS = {REAL: {}, "half as loud": {"loudness": 0.5}, "muffled": {"muffle": 1.0},
                "noisy": {"noise": 0.02}, "50 ms later": {"shift": 400}}


def spoilt_films(video, fault):
    """Films uint8 (N, T, H, W, 3) with a fault, the arguments of `spoil`; in bytes again."""
    films = spoil(as_films(video), **fault)                                    # (N, T, 3, H, W)
    return ((films + 1) * 127.5).round().byte().permute(0, 1, 3, 4, 2).numpy()


# One judge after the other: fault -> its scores ---------------------------------------------------
def of_digits(_):
    """What `score_digits` says of 5,000 test digits, and the share read "right"."""
    images, labels = (part[1::2] for part in mnist("test"))
    images = images[:, None].float() / 127.5 - 1
    for name, fault in SEEN_FAULTS.items():
        bad = spoil(images, **fault)
        read = digits.judged(digits.digit_judge(), bad)[0].argmax(1)
        yield name, digits.score_digits(bad) | {"right": (read == labels).float().mean()}


def of_pictures(n):
    """First frames of which who, colour and direction are read right; "frechet" and "floor"."""
    scenes, (real, other) = all_scenes(n, 71_000), (
        as_pictures(first_frames(all_scenes(n, seed), seed)) for seed in (71_000, 71_001))
    labels = torch.stack([truth(scenes)[name] for name in SEEN], 1)            # (N, 3)
    return _read_all(lambda fault: spoil(real, **fault), other, labels,
                     lambda shown: pictures.read_pictures(pictures.picture_judge(), shown))


def of_films(n):
    """Films of which all attributes are read right; "frechet" and "floor"."""
    scenes, (real, other) = all_scenes(n, 71_000), (
        Theatre().film(all_scenes(n, seed), seed).video for seed in (71_000, 71_001))
    labels = torch.stack([truth(scenes)[name] for name in ATTRIBUTES], 1)      # (N, A)

    def read(video):
        reading = clips.read_clips(clips.clip_judge(), video)
        return torch.stack([reading[name].argmax(1) for name in ATTRIBUTES], 1), \
            reading["features"]
    return _read_all(lambda fault: spoilt_films(real, fault), other, labels, read)


def of_sounds(n):
    """Sounds whose music is heard right; "frechet" and "floor"."""
    scenes, (real, other) = all_scenes(n, 71_000), (
        torch.from_numpy(Theatre().film(all_scenes(n, seed), seed).audio)
        for seed in (71_000, 71_001))

    def read(waves):
        reading = sound.read_sounds(sound.sound_judge(), waves)
        return reading["music"].argmax(1)[:, None], reading["features"]
    return _read_all(lambda fault: spoil_sound(real, **fault), other, kinds_of(scenes)[:, None],
                     read, HEARD_FAULTS)


def _read_all(spoilt, other, labels, read, faults=SEEN_FAULTS):
    """For each fault: its name, and the scores of what spoilt(fault) gives.

    read(data) -> what the judge reads, (N, attributes) as labels, and features (N, 32). The
    distances are to the features of `other` real data.
    """
    there = read(other)[1]
    floor = frechet_distance(read(spoilt(faults[REAL]))[1], there)
    for name, fault in faults.items():
        answers, features = read(spoilt(fault))
        yield name, {"right": (answers == labels).all(1).float().mean(), "floor": floor,
                     "frechet": frechet_distance(features, there)}


def of_steps(n):
    """Frames of which who, colour, and the phase to a twentieth of a cycle are read right."""
    scenes = gait.stepping_scenes(n, 71_000)
    video, labels = Theatre().film(scenes, 71_000).video, truth(scenes)
    phases = Theatre().motion(scenes, 71_000).phase(torch.arange(FRAMES) / FPS)  # (N, T)
    for name, fault in SEEN_FAULTS.items():
        angle, who, color = gait.read_frames(gait.phase_judge(), spoilt_films(video, fault))
        gap = angle / (2 * math.pi) - phases
        right = ((gap - gap.round()).abs() < 0.05) \
            & (who.argmax(2) == labels["actor"][:, None]) \
            & (color.argmax(2) == labels["color"][:, None])                    # (N, T)
        yield name, {"right": right.float().mean()}


def of_footfalls(n):
    """Of all footfalls, seen or true, the share that is both, within a frame."""
    films = Theatre().film(all_scenes(n, 71_000), 71_000)
    true = [row[row < FRAMES / FPS] for row in films.footfalls]
    for name, fault in SEEN_FAULTS.items():
        seen = sound.read_footfalls(sound.footfall_judge(), spoilt_films(films.video, fault))
        both = sum(hits(*pair) for pair in zip(seen, true, strict=True))
        yield name, {"right": both / (sum(map(len, seen)) + sum(map(len, true)) - both)}


def of_voices(_):
    """Test recordings of which the right digit is heard."""
    waves, labels = voices.recordings("test")
    for name, fault in HEARD_FAULTS.items():
        read = voices.read_voices(spoil_sound(waves, **fault)).argmax(1)
        yield name, {"right": (read == labels).float().mean()}


JUDGES = {"digits": of_digits, "pictures": of_pictures, "films": of_films, "steps": of_steps,
          "footfalls": of_footfalls, "sounds": of_sounds, "voices": of_voices}


def measure(_, judge, seed, n):
    """"faults": name of a fault -> the scores of real data that have it, n where data are made."""
    torch.manual_seed(seed)
    return {"faults": {name: rounded(scores) for name, scores in JUDGES[judge](n)}}


STUDY = Study("spoilt", [list(JUDGES)], {"n": 512}, measure)
