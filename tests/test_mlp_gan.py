"""Lesson 1's networks, and the front door: train and generate, with good input and with bad."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from test_real_data import make_mnist, no_network

from lessons import mlp_gan
from lessons.__main__ import main
from lessons.engine import losses, training
from lessons.engine.checkpoints import load_checkpoint, save_checkpoint
from lessons.errors import CourseError
from lessons.sources import downloads

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def digits(tmp_path, monkeypatch):
    """A made MNIST, so that no test needs the real one or a network."""
    no_network(monkeypatch)
    return make_mnist(tmp_path / "home", monkeypatch)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder as training leaves it, after two steps. Tests read it; those that write copy it."""
    folder = tmp_path_factory.mktemp("model")
    with pytest.MonkeyPatch.context() as monkeypatch:
        make_mnist(tmp_path_factory.mktemp("home"), monkeypatch)
        assert main(["train", "--data", "mnist", "--steps", "2", "--out", str(folder)]) == 0
    return folder


def refused(capfd, *arguments):
    """The one sentence with which a command is refused."""
    capfd.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    out, sentence = capfd.readouterr()
    assert out == ""
    assert_one_sentence(sentence)
    return sentence.strip()


def assert_one_sentence(text):
    assert text.endswith(".\n") and text.count("\n") == 1 and "Traceback" not in text, text
    assert ". " not in text.replace("not here. Use", "not here: use"), text


def train(*arguments):
    return main(["train", "--data", "mnist", *map(str, arguments)])


# The networks -----------------------------------------------------------------------------------
def test_the_networks_have_the_articles_layers_and_shapes():
    sizes = [tuple(p.shape) for p in mlp_gan.Generator().parameters() if p.dim() == 2]
    assert sizes == [(256, 100), (512, 256), (1024, 512), (784, 1024)]
    images = mlp_gan.Generator()(torch.randn(5, 100))
    assert images.shape == (5, 1, 28, 28) and images.abs().max() <= 1
    article, mended = mlp_gan.ArticleDiscriminator(), mlp_gan.Discriminator()
    assert ([p.shape for p in article.parameters()] == [p.shape for p in mended.parameters()])
    mended.load_state_dict(article.state_dict())
    assert torch.allclose(article.eval()(images), mended(images).sigmoid(), atol=1e-6)


def test_normalising_brings_bytes_to_the_range_of_tanh():
    images = mlp_gan.normalize(torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1))
    assert images.shape == (3, 1, 1, 1) and images.dtype == torch.float32
    assert images.flatten().tolist() == pytest.approx([-1, -0.6, 1])


