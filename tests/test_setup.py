"""The way in: course.py, and the files that name versions."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import colab_check
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
COLAB_LIST = ROOT.parent / "shared" / "data" / "colab" / "pip-freeze-2026-08.txt"
SPEC = importlib.util.spec_from_file_location("course", ROOT / "course.py")
course = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(course)


def _read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def _requirements(text):
    """(Requirement, reason) for every quoted requirement with a line of its own."""
    found = re.findall(r'^    "([^"]+)",(?:\s*# (.+))?$', text, re.M)
    return [(Requirement(requirement), reason) for requirement, reason in found]


PYPROJECT = _read("pyproject.toml")
DEPENDENCIES = _requirements(PYPROJECT[PYPROJECT.index("dependencies"):PYPROJECT.index(
    "[project.optional")])


# Versions -----------------------------------------------------------------------------------------
def test_every_dependency_has_a_lower_bound_and_a_reason():
    everything = _requirements(PYPROJECT)
    assert len(everything) == len(re.findall(r'^    "', PYPROJECT, re.M)) > 15
    assert len(DEPENDENCIES) >= 10
    for requirement, reason in everything:
        assert [clause.operator for clause in requirement.specifier] == [">="], requirement
        assert len(reason or '') >= 5, requirement


def test_what_colab_has_satisfies_the_lower_bounds():
    for requirement, _ in DEPENDENCIES:
        if requirement.name in colab_check.COLAB:
            assert colab_check.COLAB[requirement.name] in requirement.specifier, requirement


@pytest.mark.skipif(not COLAB_LIST.exists(), reason="Colab's own list of packages is not here")
def test_our_list_of_colabs_packages_is_colabs():
    lines = COLAB_LIST.read_text(encoding="utf-8").lower().splitlines()
    theirs = dict(line.split("+")[0].split("==") for line in lines if line.count("==") == 1)
    wanted = [requirement.name for requirement, _ in DEPENDENCIES] + ["ipykernel"]
    assert {name: theirs[name] for name in wanted if name in theirs} == colab_check.COLAB


def _pins(python):
    """The exact versions of constraints.txt on one Python, by name."""
    lines = [line for line in _read("constraints.txt").splitlines() if line and line[0] != "#"]
    pins = {}
    for pin in map(Requirement, lines):
        if pin.marker is None or pin.marker.evaluate({"python_version": python}):
            (clause,) = pin.specifier
            assert clause.operator == "==", pin
            assert pins.setdefault(pin.name.lower(), clause.version) == clause.version, pin
    return pins


@pytest.mark.parametrize("python", PYTHONS)
def test_the_tested_versions_satisfy_the_lower_bounds(python):
    pins = _pins(python)
    for requirement, _ in _requirements(PYPROJECT):
        assert pins[requirement.name] in requirement.specifier, requirement


def test_conda_gets_the_same_package_and_no_version():
    environment = yaml.safe_load(_read("environment.yml"))
    assert environment["dependencies"] == ["pip", {"pip": ["-e .[lab]"]}]
    assert environment["channels"] == ["conda-forge"]
    assert len(_read("environment.yml").splitlines()) == 5


# The commands that test ---------------------------------------------------------------------------
def test_the_workflow_runs_the_readmes_command_everywhere():
    job = yaml.safe_load(_read(".github/workflows/tests.yml"))["jobs"]["test"]
    matrix = job["strategy"]["matrix"]
    assert [name.split("-")[0] for name in matrix["os"]] == ["ubuntu", "macos", "windows"]
    assert matrix["python"] == PYTHONS
    assert job["steps"][-1]["run"] == "python course.py test"
    wanted = re.search(r'requires-python = "(.+)"', PYPROJECT)[1]
    assert [python for python in ["3.9", *PYTHONS] if python in SpecifierSet(wanted)] == PYTHONS
    assert "sys.version_info < (3, 10)" in _read("course.py")


def test_the_gate_runs_the_readmes_command():
    assert _read(".ci/run").splitlines()[-1] == "python3 course.py test"


def test_course_py_needs_only_python_and_speaks_to_old_ones():
    source = _read("course.py")
    tree = ast.parse(source, feature_version=(3, 7))  # older ones read it, and get a sentence
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import)
                for name in node.names} | {node.module for node in ast.walk(tree)
                                           if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names
    assert source.isascii()  # whatever the terminal's encoding
    assert len(source.splitlines()) <= 165


# course.py on a machine that is not there ---------------------------------------------------------
class Machine:
    """Notes every command, and does none of them."""

    def __init__(self, root, monkeypatch):
        self.root, self.python = root, root / ".venv" / "bin" / "python"
        self.calls, self.failing, self.torch = [], {}, ""
        self.sys = SimpleNamespace(**{**vars(sys), "platform": "linux", "argv": ["course.py"]})
        self.free, self.programs = 50e9, []
        for name, value in {
                "ROOT": root, "VENV": root / ".venv", "PYTHON": self.python, "sys": self.sys,
                "subprocess": SimpleNamespace(run=self.run, DEVNULL=-3, Popen=self.start),
                "shutil": SimpleNamespace(
                    disk_usage=lambda place: SimpleNamespace(free=self.free),
                    which=lambda program: program if program in self.programs else None)}.items():
            monkeypatch.setattr(course, name, value)
        monkeypatch.setattr(course.os, "execv", self.take_over)
        monkeypatch.chdir(root)

    def run(self, command, **options):
        words = [str(word) for word in command]
        if words[:2] == [str(self.python), "-c"]:
            return self.ask(words[2])
        self.calls.append(words[1:])
        if "venv" in words:
            self.python.parent.mkdir(parents=True, exist_ok=True)
            self.python.touch()
        code = next((code for text, code in self.failing.items() if text in " ".join(words)), 0)
        if isinstance(code, type):
            raise code
        if code == 0 and any(word.startswith("torch==") for word in words):
            self.torch = "2.13.0"
        return SimpleNamespace(returncode=code)

    def ask(self, code):
        """What .venv's Python says: whether it works, or the version of torch."""
        if not self.python.exists():
            raise FileNotFoundError(self.python)
        version = self.torch if "version(" in code else ""
        works = 1 if self.failing.get("old") else 0
        return SimpleNamespace(returncode=works, stdout=version + "\n")

    def start(self, command):
        self.calls.append([str(word) for word in command][1:])
        return SimpleNamespace(wait=lambda: 0)

    def take_over(self, program, command):
        self.start(command)
        raise SystemExit(0)

    def course(self, *arguments):
        """Run course.py; returns its exit code, or the sentence that it ends with."""
        self.sys.argv[1:], self.calls = arguments, []
        with pytest.raises(SystemExit) as end:
            course.main()
        return end.value.code

    def pip(self):
        """What pip was asked to install, call by call."""
        return [call[3:] for call in self.calls if call[:3] == ["-m", "pip", "install"]]


