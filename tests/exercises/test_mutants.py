"""A check refuses our own answer with one small change, but for changes that change nothing."""

import pytest
from mutants import mutants

from lessons import exercises

exercises.exercise("0.1")  # loads all
CODE = [number for number, this in sorted(exercises.EXERCISES.items()) if callable(this.ours)]

# What passes, and why it may: the change gives the same answer.
SAME = {
    "1.1": {"return images[:, None] / 127.5 - 1": "bytes divided by a float are floats"},
    "1.5": {"return loss": "a loss with its graph is a loss",
            "criterion fixed": "the card says that it is the binary cross-entropy"},
    "1.6": {"return loss": "as in 1.5", "criterion fixed": "as in 1.5"},
    "1.10": {"for mean, weight in zip(average.parameters(), model.parameters(), strict=False):":
             "both have as many", "for mean, value in zip(average.buffers(), model.buffers(), "
             "strict=False):": "both have as many"},
    "1.11": {"return (d_loss.detach(), g_loss)": "as in 1.5",
             "return (d_loss, g_loss.detach())": "as in 1.5"},
    "2.3": {"reach = torch.cdist(others, others).kthvalue(k + 1, dim=0).values":
            "a distance is the same both ways"},
    "3.2": {"def __init__(self, features, width=65):": "the width is always passed",
            "def __init__(self, features, width=63):": "the width is always passed",
            "return self.real(features)[:, -1] + fit": "there is one column"},
    "4.1": {"content, motion = (codes[..., :-MOTION], codes[..., MOTION:])": "both are 16 numbers",
            "content, motion = (codes[..., :MOTION], codes[..., -MOTION:])": "both are 16 numbers"},
    "3.4": {"return float(((right > wrong) + (right == wrong).float() / 2).mean())": "true is 1",
            "return float(((right > wrong).float() + (right == wrong) / 2).mean())": "true is 1"},
    "5.4": {"return right.sum(1) / own.sum()": "true is 1"},
    "7.4": {"if heard[i] <= seen[j]:": "equal moments are a pair already"},
    "8.2": {"shift = (moved[-1][-1] - way[0]).clamp(least, most) if least < most else 0.0":
            "a way that just fits is a matter of rounding"},
    "9.3": {"ranges, end = ([], -1)": "frames count from 1"},
    "9.4": {"return torch.searchsorted(times, moments + 1e-06, right=False) - 1":
            "no frame appears at such a moment, a millionth late"},
}


@pytest.mark.parametrize("number", CODE)
def test_a_small_change_of_our_answer_is_refused(number, capsys, monkeypatch):
    monkeypatch.setattr(exercises, "SECONDS", 3)
    for wording in ("_explained", "_described"):  # which takes most of the time
        monkeypatch.setattr(exercises, wording, lambda *given: {})
    count, survivors = 0, set()
    for changed, answer in mutants(exercises.EXERCISES[number]):
        exercises.check(number, answer)
        count += 1
        if f"Exercise {number}: right" in capsys.readouterr().out:
            survivors.add(changed)
    assert count >= 2
    assert survivors == set(SAME.get(number, ()))
