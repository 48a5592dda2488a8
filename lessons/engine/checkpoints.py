"""Checkpoints: tensors and a few facts in one file, written whole or not at all.

The format is safetensors, so that no file can run code when it is read. The header carries a hash
of tensors and facts, so that a damaged file is told apart from a good one.
"""

import hashlib
import json
import os
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save

from lessons.errors import CourseError


def save_checkpoint(path, tensors, facts):
    """Write tensors (dict name -> tensor) and facts (a dict that JSON can hold) to path.

    The file appears under its name only when it is complete: a full disk or a killed process
    leaves the former one in place. Raises CourseError where the folder cannot be written.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    facts = json.dumps(facts)
    write_whole(path, save(tensors, metadata={"facts": facts, "sha256": _digest(tensors, facts)}))


def write_whole(path, content):
    """Write bytes to path by way of a temporary file in the same folder."""
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)  # atomic within one folder
        except BaseException:  # a full disk, or an interrupted kernel
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CourseError(f"Cannot write {path} ({error.strerror or error}): free some space, "
                          f"or choose a folder that you may write to.") from None


def must_be_writable(folder):
    """Make folder where it is missing; raises CourseError where no file can be written to it."""
    probe = Path(folder) / "probe"
    write_whole(probe, b"")
    probe.unlink()


def load_checkpoint(path, model=None):
    """(tensors, facts) of a checkpoint, both verified.

    model: the name that facts["model"] must have, where given. Raises CourseError for a file that
    is missing, truncated, damaged, or of another model.
    """
    path = Path(path)
    if not path.exists():
        raise CourseError(f"There is no file {path}: train first, or give the folder of a model.")
    try:
        with safetensors.safe_open(path, "pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        facts = json.loads(header["facts"])
        intact = header["sha256"] == _digest(tensors, header["facts"])
    except (safetensors.SafetensorError, OSError, KeyError, ValueError):
        raise CourseError(f"The file {path} is truncated or not a checkpoint of this course: "
                          f"delete it and train again, or restore it from a copy.") from None
    if not intact:
        raise CourseError(f"The file {path} is damaged (its hash does not fit its content): "
                          f"delete it and train again, or restore it from a copy.")
    if model and facts.get("model") != model:
        raise CourseError(f"The file {path} holds a '{facts.get('model')}' model, not '{model}': "
                          f"give the folder of a '{model}' model, or an empty folder.")
    return tensors, facts


def load_weights(module, tensors, path):
    """Give module the tensors that were read from path, for the sentence where they do not fit."""
    try:
        module.load_state_dict(tensors)
    except RuntimeError:
        raise CourseError(f"The networks in {path} have other shapes than these: "
                          f"give the folder of the same model, or an empty one.") from None


def _digest(tensors, facts):
    """A hash over the facts (text) and over names, shapes and bytes of all tensors."""
    total = hashlib.sha256(facts.encode())
    for name in sorted(tensors):
        value = tensors[name]
        total.update(f"{name} {value.dtype} {tuple(value.shape)} ".encode())
        total.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()
