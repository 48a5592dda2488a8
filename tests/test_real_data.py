"""MNIST comes from the cache when it is there and whole, else from a mirror, else one sentence."""

import gzip
import hashlib
import io
import struct

import numpy as np
import pooch
import pytest
import requests
import torch

from lessons import real_data
from lessons.errors import CourseError


def make_mnist(home, monkeypatch, train=120, test=20):
    """Four small files in the format of MNIST in home/mnist, which becomes the cache.

    Returns their contents, name -> bytes.
    """
    rng, contents = np.random.default_rng(0), {}
    for prefix, n in (("train", train), ("t10k", test)):
        images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = rng.integers(0, 10, n, dtype=np.uint8)
        contents |= {f"{prefix}-images-idx3-ubyte.gz": struct.pack(">4I", 2051, n, 28, 28)
                     + images.tobytes(),
                     f"{prefix}-labels-idx1-ubyte.gz": struct.pack(">2I", 2049, n)
                     + labels.tobytes()}
    contents = {name: gzip.compress(raw, mtime=0) for name, raw in contents.items()}
    (home / "mnist").mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (home / "mnist" / name).write_bytes(content)
    monkeypatch.setattr(real_data, "SHA256", {name: hashlib.sha256(content).hexdigest()
                                              for name, content in contents.items()})
    monkeypatch.setenv("LESSONS_DATA_HOME", str(home))
    return contents


def no_network(monkeypatch):
    """Every request fails as it does without a network; returns the list of addresses asked."""
    asked = []

    def refuse(address, *rest, **options):
        asked.append(address)
        raise requests.ConnectionError("Network is unreachable")
    monkeypatch.setattr(requests, "get", refuse)
    return asked


class Mirrors:
    """Answers requests like the mirrors: address -> bytes, or an exception to raise."""

    def __init__(self, monkeypatch, answers):
        self.answers, self.asked = answers, []
        monkeypatch.setattr(requests, "get", self.get)

    def get(self, address, *rest, **options):
        self.asked.append(address)
        answer = self.answers[address]
        if isinstance(answer, Exception):
            raise answer
        response = requests.Response()
        response.status_code = 404 if answer is None else 200
        response.url, response.raw = address, io.BytesIO(answer or b"")
        return response


IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
FIRST, SECOND = real_data.MIRRORS


@pytest.fixture
def contents(tmp_path, monkeypatch):
    return make_mnist(tmp_path, monkeypatch)


def test_images_and_labels_are_read_as_they_were_written(contents):
    images, labels = real_data.mnist("test")
    assert images.shape == (20, 28, 28) and images.dtype == torch.uint8
    assert labels.shape == (20,) and labels.dtype == torch.int64
    raw = gzip.decompress(contents[IMAGES])
    assert images.numpy().tobytes() == raw[16:]
    assert labels.tolist() == list(gzip.decompress(contents[LABELS])[8:])
    assert len(real_data.mnist()[0]) == 120


def test_a_split_that_is_unknown_is_told(contents):
    with pytest.raises(CourseError, match="'train' and 'test', not 'valid'"):
        real_data.mnist("valid")


def test_a_whole_file_of_the_cache_is_not_downloaded_again(contents, monkeypatch):
    asked = no_network(monkeypatch)
    monkeypatch.setattr(pooch, "retrieve", lambda *rest, **options: pytest.fail("retrieve"))
    real_data.mnist("train")
    real_data.mnist("test")
    assert not asked


@pytest.mark.parametrize("harm,found", [
    ("missing", "is not here"), ("half", "is damaged"), ("flipped", "is damaged"),
    ("empty", "is damaged"), ("folder", "is damaged")])
def test_a_bad_file_without_a_network_is_told_with_where_to_put_it(contents, tmp_path, monkeypatch,
                                                                 caplog, harm, found):
    asked = no_network(monkeypatch)
    pooch.get_logger().setLevel("INFO")  # as it is when it is imported
    pooch.get_logger().addHandler(caplog.handler)
    path, content = tmp_path / "mnist" / IMAGES, contents[IMAGES]
    path.unlink()
    if harm == "folder":
        path.mkdir()
    elif harm != "missing":
        path.write_bytes({"half": content[:len(content) // 2], "empty": b"",
                          "flipped": content[:50] + bytes([content[50] ^ 4]) + content[51:]}[harm])
    with pytest.raises(CourseError) as error:
        real_data.mnist("test")
    sentence = str(error.value)
    assert sentence.startswith(f"The file {path} {found} and cannot be downloaded")
    assert f"put {IMAGES} from {FIRST} there" in sentence and "\n" not in sentence
    assert asked == ([] if harm == "folder" else [FIRST + IMAGES, SECOND + IMAGES])
    assert not caplog.records  # the sentence is all that is said
    assert (tmp_path / "mnist" / LABELS).read_bytes() == contents[LABELS]
    assert {p.name for p in path.parent.iterdir()} <= set(contents)  # no half download is left


@pytest.mark.parametrize("failure", [requests.ConnectionError("down"), requests.Timeout("slow"),
                                     None, b"<html>Please log in</html>"])
def test_the_second_mirror_is_asked_when_the_first_fails(contents, tmp_path, monkeypatch, failure):
    mirrors = Mirrors(monkeypatch, {FIRST + IMAGES: failure, SECOND + IMAGES: contents[IMAGES]})
    (tmp_path / "mnist" / IMAGES).unlink()
    assert len(real_data.mnist("test")[0]) == 20
    assert mirrors.asked == [FIRST + IMAGES, SECOND + IMAGES]
    assert (tmp_path / "mnist" / IMAGES).read_bytes() == contents[IMAGES]


def test_a_damaged_file_is_replaced_from_the_first_mirror(contents, tmp_path, monkeypatch):
    mirrors = Mirrors(monkeypatch, {FIRST + IMAGES: contents[IMAGES]})
    (tmp_path / "mnist" / IMAGES).write_bytes(contents[IMAGES][:100])
    assert len(real_data.mnist("test")[0]) == 20
    assert mirrors.asked == [FIRST + IMAGES]
    assert (tmp_path / "mnist" / IMAGES).read_bytes() == contents[IMAGES]


def test_wrong_answers_of_every_mirror_are_never_kept(contents, tmp_path, monkeypatch):
    Mirrors(monkeypatch, {mirror + IMAGES: b"not digits" for mirror in (FIRST, SECOND)})
    (tmp_path / "mnist" / IMAGES).unlink()
    with pytest.raises(CourseError, match="is not here and cannot be downloaded"):
        real_data.mnist("test")
    assert not (tmp_path / "mnist" / IMAGES).exists()


def test_a_cache_that_cannot_be_made_is_told(contents, tmp_path, monkeypatch):
    no_network(monkeypatch)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LESSONS_DATA_HOME", str(tmp_path / "file"))
    with pytest.raises(CourseError, match="is not here and cannot be downloaded"):
        real_data.mnist("test")


def test_without_a_cache_of_ones_own_the_users_is_used(monkeypatch):
    monkeypatch.delenv("LESSONS_DATA_HOME", raising=False)
    assert "text-to-video-course" in str(real_data.data_home())
