"""Make the students' notebooks from the masters beside this file.

    python solutions/build.py                 notebooks/NN_*.ipynb from solutions/NN_*.ipynb
    python solutions/build.py --execute 01    first run master 01 in full, storing its outputs
    python solutions/build.py --vouch 01      its code has changed, but what it shows is the same
    python solutions/build.py --check         change nothing; exit 1 where something is out of date
    python solutions/build.py --repository OWNER/NAME --ref v1.0    where the course is hosted
    python solutions/build.py --nbgrader DIR  a folder for nbgrader's commands
    python solutions/build.py --slides DIR    slides of every lesson, for a projector
    python solutions/build.py --site DIR      the lessons as a web site
    python solutions/build.py --students DIR  a copy of the course without the masters
    python solutions/build.py --pack FILE.zip the same with all packages, for use without a network

In a master, an answer stands between `### BEGIN SOLUTION` and `### END SOLUTION` (nbgrader's
convention). The student finds `raise NotImplementedError()` there instead, or `name = ...` where
the answer is a plain assignment at the left margin. All else is the same, stored outputs included;
but a cell that checks an answer shows what the check says while the exercise is open.
"""

import argparse
import ast
import base64
import hashlib
import os
import re
import sys
import textwrap
from pathlib import Path

import copies
import grading
import hosting
import nbformat
import running
import slides
import translations

from lessons import exercises

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
STUDENTS = ROOT / "notebooks"
SHOWN = "00_start_here.ipynb"  # the lesson whose first picture opens README
REGION = re.compile(r"^( *)### BEGIN SOLUTION\n(.*?)^ *### END SOLUTION[ \t]*$", re.M | re.S)
BADGE = re.compile(r"(colab\.research\.google\.com/github/[^/\s]+/[^/\s]+/blob/[^/\s]+/)solutions/")
FOLDED = {"jupyter": {"source_hidden": True}, "cellView": "form"}  # in JupyterLab; on Colab
KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
          "language_info": {"name": "python"}}
WIDGET = "application/vnd.jupyter.widget-view+json"


def stub(source):
    """The source of a cell with its answers taken out."""
    source = REGION.sub(lambda found: textwrap.indent(_placeholder(*found.groups()), found[1]),
                        source)
    if "### BEGIN SOLUTION" in source or "### END SOLUTION" in source:
        raise ValueError(f"A solution begins or ends without its other half in:\n{source}")
    return source


def _placeholder(indent, answer):
    lines = ["# YOUR CODE HERE"]
    statements = ast.parse(textwrap.dedent(answer)).body if not indent else []
    if statements and all(isinstance(s, ast.Assign) for s in statements):
        names = dict.fromkeys(ast.unparse(target) for s in statements for target in s.targets)
        lines += [f"{name} = ..." for name in names]
    else:
        lines.append("raise NotImplementedError()")
    return "\n".join(lines)


def tidy(notebook):
    """A master without what its saving front end left in it; cells get names that stay, and what
    nbgrader needs to know of them."""
    seen = set()
    notebook = grading.split(notebook)
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        if grading.CHECK.search(cell.source) and cell.cell_type == "code":
            tags.add("nbval-check-output")  # its verdict is the same on every machine
        cell.metadata = {"tags": sorted(tags)} if tags else {}
        cell.id = _name(cell, seen)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _worth_storing(output)]
            for output in cell.outputs:
                if "metadata" in output:
                    output.metadata = {key: value for key, value in output.metadata.items()
                                       if key.startswith(("image/", "text/"))}
    next(cell for cell in notebook.cells if cell.cell_type == "code").metadata.update(FOLDED)
    grading.mark(notebook.cells)
    executed = {key: value for key, value in notebook.metadata.items() if key == "executed"}
    return nbformat.v4.new_notebook(cells=notebook.cells, metadata={**KERNEL, **executed})


def _name(cell, seen):
    """An id that depends on the cell's text alone (and, for twins, on their order)."""
    digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()
    name = next(n for i in range(len(seen) + 1) if (n := digest[i:i + 8]) not in seen)
    seen.add(name)
    return name


def _worth_storing(output):
    """Whether an output means something to a reader who runs nothing."""
    if output.output_type == "stream":
        return output.name == "stdout"  # standard error: progress bars and warnings
    return WIDGET not in output.get("data", {})  # a widget without its kernel is an empty box


