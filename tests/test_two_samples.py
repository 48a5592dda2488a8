"""The two-sample test sees what differs, nothing where nothing does, in every size."""

import pytest
import torch

from lessons.judges import two_samples


def frames(n, seed, size=16, channels=1):
    """n frames of a bright block on a dark stage, uint8 (n, C, size, size)."""
    rng = torch.Generator().manual_seed(seed)
    made = torch.full((n, channels, size, size), 30, dtype=torch.uint8)
    for k, x in enumerate(torch.randint(0, size - 4, (n,), generator=rng).tolist()):
        made[k, :, 4:12, x:x + 4] = 200
    return made


def mottled(images, by):
    noise = torch.randint(-by, by + 1, images.shape, generator=torch.Generator().manual_seed(1))
    return (images.int() + noise).clamp(0, 255).byte()


@pytest.mark.parametrize("size,channels", [(16, 1), (20, 3)])
def test_frames_alike_are_not_told_and_a_mottle_is(size, channels):
    sets = [frames(96, seed, size, channels) for seed in range(4)]
    same = two_samples.told_apart(sets[:2], sets[2:], steps=150, batch=32)
    assert 0.4 < same < 0.6
    spoilt = two_samples.told_apart((sets[0], mottled(sets[1], 12)),
                                    (sets[2], mottled(sets[3], 12)), steps=150, batch=32)
    assert spoilt > 0.9


def test_only_who_sees_films_is_told_by_their_order():
    films = frames(64, 0)[:, :, None].repeat(1, 1, 6, 1, 1)                     # (N, 1, 6, H, W)
    films = torch.stack([film.roll(t, -1) for t, film in enumerate(films.unbind(2))], 2)
    jumps = films[:, :, [0, 3, 1, 4, 2, 5]]
    sides = (films[:48], jumps[:48]), (films[48:], jumps[48:])
    assert two_samples.told_apart(*sides, steps=80, batch=32) > 0.85


def test_each_side_is_half_of_the_share_however_many_there_are():
    always_real = two_samples.share_told(torch.ones(90), torch.ones(10))
    assert always_real == pytest.approx(0.5)
    assert two_samples.share_told(torch.tensor([1.0, 0.0]), torch.tensor([0.0])) == 0.75


def test_the_same_seed_gives_the_same_classifier():
    sets = [frames(24, seed) for seed in range(2)]
    first, again = (two_samples.told_apart(sets, sets, steps=5, batch=8) for _ in range(2))
    assert first == again


def test_films_are_made_smaller_by_the_mean_of_areas():
    films = torch.zeros(2, 1, 3, 4, 4, dtype=torch.uint8)
    films[:, :, :, :2, 0] = 100
    assert two_samples.smaller(films, 2)[0, 0, 0].tolist() == [[50, 0], [0, 0]]
