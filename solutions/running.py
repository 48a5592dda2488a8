"""Run a master from top to bottom, and remember which code its stored outputs are of."""

import os
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError

MINUTES = 60  # the longest that one cell may take


def look_anew():
    """Let whoever waits for a kernel's reply look anew every second, so that none misses it.

    For an Output widget, nbclient sends messages to the kernel on the socket on which it waits for
    the end of the cell. zmq tells asyncio only once that something has arrived there; where a
    message is sent between the telling and the reading, the telling is lost, and nbclient waits
    until the cell's whole time is over, or for ever.
    """
    import time
    from queue import Empty

    from jupyter_client.channels import AsyncZMQSocketChannel
    wait = AsyncZMQSocketChannel.get_msg

    async def get_msg_in_short_waits(self, timeout=None):
        deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
        while True:
            try:
                return await wait(self, min(1, max(0, deadline - time.monotonic())))
            except Empty:
                if time.monotonic() >= deadline:
                    raise

    if wait.__name__ != "get_msg_in_short_waits":  # once is enough
        AsyncZMQSocketChannel.get_msg = get_msg_in_short_waits


def run(notebook, folder, minutes=MINUTES, **hooks):
    """Run a notebook in a folder, in place. Raises nbclient's errors: a cell that fails or that
    takes longer than so many minutes ends the run."""
    look_anew()
    NotebookClient(notebook, timeout=round(60 * minutes), kernel_name="python3",
                   record_timing=False, coalesce_streams=True,
                   resources={"metadata": {"path": str(folder)}}, **hooks).execute()


def execute(path, minutes=MINUTES):
    """A master with the outputs of a full run; a line of progress for each of its code cells."""
    os.environ.pop("LESSONS_SMOKE", None)  # the shortened training that tests use
    notebook = nbformat.read(path, as_version=4)
    begun = {}

    def begin(cell, cell_index):
        begun[cell_index] = time.monotonic()
        print(f"  cell {cell_index + 1} of {len(notebook.cells)}: {_begins(cell)}", end="",
              flush=True)

    def end(cell, cell_index, execute_reply):
        print(f"  {time.monotonic() - begun[cell_index]:.0f} s", flush=True)

    try:
        run(notebook, path.parent, minutes, on_cell_execute=begin, on_cell_executed=end)
    except CellTimeoutError:
        cell = notebook.cells[max(begun)]
        raise TimeoutError(f"{path.name}: the cell `{_begins(cell)}` took longer than {minutes:g} "
                           "minutes and was given up; nothing was written.") from None
    return notebook


def _begins(cell):
    return cell.source.split("\n", 1)[0][:60]


# Which code the outputs are of. A master keeps the names of its code cells as they were when it was
# run. A name is a hash of the cell's text, so where the names part, the output is older than the
# code: from that cell on, since what a cell shows depends on all before it. The first cell, which
# holds the address, shows nothing and is left out. A change in lessons/ does not count: nearly
# every commit would make every picture stale. What it does to a printed result, nbval finds.
def vouch(notebook):
    """Say that the stored outputs of a tidy notebook are those of its code."""
    notebook.metadata["executed"] = _names(notebook)


def stale(notebook):
    """How the first code cell begins whose stored output is older than its code; None if none."""
    executed, names = notebook.metadata.get("executed", []), _names(notebook)
    if executed == names:
        return None
    same = next((i for i, (a, b) in enumerate(zip(executed, names, strict=False)) if a != b),
                min(len(executed), len(names)))
    changed = [cell for cell in notebook.cells if cell.id in names[same:]]
    return _begins(changed[0]) if changed else "(cells at the end are gone)"


def _names(notebook):
    return [cell.id for cell in notebook.cells if cell.cell_type == "code"][1:]