def test_drawing_takes_images_at_random_and_the_same_for_a_seed():
    images = torch.arange(200, dtype=torch.uint8).view(200, 1, 1).expand(200, 28, 28)
    draw = mlp_gan.draw_from(images)
    first, = draw(500, torch.Generator().manual_seed(1))
    again, = draw(500, torch.Generator().manual_seed(1))
    other, = draw(500, torch.Generator().manual_seed(2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert len(first[:, 0, 0, 0].unique()) > 150


def test_the_article_loss_and_the_mended_one_are_the_same_number(rounding):
    article, generator = mlp_gan.ArticleDiscriminator().eval(), mlp_gan.Generator()
    mended = mlp_gan.Discriminator()
    mended.load_state_dict(article.state_dict())
    real, z = torch.rand(6, 1, 28, 28), torch.randn(6, 100)
    run = training.Run(generator, mended, model="mnist")
    fake = generator(z)
    value, _ = training.update_discriminator(run, losses.NonSaturating, real, fake, [], r1=0)
    wanted = mlp_gan.discriminator_step(generator, article, torch.optim.Adam(article.parameters()),
                                        torch.nn.BCELoss(), real, z)
    assert torch.allclose(value, wanted, atol=0, rtol=rounding)


# Training ---------------------------------------------------------------------------------------
def test_training_leaves_a_model_and_a_checkpoint(model, capfd):
    assert {path.name for path in model.iterdir()} == {training.MODEL, training.CHECKPOINT}
    _, facts = load_checkpoint(model / training.CHECKPOINT, "mnist")
    assert facts["step"] == 2
    fresh = mlp_gan.Generator().state_dict()
    assert mlp_gan.load_generator(model).state_dict().keys() == fresh.keys()


def test_a_run_is_resumed_as_if_it_had_never_stopped(tmp_path, monkeypatch, capfd, precision):
    assert train("--steps", 6, "--out", tmp_path / "whole") == 0
    draw_from = mlp_gan.draw_from

    def interrupted(images):
        draws = iter([draw_from(images)] * 3)
        return lambda n, rng: next(draws, _interrupt)(n, rng)
    monkeypatch.setattr(mlp_gan, "draw_from", interrupted)
    assert train("--steps", 6, "--out", tmp_path / "parts") == 0
    assert "step 3" in capfd.readouterr().out
    monkeypatch.setattr(mlp_gan, "draw_from", draw_from)
    assert train("--steps", 6, "--out", tmp_path / "parts", "--resume") == 0
    for name in (training.MODEL, training.CHECKPOINT):
        (whole, facts), (parts, other) = (
            load_checkpoint(tmp_path / folder / name, "mnist") for folder in ("whole", "parts"))
        assert facts["step"] == other["step"] == 6
        assert all(torch.equal(whole[key], parts[key]) for key in whole | parts)


def _interrupt(n, rng):
    raise KeyboardInterrupt


def test_a_seed_decides_the_start_and_the_data(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train("--steps", 1, "--seed", seed, "--out", tmp_path / name)
    a, b, c = ((mlp_gan.draw_images(mlp_gan.load_generator(tmp_path / name), 2)) for name in "abc")
    assert torch.equal(a, b) and not torch.allclose(a, c)


def test_a_folder_that_holds_a_run_already_is_not_written_over(model, capfd):
    before = {path: path.read_bytes() for path in model.iterdir()}
    sentence = refused(capfd, "train", "--data", "mnist", "--steps", 1, "--out", model)
    assert str(model) in sentence and "--resume" in sentence
    assert {path: path.read_bytes() for path in model.iterdir()} == before


def test_a_finished_model_without_its_checkpoint_is_not_written_over(model, tmp_path, capfd):
    content = (model / training.MODEL).read_bytes()
    (tmp_path / training.MODEL).write_bytes(content)
    assert str(tmp_path) in refused(capfd, "train", "--data", "mnist", "--steps", 1,
                                    "--out", tmp_path)
    assert (tmp_path / training.MODEL).read_bytes() == content


def test_an_empty_folder_cannot_be_resumed(tmp_path, capfd):
    sentence = refused(capfd, "train", "--data", "mnist", "--steps", 1, "--out", tmp_path,
                       "--resume")
    assert str(tmp_path / training.CHECKPOINT) in sentence


@pytest.mark.parametrize("harm", ["cut", "other model"])
def test_a_checkpoint_that_cannot_be_resumed_is_left_as_it_is(model, tmp_path, capfd, harm):
    path = tmp_path / training.CHECKPOINT
    if harm == "cut":
        path.write_bytes((model / training.CHECKPOINT).read_bytes()[:-1000])
    else:
        save_checkpoint(path, {"w": torch.ones(1)}, {"model": "theatre"})
    before = path.read_bytes()
    sentence = refused(capfd, "train", "--data", "mnist", "--steps", 3, "--out", tmp_path,
                       "--resume")
    assert str(path) in sentence and path.read_bytes() == before


def test_data_that_are_damaged_without_a_network_are_told(tmp_path, capfd):
    path = tmp_path / "home" / "mnist" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:1000])
    sentence = refused(capfd, "train", "--data", "mnist", "--steps", 1, "--out", tmp_path / "m")
    assert str(path) in sentence and "damaged" in sentence and not (tmp_path / "m").exists()


@pytest.mark.parametrize("words,wrong", [
    ((), "command"), (("fly",), "'fly'"), (("train",), "--data"),
    (("train", "--data", "mnist"), "--out"),
    (("train", "--data", "faces", "--out", "x"), "'faces'"),
    (("train", "--data", "mnist", "--out", "x", "--steps", "-3"), "'-3'"),
    (("train", "--data", "mnist", "--out", "x", "--steps", "0"), "'0'"),
    (("train", "--data", "mnist", "--out", "x", "--steps", "1.5"), "'1.5'"),
    (("train", "--data", "mnist", "--out", "x", "--minutes", "-1"), "'-1'"),
    (("train", "--data", "mnist", "--out", "x", "--minutes", "nan"), "'nan'"),
    (("train", "--data", "mnist", "--out", "x", "--minutes", "soon"), "'soon'"),
    (("train", "--data", "mnist", "--out", "x", "--minutes", "1", "--steps", "1"), "--steps"),
    (("train", "--data", "mnist", "--out", "x", "--device", "tpu"), "'tpu'"),
    (("train", "--data", "mnist", "--out", "x", "--seed", "-1"), "'-1'"),
    (("train", "--data", "mnist", "--out", "x", "--seed", "9" * 20), "9" * 20),
    (("train", "--data", "mnist", "--out", "x", "--fast"), "--fast"),
    (("generate",), "--model"), (("generate", "--model", "x"), "--out"),
    (("generate", "--model", "x", "--out", "y.npz"), os.path.join("x", training.MODEL)),
    (("generate", "--model", "x", "--out", "y.npz", "--count", "-1"), "'-1'"),
    (("generate", "--model", "x", "--out", "y.npz", "--count", "0"), "'0'"),
    (("generate", "--model", "x", "--out", "y.npz", "--count", "many"), "'many'"),
])
def test_bad_input_is_told_in_one_sentence(tmp_path, monkeypatch, capfd, words, wrong):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "fit", lambda *rest, **options: pytest.fail("trained"))
    assert wrong in refused(capfd, *words)
    assert {path.name for path in tmp_path.iterdir()} == {"home"}  # and nothing was made


