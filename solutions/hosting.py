"""Where the course is hosted: one fact, in first_cell.py, and every place that repeats it.

REPOSITORY is the owner/name on GitHub, REF the tag or branch that this state of the course will
have there. Both are empty until `python solutions/build.py --repository OWNER/NAME --ref TAG` sets
them; then there is no badge, and the first cell says on Colab what to do.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST_CELL = ROOT / "solutions" / "first_cell.py"
FACT = re.compile(r'^(REPOSITORY|REF) = "([^"]*)"', re.M)
BADGE = re.compile(r"\s*\[!\[Open in Colab\]\([^)]*\)\]\([^)]*\)")
ROW = re.compile(r"^\| \[[^]\n]*\]\((notebooks/[\w/.-]+\.ipynb)\)", re.M)
CLONE = re.compile(r"^(git clone https://|cd text-to-video-with-gans).*$", re.M)
URLS = re.compile(r"\[project\.urls\]\n.*\n\n")


def first_cell():
    return FIRST_CELL.read_text(encoding="utf-8").strip()


def address():
    """(repository, ref), such as ("someone/course", "v1.0"); both empty where nothing was set."""
    facts = dict(FACT.findall(first_cell()))
    return facts["REPOSITORY"], facts["REF"]


def moved(repository, ref):
    """The text of first_cell.py with another address. Raises ValueError for one that is none."""
    if repository and not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ValueError(f"{repository!r} is no repository: write OWNER/NAME, as on GitHub.")
    if bool(repository) != bool(ref) or not re.fullmatch(r"[\w.-]*", ref):
        raise ValueError("With a repository goes a tag (--ref v1.0), of letters, digits, . _ -")
    facts = {"REPOSITORY": repository, "REF": ref}
    return FACT.sub(lambda found: f'{found[1]} = "{facts[found[1]]}"', first_cell()) + "\n"


def badge(path):
    """Markdown of the badge that opens a notebook in Colab; nothing where no address is set."""
    repository, ref = address()
    return repository and (
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        f"(https://colab.research.google.com/github/{repository}/blob/{ref}/{path})")


def in_notebook(notebook, path):
    """A notebook with its badge under the title, and the first cell as its first code cell."""
    title, *rest = BADGE.sub("", notebook.cells[0].source).split("\n", 1)
    notebook.cells[0].source = "\n".join(
        [title, *(["", badge(path)] if badge(path) else []), *rest])
    next(cell for cell in notebook.cells if cell.cell_type == "code").source = first_cell()
    return notebook


def in_readme(text):
    """README with a badge behind each lesson of its table, and the line that fetches the course."""
    repository, _ = address()
    name = repository.split("/")[-1]
    clone = (f"git clone https://github.com/{repository} && cd {name}" if repository else
             "cd text-to-video-with-gans  # the folder that holds this file")
    text = ROW.sub(lambda row: f"{row[0]} {badge(row[1])}".rstrip(), BADGE.sub("", text))
    return CLONE.sub(clone, text, count=1)


def in_project(text):
    """pyproject.toml with the address of the repository, if there is one."""
    repository, _ = address()
    urls = f'[project.urls]\nRepository = "https://github.com/{repository}"\n\n'
    return re.sub(r"(?=^\[tool\.)", urls * bool(repository), URLS.sub("", text), count=1,
                  flags=re.M)
