"""A real JupyterLab in a real browser opens a lesson, runs it, plays with it, and looks at it."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
SETTINGS = {"apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
            "docmanager-extension/plugin": {"autosave": False},
            "notebook-extension/tracker": {"windowingMode": "none"}}  # every cell is on the page
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--mute-audio",
         "--autoplay-policy=no-user-gesture-required"]
CHECKED = "nbval-check-output"  # the tag of cells whose outputs must be those that are stored
NEEDED = bool(os.environ.get("CI")) and sys.platform == "linux"  # there it can be installed
SECONDS = 600  # for a whole lesson, on a machine that does other things as well


# The browser and the server ----------------------------------------------------------------------
def find_browser(playwright):
    """The path of a Chromium or Chrome, or None."""
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    places = ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
              os.environ.get("PROGRAMFILES", "") + "/Google/Chrome/Application/chrome.exe",
              playwright.chromium.executable_path]
    return next((path for path in found + places if path and os.path.exists(path)), None)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        path = find_browser(playwright)
        if path is None and NEEDED:
            pytest.fail("no Chromium was found: apt install chromium")
        if path is None:
            pytest.skip("no Chromium or Chrome was found: install one to run this test")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """(address, token, folder) of a JupyterLab over a copy of the notebooks."""
    home = tmp_path_factory.mktemp("jupyter")
    folder = tmp_path_factory.mktemp("copy") / "notebooks"
    folder.mkdir()
    for name in LESSONS:
        shutil.copy(ROOT / "notebooks" / name, folder)
    for name, setting in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(setting))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    environment = {**os.environ, "LESSONS_SMOKE": "1",
                   **{f"JUPYTER_{kind}_DIR": str(home / kind) for kind in ("CONFIG", "DATA",
                                                                           "RUNTIME")},
                   "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
                   "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces")}
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
             "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
             f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={token}",
             "--LabApp.expose_app_in_browser=True"],
            env=environment, stdout=log, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api/status?token={token}", process, home / "log")
        yield address, token, folder
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(url, process, log, seconds=60):
    for _ in range(seconds * 5):
        try:
            return urllib.request.urlopen(url, timeout=5)
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start in {seconds} s: {log.read_text()}")


# A notebook in the browser -----------------------------------------------------------------------
PANEL = "const panel = window.jupyterapp?.shell?.currentWidget;"  # none while the page loads
READY = f"""() => {{ {PANEL} return panel?.sessionContext?.isReady
                     && panel.sessionContext.session?.kernel?.status === 'idle'; }}"""
RUN = """() => { window.finished = false; window.jupyterapp.commands.execute(
    'notebook:run-all-cells').finally(() => { window.finished = true; }); }"""
CELLS = f"""() => {{ {PANEL} return panel.content.widgets.filter(c => c.model.type === 'code').map(
    c => ({{source: c.model.sharedModel.getSource(), execution_count: c.model.executionCount,
            outputs: c.model.outputs.toJSON()}})); }}"""
IN_WIDGETS = ".jupyter-widgets-output-area, .widget-output"
DRAWN = f"() => [...document.querySelectorAll('{IN_WIDGETS}')].map(o => o.innerHTML).join()"
PLAY = """async video => { video.currentTime = 0; await video.play();
    for (let i = 0; i < 50 && video.currentTime < 0.3; i++)
        await new Promise(done => setTimeout(done, 100));
    video.pause();
    return {ready: video.readyState, seconds: video.currentTime, width: video.videoWidth,
            sound: video.webkitAudioDecodedByteCount}; }"""


class Notebook:
    """One notebook, open in JupyterLab, with a kernel that is ready."""

    def __init__(self, browser, server, name):
        address, token, folder = server
        self.stored = nbformat.read(folder / name, as_version=4)
        self.context = browser.new_context(viewport={"width": 1400, "height": 1000})
        self.page = self.context.new_page()
        self.page.set_default_timeout(SECONDS * 1000)
        self.said = []
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("console", self._note)
        space = name.split(".")[0]
        self.page.goto(f"{address}/lab/workspaces/{space}/tree/{name}?token={token}")
        self.page.wait_for_function(READY, timeout=60_000)  # a dialog would wait for ever

    def _note(self, message):
        if message.type == "error":
            self.said.append(f"{message.text} ({message.location.get('url', '')})")

    def close(self):
        self.page.evaluate(f"() => {{ {PANEL} return panel.sessionContext.shutdown(); }}")
        self.context.close()

    def run(self):
        """Run all cells, and wait until nothing moves any more."""
        self.page.evaluate(RUN)
        self.page.wait_for_function("() => window.finished")
        self.settle()

    def settle(self):
        """Wait until the kernel is idle and the widgets are drawn, three times in a row."""
        seen = []
        for _ in range(SECONDS * 5):
            idle = self.page.evaluate(READY)
            seen = [*seen, self.page.evaluate(DRAWN)][-3:] if idle else []
            if len(seen) == 3 and len(set(seen)) == 1:
                return
            time.sleep(0.2)
        pytest.fail("the kernel did not come to rest")

    def cells(self):
        return [nbformat.from_dict(cell) for cell in self.page.evaluate(CELLS)]

    def problems(self):
        """Sentences on what is wrong on the page, none where all is well."""
        return [*self._cell_problems(), *self._widget_problems(), *self._picture_problems(),
                *map("the page says: {}".format, filter(_matters, self.said))]

    def _cell_problems(self):
        stored = [cell for cell in self.stored.cells if cell.cell_type == "code"]
        for i, (cell, before) in enumerate(zip(self.cells(), stored, strict=True), start=1):
            kinds, wanted = _kinds(cell.outputs), _kinds(before.outputs)
            if cell.source.strip() and cell.execution_count is None:
                yield f"code cell {i} was not run"
            if CHECKED in before.metadata.get("tags", []) and _said(cell) != _said(before):
                yield f"code cell {i} says {_said(cell)!r}, where {_said(before)!r} is stored"
            for output in cell.outputs:
                if output.output_type == "error":
                    yield f"code cell {i} raised {output.ename}: {output.evalue}"
            if wanted - kinds:
                yield f"code cell {i} has no {sorted(wanted - kinds)}, which is stored"

    def _widget_problems(self):
        for area in self.page.query_selector_all(IN_WIDGETS):
            if area.query_selector("[data-mime-type$='error'], [data-mime-type$='stderr']"):
                yield f"an error inside a widget: {area.inner_text().strip()[-200:]}"
        for view in self.page.query_selector_all(".jp-OutputArea-output[data-mime-type*=widget]"):
            if not view.query_selector(".widget-box, .jupyter-widgets, .jupyter-widget"):
                yield f"a widget that is not drawn: {view.inner_text()[:80]}"

    def _picture_problems(self):
        for picture in self.page.query_selector_all(".jp-Notebook img:not([src^='https:'])"):
            picture.evaluate("picture => picture.decode().catch(() => {})")
            if not picture.evaluate("picture => picture.naturalWidth"):
                yield f"a picture that is not drawn: {picture.get_attribute('src')[:60]}"
            if picture.get_attribute("alt") == "" and not picture.get_attribute("aria-label"):
                yield f"a picture with an empty alt text: {picture.get_attribute('src')[:60]}"
        for cell in self.cells():
            for output in cell.outputs:
                if "image/png" in output.get("data", {}) and not output.metadata.get(
                        "image/png", {}).get("alt"):
                    yield f"a picture without alt text by: {cell.source[:60]}"

    def play(self):
        """Play every film; returns what each did."""
        return [video.evaluate(PLAY) for video in self.page.query_selector_all(
            ".jp-Notebook video")]

    def move(self, what):
        """Move the first slider by a key, or choose another entry of the first menu.

        Returns whether what the widgets draw changed.
        """
        before = self.page.evaluate(DRAWN)
        if what == "slider":
            self.page.locator(".jp-Notebook .noUi-handle").first.press("ArrowRight")
        else:
            menu = self.page.locator(".jp-Notebook .widget-dropdown select").first
            menu.select_option(index=(menu.evaluate("menu => menu.selectedIndex") + 1) % 2)
        self.page.wait_for_timeout(300)
        self.settle()
        return self.page.evaluate(DRAWN) != before

    def has(self, what):
        kinds = {"slider": ".noUi-handle", "menu": ".widget-dropdown select", "film": "video"}
        return self.page.locator(f".jp-Notebook {kinds[what]}").count() > 0


def _said(cell):
    """What a cell prints and shows as text, warnings aside: what nbval compares as well."""
    return "".join("".join(output.get("text") or output.get("data", {}).get("text/plain", ""))
                   for output in cell.outputs if output.get("name") != "stderr")


def _kinds(outputs):
    """What a cell gave, coarsely: text, picture, film, widget."""
    data = [kind for output in outputs for kind in output.get("data", {})]
    films = [output for output in outputs
             if "<video" in "".join(output.get("data", {}).get("text/html", ""))]
    return ({"output"} if outputs else set()) | {k for k in data if k == "image/png"} | (
        {"film"} if films else set())


def _matters(message):
    """Whether a message of the console is about the lesson, not about JupyterLab or the network."""
    return not any(other in message for other in ("/api/", "favicon", "(https://"))


@pytest.fixture
def opened(browser, server):
    notebooks = []

    def open_notebook(name):
        notebooks.append(Notebook(browser, server, name))
        return notebooks[-1]
    yield open_notebook
    for notebook in notebooks:
        notebook.close()


# The lessons -------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_runs_in_the_browser(opened, name):
    notebook = opened(name)
    notebook.run()
    assert notebook.problems() == []
    for film in notebook.play():
        assert film["ready"] >= 2 and film["seconds"] >= 0.3 and film["width"], film
        assert film["sound"] > 0, film
    for what in ("slider", "menu"):
        if notebook.has(what):
            assert notebook.move(what), f"the {what} changes nothing"
    assert notebook.problems() == []
    if name.startswith("00"):
        assert all(notebook.has(what) for what in ("slider", "menu", "film"))


# The test itself, on notebooks that are broken ---------------------------------------------------
PICTURE = new_output("display_data", data={"image/png": "iVBORw0KGgo="},
                     metadata={"image/png": {"alt": "A picture."}})
SLIDER = """import ipywidgets, IPython.display as show
def draw(n):
    print(1 / (1 - n))
