"""The runner of studies: nothing is measured twice, and nothing finished is lost."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lessons.display import show, tables
from lessons.engine import weights
from lessons.studies import registry, study
from lessons.studies.measures import MEASURES
from lessons.studies.study import Study


@pytest.fixture
def counted():
    """A study of two variants, one of them with a second seed, and the list of what it measured."""
    calls = []

    def measure(shared, variant, seed, steps):
        calls.append((shared, variant, seed, steps))
        return {"train": seed + 0.5}
    return Study("counted", [["a", "b"], ["b"]], {"steps": 3}, measure,
                 prepare=lambda steps: f"data for {steps}",
                 references=lambda: calls.append("references") or {"real": {"train": 1}}), calls


def test_a_study_goes_seed_by_seed_and_writes_after_each_run(counted):
    compared, calls = counted
    written = []
    results = compared.compare(write=lambda results: written.append(json.dumps(results)))
    assert calls == ["references", ("data for 3", "a", 0, 3), ("data for 3", "b", 0, 3),
                     ("data for 3", "b", 1, 3)]
    assert results["runs"] == [{"variant": "a", "seed": 0, "train": 0.5},
                               {"variant": "b", "seed": 0, "train": 0.5},
                               {"variant": "b", "seed": 1, "train": 1.5}]
    assert [len(json.loads(text)["runs"]) for text in written] == [1, 2, 3]


def test_a_study_that_was_cut_goes_on_and_a_new_budget_begins_anew(counted):
    compared, calls = counted

    def cut(results):
        raise KeyboardInterrupt
    kept = []
    with pytest.raises(KeyboardInterrupt):
        compared.compare(write=lambda results: (kept.append(json.dumps(results)), cut(results)))
    results = compared.compare(json.loads(kept[0]))
    assert [call[1:3] for call in calls[1:]] == [("a", 0), ("b", 0), ("b", 1)]
    compared.compare(results)
    assert len(calls) == 4 and calls.count("references") == 1
    assert len(replace(compared, settings={"steps": 4}).compare(results)["runs"]) == 3
    assert len(calls) == 8


def test_a_study_keeps_its_results_in_a_file_and_reads_them_again(counted, tmp_path, monkeypatch):
    monkeypatch.setattr(study, "DATA", tmp_path)
    compared, calls = counted
    compared.run()
    compared.run()
    assert len(calls) == 4 and study.stored("counted")["references"] == {"real": {"train": 1}}
    assert [path.name for path in tmp_path.iterdir()] == ["counted.json"]


@pytest.mark.parametrize("name", [name for name in registry.STUDIES if name != "scoreboard"])
def test_what_is_stored_is_what_the_study_would_measure(name):
    stored, compared = study.stored(name), registry.STUDIES[name].__self__
    assert stored["settings"] == compared.settings
    runs = [(run["seed"], run["variant"]) for run in stored["runs"]]
    assert runs == [(seed, variant) for seed, variants in enumerate(compared.seeds)
                    for variant in variants][:len(runs)]


def test_a_cell_has_the_mean_of_the_seeds_and_their_range(monkeypatch):
    shown = []
    monkeypatch.setattr(show, "figure", lambda fig, alt: shown.append(fig))
    rows = {"one": [{"train": 0.2}, {"train": 0.4}], "other": [{"flicker": 3.0}]}
    measures = {name: MEASURES[name] for name in ("train", "flicker")}
    tables.score_table(rows, measures, "alt", lambda row, name: (row, name) == ("one", "train"))
    ax = shown[0].axes[0]
    assert [text.get_text() for text in ax.texts] == ["30%\n20% to 40%", "–", "–", "3.00"]
    np.testing.assert_allclose(ax.collections[0].get_array().ravel(), [0.7, 0, 0, 1])
    patch, = ax.patches
    assert (int(patch.get_x()), int(patch.get_y())) == (0, 0)


@pytest.mark.parametrize("name", ["theatre", "sound", "digits", "pictures"])
def test_every_score_of_a_shipped_model_is_a_measure_with_a_meaning(name):
    for score in weights.listed(f"{name}.safetensors")["scores"]:
        words = [word for word in score.split() if word not in ("zh", "real", "shuffled")]
        rest = words[1:] if words[0] == "heldout" and len(words) > 1 else words
        known = [" ".join(part) for part in (words, rest, ["train", *rest], words[:-1])]
        assert any(word in MEASURES for word in known), score
    assert all(len(measure.meaning) > 10 for measure in MEASURES.values())
