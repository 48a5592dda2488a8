"""A checkpoint is written whole or not at all, and a bad one is told apart from a good one."""

import ast
import errno
import hashlib
import importlib
import json
import os
import random
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from lessons.engine import checkpoints, weights
from lessons.errors import CourseError

ROOT = Path(__file__).resolve().parent.parent
TENSORS = {"weight": torch.arange(6.0).view(2, 3), "step": torch.tensor(3.0),
           "half": torch.ones(2, dtype=torch.float16), "rng": torch.arange(5, dtype=torch.uint8)}
FACTS = {"model": "toy", "step": 1234, "seconds": 5.5}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "run" / "model.safetensors"
    checkpoints.save_checkpoint(path, TENSORS, FACTS)
    return path


def assert_good(path, facts=FACTS):
    tensors, read = checkpoints.load_checkpoint(path, "toy")
    assert read == facts
    assert tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert tensors[name].dtype == value.dtype and torch.equal(tensors[name], value), name


def refused(path, model="toy"):
    """The sentence that loading path is refused with: one line that names the file."""
    with pytest.raises(CourseError) as error:
        checkpoints.load_checkpoint(path, model)
    sentence = str(error.value)
    assert str(path) in sentence and "\n" not in sentence and sentence.endswith(".")
    return sentence


# Writing ----------------------------------------------------------------------------------------
def test_what_was_written_is_read(path):
    assert_good(path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # and nothing is left beside it


def test_a_checkpoint_takes_the_place_of_the_former(path):
    checkpoints.save_checkpoint(path, TENSORS, FACTS | {"step": 9})
    assert_good(path, FACTS | {"step": 9})


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_a_checkpoint_has_the_permissions_of_any_new_file(path):
    other = path.with_name("other")
    other.write_text("")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)