slider = ipywidgets.IntSlider(value=0, max=5)
show.display(slider, ipywidgets.interactive_output(draw, {"n": slider}))"""


def _write(server, name, *cells):
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(new_notebook(cells=list(cells), metadata=kernel), server[2] / name)
    return name


def test_a_cell_that_raises_and_what_is_missing_are_noticed(opened, server):
    notebook = opened(_write(server, "broken.ipynb", new_code_cell(
        "import base64\nfrom IPython.display import display, HTML\n"
        "display({'image/png': base64.b64encode(b'no picture').decode()}, raw=True)\n"
        "display(HTML('<video src=\"data:video/mp4;base64,AAAA\"></video>'))"),
        new_code_cell("1", outputs=[PICTURE]),
        new_code_cell("print('new')", metadata={"tags": [CHECKED]},
                      outputs=[new_output("stream", text="old\n")]),
        new_code_cell("1 / 0"), new_code_cell("2")))
    notebook.run()
    problems = "\n".join(notebook.problems())
    for complaint in ("cell 2 has no ['image/png']", "cell 3 says 'new\\n', where 'old\\n'",
                      "cell 4 raised ZeroDivisionError", "cell 5 was not run",
                      "not drawn", "without alt text"):
        assert complaint in problems, problems
    with pytest.raises(Exception, match="(?i)supported source|no supported"):
        notebook.play()


def test_a_widget_that_raises_when_it_is_moved_is_noticed(opened, server):
    notebook = opened(_write(server, "widget.ipynb", new_code_cell(SLIDER)))
    notebook.run()
    assert notebook.problems() == []
    assert notebook.move("slider")
    assert "ZeroDivisionError" in "\n".join(notebook.problems())
    notebook.page.locator(".jp-Notebook .noUi-handle").first.press("ArrowRight")
    notebook.settle()
    assert notebook.problems() == []


if __name__ == "__main__":  # course.py asks whether there is a browser here
    with sync_playwright() as found:
        sys.exit(find_browser(found) is None and not NEEDED)
