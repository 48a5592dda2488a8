"""Run the students' notebooks in the closest thing to a Colab machine that can be had here.

    python tests/colab_check.py              all notebooks, in a few minutes
    python tests/colab_check.py 00 --keep    one, and keep the environment for the next call

It makes an environment of its own with the versions that Colab has (of PyTorch, ours), where
`google.colab` is loaded in every kernel; git finds this working tree in place of the address on the
network. It is no part of `course.py test`, because it downloads PyTorch once more.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "solutions"))
import hosting  # noqa: E402

REPOSITORY, REF = "someone/course", "v1.0"  # an address that is set, whatever the course's own is
# What Colab has of the course's dependencies (github.com/googlecolab/backend-info, August 2026)
COLAB = {"torch": "2.11.0", "numpy": "2.1.3", "matplotlib": "3.10.0", "pillow": "11.3.0",
         "seaborn": "0.13.2", "packaging": "26.3", "tqdm": "4.67.3", "safetensors": "0.8.0",
         "pooch": "1.9.0", "requests": "2.32.4", "pandas": "2.2.3", "filelock": "3.32.3",
         "ipywidgets": "7.7.1", "ipython": "7.34.0", "ipykernel": "6.17.1"}


def snapshot(folder):
    """A git repository of the working tree's lessons and notebooks; returns its address."""
    course = folder / "course.git"
    for name in ("lessons", "notebooks", "data"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, course / name,
                            ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    (course / "notebooks").mkdir(exist_ok=True)
    (course / "notebooks" / "README").write_text("git keeps no empty folder\n")
    for command in (["init", "-q"], ["add", "."],
                    ["-c", "user.name=x", "-c", "user.email=x@x", "-c", "commit.gpgsign=false",
                     "commit", "-q", "-m", "x"], ["tag", REF]):
        subprocess.run(["git", *command], cwd=course, check=True)
    return course.as_uri()


def redirect(to):
    """Environment variables by which git takes another address for the one of the course."""
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{to}.insteadOf",
            "GIT_CONFIG_VALUE_0": f"https://github.com/{REPOSITORY}"}


def first_cell():
    return hosting.moved(REPOSITORY, REF)


def make_environment(folder):
    """A Python with Colab's versions, in whose kernels google.colab is loaded; returns it."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if python.exists():
        return python
    print(f"Making {folder} with Colab's versions ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    wanted = [f"{name}=={version}" for name, version in COLAB.items() if name != "torch"]
    subprocess.run([python, "-m", "pip", "install", "-q", *wanted, torch_to_install()], check=True)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(subprocess.run([python, "-c", code], check=True, capture_output=True,
                                   text=True).stdout.strip())
    (packages / "google" / "colab").mkdir(parents=True)
    (packages / "google" / "colab" / "__init__.py").touch()
    (packages / "as_on_colab.pth").write_text("import google.colab\n")
    return python


def torch_to_install():
    """Colab's torch is one for CUDA; the one that was tested serves as well."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return next(line.split(";")[0] for line in lines if line.startswith("torch=="))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="*", default=[""], help="such as 00 01; all by default")
    parser.add_argument("--keep", action="store_true", help="keep the environment")
    options = parser.parse_args()
    place = Path(tempfile.gettempdir()) / "text-to-video-colab"
    python = make_environment(place / "venv")
    with tempfile.TemporaryDirectory() as folder:
        code = run(python, Path(folder), options.numbers)
    if not options.keep:
        shutil.rmtree(place)
    sys.exit(code)


def run(python, folder, numbers):
    """Run each notebook in a folder of its own, as a fresh machine would; the worst exit code."""
    environment = {**os.environ, **redirect(snapshot(folder)),
                   "LESSONS_SMOKE": "1", "OMP_WAIT_POLICY": "PASSIVE",
                   "JUPYTER_PATH": str(folder / "jupyter")}
    environment.pop("PYTHONPATH", None)
    kernel = folder / "jupyter" / "kernels" / "colab" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text(
        f'{{"argv": ["{python.as_posix()}", "-m", "ipykernel_launcher", "-f", '
        '"{connection_file}"], "display_name": "Colab", "language": "python"}')
    codes = []
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        if not path.name.startswith(tuple(numbers)):
            continue
        content = folder / path.stem
        content.mkdir()
        shutil.copy(ROOT / "conftest.py", content)
        notebook = nbformat.read(path, as_version=4)
        next(cell for cell in notebook.cells if cell.cell_type == "code").source = first_cell()
        nbformat.write(notebook, content / path.name)
        subprocess.run([python, "-m", "pip", "uninstall", "-q", "-y", "av"], check=True)
        codes.append(subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval-lax",
             "--nbval-kernel-name=colab", "--nbval-cell-timeout=600", "--rootdir", content,
             "-c", ROOT / "pyproject.toml", content], env=environment).returncode)
    if not codes:
        sys.exit("There is no such notebook in notebooks/.")
    return max(map(abs, codes))


if __name__ == "__main__":
    main()
