"""The lessons in other languages say what the English ones say."""

import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "solutions"))
import translations  # noqa: E402

STORED = [(language, path.stem) for language in translations.LANGUAGES
          for path in sorted((ROOT / "solutions" / language).glob("[0-9][0-9].md"))]


def lesson(number):
    return nbformat.read(next((ROOT / "solutions").glob(f"{number}_*.ipynb")), as_version=4)


@pytest.mark.parametrize("language,number", STORED)
def test_numbers_formulas_links_and_code_words_are_the_same(language, number):
    english, texts = translations.prose(lesson(number)), translations.stored(language, number)
    wrong = {name: found for name, text in texts.items()
             if name in english and (found := translations.differences(english[name], text))}
    assert wrong == {}


@pytest.mark.parametrize("language,number", STORED)
def test_most_of_a_lesson_is_translated(language, number):
    english, texts = translations.prose(lesson(number)), translations.stored(language, number)
    assert len(english.keys() & texts.keys()) >= 0.8 * len(english)


def test_differences_are_found_by_kind():
    english = "Take `x` in [a paper](https://a.org/1), $x^2$ of 3 films, 7.5 %."
    assert translations.differences(english, "用 `x`，$x^2$，3 部，7.5 %，"
                                             "[论文](https://a.org/1)") == {}
    assert translations.differences(english, "用 `y`，$x^3$，4 部，7.5 %，[论文](https://a.org/2)"
                                    ) == {"code words": ["`x`", "`y`"],
                                          "formulas": ["$x^2$", "$x^3$"],
                                          "links": ["https://a.org/1", "https://a.org/2"],
                                          "numbers": ["3", "4"]}


def test_a_changed_cell_is_english_again_and_told(tmp_path, monkeypatch):
    monkeypatch.setattr(translations, "HERE", tmp_path)
    (tmp_path / "zh").mkdir()
    old, new = ("The world is red.", "See [this](../README.md).")
    (tmp_path / "zh" / "04.md").write_text("".join(
        f"<!-- {translations.number(text)} -->\n{other}\n\n"
        for text, other in ((old, "世界是红的。"), (new, "见[这里](../README.md)。"))),
        encoding="utf-8")

    def notebook(*texts):
        return new_notebook(cells=[new_markdown_cell("# 4"), new_code_cell("x = 1"),
                                   *map(new_markdown_cell, texts)])
    same, changed = notebook(old, new), notebook("The world is blue.", new)
    made = translations.translated(same, "zh", "04_video.ipynb")
    assert [cell.source for cell in made.cells[2:]] == ["世界是红的。",
                                                        "见[这里](../../README.md)。"]
    made = translations.translated(changed, "zh", "04_video.ipynb")
    assert made.cells[2].source == "The world is blue."
    told = list(translations.out_of_date(changed, "zh", "04_video.ipynb"))
    assert translations.number(old) in told[0] and "2 cells are still English" in told[1]
    assert len(list(translations.out_of_date(same, "zh", "04_video.ipynb"))) == 1  # the title


def test_the_readme_says_the_same_in_chinese():
    english, chinese = ((ROOT / name).read_text(encoding="utf-8")
                        for name in ("README.md", "README.zh-CN.md"))
    found = translations.differences(english, chinese.replace("(notebooks/zh/", "(notebooks/"))
    assert found == {"links": ["README.md", "README.zh-CN.md"]}
