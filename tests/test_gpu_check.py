"""The check for machines with a GPU is run by hand: here, that it fits the library."""

import gpu_check
import pytest
import torch


@pytest.fixture(scope="module")
def games():
    return gpu_check.games(torch.device("cpu"))


@pytest.mark.parametrize("name", ["pictures", "autoencoder", "paths", "refiner", "sound"])
def test_every_stage_that_it_times_can_be_trained(games, name):
    more = {"batch": 16} if name == "pictures" else {}
    for _ in range(2):  # to count what a step computes, and to time it
        run = games[name](steps=1, **more)
        assert run.step == 1 and torch.stack(run.log).isfinite().all()
