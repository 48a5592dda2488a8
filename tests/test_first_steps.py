"""Lesson 4's path: four players of the game over paths, each with one idea more."""

import math

import pytest
import torch

from lessons import priors, text_to_video
from lessons.engine import training
from lessons.frames import CONTENT, PATH
from lessons.signals.clip import FRAMES
from lessons.studies import first_steps
from lessons.video import LATENT
from lessons.world.theatre import Theatre
from lessons.world.vocabulary import WORDS, CaptionSampler, encode

IDS = encode(["a red man walks", "a blue woman runs then jumps"], WORDS)


@pytest.mark.parametrize("name", first_steps.STEPS)
def test_a_player_makes_paths_that_depend_on_noise_and_words(name):
    torch.manual_seed(0)
    player = first_steps.STEPS[name][0]()
    z = torch.randn(2, LATENT)
    paths = player(z, IDS)
    assert paths.shape == (2, FRAMES, PATH)
    assert not torch.allclose(paths, player(z.flip(0), IDS))
    assert not torch.allclose(paths, player(z, IDS.flip(0)))


def test_who_is_carried_through_a_film_stays_the_same():
    paths = first_steps.Carried()(torch.randn(2, LATENT), IDS)
    assert (paths[..., :CONTENT].std(1) < 1e-6).all() and (paths[..., CONTENT:].std(1) > 0).all()


def test_the_last_number_of_the_noise_turns_the_oscillator():
    """Half a turn more, and sine and cosine change their sign in all frames."""
    torch.manual_seed(0)
    player = first_steps.Turning()
    film = torch.cat([torch.randn(1, 64 + LATENT - 1).expand(2, -1), torch.zeros(2, 1)], 1)
    film[1, -1] = torch.special.ndtri(torch.tensor(0.999))  # a start near 1, beside one of 1/2
    with torch.no_grad():
        player.enter.weight[:, -1] = 0
        swing = player.each_frame(film) - player.enter(film)[:, None] - player.moment \
            - player.swing.bias
    torch.testing.assert_close(swing[0], -swing[1], atol=0.05, rtol=0.05)


def test_the_study_plays_each_step_through_the_shared_loop():
    model = text_to_video.load_model("theatre", sound=False)
    scenes = Theatre.scenes(8, seed=1)
    films = torch.as_tensor(Theatre().film(priors.in_pairs(scenes), seed=1).video)
    paths = (model.autoencoder.paths(films) - model.middle) / model.spread
    for name in first_steps.STEPS:
        run = first_steps.play(name, paths, CaptionSampler(scenes), steps=2, batch=8)
        assert torch.stack(run.log).isfinite().all()
        assert not training.unmoved(run), name
    scores = first_steps.scores(model, run.average.eval(), n=64)
    assert {"train one", "train two", "flicker", "variety of phase", "variety of place"} \
        <= scores.keys()
    assert all(math.isfinite(value) for value in scores.values())
