"""Sound: pictures of it and the way back, the networks and their game, judges, measures, and what
the shipped weights must hold."""

import json
import math

import numpy as np
import pytest
import torch

from lessons import audio, frames, priors, text_to_video
from lessons.engine import weights
from lessons.judges import sound
from lessons.shipping import judges
from lessons.signals import clip, spectrogram
from lessons.studies import sound as sound_study
from lessons.studies.scores import sound_scores
from lessons.world import captions, vocabulary
from lessons.world.scene import MUSIC, Scene
from lessons.world.theatre import Theatre
from lessons.world.vocabulary import WORDS, CaptionSampler, encode


@pytest.fixture(scope="module")
def clips():
    return Theatre().sample(48, seed=1)


@pytest.fixture(scope="module")
def waves(clips):
    return torch.from_numpy(clips.audio)


# Sound and its pictures -----------------------------------------------------------------------
def test_the_spectrogram_has_ten_columns_a_frame_and_loses_nothing_but_phases(waves):
    complex_ = spectrogram.transform(waves)
    assert complex_.shape == (48, spectrogram.BINS, spectrogram.A_FRAME * 16)
    assert torch.allclose(spectrogram.inverse(complex_), waves, atol=1e-5)
    levels = spectrogram.spectrogram(waves)
    assert levels.min() >= 0 and levels.max() < 3
    assert torch.allclose(spectrogram.magnitudes(levels), complex_.abs(), atol=1e-3)


def test_columns_by_hand_are_those_of_torch(waves):
    window = torch.hann_window(spectrogram.WINDOW)
    wanted = torch.stft(waves, spectrogram.WINDOW, spectrogram.HOP, window=window, center=False,
                        return_complex=True).abs()
    assert torch.allclose(spectrogram.columns(waves, window, spectrogram.HOP), wanted, atol=1e-4)


def test_a_tone_stands_in_its_own_bin_and_mel_bands_cover_all_of_them():
    t = torch.arange(clip.SAMPLES) / clip.RATE
    level = spectrogram.spectrogram(torch.sin(2 * math.pi * 1000 * t)[None])[0, :, 50]
    assert level.argmax() == 1000 * spectrogram.WINDOW // clip.RATE
    mel = spectrogram.mel_filters()
    assert mel.shape == (64, spectrogram.BINS) and (mel >= 0).all() and mel.max() <= 1
    assert (mel[:, 2:-1].sum(0) > 0).all()
    assert (mel[:-1].argmax(1) <= mel[1:].argmax(1))[mel[1:].any(1)].all()


def test_waves_come_back_from_their_levels_and_quicker_in_the_fast_form(waves):
    levels = spectrogram.spectrogram(waves)

    def error(**how):
        again = spectrogram.spectrogram(spectrogram.to_wave(levels, **how))
        size, made = spectrogram.magnitudes(levels), spectrogram.magnitudes(again)
        return float(10 * torch.log10((made - size).square().sum() / size.square().sum()))
    assert error() < -22
    assert error(rounds=16) < error(rounds=16, speed=0) < error(rounds=2, speed=0)


def test_waves_end_in_silence_and_are_never_clipped():
    made = spectrogram.to_wave(2.5 * torch.rand(2, spectrogram.BINS, spectrogram.COLUMNS))
    assert made.shape == (2, clip.SAMPLES) and made.abs().max() < 0.951
    assert made[:, [0, -1]].abs().max() == 0


def test_silence_comes_back_as_silence():
    nothing = torch.zeros(1, spectrogram.BINS, spectrogram.COLUMNS)
    assert spectrogram.to_wave(nothing).abs().max() == 0


# The networks ---------------------------------------------------------------------------------
def test_what_a_caption_says_of_music_stays_and_what_is_open_is_completed():
    said = ["a red man walks without music", "a man in red runs in silence",
            "a red man walks with cheerful music", "一个红衣男人走，配着平静的音乐",
            "一个男人跑，安静无声"]
    kinds = torch.ones(5, dtype=torch.int64)
    assert (priors.with_music(encode(said, WORDS), kinds, WORDS)[:, -3:] == 0).all()
    open_ = ["a red man walks in red clothes", "一个男人正在跑步"]
    for k, kind in enumerate(MUSIC):
        for row in priors.with_music(encode(open_, WORDS), torch.tensor([k, k]), WORDS):
            text = " ".join(WORDS[i] for i in row if i)
            assert captions.parse(text).music == kind, text