@pytest.mark.parametrize("words,wrong", [
    (("--out", "y.mp4"), "y.mp4"), (("--out", "y"), ".npz"),
    (("--out", "y.npz", "a man is running"), "caption"), (("--out", "y.npz", ""), "caption"),
])
def test_what_a_model_of_digits_cannot_do_is_told(model, tmp_path, monkeypatch, capfd, words,
                                                  wrong):
    monkeypatch.chdir(tmp_path)
    assert wrong in refused(capfd, "generate", "--model", model, *words)
    assert {path.name for path in tmp_path.iterdir()} == {"home"}


def test_a_device_that_is_not_here_is_told(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "'cuda'" in refused(capfd, "train", "--data", "mnist", "--steps", 1,
                               "--out", tmp_path / "m", "--device", "cuda")


def test_a_folder_that_cannot_be_written_is_told_at_once(tmp_path, monkeypatch, capfd):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(training, "update_discriminator", 
                        lambda *rest: pytest.fail("trained all the same"))
    assert str(tmp_path / "file") in refused(capfd, "train", "--data", "mnist", "--steps", 1,
                                             "--out", tmp_path / "file" / "m")


def test_help_is_help(capfd):
    with pytest.raises(SystemExit) as stop:
        main(["train", "--help"])
    assert stop.value.code == 0 and "--resume" in capfd.readouterr().out


# Generating -------------------------------------------------------------------------------------
def test_images_come_as_films_of_one_grey_frame(model, tmp_path):
    out = tmp_path / "new" / "x.npz"
    assert main(["generate", "--model", str(model), "--count", "5", "--out", str(out)]) == 0
    with np.load(out) as file:
        assert set(file) == {"video", "audio", "fps", "sample_rate", "captions"}
        assert file["video"].shape == (5, 1, 28, 28, 1) and file["video"].dtype == np.uint8
        assert file["audio"].shape == (5, 0) and file["audio"].dtype == np.float32
        assert file["fps"] > 0 and file["sample_rate"] > 0
        assert file["captions"].tolist() == [""] * 5
        video = file["video"]
    images = mlp_gan.draw_images(mlp_gan.load_generator(model), 5)
    assert np.abs(video[:, 0, :, :, 0] - (images[:, 0].numpy() + 1) * 127.5).max() <= 0.5001
    assert len(np.unique(video, axis=0)) == 5


def test_a_seed_decides_the_images(model, tmp_path):
    def video(name, *options):
        out = tmp_path / f"{name}.npz"
        assert main(["generate", "--model", str(model), *options, "--out", str(out)]) == 0
        return np.load(out)["video"]
    one, again, other = video("a"), video("b", "--seed", "0"), video("c", "--seed", "1")
    assert len(one) == 1
    assert (one == again).all() and (one != other).any()


@pytest.mark.parametrize("harm", ["cut", "flipped", "other model", "other shapes", "text"])
def test_a_bad_model_is_told(model, tmp_path, capfd, harm):
    path, content = tmp_path / training.MODEL, (model / training.MODEL).read_bytes()
    if harm == "other model":
        save_checkpoint(path, {"w": torch.ones(1)}, {"model": "theatre"})
    elif harm == "other shapes":
        save_checkpoint(path, {"w": torch.ones(1)}, {"model": "mnist"})
    else:
        path.write_bytes({"cut": content[:len(content) // 2], "text": b"no model at all",
                          "flipped": content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]}[harm])
    sentence = refused(capfd, "generate", "--model", tmp_path, "--out", tmp_path / "x.npz")
    assert str(path) in sentence and not (tmp_path / "x.npz").exists()


def test_an_out_that_cannot_be_written_is_told(model, tmp_path, capfd):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder.npz").mkdir()
    for out in (tmp_path / "file" / "x.npz", tmp_path / "folder.npz"):
        assert str(out) in refused(capfd, "generate", "--model", model, "--out", out)
    assert {path.name for path in tmp_path.iterdir()} == {"home", "file", "folder.npz"}


def test_captions_are_refused_by_a_model_that_takes_none(model, tmp_path, capfd):
    sentence = refused(capfd, "generate", "a man runs", "--model", model,
                       "--out", tmp_path / "x.npz")
    assert "caption" in sentence and not (tmp_path / "x.npz").exists()


def test_a_wrong_ending_keeps_the_file_that_is_there(model, tmp_path, capfd):
    (tmp_path / "x.mp4").write_text("a film")
    assert "x.mp4" in refused(capfd, "generate", "--model", model, "--out", tmp_path / "x.mp4")
    assert (tmp_path / "x.mp4").read_text() == "a film"


# The command itself -----------------------------------------------------------------------------
def command(*arguments, program=("-m", "lessons")):
    return subprocess.run([sys.executable, *program, *map(str, arguments)], cwd=ROOT, text=True,
                          capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


def test_the_command_trains_and_generates(tmp_path):
    made = f"""
import sys
from lessons import __main__
from lessons.sources import downloads
downloads.SHA256 = {downloads.SHA256!r}
sys.exit(__main__.main())
"""
    done = command("train", "--data", "mnist", "--steps", 2, "--out", tmp_path / "m",
                   program=("-c", made))
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    done = command("generate", "--model", tmp_path / "m", "--count", 3, "--out", tmp_path / "x.npz")
    assert (done.returncode, done.stderr) == (0, "")
    assert np.load(tmp_path / "x.npz")["video"].shape == (3, 1, 28, 28, 1)


@pytest.mark.parametrize("words", [
    (), ("train", "--data", "faces", "--out", "x"), ("train", "--steps", "-1"),
    ("generate", "--model", "nowhere", "--out", "x.npz")])
def test_the_command_refuses_bad_input_with_two_and_one_sentence(words):
    done = command(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_sentence(done.stderr)


def test_the_library_raises_what_the_command_says(tmp_path):
    with pytest.raises(CourseError, match="no file"):
        mlp_gan.load_generator(tmp_path)
