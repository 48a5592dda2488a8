"""The lessons in other languages: the prose is translated; code, outputs and pictures are the same.

solutions/zh/NN.md holds the translation of lesson NN, one part a cell:

    <!-- 1f1cc2af -->
    先看结果。……

The number is made from the English text. Where that changes, so does the number: the builder tells
that the part is out of date, and the reader sees the new English, never something that has silently
become wrong. What is still to be translated, in the same format:

    python solutions/translations.py zh 04
"""

import hashlib
import re
import sys
from pathlib import Path

import hosting
import nbformat

HERE = Path(__file__).resolve().parent
LANGUAGES = sorted(path.parent.name for path in HERE.glob("*/GLOSSARY.md"))
PART = re.compile(r"^<!-- ([0-9a-f]{8}) -->\n", re.M)
EXACT = {  # what must be the same in both languages
    "code words": re.compile(r"(?<!`)`[^`\n]+`(?!`)|<code>.*?</code>"),
    "formulas": re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$", re.S),
    "links": re.compile(r"\]\(([^)\s]+)\)"),
    "numbers": re.compile(r"\d+(?:[.,:]\d+)*"),
}


def number(source):
    """What stands before the translation of a cell's text."""
    text = hosting.BADGE.sub("", source)
    return hashlib.sha256(f"markdown\n{text}".encode()).hexdigest()[:8]


def prose(notebook):
    """The text cells of a notebook, number -> text."""
    return {number(cell.source): hosting.BADGE.sub("", cell.source) for cell in notebook.cells
            if cell.cell_type == "markdown"}


def stored(language, lesson):
    """The translated cells of a lesson, "04": number -> text; none where there is no file."""
    path = HERE / language / f"{lesson}.md"
    if not path.exists():
        return {}
    _, *found = PART.split(path.read_text(encoding="utf-8"))
    return {name: text.strip("\n") for name, text in zip(found[::2], found[1::2], strict=True)}


def translated(student, language, file):
    """A student's notebook in another language; what has no translation stays English."""
    notebook, texts = nbformat.from_dict(student), stored(language, file[:2])
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = texts.get(number(cell.source), cell.source)
            cell.source = text.replace("](../", "](../../")  # it lies one folder deeper
    return hosting.in_notebook(notebook, f"notebooks/{language}/{file}")


def out_of_date(master, language, file):
    """A sentence for each thing that is wrong with the translation of a lesson."""
    texts, english = stored(language, file[:2]), prose(master)
    gone = [name for name in texts if name not in english]
    if gone:
        yield f"solutions/{language}/{file[:2]}.md: the English has changed of {', '.join(gone)}."
    if texts and (count := len(english.keys() - texts.keys())):
        yield (f"solutions/{language}/{file[:2]}.md: {count} cells are still English: "
               f"python solutions/translations.py {language} {file[:2]}")


def differences(english, other):
    """What must be the same in two languages and is not: name -> what only one of them has."""
    found = {}
    for name, pattern in EXACT.items():
        one, two = (pattern.findall(text) for text in (english, other))
        if only := sorted({part for part in one + two if one.count(part) != two.count(part)}):
            found[name] = only
        english, other = (pattern.sub(" ", text) for text in (english, other))
    return found


def main(language, lesson):
    master = nbformat.read(next(HERE.glob(f"{lesson}_*.ipynb")), as_version=4)
    texts, english = stored(language, lesson), prose(master)
    for name, text in english.items():
        if name not in texts:
            print(f"<!-- {name} -->\n{text}\n")
        elif wrong := differences(text, texts[name]):
            print(f"{name} differs in {wrong}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
