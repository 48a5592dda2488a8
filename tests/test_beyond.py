"""The model for clips from anywhere: windows, networks, and the way from a folder to films."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from lessons import __main__, beyond, text_to_video, video
from lessons.display import media
from lessons.errors import CourseError
from lessons.frames import FrameAutoencoder
from lessons.judges.own_clips import LEGEND
from lessons.signals import clip, windows
from lessons.signals.windows import crop, places, uncrop
from lessons.sources import clips, shards
from lessons.sources.clips import entries, prepare
from lessons.text_to_video import FilmModel
from lessons.world.theatre import Theatre

LAYOUT = beyond.clips_layout((48, 48, 1), (32, 32))


def make_folder(folder, n=6, sound=True, grey=False):
    """A folder of n films of the theatre with metadata.csv."""
    clips = Theatre(size=32).sample(n, seed=1)
    rows = [("file_name", "caption")]
    for k, text in enumerate(clips.captions):
        film = clips.video[k].mean(-1, keepdims=True).astype(np.uint8) if grey else clips.video[k]
        data = media.mp4(film, clips.audio[k], 8, 8000, zoom=2) if sound else media.gif(film, 8)
        (folder / f"{k}.{'mp4' if sound else 'gif'}").write_bytes(data)
        rows.append((f"{k}.{'mp4' if sound else 'gif'}", text))
    with open(folder / "metadata.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return folder


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONS_DATA_HOME", str(tmp_path / "home"))
    (tmp_path / "clips").mkdir()
    return tmp_path


def run(*arguments):
    return __main__.main([str(argument) for argument in arguments])


@pytest.mark.parametrize("window", [(8, 8), (16, 32), (32, 48), (24, 16)])
def test_windows_are_pasted_where_they_were_cut(window):
    frames = torch.zeros(5, 3, 32, 48)
    for k in range(5):
        frames[k, :, 10 + 2 * k:14 + 2 * k, 5 + 8 * k:9 + 8 * k] = torch.rand(3, 4, 4) + 0.5
    place = places(frames, window)
    windows = crop(frames, place, window)
    assert windows.shape == (5, 3, *window)
    assert torch.equal(uncrop(windows, place, (32, 48)), frames)
    middle = torch.tensor([[7. + 8 * k, 12. + 2 * k] for k in range(5)])
    for axis, (side, full) in enumerate(((window[1], 48), (window[0], 32))):
        wanted = middle[:, axis] if side < full else torch.full((5,), full / 2)
        assert torch.allclose(place[:, axis], wanted, atol=0.6)


def test_a_small_thing_gets_a_small_window_and_a_whole_scene_the_whole_frame():
    frames = torch.zeros(20, 1, 48, 64)
    for k in range(20):
        frames[k, 0, 4 + k:16 + k, 2 * k:2 * k + 6] = 1
    assert windows.window_for(frames) == (16, 8)
    assert windows.window_for(torch.rand(20, 1, 48, 64)) == (48, 64)
    assert windows.window_for(torch.zeros(4, 1, 48, 64)) == (48, 64)
    frames[:, :, ::8] = 1  # something along the whole height
    assert windows.window_for(frames)[0] == 48


@pytest.mark.parametrize("shape,window", [((48, 48, 1), (32, 32)), ((32, 64, 3), (32, 64)),
                                          ((128, 128, 3), (128, 128)), ((64, 96, 3), (64, 24))])
def test_the_autoencoder_fits_any_shape(shape, window):
    layout = beyond.clips_layout(shape, window)
    autoencoder = FrameAutoencoder(layout).eval()
    films = torch.randint(0, 256, (2, 16, *shape), dtype=torch.uint8)
    paths = autoencoder.paths(films)
    content, place, motion = layout.parts(paths)
    assert paths.shape == (2, 16, layout.path) and place.shape[2] == 2
    assert torch.equal(content[:, 0], content[:, 9])
    assert torch.allclose(motion.mean(1), torch.zeros(2, motion.shape[2]), atol=1e-5)
    back = autoencoder.films(paths)
    assert back.shape == films.shape and back.dtype == np.uint8


def test_padding_changes_nothing_and_attention_adds_up():
    generator = video.PathGenerator(LAYOUT, ("", *"abcdefgh")).eval()
    z, ids = torch.randn(2, video.LATENT), torch.tensor([[1, 2, 3], [4, 5, 0]])
    paths, attention = generator.explained(z, ids)
    more, _ = generator.explained(z, torch.cat([ids, torch.zeros(2, 2, dtype=torch.long)], 1))
    assert torch.allclose(paths, more, atol=1e-5)
    assert torch.allclose(attention.sum(2), torch.ones(2, 16)) and not attention[1, :, 2].any()


def test_the_energy_score_is_smallest_where_the_spread_is_right():
    rng = torch.Generator().manual_seed(0)
    real = torch.randn(4000, 2, LAYOUT.path, generator=rng)
    made = torch.randn(4000, 2, LAYOUT.path, generator=rng)
    right = video.energy_score(real, made, LAYOUT)
    assert right < video.energy_score(real, 0.3 * made, LAYOUT)
    assert right < video.energy_score(real, 2 * made, LAYOUT)
    assert right < video.energy_score(real, made + 0.5, LAYOUT)


def test_what_never_changes_in_real_films_hides_nothing_else():
    """Where a window is the whole frame, its place stands still: made films may tremble there."""
    rng = torch.Generator().manual_seed(0)
    real, made = torch.randn(2, 400, 16, LAYOUT.path, generator=rng).unbind()
    real[..., LAYOUT.place] = 0
    made[..., LAYOUT.place] *= 0.01
    still = made.clone()
    still[..., LAYOUT.place], still[..., LAYOUT.place.stop:] = 0, 0
    extra, more = beyond.WhatMoves(real.std((0, 1)) > 1e-3, LAYOUT), (torch.eye(4), torch.eye(4))
    ids = None, torch.arange(4)
    scale = torch.ones(4)
    assert extra.generator(real, made, (*more, scale), ids) < \
        extra.generator(real, still, (*more, scale), ids)


def test_from_a_folder_to_films_by_the_front_door(home, capsys, precision):
    make_folder(home / "clips")
    out = home / "run"
    assert run("train", "--data", home / "clips", "--out", out, "--steps", 10, "--size", 32) == 0
    said = capsys.readouterr()
    assert "6 of 6 clips" in said.out and f"The model is in {out}." in said.out
    assert run("train", "--data", home / "clips", "--out", out, "--steps", 10, "--size", 32) == 2
    assert "add --resume" in capsys.readouterr().err
    assert run("train", "--data", home / "clips", "--out", out, "--steps", 12, "--size", 32,
               "--resume") == 0
    model = text_to_video.load_model(out)
    text = model.examples[0]
    assert run("generate", text, "--model", out, "--count", 2, "--out", home / "films.npz") == 0
    with np.load(home / "films.npz") as films:
        assert films["video"].shape == (2, 16, *model.layout.frame)
        assert films["audio"].shape == (2, 16000) and abs(films["audio"]).max() <= 1
        assert films["captions"].tolist() == [text, text]
        assert np.allclose(films["attention"].sum(2), 1, atol=1e-5)
        assert not (films["video"][0] == films["video"][1]).all(), "chance tells them apart"
    assert run("generate", text, "--model", out, "--out", home / "film.mp4") == 0
    capsys.readouterr()
    assert run("score", "--model", out, "--json") == 0
    assert set(json.loads(capsys.readouterr().out)) == {"motion", "loudness", *LEGEND}
    assert run("generate", "a xylophone runs", "--model", out, "--out", home / "film.mp4") == 2
    assert "xylophone" in capsys.readouterr().err


def test_clips_that_are_grey_and_silent_give_such_films(home):
    make_folder(home / "clips", sound=False, grey=True)
    prepared = clips.prepare(clips.entries(home / "clips"), home / "cache", 32)
    model = text_to_video.train(prepared, home / "run", steps=6, device="cpu")
    films = text_to_video.film(text_to_video.load_model(home / "run"), model.examples[:1])
    assert films.video.shape == (1, 16, 32, 32, 1) and not films.audio.any()
    films.save(home / "film.mp4")
    films.save(home / "film.gif")
    assert not (home / "run" / "sound").exists()


def test_the_path_of_a_clip_is_made_once_and_is_the_right_one(home):
    make_folder(home / "clips")
    prepared = prepare(entries(home / "clips"), home / "cache", 32)
    world, encoded = beyond.Clips(prepared), []
    world.prepare(seed=0)
    model = FilmModel("clips", world.layout, world.vocabulary, world.examples).eval()
    world.measure(model)
    world.encode = lambda films: (encoded.append(len(films)), model.standard(films))[1]
    for rows in ([3, 1, 3], [1, 3], [0, 1, 5]):
        rows = torch.tensor(rows)
        films = torch.from_numpy(np.array(prepared.video[rows.numpy()]))
        assert torch.allclose(world.standard(films, rows), model.standard(films), atol=1e-4)
    assert encoded == [3, 2]


def test_a_model_trains_from_a_stream_of_shards(home):
    make_folder(home / "clips")
    prepared = prepare(entries(home / "clips"), home / "cache", 32)
    clips = [{"key": str(k), "video": np.asarray(prepared.video[k]),
              "audio": np.asarray(prepared.audio[k]), "caption": "a film of a man"}
             for k in range(len(prepared))]
    (home / "shards").mkdir()
    shards.write_shards(clips, home / "shards", per_shard=2)
    assert run("train", "--data", home / "shards", "--out", home / "run", "--steps", 6) == 0
    assert text_to_video.load_model(home / "run").examples == ["a film of a man"]


def test_the_theatre_can_be_learnt_without_being_told_of_it(tmp_path):
    """The same films, and a model that knows no oscillator, no sway and no edges beforehand."""
    films = text_to_video.TheatreFilms(32, films=40)
    films.prepare(seed=0)
    text_to_video.train(beyond.Clips(films), tmp_path, steps=6, device="cpu")
    model = text_to_video.load_model(tmp_path)
    assert type(model.generator) is video.PathGenerator and model.layout.axes == 2
    assert text_to_video.film(model, ["a red man walks"]).video.shape == (1, 16, 32, 32, 3)


@pytest.mark.parametrize("data,said", [("nowhere", "holds clips and metadata.csv"),
                                       ("EMPTY", "no metadata.csv")])
def test_data_that_are_none_are_told(home, capsys, data, said):
    (home / "empty").mkdir()
    data = home / "empty" if data == "EMPTY" else data
    assert run("train", "--data", data, "--out", home / "run", "--steps", 4) == 2
    sentence = capsys.readouterr().err
    assert said in sentence and sentence.count("\n") == 1


def test_digits_have_one_size(home, capsys):
    assert run("train", "--data", "digits", "--size", 64, "--out", home / "run") == 2
    assert "leave --size away" in capsys.readouterr().err


def test_no_caption_and_one_without_words_are_told():
    model = FilmModel("clips", LAYOUT, ("", "a", "film"), ["a film"], sound=False)
    with pytest.raises(CourseError, match="as in 'a film'"):
        text_to_video.film(model, [])
    with pytest.raises(CourseError):
        text_to_video.film(model, ["?!"])


def test_two_processes_train_one_model_from_a_folder(home):
    """What the lesson says of torchrun: one line, one model, written by the first alone."""
    make_folder(home / "clips")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node",
               "2", "-m", "lessons", "train", "--data", str(home / "clips"), "--out",
               str(home / "run"), "--steps", "6", "--size", "32", "--device", "cpu"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("The model is in") == 1 and done.stdout.count("6 of 6 clips") == 1
    assert text_to_video.load_model(home / "run").examples


def test_a_film_is_moved_as_a_whole_until_it_lies_inside():
    paths = torch.zeros(3, clip.FRAMES, LAYOUT.path)
    x = torch.linspace(0, 0.4, clip.FRAMES)
    paths[0, :, LAYOUT.content], paths[1, :, LAYOUT.content] = 0.3 + x, 0.7 + x  # 0.3 to 0.7, ...
    paths[2, :, LAYOUT.content] = 3 * x - 0.1                                    # too long
    paths[..., LAYOUT.content + 1] = 0.5
    moved = beyond.inside(paths, torch.tensor([[0.2, 0.2], [0.8, 0.8]]), LAYOUT.place)
    x_moved = moved[..., LAYOUT.content]
    assert torch.equal(moved[0], paths[0])
    assert torch.allclose(x_moved[1], paths[1, :, LAYOUT.content] - 0.3)
    assert x_moved[2].min() >= 0.2 and x_moved[2].max() <= 0.8
    assert torch.equal(moved[..., LAYOUT.content + 1:], paths[..., LAYOUT.content + 1:])


def test_digits_stay_on_the_picture():
    model = text_to_video.load_model("digits")
    texts = ["the digit eight goes up", "数字三弹来弹去"]
    films = text_to_video.film(model, texts, 20, seed=7).video
    border = np.ones(films.shape[2:4], bool)
    border[1:-1, 1:-1] = False
    bright = films[:, :, border].max((2, 3)) > 128                             # (N, T)
    assert bright.mean() < 0.1  # without `beyond.inside` it is 0.15, of real films 0.01
