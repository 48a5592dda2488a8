"""Data come from the cache when they are there and whole, else from a mirror, else one sentence."""

import gzip
import hashlib
import http.server
import io
import os
import random
import struct
import tarfile
import threading
import wave
from pathlib import Path

import av
import numpy as np
import pytest
import requests
import torch

from lessons.errors import CourseError
from lessons.sources import downloads, kth


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
    monkeypatch.setattr(downloads, "SHA256", {name: hashlib.sha256(content).hexdigest()
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
FIRST, SECOND = downloads.MIRRORS


@pytest.fixture
def contents(tmp_path, monkeypatch):
    return make_mnist(tmp_path, monkeypatch)


def test_images_and_labels_are_read_as_they_were_written(contents):
    images, labels = downloads.mnist("test")
    assert images.shape == (20, 28, 28) and images.dtype == torch.uint8
    assert labels.shape == (20,) and labels.dtype == torch.int64
    raw = gzip.decompress(contents[IMAGES])
    assert images.numpy().tobytes() == raw[16:]
    assert labels.tolist() == list(gzip.decompress(contents[LABELS])[8:])
    assert len(downloads.mnist()[0]) == 120


def test_a_split_that_is_unknown_is_told(contents):
    with pytest.raises(CourseError, match="'train' and 'test', not 'valid'"):
        downloads.mnist("valid")


def test_a_whole_file_of_the_cache_is_not_downloaded_again(contents, monkeypatch):
    asked = no_network(monkeypatch)
    downloads.mnist("train")
    downloads.mnist("test")
    assert not asked


@pytest.mark.parametrize("harm,found", [
    ("missing", "is not here"), ("half", "is damaged"), ("flipped", "is damaged"),
    ("empty", "is damaged"), ("folder", "is damaged")])
def test_a_bad_file_without_a_network_is_told_with_where_to_put_it(contents, tmp_path, monkeypatch,
                                                                 capfd, harm, found):
    asked = no_network(monkeypatch)
    monkeypatch.setattr(downloads, "watched", lambda: True)
    path, content = tmp_path / "mnist" / IMAGES, contents[IMAGES]
    path.unlink()
    if harm == "folder":
        path.mkdir()
    elif harm != "missing":
        path.write_bytes({"half": content[:len(content) // 2], "empty": b"",
                          "flipped": content[:50] + bytes([content[50] ^ 4]) + content[51:]}[harm])
    with pytest.raises(CourseError) as error:
        downloads.mnist("test")
    sentence = str(error.value)
    assert sentence.startswith(f"The file {path} {found} and cannot be downloaded")
    assert f"save {FIRST}{IMAGES} there" in sentence and "\n" not in sentence
    assert asked == [FIRST + IMAGES, SECOND + IMAGES]
    assert [line.split()[-2] for line in capfd.readouterr().err.splitlines()] == [
        "ossci-datasets.s3.amazonaws.com", "storage.googleapis.com"]  # where it was tried
    assert (tmp_path / "mnist" / LABELS).read_bytes() == contents[LABELS]
    assert {p.name for p in path.parent.iterdir()} <= set(contents)  # no half download is left


@pytest.mark.parametrize("failure", [requests.ConnectionError("down"), requests.Timeout("slow"),
                                     None, b"<html>Please log in</html>"])
def test_the_second_mirror_is_asked_when_the_first_fails(contents, tmp_path, monkeypatch, failure):
    mirrors = Mirrors(monkeypatch, {FIRST + IMAGES: failure, SECOND + IMAGES: contents[IMAGES]})
    (tmp_path / "mnist" / IMAGES).unlink()
    assert len(downloads.mnist("test")[0]) == 20
    assert mirrors.asked == [FIRST + IMAGES, SECOND + IMAGES]
    assert (tmp_path / "mnist" / IMAGES).read_bytes() == contents[IMAGES]


def test_a_damaged_file_is_replaced_from_the_first_mirror(contents, tmp_path, monkeypatch):
    mirrors = Mirrors(monkeypatch, {FIRST + IMAGES: contents[IMAGES]})
    (tmp_path / "mnist" / IMAGES).write_bytes(contents[IMAGES][:100])
    assert len(downloads.mnist("test")[0]) == 20
    assert mirrors.asked == [FIRST + IMAGES]
    assert (tmp_path / "mnist" / IMAGES).read_bytes() == contents[IMAGES]


def test_wrong_answers_of_every_mirror_are_never_kept(contents, tmp_path, monkeypatch):
    Mirrors(monkeypatch, {mirror + IMAGES: b"not digits" for mirror in (FIRST, SECOND)})
    (tmp_path / "mnist" / IMAGES).unlink()
    with pytest.raises(CourseError, match="is not here and cannot be downloaded"):
        downloads.mnist("test")
    assert {p.name for p in (tmp_path / "mnist").iterdir()} == set(contents) - {IMAGES}


def test_a_cache_that_cannot_be_made_is_told(contents, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LESSONS_DATA_HOME", str(tmp_path / "file"))
    Mirrors(monkeypatch, {FIRST + IMAGES: contents[IMAGES]})
    with pytest.raises(CourseError, match="Cannot write .*: free some space, .* LESSONS_DATA"):
        downloads.mnist("test")


def test_a_folder_in_place_of_the_file_is_told(contents, tmp_path, monkeypatch):
    (tmp_path / "mnist" / IMAGES).unlink()
    (tmp_path / "mnist" / IMAGES).mkdir()
    Mirrors(monkeypatch, {FIRST + IMAGES: contents[IMAGES]})
    with pytest.raises(CourseError, match=f"Cannot write .*{IMAGES}"):
        downloads.mnist("test")


def test_without_a_cache_of_ones_own_the_users_is_used(monkeypatch):
    monkeypatch.delenv("LESSONS_DATA_HOME", raising=False)
    assert "text-to-video-course" in str(downloads.data_home())


# Downloads from a server of our own ---------------------------------------------------------------
class Server(http.server.ThreadingHTTPServer):
    """Serves `files`, path -> bytes, and keeps which were `asked`. cut: path -> after how many
    bytes the connection is lost; silent: paths after which nothing more is sent."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.files, self.asked, self.cut, self.silent = {}, [], {}, threading.Event()

    def address(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/silent":
            self.server.silent.wait(30)
            return
        content = self.server.files[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:self.server.cut.get(self.path, len(content))])

    def log_message(self, *rest):
        pass


CONTENT = random.Random(0).randbytes(200_000)


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONS_DATA_HOME", str(tmp_path))
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.silent.set()
        server.shutdown()


def fetch(server, *paths):
    """Fetch the file "x" whose right content is CONTENT; returns what `_fetch` does."""
    digest = hashlib.sha256(CONTENT).hexdigest()
    return downloads._fetch("mnist", "x", [server.address(path) for path in paths],
                            lambda content: downloads._verified(content, digest))


def assert_whole(tmp_path):
    assert (tmp_path / "mnist" / "x").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "mnist").iterdir()] == ["x"]


def test_a_lost_connection_leaves_nothing_and_the_next_mirror_is_asked(server, tmp_path):
    server.files, server.cut = {"/a": CONTENT, "/b": CONTENT}, {"/a": 150_000}
    with pytest.raises(CourseError, match="is not here and cannot be downloaded"):
        fetch(server, "/a")
    assert not list(tmp_path.rglob("*"))
    assert fetch(server, "/a", "/b") == CONTENT
    assert_whole(tmp_path)
    fetch(server, "/a")
    assert server.asked == ["/a", "/a", "/b"]  # what is whole is not asked for again


def test_an_interrupted_kernel_leaves_nothing(server, tmp_path, monkeypatch):
    server.files = {"/a": CONTENT}

    def interrupt(content):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        downloads._fetch("mnist", "x", [server.address("/a")], interrupt)
    assert not list(tmp_path.rglob("*"))
    assert fetch(server, "/a") == CONTENT
    assert_whole(tmp_path)


def test_wrong_bytes_of_one_mirror_are_followed_by_the_right_ones_of_the_next(server, tmp_path):
    server.files = {"/a": CONTENT[:-1] + b"?", "/b": CONTENT}
    assert fetch(server, "/a", "/b") == CONTENT
    assert server.asked == ["/a", "/b"]
    assert_whole(tmp_path)


def test_a_mirror_that_says_nothing_is_given_up(server, tmp_path, monkeypatch, capfd):
    server.files = {"/b": CONTENT}
    monkeypatch.setattr(downloads, "PATIENCE", (0.2, 0.2))
    monkeypatch.setattr(downloads, "watched", lambda: True)
    assert fetch(server, "/silent", "/b") == CONTENT
    assert server.asked == ["/silent", "/b"]
    assert capfd.readouterr().err.count("Downloading x from 127.0.0.1") == 2
    assert_whole(tmp_path)


def test_no_mirror_is_waited_for_longer_than_ten_seconds_in_all():
    assert max(len(downloads.MIRRORS), len(downloads.SPOKEN_MIRRORS)) * max(
        downloads.PATIENCE) <= 10


# Spoken digits ------------------------------------------------------------------------------------
SPEAKERS = ("ann", "bob")
REAL = Path(os.environ.get("LESSONS_DATA_HOME") or "nowhere")


def wav(samples, channels=1):
    """Bytes of a wav file of int16 samples at 8 kHz."""
    raw = io.BytesIO()
    with wave.open(raw, "wb") as file:
        file.setparams((channels, 2, 8000, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return raw.getvalue()


def recordings():
    """Seven short recordings of three digits by two speakers: "digit_speaker_index" -> samples."""
    rng = np.random.default_rng(0)
    return {f"{digit}_{speaker}_{index}": rng.integers(-32768, 32768, 50 + index)
            for digit in (0, 3, 9) for speaker in SPEAKERS for index in (0, 4, 5, 10, 9, 40, 49)}


def archive(files, top="free-spoken-digit-dataset-1.0.10", extra=()):
    """A tar.gz of files (name -> bytes) as GitHub packs them; extra: more (TarInfo, bytes)."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{top}/recordings/{name}.wav")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member, content in extra:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return raw.getvalue()


def make_spoken(home, monkeypatch, **how):
    """A small archive in the format of FSDD in home/fsdd, which becomes the cache: its path."""
    files = {name: wav(samples) for name, samples in recordings().items()}
    monkeypatch.setattr(downloads, "SPOKEN_SHA256", downloads._digest(files))
    monkeypatch.setenv("LESSONS_DATA_HOME", str(home))
    path = home / "fsdd" / downloads.SPOKEN
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(archive(files, **how))
    return path


def test_spoken_digits_are_read_as_they_were_written(tmp_path, monkeypatch):
    make_spoken(tmp_path, monkeypatch)
    waves, labels, speakers = downloads.spoken_digits("train")
    assert labels.dtype == torch.int64 and labels.tolist() == [0] * 10 + [3] * 10 + [9] * 10
    assert speakers == (["ann"] * 5 + ["bob"] * 5) * 3
    assert [len(wave) for wave in waves[:5]] == [55, 59, 60, 90, 99]  # 5, 9, 10, 40, 49
    assert waves[0].dtype == np.float32 and all(np.abs(wave).max() <= 1 for wave in waves)
    np.testing.assert_array_equal(waves[2] * 32768, recordings()["0_ann_10"])
    assert [len(wave) for wave in downloads.spoken_digits("test")[0]] == [50, 54] * 6
    with pytest.raises(CourseError, match="'train' and 'test', not 'all'"):
        downloads.spoken_digits("all")


def strange_members():
    """What an archive may hold beside its recordings: all to be passed over."""
    link = tarfile.TarInfo("x/recordings/0_ann_0.wav")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    names = ("x/recordings/../0_ann_0.wav", "/x/recordings/0_ann_0.wav", "recordings/0_ann_0.wav",
             "x/README.md", "x/recordings/0_ann_0.wav.exe")
    huge = tarfile.TarInfo("x/recordings/0_ann_0.wav")
    return [(link, b""), (huge, bytes(downloads.LARGEST))] + [(tarfile.TarInfo(n), b"no")
                                                              for n in names]


def test_an_archive_that_is_packed_anew_holds_the_same_digits(tmp_path, monkeypatch):
    make_spoken(tmp_path, monkeypatch)
    before = downloads.spoken_digits("test")
    path = make_spoken(tmp_path, monkeypatch, top="renamed", extra=strange_members())
    no_network(monkeypatch)
    again = downloads.spoken_digits("test")
    assert all(map(np.array_equal, before[0], again[0])) and before[2] == again[2]
    assert list(tmp_path.rglob("*")) == [path.parent, path]  # nothing is unpacked


@pytest.mark.parametrize("harm", ["half", "text", "changed", "fewer"])
def test_other_recordings_are_told_and_replaced(tmp_path, monkeypatch, harm):
    path = make_spoken(tmp_path, monkeypatch)
    right, files = path.read_bytes(), {name: wav(made) for name, made in recordings().items()}
    fewer = dict(list(files.items())[1:])
    path.write_bytes({"half": right[:len(right) // 2], "text": b"<html>", "fewer": archive(fewer),
                      "changed": archive(files | {"0_ann_0": files["0_ann_4"]})}[harm])
    asked = no_network(monkeypatch)
    with pytest.raises(CourseError, match="is damaged and cannot be downloaded.*save https://git"):
        downloads.spoken_digits()
    assert asked == list(downloads.SPOKEN_MIRRORS)
    Mirrors(monkeypatch, {asked[0]: b"busy", asked[1]: right})
    assert len(downloads.spoken_digits()[0]) == 30
    assert path.read_bytes() == right


def test_a_recording_of_another_kind_is_told():
    with pytest.raises(CourseError, match="not 8 kHz, mono, 16 bits"):
        downloads._samples(wav(np.zeros(8), channels=2))


@pytest.mark.skipif(not (REAL / "fsdd" / downloads.SPOKEN).exists(), reason="needs FSDD")
def test_the_real_spoken_digits_are_complete(monkeypatch):
    no_network(monkeypatch)
    for split, count, each in (("train", 2700, 45), ("test", 300, 5)):
        waves, labels, speakers = downloads.spoken_digits(split)
        assert len(waves) == len(labels) == len(speakers) == count
        assert labels.bincount().tolist() == [6 * each] * 10
        assert {name: speakers.count(name) for name in speakers} == dict.fromkeys(
            ("george", "jackson", "lucas", "nicolas", "theo", "yweweler"), 10 * each)
        assert 0.14 < min(map(len, waves)) / 8000 and max(map(len, waves)) / 8000 < 2.29


# Films of human actions ---------------------------------------------------------------------------
LINES = ("\r\nTraining:   person11, 12\r\n\r\n"
         "person11_walking_d4\t\tframes\t1-4, 5-9, 20-30\r\n"
         "person12_boxing_d1\t\tframes\t1-5, 12-20, 6-11, 18-24\r\n"
         "person13_handclapping_d3\t*missing*\r\n"
         "person22_handwaving_d2\tframes\t1-12\r\n"
         "person04_running_d3\t\tframes\t3-12, 12-20\r\n")


def film(path, frames=30):
    """A film as KTH's are: grey, 160 x 120, 25 frames a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", 25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for k in range(frames):
            grey = np.full((120, 160), k % 256, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "gray")))
        file.mux(stream.encode())


@pytest.fixture
def kth_folder(tmp_path, monkeypatch):
    """A cache with a list of five films, and three of them in different folders."""
    monkeypatch.setenv("LESSONS_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(kth, "KTH_SHA256", hashlib.sha256(LINES.encode()).hexdigest())
    folder = tmp_path / "kth"
    for name in ("walking/person11_walking_d4", "person12_boxing_d1", "a/b/person22_handwaving_d2"):
        film(folder / f"{name}_uncomp.avi")
    (folder / "00sequences.txt").write_bytes(LINES.encode())
    return folder


def test_entries_say_film_caption_and_frames(kth_folder):
    walk = kth_folder / "walking" / "person11_walking_d4_uncomp.avi"
    box = kth_folder / "person12_boxing_d1_uncomp.avi"
    assert [entry[:4] for entry in kth.kth("train")] == [
        (walk, "a person walks indoors", 0, 4), (walk, "一个人在室内走路", 4, 9),
        (walk, "a person walks indoors", 19, 30),
        (box, "a person boxes outdoors", 0, 5), (box, "一个人在室外打拳", 5, 11),
        (box, "a person boxes outdoors", 11, 20), (box, "一个人在室外打拳", 20, 24)]
    assert [entry.path.name for entry in kth.kth("test")] == [
        "person22_handwaving_d2_uncomp.avi"]


def test_films_that_are_missing_are_left_out_and_where_all_are_it_says_what_to_fetch(kth_folder):
    with pytest.raises(CourseError) as error:
        kth.kth("validation")
    assert str(error.value).startswith(
        f"No film of KTH's split 'validation' is below {kth_folder}: "
        f"download https://www.csc.kth.se/cvap/actions/walking.zip (and")
    (kth_folder / "person12_boxing_d1_uncomp.avi").unlink()
    assert len(kth.kth("train")) == 3
    with pytest.raises(CourseError, match="'train', 'validation', 'test', not 'all'"):
        kth.kth("all")


def test_a_list_that_was_changed_is_told(kth_folder, monkeypatch):
    (kth_folder / "00sequences.txt").write_bytes(LINES.encode() + b"\r\n")
    no_network(monkeypatch)
    with pytest.raises(CourseError, match="00sequences.txt is damaged .* save https://www.csc.kth"):
        kth.kth()


@pytest.mark.skipif(not (REAL / "kth" / "00sequences.txt").exists(), reason="needs KTH's list")
def test_the_real_list_is_read_whole(monkeypatch):
    no_network(monkeypatch)
    films = {split: kth._listed(split) for split in kth.KTH_PEOPLE}
    assert [len(listed) for listed in films.values()] == [191, 192, 216]  # of 600, one is missing
    ranges = {name: [frames for _, *frames in found]
              for listed in films.values() for name, found in listed.items()}
    assert len(ranges) == 599 and "person13_handclapping_d3_uncomp.avi" not in ranges
    assert [sum(map(len, listed.values())) for listed in films.values()] == [760, 768, 863]
    for found in ranges.values():
        ends = [0] + [frame for both in found for frame in both]
        assert ends == sorted(ends)  # in order, and no frame in two ranges
    assert all(24 <= last - first <= 362 for found in ranges.values() for first, last in found)
    assert ranges["person07_running_d4_uncomp.avi"] == [[0, 52], [67, 115], [223, 274], [309, 358]]
    assert ranges["person16_handwaving_d4_uncomp.avi"][2:] == [[206, 311], [311, 456]]
