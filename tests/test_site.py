"""The web site's settings. Sphinx is not among the packages of the tests: a stand-in takes its
place, and the workflow that publishes the site builds it with every warning as an error."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import copies
import hosting
import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("docutils", "docutils.utils", "docutils.utils.math", "docutils.utils.math.latex2mathml",
         "myst_nb", "myst_nb.core", "myst_nb.core.render", "sphinx", "sphinx.util")


@pytest.fixture
def settings(monkeypatch):
    """A function that reads site/conf.py anew."""
    for name in NAMES:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["docutils"].nodes = SimpleNamespace(SkipNode=StopIteration)
    sys.modules["docutils.utils.math.latex2mathml"].tex2mathml = None
    sys.modules["sphinx.util"].logging = None
    sys.modules["myst_nb.core.render"].NbElementRenderer = SimpleNamespace(
        render_image=lambda self, data: [{"uri": data.mime_type}])

    def read():
        spec = importlib.util.spec_from_file_location("site_conf", ROOT / "site" / "conf.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    return read


def test_buttons_lead_to_where_the_course_is_hosted_or_are_not_there(settings, monkeypatch):
    monkeypatch.setattr(hosting, "address", lambda: ("", ""))
    assert not {"repository_url", "launch_buttons"} & set(settings().html_theme_options)
    monkeypatch.setattr(hosting, "address", lambda: ("someone/course", "v1"))
    options = settings().html_theme_options
    assert options["repository_url"] == "https://github.com/someone/course"
    assert options["repository_branch"] == "v1"
    assert options["launch_buttons"] == {"colab_url": "https://colab.research.google.com"}
    assert options["use_download_button"]


def test_every_lesson_is_in_the_contents_and_its_first_cell_is_folded(settings):
    conf, text = settings(), ["# The course"]
    conf.contents(None, "README", text)
    lessons = re.findall(r"^notebooks/(\w+)$", text[0], re.M)
    assert lessons == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    path = ROOT / "notebooks" / "00_start_here.ipynb"
    text = [path.read_text(encoding="utf-8")]
    conf.contents(None, "notebooks/00_start_here", text)
    changed = json.loads(text[0])
    folded = [cell for cell in changed["cells"] if "hide-input" in cell["metadata"].get("tags", [])]
    assert ["".join(cell["source"]) for cell in folded] == [hosting.first_cell()]
    assert conf.nb_execution_mode == "off"


def test_a_picture_gets_the_alt_text_of_its_notebook(settings):
    data = SimpleNamespace(mime_type="image/png", output_metadata={"image/png": {"alt": "a line"}})
    assert settings().with_alt_text()(None, data) == [{"uri": "image/png", "alt": "a line"}]


def test_every_stored_picture_of_the_lessons_has_alt_text():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    assert output.metadata["image/png"]["alt"].strip(), (path.name, cell.id)


@pytest.mark.parametrize("said,simpler", [
    (r"\mathbb{E}\big[x\big]", r"\mathbb{E}[x]"), (r"\Big(a\Big)", "(a)"), (r"\bigl| a", "| a"),
    (r"x_1, \dots, x_n", r"x_1, \ldots, x_n"), (r"L \mathrel{+}= 1", "L += 1"),
    (r"\textstyle\sum_i", r"\sum_i"), (r"\bigcup", r"\bigcup")])
def test_formulas_are_written_with_what_docutils_knows(settings, said, simpler):
    conf, page = settings(), SimpleNamespace(body=[])
    conf.tex2mathml = lambda text, as_block: text
    with pytest.raises(StopIteration):
        conf.mathml(page, SimpleNamespace(astext=lambda: said, tagname="math"))
    assert page.body == [simpler]


def test_without_its_packages_the_site_says_which_command_brings_them(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install -e '.\[site\]'"):
        copies.site(tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_the_workflow_publishes_what_the_builder_makes():
    workflow = yaml.safe_load((ROOT / ".github/workflows/site.yml").read_text(encoding="utf-8"))
    steps = workflow["jobs"]["site"]["steps"]
    said = " ".join(step.get("run", "") for step in steps)
    folder, = re.findall(r"--site (\S+)", said)
    assert "--repository ${{ github.repository }} --ref hosted\n" in said
    assert [step["with"]["path"] for step in steps if "upload" in step.get("uses", "")] == [folder]
    assert ".[site]" in said and workflow["permissions"]["pages"] == "write"
