"""A progress bar in a terminal and in a notebook, plain lines in a log."""

import io
import sys

from tqdm.auto import tqdm


def watched():
    """Whether somebody may look on: on a terminal and in a notebook, not in a log."""
    ipython = sys.modules.get("IPython")  # where it is not loaded, this is no notebook
    return sys.stderr.isatty() or bool(ipython and ipython.get_ipython())


def progress(**what):
    """A bar of tqdm on a terminal and in a notebook; in a log, a plain line every half minute."""
    if watched():
        return tqdm(**what, mininterval=0.5)
    return tqdm(**what, file=_Lines(), mininterval=30, bar_format="{desc}: {n_fmt} of {total_fmt} "
                "{unit}, {elapsed} gone, {remaining} to go")


class _Lines(io.TextIOBase):
    """Standard error for a log: what tqdm writes, as lines, without going back on any."""

    def write(self, text):
        if line := text.replace("\r", "").strip():
            print(line, file=sys.stderr, flush=True)
        return len(text)