def _random(n=4):
    torch.manual_seed(0)
    ids = encode(["a red man walks", "a blue woman runs with calm music"] * (n // 2), WORDS)
    return torch.randn(n, priors.TheatreSound.latent), ids, torch.randn(n, 16, frames.PATH)


def test_steps_follow_the_path_and_music_the_words():
    z, ids, paths = _random()
    generator = priors.TheatreSound()
    levels = generator(z, ids, paths)
    assert levels.shape == (4, spectrogram.BINS, spectrogram.COLUMNS)
    late = torch.cat([paths[:, :1].expand(-1, 3, -1), paths[:, :-3]], 1)
    steps, after = generator.footsteps(paths), generator.footsteps(late)
    assert torch.allclose(steps[:, 40:100], after[:, 70:130], atol=1e-5)   # three frames later
    assert not torch.allclose(generator.melody(z, ids), generator.melody(z, ids.flip(0)))
    wide = torch.cat([ids, torch.zeros(4, 3, dtype=torch.int64)], 1)
    assert torch.allclose(levels, generator(z, wide, paths), atol=1e-5)


def test_the_discriminator_sees_sound_caption_and_path():
    z, ids, paths = _random()
    levels, discriminator = priors.TheatreSound()(z, ids, paths), audio.SoundDiscriminator()
    logits = discriminator(levels, ids, paths)[0]
    for other in ((levels.flip(2), ids, paths), (levels, ids.flip(0), paths),
                  (levels, ids, paths.flip(1))):
        assert not torch.allclose(logits, discriminator(*other)[0], atol=1e-5)
    alone = audio.SoundDiscriminator(joint=False)
    assert torch.equal(alone(levels, ids, paths)[0], alone(levels, ids, paths.flip(1))[0])


def test_the_energy_score_is_least_where_the_spread_is_right():
    torch.manual_seed(0)
    shape = (400, 3, spectrogram.COLUMNS)

    def score(spread):
        return float(audio.energy(*(spread * torch.randn(shape) for _ in range(2)),
                                  torch.randn(shape)))
    assert score(1.0) < min(score(0.0), score(0.5), score(2.0))


@pytest.mark.parametrize("variant", sound_study.VARIANTS)
def test_a_few_steps_move_both_networks(variant, clips, waves, precision):
    data = (waves, torch.randn(48, 16, frames.PATH), CaptionSampler(clips.scenes),
            vocabulary.kinds_of(clips.scenes))
    _, run = sound_study.train_variant(data, variant, batch=8, steps=2)
    assert torch.stack(run.log).isfinite().all()
    moments = run.optimizers["generator"].state
    assert all(state["exp_avg_sq"].any() for state in moments.values())


def test_several_films_of_a_scene_share_its_captions():
    scenes = [Scene("man", "red", ("walk",), "left", "calm"),
              Scene("child", "blue", ("run",), "left", "none")]
    seen = []

    class Spy(CaptionSampler):
        def draw(self, rows, rng):
            seen.append(rows)
            return super().draw(rows, rng)
    priors.train_sound(torch.randn(6, clip.SAMPLES), torch.randn(6, 16, frames.PATH), Spy(scenes),
                      vocabulary.kinds_of(scenes), batch=64, steps=1)
    assert set(seen[0].tolist()) == {0, 1}


# Judges and measures --------------------------------------------------------------------------
def test_steps_are_heard_where_feet_land(clips):
    heard = sound.onsets(clips.audio)
    true = [row[(row > 0.01) & (row < 1.97)] for row in clips.footfalls]
    assert audio.sync(heard, true) > 0.97
    assert np.abs(audio.lags(heard, clips.footfalls)).max() < 0.03
    assert audio.sync(heard[1:] + heard[:1], true) < 0.5


def test_hits_are_one_to_one():
    assert audio.hits([0.1, 0.2], [0.15]) == 1
    assert audio.hits([0.1, 0.2], [0.15, 0.5]) == 1
    assert audio.hits([], [0.1]) == audio.hits([0.1], []) == audio.hits([], []) == 0
    assert audio.hits([0.5, 0.9], [0.6, 0.7, 1.0]) == 2


def test_scores_stand_empty_lists():
    assert math.isnan(audio.av_align([], []))
    assert audio.av_align([0.1], []) == audio.av_align([], [0.1]) == 0
    assert audio.av_align([0.1, 0.5], [0.1]) == 0.5
    assert audio.sync([np.zeros(0)], [np.zeros(0)]) == 0
    assert len(audio.lags([np.array([0.1]), np.zeros(0)], [np.zeros(0), np.array([0.2])])) == 0


def test_motion_peaks_are_local_and_a_still_film_has_none():
    films = np.zeros((2, 16, 4, 4, 3), np.uint8)
    films[0, 5:] = 200
    assert [row.tolist() for row in sound.motion_peaks(films)] == [[5 / 8], []]


def test_decibels():
    x = np.random.default_rng(0).normal(size=(2, 100))
    assert sound.decibels(2 * x, x) == pytest.approx(6.02, abs=0.01)


def test_the_truth_of_footfalls_is_one_at_a_landing():
    lands = judges.landing([np.array([0.5125]), np.zeros(0)])
    assert lands.shape == (2, 16 * sound.MOMENTS)
    assert lands[0].argmax() == 20 and lands[0].max() == 1 and not lands[1].any()


def test_the_shipped_judges_read_fresh_real_clips():
    real = Theatre().sample(128, seed=50_001, split="heldout")
    seen = sound.read_footfalls(sound.footfall_judge(), real.video)
    assert audio.sync(seen, real.footfalls) > 0.97
    heard = sound.read_sounds(sound.sound_judge(), real.audio)
    assert heard["features"].shape == (128, 32)
    kinds = [MUSIC[i] for i in heard["music"].argmax(1)]
    assert np.mean([a == scene.music for a, scene in zip(kinds, real.scenes, strict=True)]) > 0.99


# The shipped weights ----------------------------------------------------------------------------
@pytest.fixture(scope="module")
def made():
    """Films of 192 plain captions, and their scenes."""
    scenes = Theatre.scenes(192, seed=40_002)
    texts = [captions.describe(scene) for scene in scenes]
    return text_to_video.film(text_to_video.load_model("theatre"), texts, seed=6), scenes


def test_shipped_sound_holds_what_the_course_promises(made):
    films, scenes = made
    scores = sound_scores(films, scenes)
    assert scores["sync share"] >= 0.85
    assert scores["music"] >= 0.97
    assert abs(scores["loudness"]) < 3
    assert scores["sound frechet"] < 4 * scores["sound floor"]


def test_shipped_sound_has_no_clicks_and_no_clipping(made):
    films, _ = made
    assert films.audio.dtype == np.float32 and np.isfinite(films.audio).all()
    assert np.abs(films.audio).max() < 0.99
    assert np.abs(films.audio[:, [0, -1]]).max() < 1e-6
    assert np.abs(np.diff(films.audio[:, :16])).max() < 0.15
    assert np.abs(np.diff(films.audio[:, -16:])).max() < 0.15


def test_music_follows_chinese_captions_too_and_varies_where_they_leave_it_open():
    model, judge = text_to_video.load_model("theatre"), sound.sound_judge()
    texts = ["一个男人正在跑步，轻快的背景音乐", "一个红衣女人走，平静的音乐",
             "一个孩子跳，没有音乐"]
    films = text_to_video.film(model, texts, count=8, seed=2)
    read = sound.read_sounds(judge, films.audio)["music"].argmax(1)
    assert (read == torch.tensor([2, 1, 0]).repeat_interleave(8)).float().mean() > 0.95
    for text in ("a man is running", "一个男人正在跑步"):
        made = text_to_video.film(model, [text], 48, seed=3)
        read = sound.read_sounds(judge, made.audio)["music"]
        assert read.argmax(1).bincount(minlength=3).min() > 5


def test_sound_leaves_the_film_as_it_is():
    model, texts = text_to_video.load_model("theatre"), ["a red man walks then runs", "一个孩子跳"]
    loud, silent = (text_to_video.film(model, texts, 2, seed=1, sound=heard)
                    for heard in (True, False))
    assert (loud.video == silent.video).all() and (loud.attention == silent.attention).all()
    assert not silent.audio.any() and np.abs(loud.audio).max() > 0.05
    again = text_to_video.film(model, texts, 2, seed=1)
    assert np.allclose(again.audio, loud.audio, atol=1e-4)
    without = text_to_video.film(text_to_video.load_model("theatre", sound=False), texts, 2, seed=1)
    assert (without.video == loud.video).all() and not without.audio.any()


def test_shipped_sound_is_small_and_listed():
    listed = json.loads((weights.DATA / "weights.json").read_text())
    for name in ("sound", "footfall_judge", "sound_judge"):
        file = name + ".safetensors"
        assert (weights.DATA / file).stat().st_size < 1e6
        assert listed[file]["command"] == f"python -m lessons ship {name}"
