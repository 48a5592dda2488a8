"""The builder: students' notebooks, the address of the course, runs that end, copies."""

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from queue import Empty
from types import SimpleNamespace

import build
import copies
import hosting
import nbformat
import pytest
import running
import yaml
from jupyter_client.channels import AsyncZMQSocketChannel
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parent.parent


def _master(code="print(6 * 7)"):
    return new_notebook(cells=[new_markdown_cell("# 0 · a\n\nWhat you will build: little."),
                               new_code_cell(hosting.first_cell()), new_code_cell(code),
                               new_markdown_cell("The end.")])


@pytest.fixture
def a_course(tmp_path, monkeypatch):
    """build.py pointed at a folder of its own, with one small master."""
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "HERE", tmp_path / "solutions")
    monkeypatch.setattr(build, "STUDENTS", tmp_path / "notebooks")
    for name in ("README.md", "pyproject.toml", "solutions/first_cell.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.setattr(hosting, "FIRST_CELL", tmp_path / "solutions" / "first_cell.py")
    _save(tmp_path / "solutions" / "00_a.ipynb", _master())
    return tmp_path


def _save(path, notebook):
    """A master that counts as run."""
    notebook = build.tidy(notebook)
    running.vouch(notebook)
    build._write(path, notebook)


def _run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["build.py", *arguments])
    build.main()


def _said(notebook):
    return ["".join(output.text for output in cell.get("outputs", [])) for cell in notebook.cells]


def test_building_writes_once_and_check_notices_every_change(a_course, monkeypatch):
    with pytest.raises(SystemExit, match="Run"):
        _run(monkeypatch, "--check")
    _run(monkeypatch)
    _run(monkeypatch, "--check")
    made, master = a_course / "notebooks" / "00_a.ipynb", a_course / "solutions" / "00_a.ipynb"
    right = made.read_bytes(), master.read_bytes()
    for spoilt in (made, master):
        content = json.loads(spoilt.read_text(encoding="utf-8"))
        content["cells"][3]["source"] = ["The end!"]
        spoilt.write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(SystemExit, match="Run"):
            _run(monkeypatch, "--check")
        made.write_bytes(right[0])
        master.write_bytes(right[1])
    (a_course / "notebooks" / "09_gone.ipynb").write_text("{}")
    with pytest.raises(SystemExit, match="no master"):
        _run(monkeypatch)


# The address --------------------------------------------------------------------------------------
def _files(folder):
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
            for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".png"}


def test_one_command_writes_the_address_everywhere_and_takes_it_back(a_course, monkeypatch):
    _run(monkeypatch, "--repository", "")
    empty = _files(a_course)
    assert not any(re.search("colab.research|github.com/[^{]", text) for name, text in empty.items()
                   if name != "README.md")
    assert "Open in Colab" not in empty["README.md"] and "git clone" not in empty["README.md"]
    _run(monkeypatch, "--repository", "someone/a.course", "--ref", "v1.0")
    badge = "colab.research.google.com/github/someone/a.course/blob/v1.0/"
    files = _files(a_course)
    for tree in ("solutions", "notebooks"):
        title, cell = json.loads(files[f"{tree}/00_a.ipynb"])["cells"][:2]
        assert title["source"][2].endswith(f"({badge}{tree}/00_a.ipynb)\n".replace("(c", "(https://c"))
        assert title["source"][4] == "What you will build: little."
        assert 'REPOSITORY = "someone/a.course"' in "".join(cell["source"])
        assert 'REF = "v1.0"' in "".join(cell["source"])
    assert "git clone https://github.com/someone/a.course && cd a.course\n" in files["README.md"]
    rows = [line for line in files["README.md"].splitlines() if badge in line]
    assert len(rows) == 10
    for row in rows:
        assert row.count(re.search(r"\]\((notebooks/\w+\.ipynb)\)", row)[1]) == 2
    assert 'Repository = "https://github.com/someone/a.course"' in files["pyproject.toml"]
    _run(monkeypatch, "--check")
    _run(monkeypatch, "--repository", "other/name", "--ref", "v2.0")
    assert not any("someone" in text for text in _files(a_course).values())
    _run(monkeypatch, "--repository", "")
    assert _files(a_course) == empty


@pytest.mark.parametrize("words,complaint", [
    (["someone"], "is no repository"), (["https://x.org/a/b", "--ref", "v1"], "is no repository"),
    (["a/b"], "goes a tag"), (["", "--ref", "v1"], "goes a tag"),
    (["a/b", "--ref", "v1 x"], "goes a tag"), (["a/b", "--ref", '"; import os'], "goes a tag")])
