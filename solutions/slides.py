"""Slides of a lesson, for a projector: nbconvert's reveal, cut by rules and never by hand.

A heading and a bold lead ("**The idea.**") begin a slide, and so does each picture, which gets the
slide to itself. Code that draws a picture, or is longer than a projector can show, stays in the
notebook; the slide names its cell. The cell that finds the course and the checks are left out.
"""

import html
import os
import re

import grading
import nbformat
from nbconvert import SlidesExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

CODE = 12      # lines of code on a slide
PRINTED = 16   # lines of what code prints
TOGETHER = 22  # both
HEIGHT = 14   # lines of text on a slide, WIDTH characters each
WIDTH = 74
COLUMNS = 100  # what code and its output may be wide in usual letters
LEAD = re.compile(r"#+ |\*\*(The question|The idea|What to notice|How to read it)")
STYLE = """<style>
.reveal .jp-RenderedHTMLCommon { font-size: 30px; line-height: 1.35; }
.reveal .slides section :is(h1, h2, h3) { text-transform: none; font-size: 1.5em; }
.reveal .slides section .celltag_dense { font-size: 22px; }
.reveal .slides section { text-align: left; }
.reveal .slides section pre { font-size: 20px; line-height: 1.35; width: 100%; }
.reveal .jp-InputPrompt, .reveal .jp-OutputPrompt { display: none; }
.reveal .slides section .celltag_wide pre { font-size: 14px; }
.reveal .slides section img { width: 100%; height: 610px; margin: 0; object-fit: contain; }
.reveal .slides section small { font-size: 0.5em; color: #555555; }
.reveal video { width: 500px; height: 500px; }
.reveal .slides section table { font-size: 0.8em; }
</style>"""


def write(paths, folder):
    """Write the slides of notebooks as folder/NN_name.html; each is opened in a browser."""
    folder.mkdir(parents=True, exist_ok=True)
    exporter = SlidesExporter(reveal_theme="white", reveal_transition="none", reveal_number="c/t",
                              reveal_width="1280", reveal_height="720")
    for path in paths:
        notebook = cut(nbformat.read(path, as_version=4))
        page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": path.stem}})
        whole = folder / f"{path.stem}.part"
        whole.write_text(page.replace("</head>", STYLE + "</head>", 1), encoding="utf-8")
        os.replace(whole, folder / f"{path.stem}.html")


def cut(notebook):
    """A lesson as slides: a notebook whose cells say how each begins (slide, subslide or -)."""
    cells = []
    for at, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            cells += _texts(cell.source)
        elif cell.metadata.get("cellView") != "form" and not grading.CHECK.search(cell.source):
            cells += _code(cell, at)
    for cell, kind in cells:
        cell.metadata["slideshow"] = {"slide_type": kind}
    return new_notebook(cells=[cell for cell, _ in cells], metadata=notebook.metadata)


def _texts(source):
    """(cell, kind of slide) for each part of a text that fits a slide."""
    parts, room = [], 0
    for block in _blocks(source):
        if not parts or LEAD.match(block) and not _heading(parts[-1]) or _height(block) > room:
            parts.append([])
            room = HEIGHT
        parts[-1].append(block)
        room -= _height(block)
    return [(_dense(new_markdown_cell("\n\n".join(part)), sum(map(_height, part)) > HEIGHT),
             "slide" if re.match("##? ", part[0]) else "subslide") for part in parts]


def _dense(cell, much):
    """The cell, marked for small letters where it holds more than a slide."""
    cell.metadata["tags"] = ["dense"] * much
    return cell


def _blocks(source):
    """The paragraphs, lists, tables and formulas of a text; a folded hint is one of them."""
    blocks = re.findall(r"(?:<details>.*?</details>|.)+?(?=\n\n|\Z)", source, re.S)
    return [block.strip() for block in blocks if block.strip()]


def _heading(part):
    return len(part) == 1 and part[0].startswith("#")


def _height(block):
    """About how many lines a block takes, with the space below it."""
    if block.startswith("<details>"):
        return block.count("<details>")
    return 1 + sum(1 + len(line) // WIDTH for line in block.splitlines())


def _code(cell, at):
    """(cell, kind of slide) for a cell's code and for each thing that it shows."""
    shown = [output for output in cell.outputs if _said(output).count("\n") < PRINTED]
    pictures = [output for output in shown if _seen(output)]
    printed = [output for output in shown if output not in pictures]
    where, lines = f"cell {at + 1} of the notebook", cell.source.splitlines()
    said = "\n".join(map(_said, printed)).splitlines()
    fits = len(lines) <= CODE and len(lines) + len(said) <= TOGETHER
    slides = [new_markdown_cell(f"{_seen(output)}\n\n<small>{where}</small>")
              for output in pictures]
    if printed or fits and not pictures:
        source = cell.source if fits else f"# the code: {where}"
        slides.insert(0, new_code_cell(source, outputs=printed))
        slides[0].metadata["tags"] = ["wide"] * (max(map(len, [*lines, *said])) > COLUMNS)
    return [(slide, "subslide") for slide in slides]


def _said(output):
    return output.get("text", "") or output.get("data", {}).get("text/plain", "")


def _seen(output):
    """A picture or a film as HTML; nothing for other outputs."""
    data = output.get("data", {})
    if "image/png" in data:
        return (f'<img alt="{html.escape(data["text/plain"])}" '
                f'src="data:image/png;base64,{data["image/png"].strip()}">')
    return data["text/html"] if "<video" in data.get("text/html", "") else ""
