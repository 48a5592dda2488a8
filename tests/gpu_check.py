"""What a machine with a GPU makes of the course: python tests/gpu_check.py

It needs PyTorch, the course's packages and no network. The stages of the film model train on the
GPU and on the CPU of the same machine; processes train as one, two where there are two GPUs; films
are made; all notebooks run as nbval runs them, and the tests that depend on the device. What the
machine lacks is told, with what is skipped because of it. Everything ends within nine minutes: each
part has its share of them, and is cut, and said to be, when that is over.

It writes one JSON file and prints a table; it ends with 1 where something failed. `--device cpu`
does the same without a GPU, by gloo in the place of NCCL. For Linux.
"""

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CPU = os.cpu_count()
NEEDS = {"notebooks": ("pytest", "nbval", "ipykernel"), "tests": ("pytest",)}
TESTS = ("training", "video", "beyond", "mlp_gan", "text_conditioning", "audio", "scaling")
CAPTIONS = ["a red man walks to the left", "a blue woman runs then jumps", "一个红衣男人先走后跑"]
AVERAGED = """
import sys, torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
distributed.init_process_group(sys.argv[1])
rank, world = distributed.get_rank(), distributed.get_world_size()
device = torch.device("cuda", rank) if sys.argv[1] == "nccl" else torch.device("cpu")
network = DistributedDataParallel(torch.nn.Linear(1, 1).to(device))
network(torch.full((1, 1), rank + 1.0, device=device)).sum().backward()
assert network.module.weight.grad.item() == (world + 1) / 2, "the gradients were not averaged"
distributed.destroy_process_group()
"""


# Commands ---------------------------------------------------------------------------------------
def run(command, seconds, device, **environment):
    """Run a command of Python's in the course's folder and end it, with all that it started, when
    its time is over: a dict with "ended", its exit code or "cut", "seconds" and "output"."""
    environment["PYTHONPATH"] = str(ROOT)
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as file:
        process = subprocess.Popen([sys.executable, *map(str, command)], cwd=ROOT, stdout=file,
                                   stderr=subprocess.STDOUT, start_new_session=True,
                                   env={**os.environ, **environment})
        try:
            ended = process.wait(seconds)
        except subprocess.TimeoutExpired:
            ended = "cut"
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        file.seek(0)
        return {"ended": ended, "seconds": round(time.monotonic() - start, 1),
                "output": file.read()}


def told(done):
    """What is kept of a command: how it ended, and its last line, or more where it failed."""
    lines = done.pop("output").strip().splitlines() or [""]
    return done | {"said": "\n".join(lines[-30:] if done["ended"] else lines[-1:])}