def test_an_address_that_is_none_is_refused_and_changes_nothing(a_course, monkeypatch, words,
                                                                complaint):
    before = _files(a_course)
    with pytest.raises(SystemExit, match=complaint):
        _run(monkeypatch, "--repository", *words)
    assert _files(a_course) == before


def _git(folder, *words):
    return subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@x", *words], cwd=folder,
                          check=True, capture_output=True, text=True).stdout


def test_the_workflow_makes_a_hosted_copy_of_a_fork(tmp_path):
    fork, origin = tmp_path / "fork", tmp_path / "origin.git"
    for name in ("README.md", "pyproject.toml"):
        fork.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, fork)
    for name in (".github", "data", "lessons", "notebooks", "solutions"):
        shutil.copytree(ROOT / name, fork / name)
    _git(tmp_path, "init", "-q", "--bare", str(origin))
    _git(fork, "init", "-q")
    _git(fork, "remote", "add", "origin", str(origin))
    _git(fork, "add", ".")
    _git(fork, "commit", "-qm", "x")
    workflow = yaml.safe_load((fork / ".github/workflows/hosting.yml").read_text(encoding="utf-8"))
    script = workflow["jobs"]["address"]["steps"][-1]["run"]
    for word, value in {"${{ github.repository }}": "someone/fork", "${{ github.run_number }}": "7",
                        ".venv/bin/python": Path(sys.executable).as_posix()}.items():
        script = script.replace(word, value)
    for line in script.splitlines():
        subprocess.run(shlex.split(line), cwd=fork, check=True, capture_output=True,
                       env={**os.environ, "PYTHONPATH": str(fork)})
    assert _git(origin, "rev-parse", "hosted") == _git(origin, "rev-parse", "hosted-7")
    notebook = _git(origin, "show", "hosted-7:notebooks/00_start_here.ipynb")
    assert "github/someone/fork/blob/hosted-7/notebooks/00_start_here.ipynb" in notebook
    assert 'REPOSITORY = \\"someone/fork\\"' in notebook and 'REF = \\"hosted-7\\"' in notebook
    assert "blob/hosted-7/notebooks/09_beyond.ipynb" in _git(origin, "show", "hosted:README.md")


