"""Real data, verified: handwritten digits (MNIST), spoken ones (FSDD), and human actions (KTH).

A file that is already in the cache and has the right content is never downloaded again. The cache
is the folder named by the environment variable LESSONS_DATA_HOME, else one in the user's own cache.
"""

import gzip
import hashlib
import io
import os
import re
import sys
import tarfile
import wave
import zlib
from pathlib import Path

import numpy as np
import pooch
import torch

from lessons.engine.checkpoints import write_whole
from lessons.engine.progress import progress, watched
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
SPOKEN = "free-spoken-digit-dataset-1.0.10.tar.gz"
SPOKEN_MIRRORS = (
    "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz",
    "https://codeload.github.com/Jakobovski/free-spoken-digit-dataset/tar.gz/refs/tags/v1.0.10")
SPOKEN_SHA256 = "8fed8b0b058a7efa7544bbb3e8e98607ecdcbd47a2f0ea31139cab18a6b679c9"  # see _digest
RECORDING = re.compile(r"[^/]+/recordings/(\d_[a-z]+_\d+)\.wav")  # digit, speaker, index
LARGEST = 1_000_000  # bytes of a recording; the longest has 36,568
PATIENCE = 3, 5      # seconds: to reach a mirror, and until its next bytes come


def data_home():
    """The folder that keeps downloads (Path): LESSONS_DATA_HOME, else the user's cache."""
    return Path(os.environ.get("LESSONS_DATA_HOME") or pooch.os_cache("text-to-video-course"))


def mirrors():
    """What LESSONS_MIRRORS asks for, "ADDRESS=MIRROR" with spaces between: a dict of beginnings of
    addresses and what stands in their place. Raises CourseError for anything else."""
    pairs = [pair.partition("=")[::2] for pair in os.environ.get("LESSONS_MIRRORS", "").split()]
    if not all(mirror.startswith("http") for _, mirror in pairs):
        raise CourseError("LESSONS_MIRRORS is not understood: write ADDRESS=MIRROR, both beginning "
                          "with https://, and a space between two of them.")
    return dict(pairs)


def mirrored(address):
    """An address, or its mirror where LESSONS_MIRRORS names one."""
    return next((mirror + address.removeprefix(begins) for begins, mirror in mirrors().items()
                 if address.startswith(begins)), address)


# Handwritten digits -----------------------------------------------------------------------------
def mnist(split="train"):
    """The MNIST digits: images uint8 (N, 28, 28), 0 is paper and 255 ink, and labels int64 (N,).

    split: "train" (N = 60,000) or "test" (N = 10,000). Downloads 11 MB once. Raises CourseError
    where a file can neither be found nor downloaded; the sentence says which file to put where.
    Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits", 1998.
    """
    if split not in ("train", "test"):
        raise CourseError(f"MNIST has the splits 'train' and 'test', not '{split}'.")
    prefix = "train" if split == "train" else "t10k"
    images = _idx(f"{prefix}-images-idx3-ubyte.gz", header=16).reshape(-1, 28, 28)
    return images, _idx(f"{prefix}-labels-idx1-ubyte.gz", header=8).long()  # (N, 28, 28), (N,)


def _idx(name, header):
    """One idx file as a flat uint8 tensor: the header says only what the hash has proved."""
    raw = _fetch("mnist", name, [mirror + name for mirror in MIRRORS],
                 lambda content: gzip.decompress(_verified(content, SHA256[name])))
    return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=header).copy())


# Spoken digits ----------------------------------------------------------------------------------
def spoken_digits(split="train"):
    """"zero" to "nine", spoken in English by six people: (waves, labels, speakers).

    split: "train" (N = 2,700) or "test" (N = 300: the first five of fifty recordings of each digit,
    as the authors split them). waves: N float32 arrays (samples,) in -1..1, 8,000 samples a second,
    0.14 to 2.28 seconds long. labels: int64 (N,). speakers: N names.

    Downloads 16 MB once. Raises CourseError as `mnist` does. Source: Zohar Jackson and others,
    Free Spoken Digit Dataset 1.0.10, github.com/Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0.
    """
    if split not in ("train", "test"):
        raise CourseError(f"The spoken digits have the splits 'train' and 'test', not '{split}'.")
    files = _fetch("fsdd", SPOKEN, SPOKEN_MIRRORS, _recordings)
    keys = ((name, *name.split("_")) for name in files)
    chosen = sorted((int(digit), speaker, int(index), name) for name, digit, speaker, index in keys
                    if (int(index) < 5) == (split == "test"))
    digits, speakers, _, names = zip(*chosen, strict=True)
    return [_samples(files[name]) for name in names], torch.tensor(digits), list(speakers)


def _recordings(archive):
    """The recordings of an archive (bytes of a tar.gz, never written to the disk): a dict
    "digit_speaker_index" -> bytes. Raises ValueError unless they are those published."""
    files = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r|gz") as members:
            for member in members:
                name = RECORDING.fullmatch(member.name)
                if name and member.isreg() and member.size < LARGEST:
                    files[name[1]] = members.extractfile(member).read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ValueError(f"no whole archive: {error}") from None
    if _digest(files) != SPOKEN_SHA256:
        raise ValueError("other recordings")
    return files


def _digest(files):
    """SHA-256 over names and contents (dict name -> bytes): the same where an archive is packed
    anew and has other bytes."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(f"{name}.wav {len(files[name])}\n".encode() + files[name])
    return total.hexdigest()


def _samples(content):
    """The samples of a wav file (bytes of 8 kHz, mono, 16 bits) as float32 (samples,) in -1..1."""
    with wave.open(io.BytesIO(content)) as file:
        if file.getparams()[:3] != (1, 2, 8000):
            raise CourseError("A recording of the spoken digits is not 8 kHz, mono, 16 bits: "
                              "delete the archive, and it is downloaded anew.")
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


# Downloads --------------------------------------------------------------------------------------
def _fetch(folder, name, addresses, read):
    """What read(content) gives of a file of the cache, downloaded where it is not there and whole.

    addresses: where the file is published, the best first. read: takes the file's bytes and raises
    ValueError where they are not those published.
    """
    path = data_home() / folder / name
    try:
        return read(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        found = "is not here"
    except (OSError, ValueError):
        found = "is damaged"
    for address in map(mirrored, addresses):
        if watched():  # a network that swallows what is sent costs some seconds
            print(f"Downloading {name} from {address.split('/')[2]} ...", file=sys.stderr)
        content = io.BytesIO()
        try:
            with progress(total=1, desc=name, unit="B", unit_scale=True, delay=2) as bar:
                pooch.HTTPDownloader(bar, timeout=PATIENCE)(address, content, None)
            value = read(content.getvalue())
        except (OSError, ValueError):  # no network, a mirror that is down, or other content
            continue
        try:
            write_whole(path, content.getbuffer())
        except CourseError as error:
            raise CourseError(f"{str(error)[:-1]}, with LESSONS_DATA_HOME.") from None
        return value
    raise CourseError(f"The file {path} {found} and cannot be downloaded: connect to the network, "
                      f"or save {addresses[0]} there.")


def _verified(content, sha256):
    """content (bytes) if it has this hash, else ValueError."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError("the hash does not fit")
    return content
