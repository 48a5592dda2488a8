"""The theatre keeps its contract, and what a caption says is true of the film and its sound."""

import numpy as np
import pytest
import torch

from lessons import measuring
from lessons.errors import CourseError
from lessons.signals import windows
from lessons.world import captions, figures
from lessons.world.scene import ACTIONS, ACTORS, COLORS, DIRECTIONS, DRAWN, MUSIC, Scene
from lessons.world.theatre import Clips, Theatre, is_heldout

N = 2400


@pytest.fixture(scope="module")
def clips():
    return Theatre().sample(N, seed=5)


def onsets(audio, rate):
    """Seconds at which a silent track becomes loud: the first loud sample after 60 ms of quiet."""
    loud = np.abs(audio) > 0.02
    quiet = int(0.03 * rate)
    before = np.convolve(loud, np.ones(quiet), "full")[:len(loud)] - loud
    return np.nonzero(loud & (before == 0))[0] / rate


def test_contract():
    theatre = Theatre(size=48, frames=16, fps=8, sample_rate=8000)
    clips = theatre.sample(3, seed=0, split="train")
    assert clips.video.shape == (3, 16, 48, 48, 3) and clips.video.dtype == np.uint8
    assert clips.audio.shape == (3, 16000) and clips.audio.dtype == np.float32
    assert len(clips) == len(clips.captions) == len(clips.scenes) == len(clips.footfalls) == 3
    assert all(isinstance(text, str) for text in clips.captions)
    assert all(isinstance(scene, Scene) for scene in clips.scenes)
    assert (clips.fps, clips.sample_rate) == (8, 8000)
    assert captions.parse(theatre.sample(1, language="zh").captions[0]).language == "zh"


@pytest.mark.parametrize("size,frames,fps,rate",
                         [(32, 8, 8, 4096), (64, 5, 10, 16000), (17, 1, 4, 8000)])
def test_other_sizes(size, frames, fps, rate):
    clips = Theatre(size, frames, fps, rate).sample(2, seed=1)
    assert clips.video.shape == (2, frames, size, size, 3)
    assert clips.audio.shape == (2, round(frames / fps * rate))


def test_a_seed_gives_the_same_clips_and_another_gives_others():
    a, b, c = (Theatre(32).sample(6, seed=s) for s in (1, 1, 2))
    assert (a.video == b.video).all() and (a.audio == b.audio).all() and a.captions == b.captions
    assert (a.video != c.video).any()
    more = Theatre(32).sample(9, seed=1)
    assert (more.video[:6] == a.video).all() and more.captions[:6] == a.captions


def test_splits(clips):
    heldout = Theatre(16).sample(400, seed=5, split="heldout")
    train, held = ({s.combination for s in c.scenes} for c in (clips, heldout))
    assert not train & held
    assert (len(train), len(held)) == (108, 12)
    for i, known in enumerate((ACTORS, COLORS, DRAWN, DIRECTIONS)):
        assert {c[i] for c in held} == {c[i] for c in train} == set(known)
    assert all(map(is_heldout, heldout.scenes))


def test_colour_agrees_with_the_pixels(clips):
    """Of all pixels that are clearly coloured, most have the hue of the clothes."""
    v = clips.video[:, ::5].astype(int).reshape(N, -1, 3)
    r, g, b = v[..., 0], v[..., 1], v[..., 2]
    hues = np.stack([(r > 2 * g) & (r > 2 * b) & (r > 90), (b > 1.5 * g) & (b > 2 * r) & (b > 90),
                     (g > 2 * r) & (g > 1.5 * b) & (g > 90),
                     (r > 2.5 * b) & (g > 2 * b) & (abs(r - g) < 60) & (r > 90)], -1).sum(1)
    said = np.array([COLORS.index(s.color) for s in clips.scenes])
    assert (hues.argmax(1) == said).all()


def test_direction_agrees_with_the_motion(clips):
    place = windows.place(clips.video)
    way = place[:, -1] - place[:, 0]
    for scene, moved in zip(clips.scenes, way, strict=True):
        sign = 1 if scene.direction == "right" else -1
        if set(scene.actions) <= {"walk", "run"}:
            assert sign * moved > 0.15
        elif not {"walk", "run"} & set(scene.actions):
            assert abs(moved) < 0.1
    low, high = clips.video[:, :, :, 0].max(), clips.video[:, :, :, -1].max()
    assert max(low, high) < 150  # nobody leaves the stage by its sides


def test_what_a_caption_says_is_true_of_its_scene(clips):
    for text, scene in zip(clips.captions, clips.scenes, strict=True):
        reading = captions.parse(text)
        for slot in ("actor", "actions", "color", "direction", "music"):
            assert getattr(reading, slot) in (None, getattr(scene, slot))


