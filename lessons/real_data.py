"""Real data, verified: today the handwritten digits of MNIST.

A file that is already in the cache and has the right content is never downloaded again. The cache
is the folder named by the environment variable LESSONS_DATA_HOME, else one in the user's own cache.
"""

import gzip
import hashlib
import os
from pathlib import Path

import numpy as np
import pooch
import torch

from lessons.errors import CourseError

MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/",
           "https://storage.googleapis.com/cvdf-datasets/mnist/")
SHA256 = {  # of the four files that LeCun, Cortes and Burges published
    "train-images-idx3-ubyte.gz":
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz":
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz":
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz":
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}


def data_home():
    """The folder that keeps downloads (Path): LESSONS_DATA_HOME, else the user's cache."""
    return Path(os.environ.get("LESSONS_DATA_HOME") or pooch.os_cache("text-to-video-course"))


def mnist(split="train"):
    """The MNIST digits: images uint8 (N, 28, 28), 0 is paper and 255 ink, and labels int64 (N,).

    split: "train" (N = 60,000) or "test" (N = 10,000). Downloads 11 MB once. Raises CourseError
    where a file can neither be found nor downloaded; the sentence says which file to put where.
    Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits", 1998.
    """
    if split not in ("train", "test"):
        raise CourseError(f"MNIST has the splits 'train' and 'test', not '{split}'.")
    prefix = "train" if split == "train" else "t10k"
    images = _read(f"{prefix}-images-idx3-ubyte.gz", header=16)
    labels = _read(f"{prefix}-labels-idx1-ubyte.gz", header=8)
    return images.reshape(-1, 28, 28), labels.long()  # (N, 28, 28), (N,)


def _read(name, header):
    """One idx file as a flat uint8 tensor: the header says only what the hash has proved."""
    raw = gzip.decompress(_fetch(name).read_bytes())
    return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=header).copy())


def _fetch(name):
    """The path of a verified file of the cache, downloaded from the first mirror that answers."""
    path = data_home() / "mnist" / name
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[name]:
        return path
    found = "is damaged" if path.exists() else "is not here"
    pooch.get_logger().setLevel("WARNING")  # the sentence below says all that matters
    for mirror in MIRRORS:
        try:
            return Path(pooch.retrieve(mirror + name, SHA256[name], fname=name, path=path.parent,
                                       downloader=pooch.HTTPDownloader(timeout=20)))
        except (OSError, ValueError):  # no network, a mirror that is down, or a wrong content
            continue
    raise CourseError(f"The file {path} {found} and cannot be downloaded: connect to the network, "
                      f"or put {name} from {MIRRORS[0]} there.")