def student(master):
    """The student's notebook of a tidy master."""
    notebook = nbformat.from_dict(master)
    notebook.metadata.pop("executed", None)
    for cell in notebook.cells:
        cell.source = BADGE.sub(r"\1notebooks/", cell.source)
        if cell.cell_type == "code":
            cell.source = stub(cell.source)
            if numbers := grading.CHECK.findall(cell.source):
                text = "".join(exercises.still_open(number) + "\n" for number in numbers)
                cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
    return notebook


def first_picture(notebook):
    """The bytes of the first PNG that a notebook shows: README opens with that of SHOWN."""
    data = (output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))
    return base64.b64decode(next((d["image/png"] for d in data if "image/png" in d), ""))


def master(path):
    """The master of a lesson as it should be: tidy, with the address of the course."""
    notebook = nbformat.read(path, as_version=4)
    return tidy(hosting.in_notebook(notebook, f"solutions/{path.name}"))


def outdated(masters):
    """(path, bytes it should have) of every file that differs from what would be made now."""
    wanted = {path: change(path.read_text(encoding="utf-8")).encode()
              for path, change in [(path, hosting.in_readme) for path in ROOT.glob("README*.md")]
              + [(path, hosting.in_project) for path in ROOT.glob("pyproject.toml")]}
    for path in masters:
        notebook = master(path)
        wanted |= {path: _text(notebook).encode(),
                   STUDENTS / path.name: _text(student(notebook)).encode()}
        for language in translations.LANGUAGES:
            if translations.stored(language, path.name[:2]):
                wanted[STUDENTS / language / path.name] = _text(translations.translated(
                    student(notebook), language, path.name)).encode()
        if path.name == SHOWN:
            wanted[ROOT / "data" / "result.png"] = first_picture(notebook)
    for target, content in wanted.items():
        if not target.exists() or target.read_bytes() != content:
            yield target, content
    for path in sorted(STUDENTS.glob("*.ipynb")):
        if not (HERE / path.name).exists():
            sys.exit(f"{path.name} has no master in solutions/: delete it, or add its master.")


def _text(notebook):
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def _write(path, content):
    """Write bytes, or a notebook, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_suffix(".part")
    whole.write_bytes(content if isinstance(content, bytes) else _text(content).encode())
    os.replace(whole, path)


def main():
    options = _options()
    masters = sorted(HERE.glob("[0-9][0-9]_*.ipynb"))
    try:
        if options.repository is not None:
            _write(hosting.FIRST_CELL, hosting.moved(options.repository, options.ref).encode())
        for path in _named(masters, options.execute):
            print(f"Running {path.name} in full ...", flush=True)
            _store(path, tidy(running.execute(path)))
        for path in _named(masters, options.vouch):
            _store(path, master(path))
        stale = list(outdated(masters))
        for path, content in stale:
            print(("Out of date: " if options.check else "Wrote ")
                  + path.relative_to(ROOT).as_posix())
            if not options.check:
                _write(path, content)
        if options.nbgrader:
            grading.nbgrader_course(masters, options.nbgrader)
        if options.slides:
            slides.write(sorted(STUDENTS.glob("*.ipynb")), options.slides)
        if options.site:
            copies.site(options.site)
        if options.students:
            copies.students_copy(options.students)
        if options.pack:
            copies.pack(options.pack)
    except (ValueError, TimeoutError) as error:
        sys.exit(str(error))
    old = [f"{path.name} has changed since it was run, from `{begins}` on: --execute "
           f"{path.name[:2]}, or --vouch {path.name[:2]} where it shows the same."
           for path in masters if (begins := running.stale(master(path)))]
    print(*old, sep="\n", end="\n" * bool(old))
    for language in translations.LANGUAGES:
        for path in masters:
            for sentence in translations.out_of_date(master(path), language, path.name):
                print(sentence)
    if options.check and (stale or old):
        sys.exit("Run: python solutions/build.py")


def _options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--execute", metavar="NN", action="append", default=[])
    parser.add_argument("--vouch", metavar="NN", action="append", default=[])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--repository", metavar="OWNER/NAME")
    parser.add_argument("--ref", metavar="TAG", default="")
    parser.add_argument("--nbgrader", metavar="DIR", type=Path)
    parser.add_argument("--slides", metavar="DIR", type=Path)
    parser.add_argument("--site", metavar="DIR", type=Path)
    parser.add_argument("--students", metavar="DIR", type=Path)
    parser.add_argument("--pack", metavar="FILE.zip", type=Path)
    return parser.parse_args()


def _named(masters, numbers):
    return [path for number in numbers for path in masters if path.name.startswith(number)]


def _store(path, notebook):
    """Write a tidy master whose outputs are those of its code."""
    running.vouch(notebook)
    _write(path, notebook)


if __name__ == "__main__":
    main()
