"""Sphinx's settings for the course as a web site: `python solutions/build.py --site DIR`.

The pages are README and the students' notebooks, as they are stored: nothing is run.
"""

import json
import re
import sys
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from myst_nb.core.render import NbElementRenderer
from sphinx.util import logging

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "solutions"))
import hosting  # noqa: E402

REPOSITORY, REF = hosting.address()
project = html_title = "Text to video with GANs"
author = copyright = "the course's authors"
language = "en"
extensions = ["myst_nb", "sphinx_book_theme"]
root_doc = "README"
include_patterns = ["README.md", "CONTRIBUTING.md", "notebooks/*.ipynb"]
exclude_patterns = [".*", "build", "data", "lessons", "runs", "site", "solutions", "teaching",
                    "tests", "**.ipynb_checkpoints"]
LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
CONTENTS = "\n\n```{toctree}\n:hidden:\n:caption: %s\n\n%s\n```\n"

nb_execution_mode = "off"          # what is stored is shown
nb_output_stderr = "remove"
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "text/latex", None)]  # source code has HTML as well
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing", "misc.highlighting_failure"]  # links into the code
html_math_renderer = "mathml"
html_theme = "sphinx_book_theme"
html_static_path = ["static"]
html_css_files = ["course.css"]
html_favicon = "static/icon.svg"
html_context = {"default_mode": "auto"}  # dark or light, as the reader's system has it
html_show_sphinx = False
html_copy_source = True            # what the download button gives
html_theme_options = {"use_download_button": True, "use_fullscreen_button": False,
                      "home_page_in_toc": True, "navbar_persistent": [],
                      "show_navbar_depth": 1, "show_toc_level": 2}
if REPOSITORY:
    html_theme_options |= {
        "repository_url": f"https://github.com/{REPOSITORY}", "repository_branch": REF,
        "use_repository_button": True,
        "launch_buttons": {"colab_url": "https://colab.research.google.com"}}


# Formulas as MathML: browsers draw it themselves and screen readers read it, with no script to
# fetch. docutils lacks a few commands of LaTeX, which are not needed (\big) or have synonyms.
SIMPLER = {r"\\[bB]ig[gG]?[lr]?(?![a-z])": "", r"\\dots(?![a-z])": r"\\ldots",
           r"\\mathrel\{(.)\}": r"\1", r"\\textstyle": ""}


def mathml(self, node):
    """Write one formula, or its LaTeX where docutils cannot read it."""
    text, block = node.astext(), node.tagname == "math_block"
    for pattern, other in SIMPLER.items():
        text = re.sub(pattern, other, text)
    try:
        self.body.append(tex2mathml(text, as_block=block))
    except Exception as error:
        logging.getLogger(__name__).warning("%s: %s", error, text, location=node)
        self.body.append(f"<code>{self.encode(text)}</code>")
    raise nodes.SkipNode


def with_alt_text(render_image=NbElementRenderer.render_image):
    """What myst-nb makes of a picture, with the alt text that stands beside it in the notebook."""
    def render(self, data):
        images = render_image(self, data)
        for image in images:
            image["alt"] = data.output_metadata.get(data.mime_type, {}).get("alt", "")
        return images
    return render


def contents(app, name, text):
    """README opens the site and gets its contents; what a front end folds is folded here, too."""
    if name == root_doc:
        text[0] += (CONTENTS % ("Lessons", "\n".join(f"notebooks/{name}" for name in LESSONS))
                    + CONTENTS % ("Behind them", "CONTRIBUTING"))
    elif name.startswith("notebooks/"):
        notebook = json.loads(text[0])
        for cell in notebook["cells"]:
            if cell["metadata"].get("cellView") == "form":
                cell["metadata"]["tags"] = ["hide-input"]
        text[0] = json.dumps(notebook)


def open_with_readme(app, error):
    if not error and app.builder.name == "html":
        (Path(app.outdir) / "index.html").write_text(
            f'<meta http-equiv="refresh" content="0; url={root_doc}.html">', encoding="utf-8")


def setup(app):
    NbElementRenderer.render_image = with_alt_text()
    app.add_html_math_renderer("mathml", (mathml, None), (mathml, None))
    app.connect("source-read", contents)
    app.connect("build-finished", open_with_readme)
