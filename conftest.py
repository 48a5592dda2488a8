"""For pytest, and for nbval, which runs the notebooks: see tests/test_notebooks.py."""


def pytest_collectstart(collector):
    """Leave standard error out of comparisons: progress bars and warnings differ by machine."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)