def side_by_side(commands, seconds, device, **environment):
    """Run commands, name -> command, as many at once as there are pairs of cores."""
    end = time.monotonic() + seconds

    def one(command):
        left = end - time.monotonic()
        if left < 1:
            return {"ended": "cut", "seconds": 0, "said": "not begun"}
        return told(run(command, left, device, OMP_NUM_THREADS="2", **environment))
    with ThreadPoolExecutor(max(1, CPU // 2)) as pool:
        return dict(zip(commands, pool.map(one, commands.values()), strict=True))


def measured(name, device, seconds):
    """What one of MEASURES finds, in a process of its own, so that it can be cut."""
    done = run([__file__, "--measure", name, "--device", device, "--seconds", seconds], seconds,
               device)
    return told(done) if done["ended"] else json.loads(done["output"].splitlines()[-1])


# Measures, each in a process of its own -----------------------------------------------------------
def peak(device, seconds):
    """Matrix products of the largest useful size: TFLOP/s in both precisions."""
    import torch
    from torch.utils.benchmark import Timer
    n, found = 8192 if device == "cuda" else 1024, {}
    for kind in ("float32", "bfloat16"):
        a = torch.randn(n, n, device=device).to(getattr(torch, kind))
        timer = Timer("a @ a", globals={"a": a}, num_threads=torch.get_num_threads())
        found[kind] = 2 * n ** 3 / timer.blocked_autorange(min_run_time=seconds / 10).median / 1e12
    return found


def stages(device, seconds):
    """Each stage's training: steps a second, and the share of the time spent waiting for data; on a
    CPU also what a step computes, GFLOP (the same on every device)."""
    import torch
    found = {}
    for name, play in games(torch.device(device)).items():
        row = found[name] = {}
        if device == "cpu":  # of steps 1 to 8, of which the last has penalties
            row["gflop"] = (gflop(play, 9) - gflop(play, 1)) / 8
        else:
            play(steps=9)  # warm up
        game = play(minutes=seconds / 60 / 12)
        row |= {"steps_a_second": game.step / game.seconds, "waiting": game.waiting}
    return found


def gflop(play, steps):
    """What so many steps compute in matrix products and convolutions, forward and backward."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import flop_registry

    class Counted(TorchDispatchMode):  # FlopCounterMode itself stops at autograd.grad, as in R1
        total = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            answer = function(*args, **(kwargs or {}))
            if count := flop_registry.get(function._overloadpacket):
                self.total += count(*args, **(kwargs or {}), out_val=answer)
            return answer
    with Counted() as counted:
        play(steps=steps)
    return counted.total / 1e9


def games(device):
    """Name of a stage -> a function that trains it for steps=... or minutes=... and returns the
    run: lesson 3's pictures, and the four stages of the film model on a few films."""
    import copy
    from functools import partial

    from lessons import frames
    from lessons.studies import conditioning
    from lessons.text_to_video import FilmModel, TheatreFilms
    world = TheatreFilms(films=200)
    world.prepare(0)
    model = FilmModel(world.name, world.layout, world.vocabulary, world.examples).to(device)
    model.autoencoder.stage.copy_(world.stage)
    world.measure(model)
    how = {"device": device}
    return {"pictures": partial(conditioning.train, "projection + contrastive", **how),
            "autoencoder": partial(frames.train_autoencoder, model.autoencoder, world.draw,
                                   world.load, name="check", **how),
            "paths": lambda **length: world.train_paths(copy.deepcopy(model), **how, **length),
            "refiner": partial(frames.train_refiner, model.autoencoder, world.video, world.paths,
                               world.paths, name="check", **how),
            "sound": partial(world.train_sound, model, **how)}


def films(device, seconds):
    """Films with sound a second, by the shipped model in batches of 64."""
    from lessons import text_to_video
    model, rounds = text_to_video.load_model("theatre").to(device), 0
    text_to_video.film(model, CAPTIONS, 8)  # warm up
    start = time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds / 4:
        text_to_video.film(model, CAPTIONS[:1], 64)
        rounds += 1
    return {"films_a_second": 64 * rounds / spent}


MEASURES = {"peak": peak, "stages": stages, "films": films}


# Parts: what is found on a device in so many seconds ---------------------------------------------
def machine(device, seconds):
    import torch
    doctor = run(["-m", "lessons", "doctor"], seconds, device)
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {"torch": torch.__version__, "cores": CPU, "gpus": gpus, "doctor": doctor["output"],
            "ended": doctor["ended"]}


def training(device, seconds):
    """Every stage on the device beside the CPU, and what share of the measured peak it uses."""
    kinds = dict.fromkeys([device, "cpu"])
    found = {kind: {name: measured(name, kind, share * seconds / len(kinds))
                    for name, share in (("peak", 0.15), ("stages", 0.85))} for kind in kinds}
    for kind, parts in found.items():
        for name, row in parts["stages"].items() if "ended" not in parts["stages"] else ():
            gflop = found["cpu"]["stages"].get(name, {}).get("gflop")
            if gflop and "bfloat16" in parts["peak"]:
                row["share_of_peak"] = gflop * row["steps_a_second"] / 1e3 \
                    / parts["peak"]["bfloat16"]
            print(f"    {kind:5} {name:12} " + ", ".join(f"{what} {value:.3g}"
                                                         for what, value in row.items()))
    return found


def together(device, seconds):
    """Several processes as one: that gradients are averaged, and a training from shards."""
    import torch
    backend = "nccl" if device == "cuda" else "gloo"
    count = 2 if device == "cpu" else min(2, torch.cuda.device_count())
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", count]
    with tempfile.TemporaryDirectory() as folder:
        check, clips = Path(folder, "check.py"), Path(folder, "clips")
        check.write_text(AVERAGED)
        clips.mkdir()
        write_clips(clips)
        averaged = told(run([*start, check, backend], seconds / 4, device))
        train = told(run([*start, "-m", "lessons", "train", "--data", clips, "--out",
                          f"{folder}/run", "--steps", 40, "--device", device], seconds / 2, device))
    return {"processes": count, backend: averaged, "train": train}


def write_clips(folder):
    """Write real clips to shards, as `python -m lessons train --data FOLDER` takes them."""
    from lessons.sources import shards
    from lessons.world.theatre import Theatre
    clips = Theatre().sample(64)
    sounds = (clips.audio * 32767).astype("int16")
    shards.write_shards([{"key": str(i), "video": clips.video[i], "audio": sounds[i],
                           "caption": clips.captions[i]} for i in range(64)], folder, 16)


def generate(device, seconds):
    """Films a second on the device, and by the command, which makes them on the CPU."""
    with tempfile.TemporaryDirectory() as folder:
        done = run(["-m", "lessons", "generate", *CAPTIONS, "--count", 20, "--model", "theatre",
                    "--out", f"{folder}/films.npz"], seconds / 2, device)
    return {device: measured("films", device, seconds / 2), "command": told(done)}


def notebooks(device, seconds):
    command = ["-m", "pytest", "-q", "--nbval-lax", "--nbval-current-env",
               "--nbval-cell-timeout=600", "-p", "no:cacheprovider"]
    files = sorted(path for tree in ("solutions", "notebooks")
                   for path in (ROOT / tree).glob("[0-9]*.ipynb"))
    return side_by_side({f"{path.parent.name}/{path.stem}": [*command, path] for path in files},
                        seconds, device, LESSONS_SMOKE="1")


def tests(device, seconds):
    return side_by_side({name: ["-m", "pytest", "-q", "-p", "no:cacheprovider",
                                f"tests/test_{name}.py"] for name in TESTS}, seconds, device)


# part -> its share of the time; together less than all of it
PARTS = {machine: 0.06, training: 0.3, together: 0.14, generate: 0.08, notebooks: 0.2, tests: 0.2}


def verdicts(found, name=""):
    """(name, verdict, seconds) of every command in what was found."""
    if "ended" in found:
        yield name, {0: "passed", "cut": "CUT"}.get(found["ended"], "FAILED"), \
            found.get("seconds", "")
    for key, value in found.items():
        if isinstance(value, dict):
            yield from verdicts(value, f"{name} {key}".strip())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cuda or cpu")
    parser.add_argument("--seconds", type=float, default=530, help="for all parts (default: 530)")
    parser.add_argument("--out", type=Path, default=Path("gpu_check.json"))
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(MEASURES[options.measure](options.device, options.seconds)))
        return
    found, failed = {"device": options.device}, False
    for part, share in PARTS.items():
        name, start = part.__name__, time.monotonic()
        print(f"{name} ...", flush=True)
        missing = [each for each in NEEDS.get(name, ()) if not importlib.util.find_spec(each)]
        found[name] = {"skipped": f"no {', '.join(missing)} here"} if missing else \
            part(options.device, share * options.seconds)
        found[name]["part_seconds"] = round(time.monotonic() - start, 1)
        options.out.write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")
        for what, verdict, seconds in verdicts(found[name]):
            failed |= verdict == "FAILED"
            print(f"    {what or name:40} {verdict:8} {seconds}")
        if missing:
            print(f"    skipped: {found[name]['skipped']}")
    print(f"All is in {options.out}.")
    sys.exit(failed)


if __name__ == "__main__":
    main()
