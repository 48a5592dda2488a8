"""The way in: course.py, and the files that name versions."""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import colab_check
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
# The Pythons that are tested, each at the oldest patch level that systems still bring
PYTHONS = {"3.10": "3.10.4", "3.11": "3.11.2", "3.12": "3.12.3", "3.13": "3.13.0", "3.14": "3.14.0"}
PLATFORMS = ["x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin",
             "x86_64-pc-windows-msvc"]
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
    """The exact versions of constraints.txt on one Python of this system, by name."""
    lines = [line for line in _read("constraints.txt").splitlines() if line and line[0] != "#"]
    machine = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
    pins = {}
    for pin in map(Requirement, lines):
        if pin.marker is None or pin.marker.evaluate(machine):
            (clause,) = pin.specifier
            assert clause.operator == "==", pin
            assert pins.setdefault(canonicalize_name(pin.name), clause.version) == clause.version
    return pins


@pytest.mark.parametrize("python", PYTHONS.values())
def test_the_tested_versions_satisfy_the_lower_bounds(python):
    pins = _pins(python)
    for requirement, _ in _requirements(PYPROJECT):
        assert pins[requirement.name] in requirement.specifier, requirement
    assert Version(pins["ipykernel"]) < Version("7")  # see the head of constraints.txt


def _resolve(python, platform):
    """What is installed on one Python and platform, as "name==version"; only metadata is read."""
    done = subprocess.run(
        [sys.executable, "-m", "uv", "pip", "compile", "-q", "--no-config", "--all-extras",
         "--python", sys.executable, "--python-version", python, "--python-platform", platform,
         "--only-binary", ":all:", "--no-header", "--no-annotate", "-c", "constraints.txt",
         "pyproject.toml"],
        cwd=ROOT, text=True, capture_output=True,
        env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"})  # PyTorch needs macOS 14
    if done.returncode == 2 and "Failed to fetch" in done.stderr and not os.environ.get("CI"):
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("python", PYTHONS.values())
def test_the_tested_versions_can_be_installed_and_are_all_that_is(python):
    """pip has no choice to make, on no system: it takes what constraints.txt names, as a wheel."""
    pinned = {line.split(" ;")[0] for line in _read("constraints.txt").splitlines()}
    with ThreadPoolExecutor() as beside:
        for chosen in beside.map(_resolve, [python] * len(PLATFORMS), PLATFORMS):
            assert len(chosen) > 100 and chosen - pinned == set()


def test_versions_that_cannot_be_installed_are_noticed(monkeypatch, tmp_path):
    pins = _read("constraints.txt")
    newest = re.findall(r"^ipython==\S+", pins, re.M)[-1]
    (tmp_path / "constraints.txt").write_text(re.sub(r"(?m)^ipython==.*", newest, pins))
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    with pytest.raises(AssertionError, match="ipython"):
        _resolve(PYTHONS["3.10"], PLATFORMS[0])


def test_conda_gets_the_same_package_in_the_same_versions():
    environment = yaml.safe_load(_read("environment.yml"))
    python, pip, given = environment["dependencies"]
    assert environment["channels"] == ["conda-forge"] and pip == "pip"
    assert given == {"pip": ["-e .[lab]", "-c constraints.txt"]}
    tried = ["3.9", *PYTHONS, "3.15"]
    assert [version for version in tried if version in Requirement(python).specifier] == [*PYTHONS]


# The commands that test ---------------------------------------------------------------------------
def test_the_workflow_runs_the_readmes_command_everywhere():
    job = yaml.safe_load(_read(".github/workflows/tests.yml"))["jobs"]["test"]
    matrix = job["strategy"]["matrix"]
    assert [name.split("-")[0] for name in matrix["os"]] == ["ubuntu", "macos", "windows"]
    assert matrix["python"] == [*PYTHONS]
    assert job["steps"][-1]["run"] == "python course.py test"
    wanted = re.search(r'requires-python = "(.+)"', PYPROJECT)[1]
    assert [python for python in ["3.9", *PYTHONS] if python in SpecifierSet(wanted)] == [*PYTHONS]
    assert "(3, 10) <= sys.version_info[:2] <= (3, 14)" in _read("course.py")


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
    assert len(source.splitlines()) <= 270


# course.py on a machine that is not there ---------------------------------------------------------
class Machine:
    """Notes every command, and does none of them."""

    def __init__(self, root, monkeypatch):
        self.root, self.python = root, root / ".venv" / "bin" / "python"
        self.calls, self.failing, self.torch = [], {}, ""
        self.sys = SimpleNamespace(**{**vars(sys), "platform": "linux", "argv": ["course.py"]})
        self.free, self.programs, self.chip = 50e9, [], "arm64"
        self.environment = {}
        for name, value in {
                "ROOT": root, "VENV": root / ".venv", "PYTHON": self.python, "sys": self.sys,
                "platform": SimpleNamespace(machine=lambda: self.chip),
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
        self.environment = options.get("env", {})
        if "venv" in words:
            self.python.parent.mkdir(parents=True, exist_ok=True)
            self.python.touch()
            (self.root / ".venv" / "pyvenv.cfg").write_text(f"prompt = {course.MARK!r}\n")
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
        """What pip was asked to install, call by call, beside itself and setuptools."""
        calls = [call for call in self.calls if call[:3] == ["-m", "pip", "install"]]
        assert all(call[3:7] == ["--disable-pip-version-check", "-q", "--no-user", "--target="]
                   for call in calls)
        assert not calls or calls[0][7:9] == ["pip>=21.3", "setuptools"]
        return [call[7:] for call in calls[1:]]


@pytest.fixture
def machine(tmp_path, monkeypatch):
    root = tmp_path / "a course with blanks"
    root.mkdir()
    for name in ("pyproject.toml", "constraints.txt"):
        (root / name).write_text(_read(name))
    (root / "notebooks").mkdir()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        (root / "notebooks" / path.name).touch()
    return Machine(root, monkeypatch)


@pytest.mark.parametrize("arguments", [["tests"], ["--help"], ["setup", "test"]])
def test_a_wrong_command_gets_the_right_ones(machine, arguments):
    said = machine.course(*arguments)
    assert all(f"course.py {command}" in said for command in ("setup", "test"))
    assert machine.calls == []


@pytest.mark.parametrize("change,words", [
    ({"version_info": (3, 9, 18), "version": "3.9.18 (main)"}, ["3.9.18", "3.10 to 3.14"]),
    ({"version_info": (3, 15, 0), "version": "3.15.0 (main)"}, ["3.15.0", "3.10 to 3.14"]),
    ({"maxsize": 2**31 - 1}, ["32 bits", "64"]),
    ({"platform": "darwin", "chip": "x86_64"}, ["Mac", "Colab"]),
    ({"gone": "constraints.txt"}, ["lacks constraints.txt", "README"])])
def test_what_cannot_work_gets_one_sentence_before_any_download(machine, change, words):
    machine.chip = change.pop("chip", "arm64")
    if "gone" in change:
        (machine.root / change.pop("gone")).unlink()
    vars(machine.sys).update(change)
    said = machine.course()
    assert all(word in said for word in words) and "\n" not in said
    assert machine.calls == [] and not (machine.root / ".venv").exists()


@pytest.mark.parametrize("length,allowed,room", [(63, False, True), (64, False, False),
                                                 (200, True, True)])
def test_windows_long_paths_are_told_beforehand(machine, monkeypatch, length, allowed, room):
    machine.sys.platform = "win32"
    monkeypatch.setattr(course, "ROOT", type("Folder", (), {
        "__str__": lambda folder: "C" * length, "__truediv__": lambda folder, name: machine.root}))
    monkeypatch.setattr(course, "ROOT", course.ROOT())
    monkeypatch.setattr(course, "long_paths", lambda: allowed)
    said = course.what_hinders()
    assert (said is None) == room
    assert room or "64 characters" in said and "63" in said


def test_no_package_has_a_longer_path_than_windows_was_reckoned_for():
    names = [str(path) for distribution in metadata.distributions()
             for path in distribution.files or () if not str(path).startswith("..")]
    longest = max((name for name in names if "__pycache__" not in name), key=len)
    assert len(longest) <= course.LONGEST, longest


@pytest.mark.parametrize("free,programs,enough", [(3.5e9, [], False), (4.5e9, [], True),
                                                  (4.5e9, ["nvidia-smi"], False)])
def test_a_full_disk_gets_one_sentence(machine, free, programs, enough):
    machine.free, machine.programs = free, programs
    said = machine.course("setup")
    assert (said == 0) == enough
    assert enough or (machine.calls == [] and f"{free / 1e9:.1f} GB" in said and "\n" not in said)


def test_the_steps_of_an_installation_and_nothing_at_the_second_call(machine, capsys):
    assert machine.course("setup") == 0
    assert machine.calls[0] == ["-m", "venv", "--clear", "--prompt", course.MARK,
                                str(machine.root / ".venv")]
    assert machine.pip()[-1] == ["--no-build-isolation", "-e", ".[lab]", "-c", "constraints.txt"]
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
    assert torch[0].startswith("torch==")
    assert torch[torch.index("--index-url") + 1] == course.TORCH_CPU and "--no-deps" in torch
    assert "--index-url" not in rest
    assert not any("--extra-index-url" in call for call in machine.pip())


def test_a_mirror_takes_the_place_of_the_cpu_index(machine, monkeypatch):
    monkeypatch.setenv("LESSONS_MIRRORS", "https://a.example=https://b.example "
                                          "https://download.pytorch.org=https://mirror.example/t")
    machine.course("setup")
    torch = machine.pip()[-2]
    assert torch[torch.index("--index-url") + 1] == "https://mirror.example/t/whl/cpu"


@pytest.mark.parametrize("free,enough", [(13.9e9, False), (14.1e9, True)])
def test_where_the_cpu_index_fails_the_large_build_is_announced_and_serves(machine, capsys, free,
                                                                           enough):
    machine.failing, machine.free = {course.TORCH_CPU: 1}, free
    said = machine.course("setup")
    assert (said == 0) == enough
    assert enough or "13.9 GB" in said and "14 GB" in said and len(machine.pip()) == 1
    out = capsys.readouterr().out
    assert "NVIDIA" in out and (": 7 GB" in out) == enough
    if enough:
        first, second, _ = machine.pip()
        assert course.TORCH_CPU in first
        assert second[0] == first[0] and "--index-url" not in second


@pytest.mark.parametrize("system,programs", [("linux", ["nvidia-smi"]), ("darwin", [])])
def test_with_nvidia_or_on_a_mac_torch_comes_from_the_ordinary_index(machine, system, programs):
    machine.sys.platform, machine.programs = system, programs
    machine.course("setup")
    assert not any("--index-url" in call for call in machine.pip())
    assert machine.pip()[-2][0].startswith("torch==")


@pytest.mark.parametrize("failing,word", [("-m venv", ".venv"), ("setuptools", "again"),
                                          ("torch==", "PyTorch"), ("-e ", "again")])
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


# What others have set, and what is theirs ---------------------------------------------------------
def test_what_leads_out_of_venv_is_dropped_and_mirrors_stay(machine, monkeypatch):
    for name in ("PYTHONPATH", "PYTHONHOME", "PIP_PREFIX", "PIP_ROOT", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, "somewhere")
    machine.course("setup")
    assert "PYTHONPATH" not in os.environ and "PYTHONHOME" not in os.environ
    assert [name for name in os.environ if name.startswith("PIP_") and os.environ[name] ==
            "somewhere"] == ["PIP_INDEX_URL"]


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """(the Python of an environment that course.py really made, a wheel to install there)"""
    folder = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(course, "VENV", folder / ".venv")
        course.make_venv()
        assert course.ours()
    (folder / "thing" / "thing").mkdir(parents=True)
    (folder / "thing" / "thing" / "__init__.py").touch()
    (folder / "thing" / "setup.py").write_text(
        "import setuptools\nsetuptools.setup(name='thing', packages=['thing'])\n")
    python = folder / ".venv" / course.PYTHON.relative_to(course.VENV)
    return python, *_wheel(folder / "thing", folder / "wheels")


@pytest.mark.parametrize("where", ["environment", "file"])
def test_pip_installs_into_its_own_environment_whatever_is_set(real, monkeypatch, tmp_path, where):
    settings = {"user": "1", "target": str(tmp_path / "wrong"), "require-virtualenv": "1"}
    if where == "file":
        lines = [f"{name} = {value}" for name, value in settings.items()]
        (tmp_path / "pip.conf").write_text("\n".join(["[install]", *lines]))
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    else:
        for name, value in settings.items():
            monkeypatch.setenv(f"PIP_{name.upper().replace('-', '_')}", value)
    python, wheel = real
    monkeypatch.setattr(course, "PYTHON", python)
    assert course.pip(str(wheel), "--no-index", "--no-deps", "--force-reinstall") == 0
    found = subprocess.run([python, "-c", "import thing; print(thing.__file__)"], text=True,
                           capture_output=True, cwd=tmp_path, check=True).stdout
    assert Path(found.strip()).is_relative_to(python.parent.parent)
    assert not (tmp_path / "wrong").exists()


def _wheel(source, folder):
    """Build the wheel of source with the setuptools that is here; returns what is in folder."""
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation",
                    "-w", folder, source], check=True)
    return list(folder.iterdir())


