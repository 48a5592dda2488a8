"""Costs on paper, shards that are read as a stream, and launches that PyTorch's torchrun takes."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
import tarfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from test_own_clips import make
from torch.distributed.run import get_args_parser

from lessons import scaling
from lessons.errors import CourseError
from lessons.sources import datasets as sources
from lessons.sources import shards, words

ROOT = Path(__file__).resolve().parent.parent


# On paper ---------------------------------------------------------------------------------------
def plan(**other):
    return scaling.Plan(**{"clips": 10 ** 7, "clip_bytes": 10 ** 5, "epochs": 10, "batch": 1000,
                           "weights": 25 * 10 ** 6, "step_seconds": 0.9, "gpus": 8, "gpu_price": 2,
                           "disk_bytes": 4e12, "read_rate": 2e9, "network_rate": 1e9,
                           "efficiency": 0.9, **other})


def test_the_bytes_of_clips():
    assert scaling.cache_bytes(1, size=48) == 110_592 + 32_000
    assert scaling.cache_bytes(10, size=64, channels=1) == 10 * (65_536 + 32_000)


def test_the_cost_of_a_plan_by_hand():
    ten_million = plan()
    assert ten_million.bytes == 1e12
    assert ten_million.steps == 100_000
    assert ten_million.shared_step == pytest.approx(0.125)              # 0.9 / (8 x 0.9)
    assert ten_million.hours == pytest.approx(12_500 / 3600)            # 3.47
    assert ten_million.money == pytest.approx(12_500 / 3600 * 16)       # 55.6
    assert ten_million.loads()["reading clips"] == pytest.approx(0.4)   # 1000 x 1e5 / 0.125 / 2e9
    assert ten_million.gradient_bytes == pytest.approx(175e6)           # 2 x 7/8 x 100e6
    assert plan(gpus=1).shared_step == 0.9 and plan(gpus=1).gradient_bytes == 0
    assert plan(clips=1001, epochs=1).steps == 2                        # rounded up


def test_where_sending_takes_as_long_as_computing():
    edge = plan(step_seconds=1.4, efficiency=1)  # 8 GPUs: 0.175 s a step, for 175 MB at 1 GB/s
    assert edge.loads()["sending gradients"] == pytest.approx(1)


@pytest.mark.parametrize("other,name,load", [
    ({}, "sending gradients", 1.4),                     # 0.175 s of 0.125 s
    ({"disk_bytes": 1e11}, "disk space", 10),
    ({"read_rate": 1e8}, "reading clips", 8),
    ({"network_rate": 1e12, "batch": 4096}, "batch too large to help", 2)])
def test_what_breaks_first(other, name, load):
    assert plan(**other).breaks_first() == (name, pytest.approx(load))


def test_a_thousand_times_as_many_clips_take_a_thousand_times_as_long():
    few, many = plan(clips=10 ** 4), plan(clips=10 ** 7)
    assert many.hours == pytest.approx(1000 * few.hours) and many.bytes == 1000 * few.bytes
    assert many.breaks_first() == few.breaks_first()


# Shards -----------------------------------------------------------------------------------------
def clip(number, size=8):
    rng = np.random.default_rng(number)
    return {"key": f"clip-{number:04}", "caption": f"Number {number % 3}, 跑!",
            "video": rng.integers(0, 256, (16, size, size, 3), np.uint8),
            "audio": rng.integers(-2 ** 15, 2 ** 15, 100).astype(np.int16) * (number % 2)}


@pytest.fixture
def folder(tmp_path):
    shards.write_shards(map(clip, range(30)), tmp_path / "shards", per_shard=4)
    return tmp_path / "shards"


def keys(folder, **which):
    return [clip["key"] for clip in shards.read_shards(folder, **which)]


def test_what_is_written_is_read(folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        *(f"clips-{number:06}.tar" for number in range(8)), "shards.json"]
    read = {clip["key"]: clip for clip in shards.read_shards(folder)}
    assert len(read) == 30
    for number in range(30):
        wanted = clip(number)
        got = read[wanted["key"]]
        assert got["caption"] == wanted["caption"]
        for part in ("video", "audio"):
            assert got[part].dtype == wanted[part].dtype
            assert np.array_equal(got[part], wanted[part])
    assert json.loads((folder / shards.INDEX).read_text()) == {
        "shards": {f"clips-{n:06}.tar": 4 if n < 7 else 2 for n in range(8)}, "samples": 100,
        "shape": [16, 8, 8, 3], "vocabulary": ["", "0", "1", "2", "number", "跑"], "words": 3}


def test_workers_read_disjoint_shards_that_together_are_all(folder):
    parts = [keys(folder, rank=rank, world=3) for rank in range(3)]
    assert sorted(sum(parts, [])) == keys_of(30) and all(parts)
    other = [keys(folder, rank=rank, world=3, epoch=1) for rank in range(3)]
    assert sorted(sum(other, [])) == keys_of(30) and other != parts
    assert keys(folder, seed=1) != keys(folder) == keys(folder)


def keys_of(count):
    return [f"clip-{number:04}" for number in range(count)]


def test_fewer_shards_than_workers_are_told(folder):
    with pytest.raises(CourseError, match="8 shards for 9 workers"):
        keys(folder, world=9)


def test_a_folder_that_holds_shards_is_not_written_to(folder):
    with pytest.raises(CourseError, match="holds shards already"):
        shards.write_shards(map(clip, range(3)), folder)
    with pytest.raises(CourseError, match="holds no shards"):
        shards.write_shards([], folder.parent / "none")


@pytest.mark.parametrize("key", ["a.b", "../a", "", "a b"])
def test_a_key_that_cannot_name_files_is_told(tmp_path, key):
    with pytest.raises(CourseError, match="cannot name files"):
        shards.write_shards([clip(0) | {"key": key}], tmp_path)
    assert not list(tmp_path.iterdir())


def test_clips_of_two_shapes_are_told(tmp_path):
    with pytest.raises(CourseError, match="clip-0001.*another shape"):
        shards.write_shards([clip(0), clip(1, size=4)], tmp_path)


def foreign(path, members):
    """A tar file that Python alone wrote: {name: bytes}."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def npy(value):
    file = io.BytesIO()
    np.save(file, value, allow_pickle=True)
    return file.getvalue()


