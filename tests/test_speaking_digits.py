"""Digits that speak: films of digits that move as their captions say, and how they are read."""

import pytest
import torch

from lessons.engine import weights
from lessons.errors import CourseError
from lessons.judges import voices
from lessons.sources import downloads, moving_digits
from lessons.sources.moving_digits import FRAMES, MARGIN, MOVES, SAMPLES, SIZE, Digits, caption
from lessons.sources.words import tokens
from lessons.studies.scores import digit_scores


@pytest.fixture
def digits(monkeypatch):
    """`Digits` of made-up data: digit k is a block whose grey is 100 + 10 k, 200 for all of the
    test; voices of the test last longer."""
    def mnist(split):
        images = torch.zeros(40, 28, 28, dtype=torch.uint8)
        labels = torch.arange(40) % 10
        grey = 100 + 10 * labels if split == "train" else 200 + 0 * labels
        images[:, 5:23, 6:22] = grey.to(torch.uint8)[:, None, None]
        return images, labels

    def spoken(split):
        labels = torch.arange(30) % 10
        waves = [torch.full((800 if split == "train" else 1600,), 0.05 * (k + 1))
                 for k in labels.tolist()]
        return waves, labels, ["a"] * 30
    monkeypatch.setattr(downloads, "mnist", mnist)
    monkeypatch.setattr(downloads, "spoken_digits", spoken)
    return Digits


def grey_of(video):
    """The grey of what is shown by films (N, T, H, W, 1): (N,)."""
    return torch.stack([film[film > 0].median() for film in video]).long()


def drawn(clips, n=200, seed=0):
    return clips.load(*clips.draw(n, torch.Generator().manual_seed(seed)))


def test_films_show_what_their_captions_say(digits):
    video, audio, ids, said = drawn(digits())
    assert video.shape == (200, FRAMES, SIZE, SIZE, 1) and video.dtype == torch.uint8
    assert audio.shape == (200, SAMPLES) and audio.abs().max() <= 1
    assert (voices.read_moves(video) == said[:, 1]).float().mean() > 0.99
    assert torch.equal((grey_of(video) - 100) // 10, said[:, 0])
    for row, (digit, move) in zip(ids.tolist(), said.tolist(), strict=True):
        words = [moving_digits.VOCABULARY[i] for i in row if i]
        wanted = [tokens(caption(digit, move, way)) for way in range(4)]
        assert words in wanted


def test_what_is_held_out_is_never_drawn(digits):
    seen, held = moving_digits.combinations()
    assert len(seen) == 45 and len(held) == 5 and not set(seen) & set(held)
    assert {move for _, move in held} == set(range(len(MOVES)))  # one of each movement
    said = {tuple(row) for row in drawn(digits(), 600)[3].tolist()}
    assert said <= set(seen) and len(said) == 45


def test_test_films_are_made_of_test_data_alone(digits):
    train, test = (drawn(digits(split), 50) for split in ("train", "test"))
    assert grey_of(train[0]).max() < 200 and (grey_of(test[0]) == 200).all()
    assert [int((wave != 0).sum()) for wave in (train[1][0], test[1][0])] == [800, 1600]


def test_the_same_chance_gives_the_same_film_and_another_another(digits):
    clips = digits()
    assert all(torch.equal(a, b) for a, b in zip(drawn(clips, 5), drawn(clips, 5), strict=True))
    assert not torch.equal(drawn(clips, 5)[0], drawn(clips, 5, seed=1)[0])


def test_digits_stay_on_the_picture_and_those_that_bounce_turn_back():
    moves = torch.arange(500) % len(MOVES)
    chance = torch.rand(500, 5, generator=torch.Generator().manual_seed(0))
    way = moving_digits.ways(moves, chance)
    assert way.min() >= MARGIN - 1e-4 and way.max() <= SIZE - MARGIN + 1e-4
    steps = way.diff(dim=1)
    turned = ((steps[:, 1:] * steps[:, :-1]) < 0).any(1).any(1)
    assert turned[moves == 4].all() and not turned[moves < 4].any()
    assert (steps[moves == 2][..., 1] < 0).all(), "up is where y falls"


def test_a_digit_moves_between_pixels_and_is_cut_out_again():
    image = torch.zeros(1, 28, 28, dtype=torch.uint8)
    image[0, 4:24, 8:20] = 200
    still = moving_digits.moving(image, torch.full((1, 1, 2), SIZE / 2))
    assert torch.equal(still[0, 0, 10:38, 10:38, 0], image[0])  # whole pixels: nothing changes
    between = moving_digits.moving(image, torch.tensor([[[20.5, 30.25]]]))
    middle = voices.middles_of(between)
    assert torch.allclose(middle, torch.tensor([20.5, 30.25]), atol=0.2)
    back = (voices.digits_of(still)[0, 0, 0] + 1) * 127.5
    assert (back - image[0]).abs().max() < 2


@pytest.mark.parametrize("step,move", [((0, 0), -1), ((0.3, 0), -1), ((1, 1), -1), ((1, 0), 1),
                                       ((-1, 0), 0), ((0, -1), 2), ((0, 1), 3)])
def test_movements_are_measured(step, move):
    image = torch.full((1, 28, 28), 200, dtype=torch.uint8)
    way = 24 + torch.tensor(step) * (torch.arange(FRAMES)[:, None] - 7.5)
    assert voices.read_moves(moving_digits.moving(image, way[None])).item() == move


def test_the_shipped_judge_hears_real_recordings():
    try:
        waves, labels, _ = downloads.spoken_digits("test")
    except CourseError as error:
        pytest.skip(str(error))
    waves = torch.stack([moving_digits._placed(wave) for wave in waves])
    assert (voices.read_voices(waves).argmax(1) == labels).float().mean() > 0.97


def test_the_shipped_model_films_by_the_front_door(tmp_path, capsys):
    from lessons import __main__
    out = str(tmp_path / "seven.mp4")
    assert __main__.main(["generate", "数字七向上移动", "--model", "digits", "--out", out]) == 0
    assert (tmp_path / "seven.mp4").stat().st_size > 5000
    assert __main__.main(["generate", "the digit eleven moves up", "--model", "digits", "--out",
                      out]) == 2
    assert "'eleven'" in capsys.readouterr().err


def test_the_shipped_model_holds_what_the_lesson_promises():
    from lessons import text_to_video
    scores = weights.listed("digits.safetensors")["scores"]
    assert scores["digit"] >= 0.90 and scores["move"] >= 0.95 and scores["minutes"] <= 15
    assert scores["voice"] >= 0.85 and scores["agree"] >= 0.85
    model, truth = text_to_video.load_model("digits"), torch.tensor(moving_digits.combinations()[0])
    films = text_to_video.film(model, [caption(*pair, way=i % 4) for i, pair in
                                enumerate(truth.tolist())], 1, seed=77)
    fresh = digit_scores(films, truth)  # 45 films: a few more may go wrong by chance
    assert fresh["digit"] > 0.8 and fresh["move"] > 0.85 and fresh["voice"] > 0.7