@pytest.mark.parametrize("kind", ["folder", "working", "link", "file"])
def test_a_venv_that_is_not_ours_is_left_as_it_is(machine, tmp_path, kind):
    theirs = tmp_path / "theirs" if kind == "link" else machine.root / ".venv"
    if kind == "file":
        theirs.write_text("mine")
    else:
        (theirs / "bin").mkdir(parents=True)
        (theirs / "thesis.txt").write_text("mine")
    if kind == "link":
        (machine.root / ".venv").symlink_to(theirs, target_is_directory=True)
    if kind == "working":
        (theirs / "bin" / "python").touch()
        (theirs / "pyvenv.cfg").write_text("home = /usr/bin\n")
    before = _content(tmp_path)
    said = machine.course("setup")
    assert ".venv was not made by course.py" in said and "\n" not in said
    assert machine.calls == [] and _content(tmp_path) == before


def _content(folder):
    return {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


def test_an_empty_venv_and_one_that_was_interrupted_are_ours(machine):
    (machine.root / ".venv").mkdir()
    assert machine.course("setup") == 0
    (machine.root / ".venv" / "installed").unlink()
    machine.python.unlink()
    assert machine.course("setup") == 0


# Opening and testing ------------------------------------------------------------------------------
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


@pytest.mark.parametrize("failing,code", [({}, 0), ({"ruff": 1}, 1), ({"loadscope": 2}, 2),
                                          ({"solutions": -9}, 9)])
def test_the_exit_code_of_testing_is_the_worst_of_its_parts(machine, capsys, failing, code):
    machine.failing = failing
    assert machine.course("test") == code
    ran = [call[1] for call in machine.calls if call[0] == "-m" and call[1] not in ("pip", "venv")]
    assert ran == ["ruff", "pytest", "pytest", "pytest"]  # all parts, whatever fails
    said = capsys.readouterr().out
    assert bool(said.count("FAILED")) == bool(failing)
    assert ("NOT all passed" in said) == (code != 0) and re.search(r"all passed, \d+ s$", said)


@pytest.mark.parametrize("browser", [True, False])
def test_every_notebook_is_run_in_either_precision(machine, browser):
    machine.failing = {} if browser else {"test_browser.py": 1}
    machine.course("test")
    masters, students = machine.calls[-2:]
    assert masters[-1] == "solutions/" and "--nbval-lax" in masters
    assert students[-1] == ("tests/test_browser.py" if browser else "notebooks/")
    assert ("--nbval-lax" in students) == (not browser)
    assert machine.environment["LESSONS_PRECISION"] == "bfloat16"


def test_a_lesson_can_be_tested_alone(machine):
    machine.course("test", "05")
    tests, masters, students = machine.calls[-3:]
    assert tests[tests.index("-n2") + 1:] == [
        "--dist=worksteal", "tests/test_attention.py", "tests/exercises", "-k",
        "test_attention or [5. or -5."]
    assert masters[-1] == "solutions/05_attention.ipynb"
    assert students[-1] == "notebooks/05_attention.ipynb"
    said = machine.course("test", "12")
    assert "no lesson 12" in said and "\n" not in said and machine.calls == []


def test_what_a_lesson_runs_is_there():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        _, module, exercises, _, chosen = course.tests_of(path.name)
        assert (ROOT / module).exists() and (ROOT / exercises).exists()
        assert (ROOT / "solutions" / path.name).exists()
        assert f"[{int(path.name[:2])}." in chosen


def test_proxies_are_not_asked_for_this_machine(machine, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "intranet")
    machine.course("test", "00")
    assert machine.environment["no_proxy"] == "intranet,localhost,127.0.0.1"
    assert machine.environment["NO_PROXY"] == machine.environment["no_proxy"]


# The course as a package --------------------------------------------------------------------------
def test_a_wheel_works_from_any_folder(tmp_path):
    """Installed away from the course: its data are in it, and no module is missing."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "notebooks", "solutions",
                                                              "tests", "runs", "build"))
    wheel, = _wheel(copy, tmp_path / "wheels")
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index",
                    "--target", tmp_path / "site", wheel], check=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "lessons", "generate", "a red man walks", "--model", "theatre",
         "--out", "film.mp4"], cwd=elsewhere, text=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")})
    assert done.returncode == 0, done.stderr
    assert (elsewhere / "film.mp4").stat().st_size > 1000
    here = {path.relative_to(ROOT) for path in (ROOT / "lessons").rglob("*.py")}
    assert {path for path in here if not (tmp_path / "site" / path).exists()} == set()
    for path in (ROOT / "data").iterdir():
        assert (tmp_path / "site/lessons/data" / path.name).read_bytes() == path.read_bytes()


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