def members(number):
    made = clip(number)
    return {f"a/{number}.txt": made["caption"].encode(), f"a/{number}.json": b"{}",
            f"a/{number}.audio.npy": npy(made["audio"]),
            f"a/{number}.video.npy": npy(made["video"])}


def test_shards_of_others_are_read_in_any_order_of_members(tmp_path):
    foreign(tmp_path / "x.tar", members(1) | dict(reversed(members(2).items())))
    read = list(shards.read_shards(tmp_path))
    assert [clip["key"] for clip in read] == ["a/1", "a/2"]
    assert np.array_equal(read[1]["video"], clip(2)["video"])
    assert shards.index_shards(tmp_path)["shards"] == {"x.tar": 2}
    assert shards.Stream(tmp_path, slots=2).shape == [8, 8, 3]


class Harm:
    def __reduce__(self):
        return pytest.fail, ("a pickle was loaded",)


@pytest.mark.parametrize("name,content", [
    ("video", npy(np.array([Harm()], object))), ("audio", npy(clip(0)["audio"].astype(float))),
    ("video", clip(0)["audio"].tobytes()), ("audio", b""), ("video", npy(clip(0)["video"])[:-9])])
def test_a_member_that_is_no_plain_array_is_refused(tmp_path, name, content):
    foreign(tmp_path / "x.tar", members(1) | {f"a/1.{name}.npy": content})
    with pytest.raises(CourseError, match="x.tar is damaged") as error:
        list(shards.read_shards(tmp_path))
    assert "\n" not in str(error.value)


