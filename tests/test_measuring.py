"""The judge of films reads real films, and each measure moves the way it should."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from lessons import measuring
from lessons.engine import weights
from lessons.errors import CourseError
from lessons.judges import clips as clips_judge
from lessons.judges import pictures
from lessons.judges.clips import clip_judge, obeyed, read_clips, text_match
from lessons.shipping import judges, registry
from lessons.signals import windows
from lessons.sources import downloads
from lessons.studies.scores import leg_sharpness
from lessons.world import theatre, vocabulary
from lessons.world.scene import Scene
from lessons.world.theatre import Theatre


@pytest.fixture(scope="module")
def judge():
    return clip_judge()


@pytest.fixture(scope="module")
def clips():
    return Theatre().sample(256, seed=31_001)


@pytest.fixture(scope="module")
def reading(judge, clips):
    return read_clips(judge, clips.video)


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_the_judge_reads_fresh_real_films(judge, split):
    clips = Theatre().sample(256, seed=30_001, split=split)
    reading, real = read_clips(judge, clips.video), vocabulary.truth(clips.scenes)
    right = torch.stack([reading[name].argmax(1) == real[name] for name in vocabulary.ATTRIBUTES])
    assert right.all(0).float().mean() >= 0.98
    for name, values in vocabulary.ATTRIBUTES.items():
        assert reading[name].shape == (256, len(values))
        assert torch.allclose(reading[name].sum(1), torch.ones(256), atol=1e-5)
    assert reading["features"].shape == (256, 32)
    assert text_match(reading, clips.captions)["all"] >= 0.98


def test_the_judge_reads_the_phase(judge):
    theatre = Theatre()
    scenes = [Scene("man", "red", (action,), "left") for action in ("walk", "run", "wave")] * 20
    read = read_clips(judge, theatre.film(scenes, 8).video)["phase"]
    real = 2 * np.pi * theatre.motion(scenes, 8).phase(torch.zeros(1))[:, 0]
    off = torch.polar(torch.ones(60), read - real).angle().abs()
    assert off.median() < 0.5 and (off < 1.2).float().mean() > 0.9


def test_the_judge_reads_other_sizes_and_refuses_other_lengths(judge):
    scenes = Theatre.scenes(48, seed=5)
    texts = Theatre().film(scenes, 5).captions
    reading = read_clips(judge, Theatre(96).film(scenes, 5).video)
    assert text_match(reading, texts)["all"] > 0.9
    with pytest.raises(CourseError, match="16 frames"):
        read_clips(judge, np.zeros((2, 8, 48, 48, 3), np.uint8))


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_the_judge_of_pictures_reads_fresh_first_frames(split):
    scenes = Theatre.scenes(300, 30_001, split)
    frames = theatre.first_frames(scenes, 30_001)
    assert frames.shape == (300, 28, 28, 3) and frames.dtype == np.uint8
    read, features = pictures.read_pictures(pictures.picture_judge(),
                                             windows.as_pictures(frames))
    real = torch.stack([vocabulary.truth(scenes)[name] for name in vocabulary.SEEN], 1)
    assert (read == real).all(1).float().mean() >= 0.98
    assert features.shape == (300, 32)


def test_a_frame_moved_to_the_middle_has_the_figure_there():
    scenes = Theatre.scenes(40, 3)
    frames = Theatre(48).film(scenes, 3).video[:, 0]
    moved = windows.to_middle(frames)
    assert abs(windows.place(moved[:, None])[:, 0] - 0.5).max() <= 0.5 / 48 + 1e-6
    assert np.array_equal(np.sort(moved, 2), np.sort(frames, 2))  # a row keeps its pixels


def test_captions_are_asked_for_what_a_first_frame_shows():
    asked = vocabulary.asked_seen(["a red man walks then runs to the left", "someone jumps"])
    assert asked.tolist() == [[0, 0, 0], [-1, -1, -1]]


def test_what_a_caption_leaves_open_does_not_count(judge):
    video = Theatre().film([Scene("woman", "blue", ("walk", "wave"), "left")], 0).video
    reading = read_clips(judge, video)
    for text, right in (("a woman walks then waves", 1), ("a woman waves then walks", 0),
                        ("someone in blue is walking, then waving", 1),
                        ("a red woman walks then waves", 0), ("一个蓝衣女人先走后挥手", 1),
                        ("a woman walks then waves to the right", 0)):
        found = obeyed(reading, [text])
        assert found["all"].item() == right, text
    assert found["color"].isnan().item() and found["direction"].item() == 0
    with pytest.raises(CourseError, match="2 captions for 1 films"):
        obeyed(reading, ["a man walks"] * 2)


def test_swapped_captions_are_not_matched(reading, clips):
    match = text_match(reading, clips.captions[1:] + clips.captions[:1])
    assert match["all"] < 0.1 and match["actor"] < 0.5


def test_frechet_distance_notices_what_is_wrong(judge, reading, clips):
    others = read_clips(judge, Theatre().sample(256, seed=31_002).video)["features"]
    floor = measuring.frechet_distance(reading["features"], others)
    shuffled = clips.video[:, np.random.default_rng(0).permutation(16)]
    frozen = clips.video[:, :1].repeat(16, 1)
    for wrong in (shuffled, frozen):
        features = read_clips(judge, wrong)["features"]
        assert measuring.frechet_distance(features, others) > 2 * floor


def test_coverage_is_the_share_that_has_a_neighbour(judge, reading):
    others = read_clips(judge, Theatre().sample(256, seed=31_002).video)["features"]
    assert measuring.coverage(reading["features"], others) > 0.85
    assert measuring.coverage(reading["features"][:16], others) < 0.7  # most kinds are missing
    real = torch.arange(10.0)[:, None]
    assert measuring.coverage(real, real, k=1) == 1
    assert measuring.coverage(real[:1], real, k=1) == pytest.approx(0.2)  # itself and the next one


def test_a_frozen_film_does_not_win_and_noise_is_seen(clips):
    real, frozen = measuring.flicker(clips.video), clips.video[:, :1].repeat(16, 1)
    noise = np.random.default_rng(0).integers(-12, 13, clips.video.shape)
    noisy = (clips.video + noise).clip(0, 255).astype(np.uint8)
    assert measuring.flicker(frozen) == 0 == measuring.frame_change(frozen).mean()
    assert measuring.flicker(noisy) > 2 * real


def test_blur_is_seen_by_the_measure_of_legs(clips):
    video = Theatre().film([Scene("man", "red", ("run",), "right")] * 8, 2).video
    blurred = video.astype(int)
    blurred[:, :, 1:-1] = (blurred[:, :, :-2] + 2 * blurred[:, :, 1:-1] + blurred[:, :, 2:]) // 4
    blurred[:, :, :, 1:-1] = (blurred[:, :, :, :-2] + 2 * blurred[:, :, :, 1:-1]
                              + blurred[:, :, :, 2:]) // 4
    blurred = blurred.astype(np.uint8)
    assert leg_sharpness(blurred) < 0.8 * leg_sharpness(video)
    assert measuring.sharpness(blurred) < 0.9 * measuring.sharpness(video)


def test_spreads():
    video = Theatre().film([Scene("man", "red", ("jump",), "right")] * 32, 2).video
    assert 0.05 < measuring.spread_of_place(video) < 0.3
    assert measuring.spread_of_place(video[:1].repeat(8, 0)) == 0
    assert measuring.spread_of_phase(torch.zeros(9)) == pytest.approx(0)
    assert measuring.spread_of_phase(torch.arange(8) * np.pi / 4) == pytest.approx(1, abs=1e-6)


def test_judge_training_learns_from_real_films():
    teacher = dataclasses.replace(judges.TEACHERS["clip_judge"], n=64, steps=300, batch=16)
    judge, (video, shown, _) = teacher.train(), teacher.examples(64)
    reading = read_clips(judge, video.numpy())
    for name, values in zip(vocabulary.ATTRIBUTES, shown.T, strict=True):  # it knows these by now
        assert (reading[name].argmax(1) == values).float().mean() > 0.9, name


@pytest.fixture
def tiny(monkeypatch):
    """Data of a few digits, seen and spoken."""
    monkeypatch.setattr(downloads, "mnist", lambda split: (
        torch.zeros(200, 28, 28, dtype=torch.uint8), torch.arange(200) % 10))
    monkeypatch.setattr(downloads, "spoken_digits", lambda split: (
        [torch.rand(900)] * 70, torch.arange(70) % 10, ["a"] * 70))


@pytest.mark.parametrize("name", registry.JUDGES)
def test_every_judge_is_trained_whole_and_goes_on_from_its_checkpoint(name, tiny, tmp_path):
    train, score = registry.JUDGES[name]
    first = train(tmp_path, n=30, steps=2)
    assert not first.training
    again = train(tmp_path, n=30, steps=2)         # finished: nothing is left to train
    further = train(tmp_path, n=30, steps=3)
    moved = [not torch.equal(a, b) for a, b in zip(first.parameters(), further.parameters(),
                                                   strict=True)]
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(),
                                                 strict=True))
    assert all(moved)


def test_what_is_shipped_is_scored_as_it_is_shipped(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "DATA", tmp_path)
    monkeypatch.chdir(tmp_path)
    scored = []

    def train(folder):
        Path(folder).mkdir(parents=True)
        return torch.nn.Linear(3, 3)

    def score(network):
        scored.append({name: part.clone() for name, part in network.state_dict().items()})
        return {"right": 0.12345}
    monkeypatch.setitem(registry.JUDGES, "digit_judge", (train, score))
    assert registry.ship("digit_judge") == {"right": 0.1235}
    shipped = weights.shipped("digit_judge.safetensors")
    assert all(torch.equal(shipped[name], part) for name, part in scored[0].items())
    assert weights.listed("digit_judge.safetensors")["command"] == \
        "python -m lessons ship digit_judge"
    assert not (tmp_path / "runs" / "ship_digit_judge").exists()
    loaded = weights.load(torch.nn.Linear(3, 3), "digit_judge")
    assert torch.equal(loaded.weight, scored[0]["weight"]) and not loaded.training


def test_what_is_not_shipped_is_told_with_the_nearest_name():
    with pytest.raises(CourseError, match="digit_judge"):
        registry.ship("digit_juge")
    with pytest.raises(CourseError, match="--model"):
        registry.ship("theatre")
    with pytest.raises(CourseError, match="leave --model away"):
        registry.ship("digit_judge", "runs/mine")


# The Fréchet distance against closed forms, and against torchmetrics ------------------------------
def _exact(mean, covariance, n=400):
    """n points whose mean and covariance are exactly these."""
    points = torch.randn(n, len(mean), generator=torch.Generator().manual_seed(n)).double()
    points = points - points.mean(0)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(points.T.cov()), points.T,
                                          upper=False)
    root = torch.linalg.cholesky(torch.as_tensor(covariance).double())
    return (root @ white).T + torch.tensor(mean).double()


@pytest.mark.parametrize("means,covariances,wanted", [
    (([0., 0.], [3., 4.]), ([[1., 0.], [0., 1.]], [[1., 0.], [0., 1.]]), 25.0),  # |m1 - m2|^2
    (([0., 0.], [0., 0.]), ([[4., 0.], [0., 9.]], [[1., 0.], [0., 1.]]), 5.0),   # (2-1)^2 + (3-1)^2
    # eigenvalues 3 and 1 along the diagonals: (sqrt 3 - 1)^2 + 0
    (([1., 1.], [1., 1.]), ([[2., 1.], [1., 2.]], [[1., 0.], [0., 1.]]), 4 - 2 * 3**0.5),
    # not along common axes: for 2 x 2, (tr root M)^2 = tr M + 2 root(det M), M = C1 C2, here
    # tr M = 6 + 1 + 1 + 2 = 10 and det M = 3 * 2
    (([0., 0.], [0., 0.]), ([[2., 1.], [1., 2.]], [[3., 1.], [1., 1.]]),
     8 - 2 * (10 + 2 * 6**0.5) ** 0.5),
])
def test_the_frechet_distance_of_known_gaussians(means, covariances, wanted):
    a, b = (_exact(mean, covariance) for mean, covariance in zip(means, covariances, strict=True))
    assert measuring.frechet_distance(a, b) == pytest.approx(wanted, abs=1e-6)


def test_the_frechet_distance_is_that_of_torchmetrics(reading):
    fid = pytest.importorskip("torchmetrics.image.fid")

    class Same(torch.nn.Module):  # in place of torchmetrics' own network
        num_features = 32

        def forward(self, features):
            return features
    metric = fid.FrechetInceptionDistance(feature=Same(), normalize=True).set_dtype(torch.float64)
    others = reading["features"][:100] * 1.3 + 0.2
    metric.update(reading["features"].double(), real=True)
    metric.update(others.double(), real=False)
    assert measuring.frechet_distance(reading["features"], others) == pytest.approx(
        float(metric.compute()), rel=1e-4)


def test_a_value_that_comes_later_is_one_that_the_judge_never_reads(monkeypatch):
    films = Theatre().sample(8, 3).video
    before = read_clips(clip_judge(), films)
    more = {name: ("bow", *values) if name in ("first", "last") else values
            for name, values in vocabulary.ATTRIBUTES.items()}
    monkeypatch.setattr(clips_judge, "ATTRIBUTES", more)
    after = read_clips(clip_judge(), films)
    for name in ("first", "last"):
        assert (after[name][:, 0] == 0).all()
        assert torch.equal(after[name][:, 1:], before[name])
