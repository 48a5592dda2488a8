"""The doctor says what works, what is missing and what to do."""

import http.server
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
from lessons.errors import CourseError
from lessons.sources import downloads

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


@pytest.fixture
def a_mirror(tmp_path):
    """(address, the addresses that were asked for) of a server with MNIST's labels for tests."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            asked.append(self.path)
            self.send_response(404 if "gone" in self.path else 200)
            self.end_headers()

        do_GET = do_HEAD

        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_mirrors_are_asked_in_place_of_the_publishers_and_told(monkeypatch, capsys, tmp_path,
                                                               a_mirror):
    address, asked = a_mirror
    monkeypatch.setenv("LESSONS_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("LESSONS_MIRRORS", f"https://ossci-datasets.s3.amazonaws.com={address}/s3 "
                                          f"https://github.com={address}/hub")
    assert doctor.report() == 0
    said = capsys.readouterr().out
    assert f"mirrors   {address}/s3, {address}/hub in use" in said
    assert "MNIST can be downloaded" in said and "/s3/mnist/" in asked
    with pytest.raises(CourseError, match="spoken|free-spoken"):
        downloads.spoken_digits()  # what the mirror sends is refused by its hash
    assert "/hub/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz" in asked


def test_a_mirror_that_is_silent_is_named(monkeypatch, capsys):
    monkeypatch.setenv("LESSONS_MIRRORS", "https://github.com=http://127.0.0.1:9/hub")
    assert doctor.report() == 0
    assert "no answer from http://127.0.0.1:9/hub: see LESSONS_MIRRORS" in capsys.readouterr().out


@pytest.mark.parametrize("words", ["https://github.com", "https://github.com=there", "a=b c"])
def test_mirrors_that_are_none_get_one_sentence(monkeypatch, capsys, words):
    monkeypatch.setenv("LESSONS_MIRRORS", words)
    assert doctor.report() == 0
    assert "LESSONS_MIRRORS is not understood: write ADDRESS=MIRROR" in capsys.readouterr().out


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
