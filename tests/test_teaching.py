"""The plans for teachers speak of what stands in the lessons."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
LESSONS = {path.stem: path for path in sorted((ROOT / "solutions").glob("[0-9][0-9]_*.ipynb"))}
PLANS = {path.stem: path.read_text(encoding="utf-8")
         for path in sorted((ROOT / "teaching").glob("[0-9][0-9]_*.md"))}
PARTS = ["50 minutes", "90 minutes", "Show live", "Questions and answers", "Where it goes wrong",
         "Homework", "Rubric", "Exam"]


def _parts(plan):
    """heading -> text of a plan."""
    return dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", plan, re.M | re.S))


def _before_exam(plan):
    """A plan without its exam, whose questions have figures of their own."""
    return plan[:plan.index("## Exam")]


def _lesson(name):
    """(headings, text with all outputs, exercise -> points) of a master."""
    notebook = nbformat.read(LESSONS[name], as_version=4)
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    said = [output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])]
    text = "\n".join(texts)
    cards = re.findall(r"^### Exercise ([\d.]+) .+\n+\*\*Difficulty\*\* (●+)", text, re.M)
    return (re.findall("^#+ (.+)$", text, re.M), "\n".join([text, *said]),
            {number: len(dots) for number, dots in cards})


def _numbers(text):
    """The exercises that a text names: "exercises 0.1, 0.2 and 0.3" -> 0.1, 0.2, 0.3."""
    for found in re.findall(r"(?i)exercises? (\d+\.\d+(?:(?:, | and )\d+\.\d+)*)", text):
        yield from re.findall(r"\d+\.\d+", found)


@pytest.fixture(params=LESSONS)
def plan(request):
    return request.param, PLANS[request.param], _lesson(request.param)


def test_each_lesson_has_its_plan_and_the_overview_names_it():
    assert [*PLANS] == [*LESSONS]
    overview = (ROOT / "teaching" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((\w+)\.md\)", overview) == [*LESSONS]


def test_a_plan_has_all_its_parts(plan):
    assert [*_parts(plan[1])] == PARTS


@pytest.mark.parametrize("minutes", [50, 90])
def test_the_minutes_add_up_and_the_sections_are_those_of_the_lesson(plan, minutes):
    headings, _, _ = plan[2]
    rows = re.findall(r"^\| (\d+) \| ([^|]+?) \|", _parts(plan[1])[f"{minutes} minutes"], re.M)
    assert sum(int(row[0]) for row in rows) == minutes
    assert [section for _, section in rows if section not in [*headings, "The result"]] == []


def test_every_exercise_is_placed_and_none_is_invented(plan):
    _, text, (_, _, points) = plan
    parts = _parts(text)
    assert set(_numbers(text)) == set(points)
    for part in (parts["50 minutes"] + parts["90 minutes"], parts["Rubric"]):
        assert set(_numbers(part)) == set(points)
    for row, worth in re.findall(r"^\| (exercises? [^|]+?) \((\d) points?", parts["Rubric"], re.M):
        assert {points[number] for number in _numbers(row)} == {int(worth)}


def test_sections_that_a_sentence_names_are_there(plan):
    name, text, (headings, _, points) = plan
    own = {heading.split()[0] for heading in headings if re.match(r"\d+\.\d+ ", heading)}
    named = set(re.findall(rf"(?<![\d.]){int(name[:2])}\.\d+(?![\d.]*\d)", _before_exam(text)))
    assert named <= own | set(points)


def test_figures_are_those_of_the_lesson(plan):
    _, text, (_, said, _) = plan
    squeezed = re.sub(r"(?<=\d)\s+%", "%", said)
    figures = re.findall(r"(?<![\d.])\d[\d.,]*(?=\s*%)", _before_exam(text))
    assert [figure for figure in figures if f"{figure}%" not in squeezed] == []


def test_there_are_three_exam_questions_with_answers(plan):
    exam = _parts(plan[1])["Exam"]
    assert re.findall(r"^\*\*(\d)\. .+\*\*\n\*Answer\.\* \w", exam, re.M) == ["1", "2", "3"]