@pytest.fixture
def machine(tmp_path, monkeypatch):
    root = tmp_path / "a course with blanks"
    root.mkdir()
    for name in ("pyproject.toml", "constraints.txt"):
        (root / name).write_text(_read(name))
    return Machine(root, monkeypatch)


@pytest.mark.parametrize("arguments", [["tests"], ["--help"], ["setup", "test"]])
def test_a_wrong_command_gets_the_right_ones(machine, arguments):
    said = machine.course(*arguments)
    assert all(f"course.py {command}" in said for command in ("setup", "test"))
    assert machine.calls == []


def test_an_old_python_gets_one_sentence(machine):
    machine.sys.version_info, machine.sys.version = (3, 9, 18), "3.9.18 (main)"
    said = machine.course()
    assert "3.9.18" in said and "3.10" in said and "\n" not in said
    assert machine.calls == []


@pytest.mark.parametrize("free,programs,enough", [(3.5e9, [], False), (4.5e9, [], True),
                                                  (4.5e9, ["nvidia-smi"], False)])
def test_a_full_disk_gets_one_sentence(machine, free, programs, enough):
    machine.free, machine.programs = free, programs
    said = machine.course("setup")
    assert (said == 0) == enough
    assert enough or (machine.calls == [] and f"{free / 1e9:.1f} GB" in said and "\n" not in said)


def test_the_steps_of_an_installation_and_nothing_at_the_second_call(machine, capsys):
    assert machine.course("setup") == 0
    assert machine.calls[0] == ["-m", "venv", "--clear", str(machine.root / ".venv")]
    assert machine.pip()[-1][-4:] == ["-e", ".[lab]", "-c", "constraints.txt"]
    said = capsys.readouterr().out
    assert re.search(r"\d GB.* minutes", said) and said.count(" of 3 ") == 3
    assert machine.course("setup") == 0
    assert machine.calls == [] and capsys.readouterr().out == ""


def test_testing_installs_more_once_and_opening_then_nothing(machine):
    machine.course("setup")
    assert machine.course("test") == 0
    assert [call[-3] for call in machine.pip()] == [".[lab,test]"]  # torch is not asked for again
    for command in ("test", "setup"):
        machine.course(command)
        assert machine.pip() == []


