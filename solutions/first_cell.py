# On Colab, this fetches the course; anywhere else it does nothing. Running it twice does no harm.
import os
import subprocess
import sys

REPO = "https://github.com/text-to-video-course/text-to-video-with-gans"
if "google.colab" in sys.modules and not os.path.exists("../lessons"):
    if not os.path.exists("course"):
        subprocess.run(["git", "clone", "-q", "--depth", "1", REPO, "course"], check=True)
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "av"], check=True)
    os.chdir("course/notebooks")
    sys.path.insert(0, os.path.abspath(".."))
    print("The course is here: its notebooks are now the working folder.")