def test_actors_differ_in_size(clips):
    bright = clips.video.max(-1) > 90
    heights = bright.any(3).sum(2).mean(1)
    still = np.array([s.actions == ("stand",) for s in clips.scenes])
    mean = [heights[still & np.array([s.actor == a for s in clips.scenes])].mean() for a in ACTORS]
    assert mean[2] < 0.8 * mean[1] and mean[1] < mean[0]


def test_standing_is_perfectly_still_and_all_else_moves(clips):
    change = measuring.frame_change(clips.video)
    for scene, moved in zip(clips.scenes, change, strict=True):
        if scene.actions == ("stand",):
            assert moved.max() == 0
        elif len(scene.actions) == 1:
            assert moved.min() > 0


def test_tempo_agrees_with_the_footfalls(clips):
    steps = {"stand": (0, 0), "wave": (0, 0), "jump": (0.9, 1.2),
             "walk": (1.4, 1.9), "run": (2.3, 2.95)}
    for scene, falls in zip(clips.scenes, clips.footfalls, strict=True):
        if len(scene.actions) == 1:
            low, high = steps[scene.actions[0]]
            assert np.floor(low * 2) <= len(falls) <= np.ceil(high * 2)
            if len(falls) > 2:
                assert np.allclose(np.diff(falls), np.diff(falls).mean(), atol=0.01)


def test_motion_repeats_with_the_steps():
    """The pictures of a walk or run change with the period that the footfalls say."""
    theatre = Theatre(32, frames=160, fps=80)
    clips = theatre.film([Scene("man", "red", (a,), "right") for a in ("walk", "run")] * 4, seed=3)
    bright = (clips.video.max(-1) > 90)
    low = bright[:, :, 18:28].any(2)  # the columns that legs cover, (N, T, W)
    width = low.sum(2).astype(float)
    for series, falls in zip(width, clips.footfalls, strict=True):
        series = series - series.mean()
        period = np.diff(falls).mean()
        spectrum = np.abs(np.fft.rfft(series * np.hanning(len(series)), 4096))
        peak = np.fft.rfftfreq(4096, 1 / 80)[20:][spectrum[20:].argmax()]
        steps = peak * period  # 1 where the period is a step, 0.5 where it is a stride
        assert abs(steps - 1) < 0.07 or abs(steps - 0.5) < 0.07


def test_a_foot_on_the_ground_stands_still():
    scenes = [Scene("man", "red", ("walk",), "right"), Scene("child", "red", ("run",), "left")]
    chance = torch.rand(2, 6, generator=torch.Generator().manual_seed(0))
    motion = figures.Motion(scenes, chance, 2.0)
    t = torch.arange(4000) / 2000
    ends, _, _ = figures.capsules(motion, t)
    toes = ends[:, :, [5, 8], 1]  # far and near foot, (2, T, 2 feet, 2)
    for foot in range(2):
        ground = (toes[:, 1:, foot, 1] - toes[:, :-1, foot, 1]).abs() < 1e-6
        slip = (toes[:, 1:, foot, 0] - toes[:, :-1, foot, 0]).abs()[ground] * 2000
        assert ground.float().mean() > 0.2
        assert slip.median() < 0.02  # frame widths a second


def test_a_foot_lands_when_the_truth_says():
    motion = figures.Motion([Scene("man", "red", ("run",), "right")], torch.full((1, 6), 0.3), 2.0)
    _, seconds, _ = motion.landings(2.0)
    t = torch.arange(4000) / 2000
    phase = motion.phase(t)
    p = dict(zip(figures.PARAMETERS, motion.parameters(t).unbind(-1), strict=True))
    height = torch.stack([figures._foot(phase + leg * p["offset"], p)[1][0] for leg in (0, 1)])
    landed = ((height[:, 1:] == 0) & (height[:, :-1] > 0)).nonzero()[:, 1] / 2000
    assert torch.allclose(landed.sort()[0], seconds, atol=0.002)


def test_every_footfall_is_heard_when_it_lands_and_nothing_else_is(clips):
    heard = 0
    for scene, falls, audio in zip(clips.scenes, clips.footfalls, clips.audio, strict=True):
        if scene.music != "none":
            continue
        if len(falls) == 0:
            assert np.abs(audio[100:-240]).max() == 0
            continue
        found = onsets(audio, 8000)
        found = found[(found > 0.01) & (found < 1.975)]
        assert all(np.abs(falls - onset).min() < 0.003 for onset in found)
        spaced = falls[np.r_[True, np.diff(falls) > 0.14] & (falls > 0.01) & (falls < 1.97)]
        assert all(np.abs(found - fall).min(initial=1) < 0.003 for fall in spaced)
        heard += len(found)
    assert heard > 1000


