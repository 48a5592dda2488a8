import dataclasses

import pytest
import torch

from lessons import frames


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    made = frames.FrameDecoder().eval()
    with torch.no_grad():
        made.layers[-2].weight.mul_(1e6)   # masks that are decided: each pixel is of one part
    return made


def test_a_film_painted_by_parts_has_one_colour_a_part(decoder):
    vectors, stage = torch.randn(6, frames.PATH), torch.full((3, 48, 24), -0.9)
    vectors[:, :frames.CONTENT] = vectors[0, :frames.CONTENT]      # one film: one content
    with torch.no_grad():
        painted = decoder(vectors, stage) + stage                  # (6, 3, 48, 24)
        parts = decoder.colours(vectors[:1, :frames.CONTENT])[0].tanh()
    seen = painted.permute(0, 2, 3, 1).reshape(-1, 3)
    allowed = torch.cat([parts, stage[:, 0, :1].T])                # K parts, and nothing
    assert torch.cdist(seen, allowed).amin(1).max() < 1e-3
    assert len(torch.cdist(seen, allowed).argmin(1).unique()) > 3


def test_where_no_part_is_the_stage_is_seen_as_it_is(decoder):
    with torch.no_grad():
        decoder.layers[-2].bias[:9] += 1e9                         # the first mask: nothing
        windows = decoder(torch.randn(4, frames.PATH), torch.rand(3, 48, 24))
    assert windows.abs().max() < 1e-6


def test_clips_of_which_nothing_is_known_are_painted_freely():
    layout = dataclasses.replace(frames.THEATRE, masks=0)
    decoder = frames.FrameDecoder(layout).eval()
    vectors = torch.randn(2, frames.PATH)
    with torch.no_grad():
        painted = decoder.layers(vectors)                          # (2, 3 + 1, 48, 24)
        windows = decoder(vectors, torch.rand(3, 48, 24))          # whatever the stage is
    assert torch.equal(windows, 2 * painted[:, :3] * painted[:, 3:].sigmoid())


def test_the_refiner_must_come_near_to_real_windows_and_only_where_there_are_any():
    real, fake = torch.rand(4, 3, 48, 24), torch.rand(4, 3, 48, 24, requires_grad=True)
    known = torch.tensor([True, False, True, False])
    frames.Reconstruction().generator(real, fake, [], [None, known]).backward()
    assert fake.grad.abs().amax((1, 2, 3)).gt(0).tolist() == known.tolist()