def test_a_clip_without_sound_or_caption_is_told(tmp_path):
    foreign(tmp_path / "x.tar", {name: content for name, content in members(1).items()
                                 if not name.endswith(".txt")})
    with pytest.raises(CourseError, match="x.tar is damaged .*'a/1' has no caption"):
        list(shards.read_shards(tmp_path))


@pytest.mark.parametrize("harm", [
    lambda whole: whole[:len(whole) // 2],             # somewhere inside
    lambda whole: whole[:4 * 512],                     # inside the first clip
    lambda whole: whole[:len(whole) // 4 // 512 * 512] + bytes(len(whole)),  # zeros from a download
    lambda whole: b"", lambda whole: bytes(len(whole)), lambda whole: bytes(range(256)) * 100])
def test_a_damaged_shard_is_named(folder, harm):
    path = folder / "clips-000003.tar"
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(CourseError, match="clips-000003.tar is damaged") as error:
        keys(folder)
    assert "\n" not in str(error.value)


def test_a_shard_cut_between_two_clips_is_told_by_the_index(folder, tmp_path):
    path = folder / "clips-000003.tar"
    with tarfile.open(path) as tar:
        end = [member.offset for member in tar][6]  # the third clip begins here
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(CourseError, match="clips-000003.tar .*ends after 2 clips"):
        keys(folder)


def test_an_interrupted_writing_leaves_whole_shards_and_no_index(tmp_path):
    def stop():
        yield from map(clip, range(6))
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        shards.write_shards(stop(), tmp_path, per_shard=4)
    assert [path.name for path in tmp_path.iterdir()] == ["clips-000000.tar"]
    assert keys(tmp_path) == keys_of(4)
    assert len(shards.Stream(tmp_path).video) >= 4 and (tmp_path / "shards.json").exists()


def test_shards_that_the_index_does_not_list_are_listed_anew(folder):
    (folder / "clips-000007.tar").rename(folder / "more.tar")
    shards.Stream(folder)
    assert "more.tar" in json.loads((folder / shards.INDEX).read_text())["shards"]


def test_an_index_of_an_older_version_or_another_program_is_told_and_left_alone(folder, tmp_path):
    path = folder / shards.INDEX
    for other in ('{"shards": {}, "shape": [16, 8, 8, 3], "words": 3}', "[1]", "no JSON"):
        path.write_text(other)
        with pytest.raises(CourseError, match="shards.json is of an older version or of another"):
            shards.Stream(folder)
        assert path.read_text() == other
    assert shards.Stream(folder, slots=4, place=tmp_path / "mine").vocabulary[1:3] == ("0", "1")
    assert path.read_text() == other and (tmp_path / "mine" / shards.INDEX).exists()


# Shards of others -------------------------------------------------------------------------------
def films(tmp_path, suffix="mp4", captions=("a red dog", "a cat"), kind="txt", codec="libx264"):
    """A shard of films with captions, each 4 seconds long, and other files beside them."""
    held = {}
    for k, text in enumerate(captions):
        levels = np.linspace(20 + 100 * k, 60 + 100 * k, 32).astype(np.uint8)
        path = make(tmp_path / f"film.{suffix}", [np.full((48, 48, 3), level) for level in levels],
                    8, codec=codec)
        caption = text.encode() if kind == "txt" else json.dumps({kind: text, "n": k}).encode()
        held |= {f"{k:05}.{suffix}": path.read_bytes(), f"{k:05}.jpg": b"a thumbnail",
                 f"{k:05}.{'txt' if kind == 'txt' else 'json'}": caption}
        path.unlink()
    (tmp_path / "films").mkdir()
    foreign(tmp_path / "films" / "00000.tar", held)
    return tmp_path / "films"


@pytest.mark.parametrize("suffix,kind,codec", [
    ("mp4", "txt", "libx264"), ("webm", "caption", "libvpx"), ("mp4", "text", "libx264")])
def test_films_in_shards_of_others_become_pieces(tmp_path, suffix, kind, codec):
    stream = shards.Stream(films(tmp_path, suffix, kind=kind, codec=codec), size=32)
    assert stream.shape == [32, 32, 1] and stream.vocabulary == ("", "a", "cat", "dog", "red")
    assert stream.slots == 4  # all fit in, and stay
    video, audio, ids, which, heard = stream.load(torch.arange(4))
    assert video.shape == (4, 16, 32, 32, 1) and not heard.any()
    levels = sorted(video.float().mean((1, 2, 3, 4)).tolist())
    assert np.allclose(levels, [30, 50, 130, 150], atol=3)
    assert len(which.unique(dim=0)) == 2 and torch.equal(stream.load(torch.arange(4))[0], video)


def test_what_is_left_out_of_shards_is_told(tmp_path, capfd):
    folder = films(tmp_path, captions=("🎉", "a cat"))
    foreign(folder / "00001.tar", {"x.mp4": b"no film", "x.txt": b"a cat"})
    assert shards.Stream(folder).slots == 2
    said = capfd.readouterr().err
    assert "1 clips are left out, as '00000' in 00000.tar: caption refused" in said
    assert "'x' in" in said and "is left out: not readable as a video" in said


def test_a_size_for_shards_is_taken_where_films_are_decoded_and_else_told(
        folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LESSONS_DATA_HOME", str(tmp_path / "home"))
    assert sources.clips_of(folder, 64, "pad").shape == [8, 8, 3]
    assert "--size and --fit change nothing" in capsys.readouterr().err
    others = films(tmp_path)
    assert sources.clips_of(others, 64).shape == [64, 64, 1]
    said = capsys.readouterr()
    assert said.err == "" and "films: 1 shards, frames of 64 x 64 pixels, words: 4" in said.out
    assert [path.name for path in others.iterdir()] == ["00000.tar"]  # nothing is written there


@pytest.mark.parametrize("members,said", [
    ({"a.jpg": b"x", "a.txt": b"a cat"}, "'a' has no video, it has jpg, txt"),
    ({"a.mp4": b"x"}, "'a' has no caption, it has mp4"), ({}, "ends after 0 clips"),
    ({"a.mp4": b"x", "a.json": b"{"}, "Expecting"),
    ({"a.mp4": b"x", "a.json": b'{"caption": 3}'}, "'a' has no caption")])
def test_shards_that_hold_something_else_are_told_what_they_must_hold(tmp_path, members, said):
    foreign(tmp_path / "x.tar", members)
    with pytest.raises(CourseError, match="a clip is an mp4 or webm and a txt or json") as error:
        shards.Stream(tmp_path)
    assert "x.tar" in str(error.value) and said in str(error.value)


# The stream -------------------------------------------------------------------------------------
def test_a_stream_gives_clips_as_prepared_ones_are_given(folder):
    stream = shards.Stream(folder, slots=30)
    assert stream.vocabulary == ("", "0", "1", "2", "number", "跑") and stream.shape == [8, 8, 3]
    rows = torch.arange(30)
    video, audio, ids, which, heard = stream.load(rows)
    assert (video.shape, video.dtype) == ((30, 16, 8, 8, 3), torch.uint8)
    assert (audio.shape, audio.dtype) == ((30, 100), torch.float32)
    assert (ids.shape, ids.dtype, which.shape, heard.dtype) == \
        ((30, 3), torch.int64, (30, 3), torch.bool)
    assert -1 <= audio.min() < -0.9 < 0.9 < audio.max() < 1
    known = {clip(number)["video"].tobytes(): clip(number) for number in range(30)}
    for row in range(30):
        wanted = known[video[row].numpy().tobytes()]
        assert np.allclose(audio[row] * 32768, wanted["audio"])
        assert torch.equal(ids[row], words.encode([wanted["caption"]], stream.vocabulary)[0])
        assert heard[row] == wanted["audio"].any()
    assert len(which.unique(dim=0)) == 3 and torch.equal(which, ids)


def test_a_stream_moves_on_and_never_ends(folder):
    stream = shards.Stream(folder, slots=5)
    rng, seen = torch.Generator().manual_seed(0), set()
    for _ in range(60):  # 120 clips drawn of 30
        rows, = stream.draw(2, rng)
        before = stream.video.clone()
        video = stream.load(rows)[0]
        assert torch.equal(video, before[rows])
        changed = (stream.video != before).flatten(1).any(1)
        assert set(changed.nonzero()[:, 0].tolist()) <= set(rows.tolist())
        seen |= {one.numpy().tobytes() for one in video}
    assert len(seen) == 30
    first, second = (shards.Stream(folder, slots=5, seed=seed).video for seed in (1, 2))
    assert not torch.equal(first, second)


def test_reading_takes_no_more_memory_for_more_clips(tmp_path):
    def most(count):
        folder = tmp_path / str(count)
        shards.write_shards((clip(n, size=32) for n in range(count)), folder, per_shard=8)
        tracemalloc.start()
        stream = shards.Stream(folder, slots=4)
        for _ in range(count):
            stream.load(torch.arange(4))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak
    few, many = most(8), most(96)  # a clip has 49 KB, all of the many 4.7 MB
    assert many < few + 100_000 < 1_500_000


# Starting many ----------------------------------------------------------------------------------
LESSON = "\n".join("".join(cell["source"]) for cell in json.loads(
    (ROOT / "notebooks" / "09_beyond.ipynb").read_text(encoding="utf-8"))["cells"])
LAUNCHES = [text for text in re.findall(r"^```bash\n(.*?)^```", LESSON, re.M | re.S)
            if "torchrun --" in text]


@pytest.mark.parametrize("text", LAUNCHES, ids=("one machine", "two machines", "Slurm"))
def test_torchrun_takes_the_launches_of_lesson_9(text):
    text = text.replace("\\\n", " ")
    line, = (line for line in text.splitlines() if "torchrun --" in line)
    words = shlex.split(line)
    options = get_args_parser().parse_args(words[words.index("torchrun") + 1:])
    assert options.module and options.training_script == "lessons"
    assert options.training_script_args[:3] == ["train", "--data", "theatre"]
    assert options.nproc_per_node == "4" and (options.standalone or options.rdzv_backend == "c10d")


TOY = """
import os, sys, torch
from lessons.engine import distributed, training
from lessons.sources import shards as tar

with distributed.together("cpu"):
    stream = tar.Stream(sys.argv[1], slots=6)
    networks = torch.nn.Linear(3, 4), torch.nn.Linear(4, 1)
    run = training.Run(*networks, model="toy")

    def load(rows):
        video, *_ = stream.load(rows)
        return (video.flatten(1)[:, :4].float() / 255,)
    training.fit(run, stream.draw, load=load, latent=3, batch=8, steps=5)
    said = distributed.rank(), distributed.processes(), run.step, float(run.log[-1][0])
    line = " ".join(map(str, said))
    os.write(1, f"{line}\\n".encode())  # whole: both write to one pipe
"""


def test_the_launch_for_one_machine_runs_here_on_two_processes(folder, tmp_path):
    script = tmp_path / "toy.py"
    script.write_text(TOY)
    words = shlex.split(LAUNCHES[0], comments=True)
    words = words[1:words.index("-m")]
    words[words.index("4")] = "2"
    result = subprocess.run([sys.executable, "-m", "torch.distributed.run", *words, str(script),
                             str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=120,
                            env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert result.returncode == 0, result.stderr
    lines = sorted(line.split() for line in result.stdout.splitlines())
    assert [line[:3] for line in lines] == [["0", "2", "5"], ["1", "2", "5"]]
    assert lines[0][3] == lines[1][3]  # both log the joint loss
