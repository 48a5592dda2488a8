"""Several processes that train as one: who they are, what they share.

Started by torchrun; all draw the same random numbers, each works on its share of the rows.
"""

import os
import signal
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import distributed
from torch.distributed.nn.functional import all_gather

from lessons.errors import CourseError

TOGETHER = 4  # rows of a batch that no two processes share: frames of a film, films of a caption
PATIENCE = timedelta(minutes=30)  # how long a process waits for one that is silent
ENDED = ("{}: what was trained up to the last checkpoint (at most 30 s ago) is kept; start again "
         "with --resume.")


@contextmanager
def together(device="auto"):
    """Train as one with the other processes that torchrun started; alone, change nothing.

    device: as `pick_device` takes it. Gradients travel by NCCL between GPUs, of which each process
    takes the one with its number on its machine, and by gloo between CPUs. Raises CourseError when
    there are fewer GPUs than processes, and when another process ends before its time.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield
        return
    gpus = torch.cuda.device_count() if device in ("auto", "cuda") else 0
    number = int(os.environ["LOCAL_RANK"])
    if gpus and number >= gpus:
        raise CourseError(f"This machine has {gpus} GPUs, too few for process {number}: start as "
                          f"many processes as there are GPUs, with --nproc-per-node {gpus}.")
    if gpus:
        torch.cuda.set_device(number)  # from here on "cuda" means this one
    before = signal.signal(signal.SIGTERM, _told_to_end)  # torchrun's word to the survivors
    try:
        distributed.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=PATIENCE)
        yield
    except RuntimeError as error:
        if not (isinstance(error, distributed.DistError) or "gloo" in str(error)):
            raise
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # which comes now, and would cut the sentence
        raise CourseError(ENDED.format("Another process of this training has ended")) from None
    else:
        signal.signal(signal.SIGTERM, before)
    finally:
        if _joined():
            distributed.destroy_process_group()


def _told_to_end(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise CourseError(ENDED.format("Another process of this training has ended, or all were told "
                                   "to end"))


def _joined():
    return distributed.is_available() and distributed.is_initialized()


def processes():
    """How many processes train as one: 1, but inside of `together`."""
    return distributed.get_world_size() if _joined() else 1


def rank():
    """The number of this process among them; 0 is the first one, which alone writes and speaks."""
    return distributed.get_rank() if _joined() else 0


def own_rows(rows):
    """Those rows of a joint batch (N, ...) that this process works on: (N / processes, ...)."""
    return rows.chunk(processes())[rank()]


def of_first(value):
    """The first process's value of a tensor, or of a number, in all of them."""
    if processes() == 1:
        return value
    number = not torch.is_tensor(value)
    sent = torch.tensor(value, dtype=torch.float64) if number else value.contiguous().clone()
    distributed.broadcast(sent, 0)
    return sent.item() if number else sent


@contextmanager
def first_alone():
    """The first process does what stands inside, as making a cache, before the others do."""
    for turn in (1, 0):
        if (rank() == 0) == turn:
            yield
        if processes() > 1:
            distributed.barrier()


def gathered(rows):
    """Rows (N, ...) of each process -> those of all (processes N, ...), in all of them.

    For a loss that compares rows of the joint batch. Every process must compute the same loss.
    """
    return torch.cat(all_gather(rows.contiguous())) if processes() > 1 else rows


def average_gradients(weights):
    """Give each weight the mean of its gradients in all processes: that of the joint batch."""
    if processes() == 1:
        return
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    joint = torch.cat([gradient.flatten() for gradient in gradients])  # one message for all
    distributed.all_reduce(joint)
    sizes = [gradient.numel() for gradient in gradients]
    for gradient, mean in zip(gradients, (joint / processes()).split(sizes), strict=True):
        gradient.copy_(mean.view_as(gradient))


def copy_first(run):
    """Give all processes the first one's networks, down to what their batch norms have counted."""
    for part in run.parts if processes() > 1 else ():
        for value in getattr(run, part).state_dict().values():
            value.copy_(of_first(value))


def must_agree(run, batch, length):
    """Raise where several processes could not train as one: a batch that does not divide, or
    runs that stand at different steps, as when not all see one folder."""
    if batch % (TOGETHER * processes()) and processes() > 1:
        raise CourseError(f"A batch of {batch} cannot be shared by {processes()} processes: it "
                          f"must be a multiple of {TOGETHER * processes()}.")
    mine = torch.tensor([[run.step, length]], dtype=torch.float64)
    if (gathered(mine) != mine).any():
        raise CourseError("The processes stand at different steps, or were told different lengths: "
                          "start all with one command, and with a folder that every machine sees.")


def mean_of_all(row):
    """A row of the log, averaged over the processes: what the joint batch gives."""
    if processes() > 1:
        distributed.all_reduce(row)
    return row / processes()
