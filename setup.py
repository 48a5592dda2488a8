"""What pyproject.toml cannot say: an installed course has data/ inside its package."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["lessons", "lessons.*"]), "lessons.data"],
      package_dir={"lessons.data": "data"}, package_data={"lessons.data": ["*"]})
