"""Lesson 9: what ten million clips would cost, on paper.

Clips beyond one disk are read as a stream by `lessons.sources.shards`.
"""

import dataclasses
import math


def cache_bytes(clips, size, channels=3):
    """Bytes of clips as training reads them: 16 frames of size x size pixels, and 2 seconds of
    sound, 8000 samples of 2 bytes each."""
    return clips * (16 * size ** 2 * channels + 2 * 8000 * 2)


@dataclasses.dataclass(frozen=True)
class Plan:
    """A training on paper: inputs with their units, results as properties.

    step_seconds is measured on one GPU with the whole batch. useful_batch: the largest batch that
    still helps; from there on, twice the batch is no longer worth half the steps (McCandlish et
    al., 2018, arXiv 1812.06162). 2048 is the largest that Brock et al., 2018, arXiv 1809.11096,
    found to help a GAN; it is an assumption here.
    """

    clips: int
    clip_bytes: float       # that are read of each clip in each epoch
    epochs: float
    batch: int              # of all GPUs together
    weights: int            # whose gradients travel, 4 bytes each
    step_seconds: float     # on one GPU, for the whole batch
    gpus: int
    gpu_price: float        # money for a GPU and an hour
    disk_bytes: float       # room
    read_rate: float        # bytes a second that the disk, or the network before it, gives to all
    network_rate: float     # bytes a second from a GPU to the next
    efficiency: float = 0.9  # of many GPUs: share of the time in which they compute
    useful_batch: int = 2048

    @property
    def bytes(self):
        """clips x clip_bytes"""
        return self.clips * self.clip_bytes

    @property
    def steps(self):
        """clips x epochs / batch, rounded up"""
        return math.ceil(self.clips * self.epochs / self.batch)

    @property
    def shared_step(self):
        """Seconds of a step on all GPUs: step_seconds / (gpus x efficiency); one loses nothing."""
        return self.step_seconds / (self.gpus * self.efficiency if self.gpus > 1 else 1)

    @property
    def hours(self):
        """steps x shared_step / 3600"""
        return self.steps * self.shared_step / 3600

    @property
    def money(self):
        """hours x gpus x gpu_price"""
        return self.hours * self.gpus * self.gpu_price

    @property
    def gradient_bytes(self):
        """What each GPU sends in a step, by a ring: 2 (gpus - 1) / gpus x 4 bytes x weights."""
        return 2 * (self.gpus - 1) / self.gpus * 4 * self.weights

    def loads(self):
        """What is asked of each limit as a share of what it gives; above 1 it does not hold."""
        read, sent = self.batch * self.clip_bytes, self.gradient_bytes         # bytes in a step
        return {"disk space": self.bytes / self.disk_bytes,
                "reading clips": read / self.shared_step / self.read_rate,
                "sending gradients": sent / self.shared_step / self.network_rate,
                "batch too large to help": self.batch / self.useful_batch}

    def breaks_first(self):
        """The limit that is nearest to breaking, or farthest beyond it: (name, load)."""
        return max(self.loads().items(), key=lambda load: load[1])
