"""Each check passes right answers, however they are written, and tells wrong ones why."""

import pytest
from collected import RIGHT, WRONG

from lessons import exercises
from lessons.exercises.differences import VALUES

exercises.exercise("0.1")  # loads all
ALL = sorted(exercises.EXERCISES)
MISTAKES = [(number, *pair) for number in ALL for pair in exercises.EXERCISES[number].mistakes]
VAGUE = (VALUES, "Shape wrong", "Kind of number wrong", "The value is")  # says that, and not why


@pytest.fixture
def verdict(capsys):
    """verdict(number, answer): whether it was right, and what was said."""
    def ask(number, answer):
        result = exercises.check(number, answer)
        said = capsys.readouterr().out
        assert "Traceback" not in said
        right = f"Exercise {number}: right" in said
        assert right or result is exercises.EXERCISES[number].ours
        return right, said.split("not yet. ")[-1].split("\nUntil then")[0]
    return ask


@pytest.mark.parametrize("number", ALL)
def test_our_answer_passes(number, verdict):
    right, said = verdict(number, exercises.EXERCISES[number].ours)
    assert right, said


@pytest.mark.parametrize("number,answer", [(n, a) for n in ALL for a in RIGHT[n]])
def test_a_right_answer_written_another_way_passes(number, answer, verdict):
    right, said = verdict(number, answer)
    assert right, said


@pytest.mark.parametrize("number,message,wrong", MISTAKES)
def test_a_mistake_is_told_its_own_message(number, message, wrong, verdict):
    right, said = verdict(number, wrong)
    assert not right
    assert message in said
    others = {m for m, _ in exercises.EXERCISES[number].mistakes} - {message}
    assert not any(other in said for other in others)


@pytest.mark.parametrize("number,answer", [(n, a) for n in ALL for a in WRONG[n]])
def test_a_wrong_answer_is_refused(number, answer, verdict):
    right, said = verdict(number, answer)
    assert not right
    assert len(said) > 20


@pytest.mark.parametrize("number", ALL)
def test_six_wrong_and_three_right_answers_at_least(number):
    mistakes = exercises.EXERCISES[number].mistakes
    assert len(mistakes) >= 5
    assert len(mistakes) + len(WRONG[number]) >= 6
    assert len(RIGHT[number]) >= 3


def test_two_thirds_of_the_wrong_answers_are_told_a_reason(verdict):
    """Of the mistakes each is told its own; of the other wrong answers those that are told more
    than that values differ. Prints the counts of the suite."""
    others = [(number, answer) for number in ALL for answer in WRONG[number]]
    told = sum(not verdict(*pair)[1].startswith(VAGUE) for pair in others)
    right, known = sum(map(len, RIGHT.values())), len(MISTAKES)
    with_reason = (told + known) / (len(others) + known)
    print(f"\n{len(ALL)} checks: {right} right answers, {known} mistakes with messages of their "
          f"own, {len(others)} other wrong ones, of which {told} are told a reason "
          f"({with_reason:.0%} of all).")
    assert with_reason > 2 / 3