def _checked_out(folder, names):
    """Bytes of files (dict name -> bytes) after git on Windows has taken and given them."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    _git(folder, "init", "-q")
    _git(folder, "config", "core.autocrlf", "true")
    _git(folder, "add", ".")
    _git(folder, "commit", "-qm", "x")
    for name in names:
        (folder / name).unlink()
    _git(folder, "checkout", "-q", ".")
    return {name: (folder / name).read_bytes() for name in names}


def test_a_checkout_on_windows_has_the_bytes_that_the_builder_compares(tmp_path):
    names = ["README.md", "pyproject.toml", "notebooks/00_start_here.ipynb", "course.py",
             "solutions/00_start_here.ipynb", "data/result.png", "data/digit_judge.safetensors"]
    was = {name: (ROOT / name).read_bytes() for name in names}
    assert b"\r\n" in _checked_out(tmp_path / "without", names)["README.md"]  # what there was
    given = _checked_out(tmp_path / "with", [*names, ".gitattributes"])
    assert [name for name in names if given[name] != was[name]] == []


# Running a master ---------------------------------------------------------------------------------
def test_executing_a_master_stores_its_outputs(a_course, monkeypatch, capsys):
    path = a_course / "solutions" / "00_a.ipynb"
    nbformat.write(_master("import os, sys\nprint(6 * 7)\nprint('bar', file=sys.stderr)\n"
                           "print(os.environ.get('LESSONS_SMOKE'))"), path)
    (a_course / "lessons" / "exercises").mkdir(parents=True)
    (a_course / "lessons" / "__init__.py").touch()
    monkeypatch.setenv("LESSONS_SMOKE", "1")
    _run(monkeypatch, "--execute", "00")
    for tree in ("solutions", "notebooks"):
        notebook = nbformat.read(a_course / tree / "00_a.ipynb", as_version=4)
        assert [cell.get("execution_count") for cell in notebook.cells] == [None, 1, 2, None]
        assert _said(notebook) == ["", "", "42\nNone\n", ""]
    assert re.search(r"cell 3 of 4: import os, sys  \d+ s\n", capsys.readouterr().out)


def test_a_cell_that_takes_too_long_ends_the_run_and_is_named(tmp_path):
    path = tmp_path / "00_a.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1"), new_code_cell(
        "import time\ntime.sleep(600)")]), path)
    before = path.read_bytes()
    with pytest.raises(TimeoutError, match="the cell `import time` took longer than 0.05 minutes"):
        running.execute(path, minutes=0.05)
    assert path.read_bytes() == before


def test_the_end_of_a_cell_that_zmq_did_not_tell_is_found_by_looking_again(monkeypatch):
    waits = []  # how long each look was to wait; the message is seen by the third

    async def get_msg(self, timeout):
        waits.append(timeout)
        if len(waits) < 3:
            raise Empty
        return "the end of the cell"

    monkeypatch.setattr(AsyncZMQSocketChannel, "get_msg", get_msg)
    running.look_anew()
    running.look_anew()  # once is enough
    channel = object.__new__(AsyncZMQSocketChannel)
    for timeout in (3600, None):
        assert asyncio.run(channel.get_msg(timeout=timeout)) == "the end of the cell"
        assert waits == [1, 1, 1]
        waits.clear()
    with pytest.raises(Empty):  # the cell's own time is over
        asyncio.run(channel.get_msg(timeout=0))
    assert waits == [0]


def test_an_output_that_is_older_than_its_code_is_noticed(a_course, monkeypatch, capsys):
    _run(monkeypatch)
    path = a_course / "solutions" / "00_a.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[3].source = "Another end."
    nbformat.write(notebook, path)
    _run(monkeypatch, "--repository", "someone/course", "--ref", "v1")
    _run(monkeypatch, "--check")  # neither text nor the address makes an output
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].source = "print(7 * 7)\nprint()"
    nbformat.write(notebook, path)
    capsys.readouterr()
    _run(monkeypatch)
    with pytest.raises(SystemExit, match="Run"):
        _run(monkeypatch, "--check")
    line = ("00_a.ipynb has changed since it was run, from `print(7 * 7)` on: --execute 00, or "
            "--vouch 00 where it shows the same.\n")
    assert capsys.readouterr().out.count(line) == 2
    assert "executed" not in nbformat.read(a_course / "notebooks/00_a.ipynb", as_version=4).metadata
    _run(monkeypatch, "--vouch", "00")
    _run(monkeypatch, "--check")
    notebook = nbformat.read(path, as_version=4)
    del notebook.cells[2]
    assert running.stale(notebook) == "(cells at the end are gone)"


# Copies -------------------------------------------------------------------------------------------
def test_the_students_copy_has_no_answers_in_its_notebooks(tmp_path):
    folder = tmp_path / "course"
    copies.students_copy(folder)
    assert {"course.py", "lessons", "notebooks", "data"} <= {path.name for path in folder.iterdir()}
    assert not {"solutions", "teaching", "tests"} & {path.name for path in folder.iterdir()}
    for path in folder.rglob("*.ipynb"):
        assert "SOLUTION" not in path.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="is there already"):
        copies.students_copy(folder)
    shutil.rmtree(folder)


@pytest.mark.parametrize("codes", [[0, 0], [1, 0], [0, 1]])
def test_a_pack_holds_the_course_and_its_packages_or_is_not_written(tmp_path, monkeypatch, codes):
    words = []

    def pip(command):
        words.append([str(word) for word in command])
        folder = Path(command[command.index("--dest") + 1])
        folder.mkdir(exist_ok=True)
        (folder / f"{len(words)}.whl").touch()
        return SimpleNamespace(returncode=codes[len(words) - 1])

    monkeypatch.setattr(subprocess, "run", pip)
    file = tmp_path / "course.zip"
    if codes[1]:
        with pytest.raises(ValueError, match="could not get every package"):
            copies.pack(file)
        assert list(tmp_path.iterdir()) == []
        return
    copies.pack(file)
    assert copies.TORCH_CPU in words[0] and any(word.startswith("torch==") for word in words[0])
    assert f"{ROOT}[lab]" in words[1]
    names = zipfile.ZipFile(file).namelist()
    for name in ("course.py", "constraints.txt", "notebooks/00_start_here.ipynb", "packages/1.whl",
                 "lessons/__init__.py", "packages/2.whl", "WITHOUT_NETWORK.txt"):
        assert f"text-to-video-with-gans/{name}" in names
