"""Lesson 6: the rulers see what they should and nothing else, and the shipped model stands under
them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from lessons import frames, measuring, text_to_video, video
from lessons import temporal_consistency as consistency
from lessons.engine import weights
from lessons.errors import CourseError
from lessons.judges import clips, gait
from lessons.shipping import judges
from lessons.signals import clip
from lessons.studies import ablations, games, registry, study
from lessons.studies.scores import (
    RATIOS,
    cadence_band,
    cadence_curves,
    change_scenes,
    own_error,
    score_consistency,
    twin_error,
)
from lessons.world import captions, flow, trial_films
from lessons.world.flow import exact_flow
from lessons.world.scene import Scene
from lessons.world.theatre import Theatre
from lessons.world.vocabulary import CaptionSampler


@pytest.fixture(scope="module")
def judge():
    return gait.phase_judge()


@pytest.fixture(scope="module")
def shipped():
    return text_to_video.load_model("theatre")


@pytest.fixture(scope="module")
def scores(shipped):
    return score_consistency(lambda *wish: text_to_video.film(shipped, *wish).video, n=256)


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# Steps ----------------------------------------------------------------------------------------
def test_the_judge_reads_every_frame_of_fresh_real_films(judge):
    found = judges.score_phase_judge(judge, 64, seed=123)
    assert found["mean error"] < 0.01 and found["99th percentile"] < 0.05     # cycles
    assert found["actor"] > 0.99 and found["color"] > 0.99


def test_a_cadence_is_the_slope_of_the_phase_whose_turns_do_not_count():
    scenes = change_scenes(12)
    phase = 2 * math.pi * judges.true_phases(scenes, 3)
    around = torch.atan2(phase.sin(), phase.cos())
    found = consistency.cadence(around)
    late = (consistency.SPAN + torch.arange(16 - consistency.SPAN)) / clip.FPS
    motion = Theatre().motion(scenes, 3)
    turned = motion.phase(late) - motion.phase(late - consistency.SPAN / clip.FPS)
    torch.testing.assert_close(found, turned * clip.FPS / consistency.SPAN,
                               atol=1e-4, rtol=0)


def test_real_walks_become_runs_inside_the_band_and_wrong_steps_do_not(judge):
    low, high = cadence_band()
    assert (low < high).all() and low[0] > 0.7 and high[-1] < 1.5
    scenes = change_scenes(96)
    real = cadence_curves(judge, Theatre().film(scenes, 7).video)
    assert consistency.inside(real, low, high).float().mean() > 0.9
    wrong = trial_films.spoilt(scenes[:24], 7)["a wrong step"]
    assert not consistency.inside(cadence_curves(judge, wrong), low, high).any()


def test_nine_points_of_ten_must_lie_inside():
    low, high = torch.zeros(10), torch.ones(10)
    curves = torch.full((3, 10), 0.5)
    curves[1, 0], curves[2, :2] = 2.0, -1.0
    assert consistency.inside(curves, low, high).tolist() == [True, True, False]


# Flow -----------------------------------------------------------------------------------------
def test_warping_by_whole_pixels_is_a_shift():
    frames, flow = _random(2, 3, 6, 8), torch.zeros(2, 6, 8, 2)
    flow[..., 0], flow[..., 1] = 2.0, -1.0
    torch.testing.assert_close(consistency.warp(frames, flow)[:, :, 1:, :-2], frames[:, :, :-1, 2:])


def test_the_exact_flow_is_right_and_the_finer_the_frames_the_smaller_the_error():
    scenes = gait.stepping_scenes(3, 3)
    motion, errors = Theatre().motion(scenes, 3), []
    for size in (48, 96):
        film = Theatre(size).film(scenes, 3).video
        flow, visible = exact_flow(motion, size)
        assert flow.shape == (3, 15, size, size, 2) and visible.shape == flow.shape[:4]
        exact, none, reversed_ = (consistency.warping_error(film, part, visible)
                                  for part in (flow, 0 * flow, -flow))
        assert exact < none / 4 and none < reversed_
        errors.append(exact)
    assert errors[1] < 0.65 * errors[0]


def test_a_twin_does_what_the_film_shows(judge):
    scenes = gait.stepping_scenes(6, 8)
    film = Theatre().film(scenes, 8).video
    twin = gait.Twin(scenes, film, judge)
    assert abs(flow.drawn(twin).astype(float) - film).mean() < 1.5     # of 255
    exact = consistency.warping_error(film, *flow.exact_flow(Theatre().motion(scenes, 8)))
    assert exact < twin_error(judge, scenes, film) < 1.5 * exact


def test_the_flow_that_a_film_shows_is_found_to_the_pixel():
    film = np.random.default_rng(0).integers(0, 255, (2, 3, 20, 24, 3), np.uint8)
    film[:, 1] = np.roll(film[:, 0], (2, -1), (1, 2))   # two pixels down, one to the left
    film[:, 2] = film[:, 1]
    flow = consistency.matched_flow(film)[:, :, 6:-6, 6:-6]
    assert flow.shape == (2, 2, 8, 12, 2)
    assert (flow[:, 0] == torch.tensor([-1.0, 2.0])).all() and not flow[:, 1].any()


def test_the_flow_that_a_film_shows_excuses_what_the_exact_flow_finds():
    scenes = change_scenes(8)
    films, exact = trial_films.spoilt(scenes, 3), exact_flow(Theatre().motion(scenes, 3))
    own = {name: own_error(film) for name, film in films.items()}
    assert own["frozen"] < 1e-6 and own["light flickers"] > 1.2 * own["as it is"]
    for name in ("trembles", "a wrong step"):
        assert own[name] < 1.1 * own["as it is"]
        assert consistency.warping_error(films[name], *exact) > \
            2 * consistency.warping_error(films["as it is"], *exact)


# What each ruler sees -------------------------------------------------------------------------
def test_every_fault_is_seen_by_some_ruler_and_none_sees_all(judge):
    scenes = change_scenes(12)
    films = trial_films.spoilt(scenes, 3)
    flow = exact_flow(Theatre().motion(scenes, 3))
    seen = {}
    for name, film in films.items():
        angle, who, color = gait.read_frames(judge, film)
        seen[name] = {
            "dynamics": measuring.frame_change(film).mean(), "flicker": measuring.flicker(film),
            "jerk": float(consistency.jerk(gait.places(film)).mean()),
            "warp": consistency.warping_error(film, *flow),
            "band": float(consistency.inside(consistency.cadence(angle), *cadence_band())
                          .float().mean()),
            "same": float(gait.same_actor(who, color).float().mean())}
    real = seen["as it is"]
    assert real["band"] > 0.8 and real["same"] == 1
    assert seen["frozen"]["dynamics"] == 0 and seen["frozen"]["same"] == 1
    assert seen["light flickers"]["flicker"] > 1.5 * real["flicker"]
    assert seen["trembles"]["jerk"] > 3 * real["jerk"]
    assert seen["trembles"]["band"] == real["band"]
    assert seen["stutters"]["band"] < 0.5 and seen["stutters"]["flicker"] < 1.1 * real["flicker"]
    assert seen["other clothes"]["same"] < 0.1 and seen["other clothes"]["band"] > 0.8
    assert seen["a wrong step"]["band"] == 0 and seen["a wrong step"]["jerk"] < 1.3 * real["jerk"]
    assert seen["a wrong step"]["warp"] > 2 * real["warp"]


def test_who_moves_on_evenly_does_not_jerk():
    places = torch.stack([torch.arange(9.0), torch.full((9,), 3.0), torch.arange(9.0) % 2])
    torch.testing.assert_close(consistency.jerk(places), torch.tensor([0.0, 0.0, 2.0]))


def test_restless_counts_pixels_that_change_by_more_than_four_levels():
    film = np.full((2, 3, 4, 4, 3), 100, np.uint8)
    film[0, 1, 0, 0] += 4
    film[1, 1, 0, 0] += 5
    np.testing.assert_allclose(consistency.restless(film), [0, 1 / 16])


# Longer films ---------------------------------------------------------------------------------
def test_a_join_finds_where_the_movement_goes_on():
    t, D = torch.arange(40.0), frames.PATH
    def swing(start, content):
        path = torch.zeros(16, D)
        path[:, :frames.CONTENT] = content
        path[:, frames.CONTENT] = 0.1 * t[:16] + content
        path[:, frames.CONTENT + 1] = torch.sin(0.9 * (t[:16] + start))
        path[:, frames.CONTENT + 2] = torch.cos(0.9 * (t[:16] + start))
        return path
    others = torch.stack([swing(start, 5.0) for start in (3.3, 11.0, 7.7)])[None]
    whole = consistency.join(swing(0, 1.0)[None], others)
    assert whole.shape == (1, 16 + 9, D)
    torch.testing.assert_close(whole[0, :, frames.CONTENT + 1], torch.sin(0.9 * t[:25]))
    torch.testing.assert_close(whole[0, :, frames.CONTENT], 0.1 * t[:25] + 1)
    assert (whole[..., :frames.CONTENT] == 1).all()


def test_films_of_32_frames_have_no_seams(shipped, judge):
    scenes = change_scenes(48, ("child",))
    go = [captions.describe(Scene("child", scene.color, ("run",), scene.direction))
          for scene in scenes]
    chapters = [[captions.describe(scene) for scene in scenes], go, go]
    paths = consistency.go_on(shipped, chapters, seed=3)[:, :32]
    films = shipped.autoencoder.films(consistency.followed(paths))
    assert films.shape == (48, 32, 48, 48, 3)
    angle, who, color = gait.read_frames(judge, films)
    spread = consistency.cadence(angle, span=1).std(0)
    assert spread[[15, 24]].mean() < 1.5 * spread[16:24].mean()
    assert gait.same_actor(who, color).float().mean() >= 0.98
    uneven = paths[..., frames.CONTENT].diff(n=2, dim=1).abs().mean(0)
    assert uneven[[14, 15, 23, 24]].mean() < 1.5 * uneven[16:23].mean()


def test_real_long_films_change_when_short_ones_do(judge):
    scenes = change_scenes(24, ("child",))
    curves = cadence_curves(judge, trial_films.long_films(scenes, 32, 4))
    low, high = cadence_band()
    assert (curves[:, :10].median(0).values - (low + high) / 2).abs().max() < 0.08
    assert (curves[:, 10:20] > 1.15).float().mean() > 0.95


# The remedies ---------------------------------------------------------------------------------
def test_only_who_sees_several_frames_notices_shuffled_ones():
    paths, ids = _random(4, 16, frames.PATH), torch.ones(4, 3, dtype=torch.int64)
    mixed = paths[:, torch.randperm(16, generator=torch.Generator().manual_seed(1))]
    torch.manual_seed(0)
    for network, notices in ((games.FramesOnly(), False), (games.SparseFrames(), True)):
        logits = []
        for film in (paths, mixed):
            torch.manual_seed(3)
            logits.append(network(film, ids)[0])
        assert torch.allclose(*logits, atol=1e-5) is not notices


def test_frames_without_a_path_are_independent_of_each_other():
    generator, z = games.independent_frames(), _random(2, video.LATENT)
    films = [generator(z, torch.ones(2, 3, dtype=torch.int64)) for _ in range(2)]
    assert torch.equal(films[0][..., :frames.CONTENT], films[1][..., :frames.CONTENT])
    assert not torch.allclose(films[0], films[1])


def test_a_bend_is_punished_and_even_movement_is_not():
    extra = games.BendPenalty(weight=1.0)
    even = torch.arange(16.0)[:, None].expand(2, 16, frames.PATH)
    bent = even.clone()
    bent[:, 8] += 1
    other = video.MatchAndSpread()
    for part in (extra, other):
        part.discriminator = lambda more, conditions: torch.tensor(0.0)
    assert extra.generator(even, even, [], []) == pytest.approx(other.generator(even, even, [], []))
    assert extra.generator(even, bent, [], []) > other.generator(even, bent, [], [])


def test_the_energy_score_of_frames_alone_does_not_see_changes():
    extra, whole = games.FramesMatchAndSpread(), video.MatchAndSpread()
    for part in (extra, whole):
        part.discriminator = lambda more, conditions: torch.tensor(0.0)
    real, fake = _random(64, 16, frames.PATH), _random(64, 16, frames.PATH, seed=1)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    def loss(part, mix):
        return float(part.generator(real[:, mix], fake[:, mix], [], []))
    there = torch.arange(16)
    assert loss(extra, order) == pytest.approx(loss(extra, there), abs=1e-5)
    assert loss(whole, order) != pytest.approx(loss(whole, there), abs=1e-5)


@pytest.mark.parametrize("name", [*ablations.CONSISTENCY_GAMES, "no energy score"])
def test_every_variant_can_be_played_and_all_that_it_has_learns(name, precision):
    wordings = CaptionSampler(Theatre.scenes(10, 1))  # of 20 films, two a scene
    run = games.play(name, _random(20, 16, frames.PATH), wordings, steps=2, batch=16)
    assert run.step == 2 and torch.stack(run.log).isfinite().all()
    assert type(run.discriminator) is games.GAMES[name].discriminator
    for part, changed in (("generator", ("swing", "carry", "leave")),
                          ("discriminator", ("frame", "see", "say"))):
        moments = run.optimizers[part].state
        assert all(moments[weight]["exp_avg"].any() for name in changed
                   for weight in getattr(getattr(run, part), name).parameters())


def test_a_comparison_goes_on_where_it_stopped(monkeypatch):
    monkeypatch.setattr(ablations, "consistency_scores", lambda model, n: {"two": 0.5})
    written, names = [], ablations.CONSISTENCY_GAMES
    short = replace(ablations.CONSISTENCY, seeds=[names],
                    settings={"steps": 1, "films": 12, "captions": 2})
    first = short.compare(write=lambda results: written.append(1))
    assert len(written) == len(names)
    again = short.compare(first, written.append)
    assert again == first and len(written) == len(names)
    assert all(run["seconds"] > 0 and run["parameters"] > 1e5 for run in first["runs"])
    assert [run["variant"] for run in first["runs"] if "calm" in run] == [games.ALL]


def test_the_stored_comparison_is_of_these_variants():
    results = study.stored("consistency")
    assert results["settings"] == ablations.CONSISTENCY.settings
    assert [run["variant"] for run in results["runs"] if run["seed"] == 0] == \
        ablations.CONSISTENCY_GAMES
    keys = {"two", "inside", "restless", "seconds", "parameters", *RATIOS}
    keys -= {"own warp"}  # younger than the first seed
    assert all(keys <= set(run) for run in results["runs"])


def test_a_study_that_is_not_there_is_told_with_the_nearest_name():
    with pytest.raises(CourseError, match="Did you mean 'consistency'"):
        registry.run("consistancy")


# The shipped model ----------------------------------------------------------------------------
@pytest.mark.parametrize("name,least,most", [
    ("jerk", 0.9, 1.15), ("flicker", 0.9, 1.15), ("dynamics", 0.9, 1.1), ("same actor", 0.98, 1),
    ("inside", 0.8, 1), ("inside real", 0.9, 1), ("restless", 0, 0.01)])
def test_the_shipped_model_is_consistent(scores, name, least, most):
    assert least <= scores[name] <= most


@pytest.mark.parametrize("name,least", [
    ("train", 0.99), ("heldout", 0.97), ("train two", 0.97), ("heldout two", 0.97),
    ("sharpness", 0.95), ("legs", 0.85)])
def test_the_shipped_model_was_measured_to_obey_and_to_be_sharp(name, least):
    assert weights.listed("theatre.safetensors")["scores"][name] >= least


def test_two_actions_are_shown_by_the_shipped_model(shipped):
    _, texts = ablations.two_actions(96, 70)
    reading = clips.read_clips(clips.clip_judge(), text_to_video.film(shipped, texts).video)
    assert clips.text_match(reading, texts)["all"] >= 0.95
