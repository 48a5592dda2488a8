"""The weights that come with the course, in data/, each with its command, scores and hash."""

import hashlib
import json
from pathlib import Path

from lessons.engine.checkpoints import load_checkpoint, save_checkpoint, write_whole
from lessons.errors import CourseError, nearest

# Shipped weights, listed in weights.json: beside the package here, inside it where it is installed
DATA = next(up / "data" for up in Path(__file__).resolve().parents if (up / "data").is_dir())


def ship(name, tensors, command, scores, **facts):
    """Write tensors to data/name, and to data/weights.json its command, scores and hash.

    command: what makes the file anew. scores: a dict name -> number. facts: what else the file
    says, see `shipped_facts`.
    """
    save_checkpoint(DATA / name, tensors, facts | {"model": Path(name).stem})
    index = DATA / "weights.json"
    entries = json.loads(index.read_text()) if index.exists() else {}
    entries[name] = {"command": command, "scores": scores,
                     "sha256": hashlib.sha256((DATA / name).read_bytes()).hexdigest()}
    write_whole(index, (json.dumps(entries, indent=1, sort_keys=True) + "\n").encode())


def in_16_bits(network):
    """The tensors of a network, those of numbers with a point in 16 bits: what `ship` is given."""
    return {name: value.half() if value.is_floating_point() else value
            for name, value in network.state_dict().items()}


def listed(name):
    """What data/weights.json says of the file data/name: its command, scores and sha256."""
    entries = json.loads((DATA / "weights.json").read_text(encoding="utf-8"))
    if name not in entries:
        raise CourseError(f"The course ships no file '{name}'. {nearest(name, entries)}")
    return entries[name]


def shipped(name):
    """The tensors of data/name, those of 16 bits as float32.

    Raises CourseError where the file is not the one that data/weights.json lists.
    """
    path, entry = DATA / name, listed(name)
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
        raise CourseError(f"The file {path} is not the one that weights.json lists: restore it "
                          f"with git checkout, or make it anew with {entry['command']}.")
    tensors, _ = load_checkpoint(path, path.stem)
    return {key: value.float() if value.is_floating_point() else value
            for key, value in tensors.items()}


def shipped_facts(name):
    """What the file data/name says beside its tensors: a dict, with a model's "vocabulary"."""
    return load_checkpoint(DATA / name, Path(name).stem)[1]


def load(module, name):
    """The module with the weights of data/NAME.safetensors, ready to be used (`eval`)."""
    module.load_state_dict(shipped(f"{name}.safetensors"))
    return module.eval()
