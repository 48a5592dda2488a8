"""Clips with sound per second: python tests/bench_theatre.py"""

import time

import torch

from lessons.world.theatre import Theatre

if __name__ == "__main__":
    print(f"{torch.get_num_threads()} threads")
    for size in (32, 48, 64):
        theatre = Theatre(size)
        theatre.sample(16)  # warm up
        start = time.perf_counter()
        theatre.sample(512, seed=1)
        rate = 512 / (time.perf_counter() - start)
        print(f"{size} x {size}: {rate:.0f} clips with sound a second")
