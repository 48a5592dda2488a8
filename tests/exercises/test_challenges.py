"""The open challenges: what a reader is told, and what is kept of their tries."""

import json

import pytest
import torch

from lessons import exercises
from lessons.exercises import challenges


@pytest.fixture
def board(tmp_path, monkeypatch):
    monkeypatch.delenv("LESSONS_SMOKE", raising=False)
    monkeypatch.setattr(challenges, "BOARD", tmp_path / "runs" / "my_scoreboard.json")
    return challenges.BOARD


def _said(capsys, value, **how):
    exercises.challenge("1", "distance", value, **{"beat": 2.0} | how)
    return capsys.readouterr().out.splitlines()


def test_the_best_of_all_tries_is_kept_and_shown(board, capsys):
    assert _said(capsys, 3)[-1] == "this try 3 · your best 3 · to beat 2: not beaten yet."
    said = _said(capsys, torch.tensor(1.5))
    assert said[-1] == "this try 1.5 · your best 1.5 · to beat 2: beaten!"
    assert _said(capsys, 4.0)[-1] == "this try 4 · your best 1.5 · to beat 2: beaten!"
    row, = json.loads(board.read_text(encoding="utf-8")).values()
    assert (row["measure"], row["value"]) == ("distance", 1.5)
    assert [path.name for path in board.parent.iterdir()] == [board.name]


def test_where_more_is_better_the_highest_is_kept(board, capsys):
    _said(capsys, 3, lower=False)
    said = _said(capsys, 1, lower=False)
    assert said == ["Challenge of lesson 1: distance, the higher the better.",
                    "this try 1 · your best 3 · to beat 2: beaten!"]


def test_what_equals_the_number_does_not_beat_it(board, capsys):
    assert _said(capsys, 2.0)[-1].endswith("not beaten yet.")


def test_lessons_keep_their_rows_apart_and_another_measure_begins_anew(board, capsys):
    exercises.challenge("2", "accuracy", 0.9, beat=0.95, lower=False)
    _said(capsys, 3)
    exercises.challenge("1", "share", 5, beat=2.0)
    rows = json.loads(board.read_text(encoding="utf-8"))
    assert {number: (row["measure"], row["value"]) for number, row in rows.items()} == {
        "2": ("accuracy", 0.9), "1": ("share", 5.0)}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1]", b"3", b'{"1": 4}',
                                     b'{"1": {"value": 2}}',
                                     b'{"1": {"measure": "distance", "value": "two"}}'])
def test_a_damaged_scoreboard_is_set_aside_and_a_new_one_begins(board, capsys, content):
    board.parent.mkdir()
    board.write_bytes(content)
    said = _said(capsys, 3)
    assert "could not be read" in said[1] and said[-1].startswith("this try 3 · your best 3")
    assert json.loads(board.read_text(encoding="utf-8"))["1"]["value"] == 3.0
    aside, = [path for path in board.parent.iterdir() if path != board]
    assert aside.read_bytes() == content and aside.name in said[1]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), torch.tensor(float("nan"))])
def test_no_number_is_not_kept(board, capsys, value):
    assert "no number" in _said(capsys, value)[-1]
    assert not board.exists()


def test_a_row_that_cannot_be_written_does_not_stop_the_lesson(board, capsys):
    board.parent.write_text("a file where the folder should be", encoding="utf-8")
    said = _said(capsys, 1.0)
    assert said[1].startswith("Your row was not kept. Cannot write")
    assert said[-1].startswith("this try 1 ·")


def test_the_tests_of_the_course_keep_no_row(board, capsys, monkeypatch):
    monkeypatch.setenv("LESSONS_SMOKE", "1")
    assert _said(capsys, 3)[-1] == "this try 3 · your best 3 · to beat 2: not beaten yet."
    assert not board.exists()