@pytest.mark.parametrize("change", ["versions", "moved", "old", "gone"])
def test_what_makes_it_install_again(machine, monkeypatch, tmp_path, change):
    machine.course("setup")
    if change == "versions":
        (machine.root / "constraints.txt").write_text(_read("constraints.txt") + "# new\n")
    elif change == "moved":
        elsewhere = machine.root.rename(tmp_path / "elsewhere")
        machine.__init__(elsewhere, monkeypatch)
    elif change == "old":
        machine.failing = {"old": 1}  # a .venv by Python 3.9, or without pip
    else:
        machine.python.unlink()  # a broken link: the Python behind it was removed
    assert machine.course("setup") == 0
    assert machine.pip()[-1][-3] == ".[lab]"
    assert (["-m", "venv"] in [call[:2] for call in machine.calls]) == (change in ("old", "gone"))


def test_without_nvidia_torch_comes_first_and_alone_from_the_cpu_index(machine):
    machine.course("setup")
    torch, rest = machine.pip()[-2:]
    assert torch[:2] == ["--disable-pip-version-check", "-q"] and torch[2].startswith("torch==")
    assert torch[torch.index("--index-url") + 1] == course.TORCH_CPU and "--no-deps" in torch
    assert "--index-url" not in rest
    assert not any("--extra-index-url" in call for call in machine.pip())


def test_where_the_cpu_index_fails_the_ordinary_one_serves(machine):
    machine.failing = {course.TORCH_CPU: 1}
    assert machine.course("setup") == 0
    first, second, _ = machine.pip()[-3:]
    assert course.TORCH_CPU in first
    assert second[2] == first[2] and "--index-url" not in second


@pytest.mark.parametrize("system,programs", [("linux", ["nvidia-smi"]), ("darwin", [])])
def test_with_nvidia_or_on_a_mac_torch_comes_from_the_ordinary_index(machine, system, programs):
    machine.sys.platform, machine.programs = system, programs
    machine.course("setup")
    assert not any("--index-url" in call for call in machine.pip())
    assert machine.pip()[-2][2].startswith("torch==")


@pytest.mark.parametrize("failing,word", [("-m venv", ".venv"), ("torch==", "PyTorch"),
                                          ("-e ", "again")])
def test_a_step_that_fails_ends_in_a_sentence_and_is_done_again(machine, failing, word):
    machine.failing = {failing: 1}
    said = machine.course("setup")
    assert word in said and "\n" not in said
    machine.failing = {}
    assert machine.course("setup") == 0
    assert machine.pip()[-1][-3] == ".[lab]"


def test_an_interrupted_installation_goes_on_where_it_stopped(machine):
    machine.failing = {"-e ": KeyboardInterrupt}
    assert "again" in machine.course("setup")
    machine.failing = {}
    assert machine.course("setup") == 0
    assert [call[-3] for call in machine.pip()] == [".[lab]"]


@pytest.mark.parametrize("screen,root", [(False, False), (True, True)])
def test_opening(machine, monkeypatch, capsys, screen, root):
    monkeypatch.setenv("DISPLAY", "")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if screen:
        monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(course.os, "geteuid", lambda: 0 if root else 1000, raising=False)
    assert machine.course() == 0
    lab = machine.calls[-1]
    assert lab[:2] == ["-m", "jupyterlab"] and any(word.endswith(course.FIRST) for word in lab)
    assert ("--no-browser" in lab) == (not screen)
    assert ("--allow-root" in lab) == root
    assert ("No screen" in capsys.readouterr().out) == (not screen)


@pytest.mark.parametrize("failing,code", [({}, 0), ({"ruff": 1}, 1), ({"tests": 2, "ruff": 1}, 2),
                                          ({"notebooks": -9}, 9)])
def test_the_exit_code_of_testing_is_the_worst_of_its_parts(machine, capsys, failing, code):
    machine.failing = failing
    assert machine.course("test") == code
    ran = [call[1:2] for call in machine.calls if call[1] != "pip" and call[1] != "venv"]
    assert ran == [["ruff"], ["pytest"], ["pytest"]]  # all parts, whatever fails
    said = capsys.readouterr().out
    assert said.count("FAILED") == len(failing)
    assert ("NOT all passed" in said) == (code != 0) and re.search(r"all passed, \d+ s$", said)


# Traces of one machine ----------------------------------------------------------------------------
def _texts():
    """(name, text) of every file that git has or would take."""
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True,
                          capture_output=True)
    if done.returncode:
        pytest.skip("this is no git repository")
    for name in done.stdout.splitlines():
        if (ROOT / name).exists():
            yield name, (ROOT / name).read_bytes().decode("utf-8", errors="ignore")


def test_no_file_names_the_machine_that_it_was_made_on():
    traces = re.compile("/wo" r"rk/|(?<!\|)/ro" r"ot/\w|file:///o" r"pt|/o" r"pt/(?:pypi|wheels)")
    assert {name: found[0] for name, text in _texts() if (found := traces.search(text))} == {}