@pytest.mark.parametrize("error,caught", [
    (OSError(errno.ENOSPC, "No space left on device"), CourseError),
    (OSError("no reason given"), CourseError),
    (KeyboardInterrupt(), KeyboardInterrupt)])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_former_file_and_nothing_else(path, monkeypatch, call,
                                                                    error, caught):
    def fail(*arguments):
        raise error
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(caught) as seen:
        checkpoints.save_checkpoint(path, TENSORS, FACTS | {"step": 9})
    monkeypatch.undo()
    assert_good(path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    if caught is CourseError:
        assert str(path) in str(seen.value) and "None" not in str(seen.value)
        assert (error.strerror or str(error)) in str(seen.value)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a disk that is full")
def test_a_full_disk_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("builtins.open", lambda *rest, real=open: real("/dev/full", rest[1]))
    with pytest.raises(CourseError, match="No space left on device"):
        checkpoints.write_whole(tmp_path / "x", b"content")
    monkeypatch.undo()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("below", ["file/x", "file/run/x"])
def test_a_folder_that_cannot_be_written_is_told(tmp_path, below):
    (tmp_path / "file").write_text("in the way")  # a folder without rights would not stop root
    with pytest.raises(CourseError, match="Cannot write .*choose a folder") as error:
        checkpoints.save_checkpoint(tmp_path / below, TENSORS, FACTS)
    assert str(tmp_path / below) in str(error.value)
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_folder_is_made_and_found_writable_without_leaving_anything(tmp_path):
    checkpoints.must_be_writable(tmp_path / "new" / "folder")
    assert not list((tmp_path / "new" / "folder").iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match="Cannot write"):
        checkpoints.must_be_writable(tmp_path / "file")


KILL_TWENTY = """
import os, random, signal, sys, time, torch
from lessons.engine.checkpoints import save_checkpoint

def save(child, step):
    save_checkpoint(f"{sys.argv[1]}/{child}/model.safetensors",
                    {"w": torch.full((2 ** 19,), float(step))}, {"model": "toy", "step": step})

for child in range(20):
    save(child, 0)
    process = os.fork()  # spares starting PyTorch twenty times
    if not process:
        for step in range(1, 10 ** 9):
            save(child, step)
    time.sleep(random.Random(child).uniform(0.02, 0.2))
    os.kill(process, signal.SIGKILL)
    assert os.waitpid(process, 0)[1] == signal.SIGKILL
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has neither fork nor SIGKILL")
def test_a_process_that_is_killed_while_it_saves_leaves_a_checkpoint_that_is_whole(tmp_path):
    subprocess.run([sys.executable, "-c", KILL_TWENTY, str(tmp_path)], check=True, cwd=ROOT,
                   env=os.environ | {"OMP_NUM_THREADS": "1"})
    steps, unfinished = [], 0
    for child in range(20):
        tensors, facts = checkpoints.load_checkpoint(
            tmp_path / str(child) / "model.safetensors", "toy")
        assert (tensors["w"] == facts["step"]).all()
        steps.append(facts["step"])
        unfinished += len(list((tmp_path / str(child)).glob("*.part")))
    assert max(steps) > 0 and unfinished > 0  # some were killed in the middle of a later one


# Reading ----------------------------------------------------------------------------------------
def test_a_file_that_is_missing_is_told(tmp_path):
    assert "no file" in refused(tmp_path / "missing.safetensors")


def test_every_truncated_file_is_told(path):
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        assert "truncated" in refused(path)


def test_a_file_of_which_only_the_end_was_lost_to_zeros_is_told(path):
    content = path.read_bytes()
    path.write_bytes(content[:-8] + bytes(8))
    assert "damaged" in refused(path)


@pytest.mark.parametrize("part", ["header", "tensors"])
def test_a_flipped_byte_never_passes_for_what_was_saved(path, part):
    content = path.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    places = range(header) if part == "header" else range(header, len(content))
    rng = random.Random(part)
    refusals = 0
    for place in places:
        flipped = bytearray(content)
        flipped[place] ^= rng.randrange(1, 256)
        path.write_bytes(flipped)
        try:
            assert_good(path)  # a byte that means nothing, such as a space, may change
        except CourseError as error:
            refusals += 1
            assert str(path) in str(error) and "\n" not in str(error)
    assert refusals > 0.9 * len(places)


def test_facts_that_were_changed_are_told(path):
    content = path.read_bytes()
    assert content.count(b"1234") == 1
    path.write_bytes(content.replace(b"1234", b"9234"))
    assert "damaged" in refused(path)


def foreign_files():
    archive = safetensors.torch.save({"w": torch.ones(2)})
    return {"text": b"train me" * 20, "empty": b"", "pickle": b"\x80\x04N." * 9,
            "safetensors of another program": archive,
            "safetensors with other facts": safetensors.torch.save({}, {"facts": "{}"}),
            "safetensors with facts that are no JSON":
                safetensors.torch.save({}, {"facts": "{", "sha256": ""})}


@pytest.mark.parametrize("kind", foreign_files())
def test_a_foreign_file_is_told(tmp_path, kind):
    (tmp_path / "x.safetensors").write_bytes(foreign_files()[kind])
    assert "not a checkpoint of this course" in refused(tmp_path / "x.safetensors")


def test_a_folder_in_place_of_a_file_is_told(tmp_path):
    assert "not a checkpoint" in refused(tmp_path)


def test_a_file_of_another_model_is_told(path):
    sentence = refused(path, "theatre")
    assert "'toy'" in sentence and "'theatre'" in sentence
    assert checkpoints.load_checkpoint(path)[1] == FACTS  # who asks for no model gets any


def test_weights_that_do_not_fit_the_network_are_told(path):
    with pytest.raises(CourseError, match="other shapes") as error:
        checkpoints.load_weights(torch.nn.Linear(3, 2), TENSORS, path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_no_file_that_is_read_can_run_code():
    """safetensors and plain arrays only: no unpickling, under whatever name it is imported."""
    for source in sorted((ROOT / "lessons").rglob("*.py")):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            where = f"{source.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", "")}
                assert not names & {"pickle", "dill", "joblib", "shelve", "marshal"}, where
                assert not (node.__dict__.get("module") == "torch" and "load" in names), where
            if isinstance(node, ast.Attribute) and node.attr == "load":
                assert not (isinstance(node.value, ast.Name) and node.value.id == "torch"), where
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant) and node.value.value is False, where


# Shipped weights --------------------------------------------------------------------------------
LISTED = json.loads((weights.DATA / "weights.json").read_text())


def test_every_shipped_file_is_listed():
    assert {p.name for p in weights.DATA.glob("*.safetensors")} == set(LISTED)


@pytest.mark.parametrize("name", LISTED)
def test_shipped_weights_are_the_listed_ones_and_say_how_they_were_made(name):
    entry, path = LISTED[name], weights.DATA / name
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
    assert path.stat().st_size <= 4 * 2 ** 20
    assert entry["scores"] and all(np.isfinite(value) for value in entry["scores"].values())
    python, dash_m, module, *_ = entry["command"].split()
    assert (python, dash_m) == ("python", "-m")
    assert callable(importlib.import_module(
        module if "." in module else f"{module}.__main__").main)
    tensors = weights.shipped(name)
    assert tensors and all(value.isfinite().all() for value in tensors.values())
    assert all(value.dtype == torch.float32 for value in tensors.values()
               if value.is_floating_point())


@pytest.fixture
def data(tmp_path, monkeypatch):
    """An own data/ with one shipped file."""
    monkeypatch.setattr(weights, "DATA", tmp_path)
    weights.ship("toy.safetensors", TENSORS, "python -m lessons.toy", {"right": 0.5})
    return tmp_path


def test_shipping_lists_the_file_with_its_command_scores_and_hash(data):
    weights.ship("another.safetensors", TENSORS, "python -m lessons.other", {"right": 1})
    entries = json.loads((data / "weights.json").read_text())
    assert set(entries) == {"toy.safetensors", "another.safetensors"}
    assert entries["toy.safetensors"]["command"] == "python -m lessons.toy"
    assert entries["toy.safetensors"]["scores"] == {"right": 0.5}
    tensors = weights.shipped("toy.safetensors")
    assert tensors["half"].dtype == torch.float32 and tensors["rng"].dtype == torch.uint8
    assert torch.equal(tensors["weight"], TENSORS["weight"])


@pytest.mark.parametrize("change", ["byte", "cut", "other", "missing"])
def test_a_shipped_file_that_is_not_the_listed_one_is_refused(data, change):
    path = data / "toy.safetensors"
    content = path.read_bytes()
    if change == "byte":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif change == "cut":
        path.write_bytes(content[:-1])
    elif change == "other":  # a good checkpoint, but not the one that was shipped
        checkpoints.save_checkpoint(path, TENSORS | {"step": torch.tensor(4.0)}, {"model": "toy"})
    else:
        path.unlink()
    with pytest.raises(CourseError, match="not the one that weights.json lists") as error:
        weights.shipped("toy.safetensors")
    assert str(path) in str(error.value) and "python -m lessons.toy" in str(error.value)
    assert "\n" not in str(error.value)
