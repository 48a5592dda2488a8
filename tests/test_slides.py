"""Slides are cut by rules: they show what a projector can, and no word of the lesson is lost."""

import re
from pathlib import Path

import nbformat
import pytest
import slides
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="


def _picture(alt):
    return new_output("display_data", {"image/png": PNG, "text/plain": alt})


def _printed(text):
    return new_output("stream", name="stdout", text=text)


def _slides(*cells):
    return [(cell.metadata["slideshow"]["slide_type"], cell.source)
            for cell in slides.cut(new_notebook(cells=cells)).cells]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_lesson_fits_a_projector_and_loses_no_word(path):
    notebook = nbformat.read(path, as_version=4)
    cut = slides.cut(notebook)
    shown = [cell for cell in cut.cells if cell.cell_type == "markdown"]
    texts = [cell.source for cell in shown if "of the notebook</small>" not in cell.source]
    said = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert "".join("".join(texts).split()) == "".join("".join(said).split())
    for cell in cut.cells:
        assert len(re.findall("<img|<video", cell.source)) <= 1  # each is alone, and large
        assert not re.search('<img (?!alt="[^"])', cell.source)
        if cell.cell_type == "code":
            assert cell.source.count("\n") < 12
            assert all("image/png" not in output.get("data", {}) for output in cell.outputs)
    headings = sum(len(re.findall("^#+ ", text, re.M)) for text in texts)
    assert headings == sum(text.startswith("#") for text in texts)  # each begins a slide


def test_headings_begin_slides_and_bold_leads_go_on_below():
    text = "\n\n".join(["# 1 · A", "b", "## 1.1 C", "**The question.** d", "**The idea.** e",
                        "### Exercise 1.1 · F", "g"])
    assert _slides(new_markdown_cell(text)) == [
        ("slide", "# 1 · A\n\nb"), ("slide", "## 1.1 C\n\n**The question.** d"),
        ("subslide", "**The idea.** e"), ("subslide", "### Exercise 1.1 · F\n\ng")]


def test_a_long_text_goes_on_and_a_long_block_gets_small_letters():
    line = "word " * 40
    many = new_markdown_cell("\n\n".join([line] * 8))
    assert len(_slides(many)) > 1
    table = new_markdown_cell("\n".join(["| a | b |"] * 20))
    cell, = slides.cut(new_notebook(cells=[table])).cells
    assert cell.metadata["tags"] == ["dense"]


def test_long_code_is_named_and_short_code_is_shown():
    long = "\n".join(f"a{i} = {i}" for i in range(13))
    assert _slides(new_code_cell("a = 1"), new_code_cell(long, outputs=[_printed("12\n")])) == [
        ("subslide", "a = 1"), ("subslide", "# the code: cell 2 of the notebook")]
    assert _slides(new_code_cell(long)) == []


def test_a_picture_is_alone_with_its_alt_text():
    (kind, source), = _slides(new_code_cell("show.figure(fig)", outputs=[_picture('a "b" < c')]))
    assert source.startswith('<img alt="a &quot;b&quot; &lt; c" src="data:image/png;base64,')


def test_slides_are_pages_of_reveal(tmp_path):
    lesson = tmp_path / "04_a.ipynb"
    cells = [new_markdown_cell("# 4 · A film"), new_code_cell("1", outputs=[_printed("1\n")]),
             new_code_cell("draw()", outputs=[_picture("a line")])]
    nbformat.write(new_notebook(cells=cells), lesson)
    slides.write([lesson], tmp_path / "slides")
    page = (tmp_path / "slides" / "04_a.html").read_text(encoding="utf-8")
    assert "Reveal.initialize" in page and "4 · A film" in page and 'alt="a line"' in page
    assert page.index("font-size: 30px") < page.index("</head>")
    assert [path.name for path in (tmp_path / "slides").iterdir()] == ["04_a.html"]
