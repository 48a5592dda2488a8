"""The judge of one's own clips knows copies, sameness and obedience when it sees them."""

import math

import numpy as np
import pytest
import torch

from lessons.judges import own_clips


def films(n, seed, classes=2):
    """Films of a bright square that goes right (class 0) or down (class 1), of chance elsewhere."""
    rng, made = np.random.default_rng(seed), np.zeros((n, 16, 32, 32, 1), np.uint8)
    captions = torch.arange(n) % classes
    for k in range(n):
        x, y, level = rng.integers(0, 8), rng.integers(0, 8), rng.integers(120, 255)
        for t in range(16):
            a, b = (x, y + t) if captions[k] == 0 else (x + t, y)
            made[k, t, a:a + 8, b:b + 8] = level
    return made, captions


@pytest.fixture(scope="module")
def real():
    video, captions = films(48, 0)
    return video, torch.arange(48), captions


def test_films_like_the_real_ones_are_seen_as_such(real):
    scores = own_clips.score_own_clips(*real, *films(48, 1))
    assert 0.7 < scores["nearest"] < 1.4 and 0.8 < scores["spread"] < 1.2
    assert scores["told apart"] < 0.75 and scores["chance"] == 0.5
    assert scores["judge right"] > 0.8 and scores["obeyed"] > 0.8


def test_copies_sameness_blots_and_wrong_captions_are_noticed(real):
    video, _, captions = real
    assert own_clips.score_own_clips(*real, video, captions)["nearest"] < 0.05
    same = video[captions.tolist()]  # one film for each caption
    assert own_clips.score_own_clips(*real, same, captions)["spread"] < 0.05
    made, asked = films(48, 2)
    made[:, :, :6, :6] = 200  # a blot in a corner
    assert own_clips.score_own_clips(*real, made, asked)["told apart"] > 0.85
    assert own_clips.score_own_clips(*real, films(48, 3)[0], 1 - asked)["obeyed"] < 0.3


def test_where_clips_are_too_few_nothing_is_claimed(real):
    video, clips, captions = (part[:4] for part in real)
    scores = own_clips.score_own_clips(video, clips, captions, *films(4, 1))
    assert math.isnan(scores["obeyed"]) and math.isnan(scores["told apart"])
    assert not math.isnan(scores["nearest"]) and set(scores) == set(own_clips.LEGEND)
