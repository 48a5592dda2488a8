"""The scoreboard: what stands on it is what was measured, and a row is replaced, not repeated."""

import json

import pandas as pd
import pytest

from lessons.display import show
from lessons.engine import weights
from lessons.studies import scoreboard, study
from lessons.studies.measures import MEASURES


@pytest.fixture
def board(tmp_path, monkeypatch):
    """A scoreboard of its own in an empty folder, with chance and ceiling and no row."""
    monkeypatch.setattr(weights, "DATA", tmp_path)
    (tmp_path / scoreboard.FILE).write_text(json.dumps(
        {"chance": {"train": 0.01}, "ceiling": {"train": 0.99, "realism": 1.0}, "rows": []}))
    return scoreboard.read()


def test_rows_stand_in_the_order_of_lessons_and_are_replaced(board):
    scoreboard.write_row(4, "late", {"train": 0.9, "heldout": float("nan"), "unknown": 3})
    scoreboard.write_row(1, "early", {"realism": 3})
    scoreboard.write_row(4, "better", {"train": 0.95})
    rows = scoreboard.read()["rows"]
    assert rows == [{"lesson": 1, "name": "early", "scores": {"realism": 3.0}},
                    {"lesson": 4, "name": "better", "scores": {"train": 0.95}}]
    assert scoreboard.read()["ceiling"] == board["ceiling"]


def test_what_was_not_measured_is_not_a_number_on_the_board(board):
    scoreboard.write_row(2, "row", {"train": float("nan"), "parameters": 1.5})
    assert scoreboard.read()["rows"][0]["scores"] == {"parameters": 1.5}


def test_the_table_shows_every_number_between_chance_and_ceiling(board, monkeypatch):
    shown = []
    monkeypatch.setattr(show, "figure", lambda fig, alt: shown.append((fig, alt)))
    scoreboard.show(scoreboard.write_row(4, "films", {"train": 0.953, "flicker": 1.08}))
    (fig, alt), = shown
    rows = [label.get_text() for label in fig.axes[0].get_yticklabels()]
    assert rows == ["chance: captions of other films", "4 · films", "ceiling: real films"]
    texts = [text.get_text() for text in fig.axes[0].texts]
    for row, wanted in enumerate(({"1%", "–"}, {"95%", "1.08", "–"}, {"99%", "1.00", "–"})):
        assert set(texts[row * len(scoreboard.COLUMNS):][:len(scoreboard.COLUMNS)]) == wanted
    assert "4 · films: captions obeyed 95%, flicker / real 1.08" in alt


def test_a_cell_is_light_at_the_best_and_darker_on_either_side():
    ratio, share, cost = (MEASURES[name] for name in ("flicker", "train", "minutes"))
    assert ratio.shortfall(1.0) == 0 and ratio.shortfall(0.0) == 1
    assert 0 < ratio.shortfall(0.5) < 1
    assert ratio.shortfall(0.5) == pytest.approx(ratio.shortfall(2.0))
    assert [share.shortfall(value) for value in (0, 0.25, 1, 1.2)] == [1, 0.75, 0, 0]
    assert cost.shortfall(70) == 0


def test_the_shipped_board_agrees_with_the_shipped_scores():
    board = scoreboard.read()
    rows = {row["lesson"]: row["scores"] for row in board["rows"]}
    for lesson, file in ((1, "mnist.safetensors"), (3, "pictures.safetensors"),
                         (4, "theatre.safetensors")):
        fresh = scoreboard.from_shipped(file)
        for key in rows[lesson].keys() - {"minutes"}:
            assert rows[lesson][key] == pytest.approx(fresh[key], abs=1e-3), key
    assert rows[1]["parameters"] == pytest.approx(1.4867, abs=1e-3)
    assert board["ceiling"]["train"] >= 0.98 and board["ceiling"]["heldout"] >= 0.98
    assert board["chance"]["train"] < 0.1
    runs = pd.DataFrame(study.stored("losses")["runs"])
    means = (runs["frechet"] / runs["floor"]).groupby(runs["variant"]).mean()
    assert rows[2]["realism"] == pytest.approx(means.min(), abs=1e-3)