def test_sound_is_bounded_and_ends_in_silence(clips):
    assert np.abs(clips.audio).max() < 0.99
    assert np.abs(clips.audio[:, [0, -1]]).max() < 1e-6
    assert np.abs(np.diff(clips.audio[:, :16])).max() < 0.15


def test_music_differs_in_tempo_and_register():
    scenes = [Scene("man", "red", ("stand",), "left", m) for m in MUSIC]
    clips = Theatre(16).film(scenes * 20, seed=1)
    spectrum = np.abs(np.fft.rfft(clips.audio))
    hertz = np.fft.rfftfreq(clips.audio.shape[1], 1 / 8000)
    center = (spectrum * hertz).sum(1) / spectrum.sum(1).clip(1e-9)
    envelope = np.abs(clips.audio).reshape(60, -1, 64).max(2)
    loud = envelope > 0.4 * envelope.max(1, keepdims=True).clip(1e-9)
    notes = (loud[:, 1:] & ~loud[:, :-1]).sum(1)  # each note starts loud and fades
    assert np.abs(clips.audio[0::3]).max() == 0
    assert center[2::3].min() > 2 * center[1::3].max()
    assert (np.abs(clips.audio[1::3]).max(1) > 0.05).all()
    assert notes[2::3].min() >= 1.5 * notes[1::3].max()


def test_two_actions_pass_through_what_lies_between():
    scenes = [Scene("man", "red", (a, b), "right") for a in ACTIONS for b in ACTIONS if a != b]
    motion = figures.Motion(scenes, torch.rand(len(scenes), 6), 2.0)
    t = torch.arange(2000) / 1000
    cadence, phase = motion.parameters(t)[..., 0], motion.phase(t)
    assert (cadence.diff(dim=1).abs() < 0.004).all()           # Hz in a millisecond
    assert (phase.diff(dim=1) >= 0).all() and (phase.diff(dim=1) < 0.0016).all()
    low, high = torch.stack([cadence[:, 0], cadence[:, -1]]).aminmax(dim=0)
    assert (cadence >= low[:, None] - 1e-6).all() and (cadence <= high[:, None] + 1e-6).all()
    walk_run = scenes.index(Scene("man", "red", ("walk", "run"), "right"))
    between = (cadence[walk_run] > 0.95) & (cadence[walk_run] < 1.2)
    assert between.float().sum() > 100  # more than a tenth of a second of a quicker walk, a jog


def test_changes_are_known(clips):
    two = np.array([len(s.actions) == 2 for s in clips.scenes])
    assert 0.4 < two.mean() < 0.6
    assert np.isnan(clips.changes[~two]).all()
    assert ((clips.changes[two] > 0.8) & (clips.changes[two] < 1.2)).all()


def test_saving_and_loading(tmp_path):
    clips = Theatre(16, frames=4).sample(5, seed=2, language="zh")
    clips.save(tmp_path / "x.npz")
    again = Clips.load(tmp_path / "x.npz")
    assert (again.video == clips.video).all() and (again.audio == clips.audio).all()
    assert again.captions == clips.captions and again.scenes == clips.scenes
    assert all((a == b).all() for a, b in zip(again.footfalls, clips.footfalls, strict=True))
    assert np.array_equal(again.changes, clips.changes, equal_nan=True)


def test_damaged_files_are_named(tmp_path):
    path = tmp_path / "film.npz"
    Theatre(16, frames=2).sample(2).save(path)
    good = path.read_bytes()
    spoilt = good[:60] + b"x" * 40 + good[100:]
    for bad in (good[:len(good) // 2], b"", b"not a file of ours", spoilt):
        path.write_bytes(bad)
        with pytest.raises(CourseError, match="film.npz"):
            Clips.load(path)
    np.savez(path, video=np.array([{"a": 1}], dtype=object))  # a pickle inside is never opened
    with pytest.raises(CourseError, match="film.npz"):
        Clips.load(path)
    with pytest.raises(CourseError, match="no file"):
        Clips.load(tmp_path / "none.npz")


@pytest.mark.parametrize("bad,said", [
    (lambda: Theatre(size=0), "size"), (lambda: Theatre(size=48.5), "size"),
    (lambda: Theatre(frames=0), "frames"), (lambda: Theatre().sample(0), "number of clips"),
    (lambda: Theatre().sample(2, split="test"), "Unknown split"),
    (lambda: Theatre().sample(2, language="fr"), "Unknown language"),
    (lambda: Theatre().film([]), "list"), (lambda: Theatre().film(["a man walks"]), "Scene"),
])
def test_bad_input_gets_one_sentence(bad, said):
    with pytest.raises(CourseError, match=said):
        bad()
