"""The judge of digits reads digits, whatever their paper looks like; how they look is measured."""

import pytest
import torch

from lessons import mlp_gan
from lessons.judges import digits
from lessons.signals.spoiling import spoil


@pytest.fixture(scope="module")
def judge():
    return digits.digit_judge()


@pytest.fixture(scope="module")
def clear(judge):
    """Digits of the shipped generator that the judge is sure of, and what it reads."""
    images = mlp_gan.draw_images(mlp_gan.finished("mnist"), 1000, seed=3)
    sure, digit = digits.judged(judge, images)[0].softmax(1).max(1)
    return images[sure > 0.99], digit[sure > 0.99]


FAULTS = {"grey": {"dark": -0.7}, "greyer": {"dark": -0.5}, "half the contrast": {"contrast": 0.5},
          "pale ink": {"contrast": 0.5, "towards": -1.0}, "soft": {"blur": 0.5},
          "noise": {"noise": 0.3}, "moved": {"shift": (2, -2)}}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_faults_of_the_paper_do_not_change_what_is_read(judge, clear, fault):
    torch.manual_seed(0)
    images, digit = clear
    assert len(images) > 500
    logits, _ = digits.judged(judge, spoil(images, **fault))
    assert (logits.argmax(1) == digit).float().mean() > 0.97
    assert digits.sure_share(logits) > 0.9


@pytest.mark.parametrize("images", [
    torch.linspace(-1, 1, 21).view(-1, 1, 1, 1).expand(-1, 1, 28, 28),
    torch.rand(200, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1,
], ids=["plain", "noise"])
def test_the_judge_is_not_sure_of_what_is_no_digit(judge, images):
    assert digits.sure_share(digits.judged(judge, images)[0]) < 0.05


def test_digits_are_counted_that_are_read_surely_and_often_enough():
    logits = torch.zeros(200, 10)          # of a hundred images nothing is sure
    logits[:98, 3], logits[98, 5], logits[99:101, 7] = 9, 9, 9
    assert digits.sure_digits(logits) == 2  # 3 and 7: a single 5 is less than one in a hundred
    assert digits.sure_digits(logits, least=0.001) == 3


def test_a_grey_paper_is_seen_by_one_measure_and_edges_by_another():
    images = torch.full((4, 1, 28, 28), -1.0)
    images[:, :, 10:18, 10:18] = 1
    assert digits.background(images) == 0
    assert digits.background(spoil(images, dark=-0.5)) == pytest.approx(0.25)
    assert digits.edges(spoil(images, dark=-0.5)) == pytest.approx(0.75 * digits.edges(images))
    pale = spoil(images, contrast=0.5, towards=-1.0)
    assert digits.background(pale) == 0
    assert digits.edges(pale) == pytest.approx(0.5 * digits.edges(images))
    torch.manual_seed(0)
    assert digits.edges(spoil(images, noise=0.2)) > 1.5 * digits.edges(images)


def test_each_fault_is_the_one_that_its_name_says():
    pictures = torch.linspace(-1, 1, 3 * 2 * 10 * 10).view(3, 2, 10, 10)
    assert torch.equal(spoil(pictures), pictures)
    assert spoil(pictures, dark=-0.25).min() == -0.25
    squeezed = spoil(pictures, contrast=0.5, towards=0.5)
    assert (squeezed.min(), squeezed.max()) == (-0.25, 0.75)
    assert torch.allclose(spoil(pictures, blur=1.0)[0, 0, 5, 5], pictures[0, 0, 3:8, 3:8].mean())
    assert torch.equal(spoil(pictures, shift=(1, 2))[:, :, 1:, 2:], pictures[:, :, :-1, :-2])
    each = spoil(pictures, dark=torch.tensor([-1, 0, 0.5]).view(3, 1, 1, 1))
    assert each.flatten(1).amin(1).tolist() == [-1, 0, 0.5]
    torch.manual_seed(0)
    noisy = spoil(torch.zeros(9, 1, 28, 28), noise=0.1)
    assert noisy.std() == pytest.approx(0.1, rel=0.05)
