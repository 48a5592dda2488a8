"""The doctor says what works, what is missing and what to do."""

import importlib.metadata
import socket
import subprocess
import sys
import threading
from email.message import Message
from pathlib import Path

import pytest

from lessons import doctor
from lessons.engine import weights

ROOT = Path(__file__).resolve().parent.parent


def test_here_all_is_well(capsys):
    assert doctor.report() == 0
    said = capsys.readouterr().out
    assert said.count("\n") == len(doctor.CHECKS) + 1
    assert "MISSING" not in said and "All that the course needs is here." in said


def test_the_precision_is_told_with_the_processor(monkeypatch, capsys, precision):
    assert doctor.report() == 0
    assert f"cores, training in {precision}\n" in capsys.readouterr().out
    monkeypatch.setenv("LESSONS_PRECISION", "half")
    assert doctor.report() == 2
    assert "LESSONS_PRECISION is 'half'" in capsys.readouterr().out


def test_the_command():
    done = subprocess.run([sys.executable, "-m", "lessons", "doctor"], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _without(monkeypatch, gone, version=None):
    real = importlib.metadata.version

    def fake(name):
        if name != gone:
            return real(name)
        if version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version
    monkeypatch.setattr(importlib.metadata, "version", fake)


@pytest.mark.parametrize("version,said", [(None, "av is not installed"),
                                          ("9.2.0", "av is 9.2.0, older than 12")])
def test_a_missing_or_old_package_is_named_with_what_to_do(monkeypatch, capsys, version, said):
    _without(monkeypatch, "av", version)
    assert doctor.report() == 2
    out, err = capsys.readouterr()
    assert said in out and "course.py setup" in out
    assert err.strip().count("\n") == 0 and "packages" in err


def test_damaged_weights_are_named(monkeypatch, capsys, tmp_path):
    for file in weights.DATA.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    spoilt = tmp_path / "digit_judge.safetensors"
    spoilt.write_bytes(spoilt.read_bytes()[:-9])
    monkeypatch.setattr(weights, "DATA", tmp_path)
    assert doctor.report() == 2
    assert "digit_judge.safetensors" in capsys.readouterr().out


def test_what_the_course_can_do_without_is_a_note(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("LESSONS_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody answers there
    assert doctor.report() == 0
    assert "lesson 1 draws theatre figures instead" in capsys.readouterr().out


def test_a_network_that_swallows_all_does_not_hold_it_up(monkeypatch, capsys, tmp_path):
    swallowed, real = threading.Event(), socket.getaddrinfo

    def slow(*address, **options):
        swallowed.wait()
        return real("127.0.0.1", 9, type=socket.SOCK_STREAM)
    monkeypatch.setenv("LESSONS_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(doctor, "SECONDS", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    assert doctor.report() == 0  # at once, though no name is ever found
    assert "no network" in capsys.readouterr().out
    swallowed.set()


@pytest.mark.parametrize("version", ["2.4", "2.13.0+cpu", "10.0"])
def test_versions_are_compared_as_numbers(monkeypatch, capsys, version):
    _without(monkeypatch, "torch", version)
    assert doctor.report() == 0
    assert f"torch {version} among them" in capsys.readouterr().out


def test_an_installed_course_knows_what_it_needs(monkeypatch):
    here = doctor.stated()
    assert here[0] == ">=3.10" and any(needed.startswith("torch>=") for needed in here[1])
    facts = Message()
    facts["Requires-Python"] = here[0]
    for needed in [*here[1], 'ruff>=0.6; extra == "test"']:
        facts["Requires-Dist"] = needed
    monkeypatch.setattr(doctor, "PROJECT", ROOT / "nowhere")
    monkeypatch.setattr(importlib.metadata, "metadata", lambda name: facts)
    assert doctor.stated() == here
