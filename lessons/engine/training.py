"""The one training loop of the course: a lesson brings two networks, a loss and a way to draw data.

Every random number but dropout's comes from one generator on the CPU, whose state is in the
checkpoint: a resumed run continues exactly, and a run on another device draws the same data.

Several processes, started by torchrun, train as one (see `together`). All draw the same, each works
on its share of the rows, and their gradients are averaged.
"""

import copy
import os
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import torch
from tqdm.auto import tqdm

from lessons.engine import checkpoints, distributed
from lessons.engine.checkpoints import load_checkpoint, save_checkpoint
from lessons.engine.losses import NonSaturating, r1_penalty
from lessons.engine.progress import progress
from lessons.errors import CourseError

CHECKPOINT = "training.safetensors"  # in the folder of a run: all that resuming needs
MODEL = "model.safetensors"          # beside it: the averaged generator alone


def pick_device(name="auto"):
    """torch.device for "auto" (the fastest that is here), "cpu", "cuda" or "mps"."""
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(),
            "cpu": True}
    here["mps"] &= distributed.processes() == 1  # its processes could not talk to each other
    if name == "auto":
        name = next(kind for kind, there in here.items() if there)
    if not here.get(name):
        raise CourseError(f"The device '{name}' is not here. Use one of: auto, "
                          + ", ".join(kind for kind, there in here.items() if there) + ".")
    return torch.device(name)


def precision(device):
    """The numbers in which networks answer while they train: "float32" or "bfloat16".

    The environment variable LESSONS_PRECISION says which. Where it is not set, or "auto", it is
    bfloat16 where the hardware gains from it: NVIDIA GPUs from generation 8 (Ampere), CPUs with AMX
    or AVX512-BF16. The others, like Colab's T4, emulate it and would lose, a CPU tenfold. Raises
    CourseError for any other word.
    """
    wanted = os.environ.get("LESSONS_PRECISION", "auto")
    if wanted not in ("auto", "float32", "bfloat16"):
        raise CourseError(f"The environment variable LESSONS_PRECISION is '{wanted}': set it to "
                          f"auto, float32 or bfloat16.")
    gains = False
    if device.type == "cuda":
        gains = torch.cuda.get_device_capability(device) >= (8, 0)
    elif device.type == "cpu":
        gains = any(getattr(torch.cpu, test, bool)()
                    for test in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return wanted if wanted != "auto" else "bfloat16" if gains else "float32"


def mixed_precision(device):
    """A context for what a network answers while it trains: in `precision` of the device.

    All else is float32 on every machine: losses, penalties, averages, films, sound and scores.
    """
    mixed = precision(device) == "bfloat16"
    return torch.autocast(device.type, torch.bfloat16) if mixed else nullcontext()


@torch.no_grad()
def average_weights(average, model, decay):
    """average <- decay * average + (1 - decay) * model, weight by weight, in place.

    The two are modules of one shape. Buffers (counters, running means) are copied.
    Source: Yazici et al., 2019, arXiv 1806.04498.
    """
    for mean, weight in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(weight, 1 - decay)
    for mean, value in zip(average.buffers(), model.buffers(), strict=True):
        mean.copy_(value)


class _Training:
    """What a training must keep to go on: networks, optimizers, random state, log, time.

    `parts` names the networks, `result` the one that is the model, `columns` what each row of the
    log holds. The learning rate warms up over the first `warm_up` steps.
    """

    warm_up = 1

    def __init__(self, networks, optimizer, betas, model, seed, lr, device):
        self.model, self.seed, self.lr, self.device = model, seed, lr, torch.device(device)
        self.rng = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)  # dropout
        self.step, self.seconds, self.waited, self.log = 0, 0.0, 0.0, []
        self.optimizers = {}
        for part, network in networks.items():
            setattr(self, part, network.to(self.device))
            weights = [weight for weight in network.parameters() if weight.requires_grad]
            # fused: it goes over the weights once instead of ten times, where it can
            self.optimizers[part] = optimizer(weights, lr, betas,
                                              fused=self.device.type in ("cpu", "cuda"))

    @property
    def waiting(self):
        """The share of the time, 0 to 1, in which this process drew and loaded data: that long a
        GPU may have waited for them, less what it had still to do."""
        return self.waited / self.seconds if self.seconds else 0.0

    @property
    def history(self):
        rows = torch.stack(self.log).tolist() if self.log else []
        return {name: [row[k] for row in rows] for k, name in enumerate(self.columns)}

    def save(self, folder):
        """Write the checkpoint and the model to folder, each whole or not at all."""
        tensors = {"rng": self.rng.get_state(), "torch_rng": torch.get_rng_state()}
        if self.device.type == "cuda":
            tensors["cuda_rng"] = torch.cuda.get_rng_state(self.device)
        if self.log:
            tensors["log"] = torch.stack(self.log)
        for part in self.parts:
            tensors |= {f"{part}.{name}": value
                        for name, value in getattr(self, part).state_dict().items()}
        for part, optimizer in self.optimizers.items():
            for index, state in optimizer.state_dict()["state"].items():
                tensors |= {f"adam.{part}.{index}.{name}": value for name, value in state.items()}
        facts = {"model": self.model, "step": self.step, "seconds": self.seconds,
                 "waited": self.waited, "seed": self.seed}
        save_checkpoint(Path(folder) / CHECKPOINT, tensors, facts)
        save_checkpoint(Path(folder) / MODEL, getattr(self, self.result).state_dict(), facts)

    def load(self, folder):
        """Go on where the training in folder stopped. Raises CourseError where it does not fit."""
        path = Path(folder) / CHECKPOINT
        tensors, facts = load_checkpoint(path, self.model)
        for part in self.parts:
            checkpoints.load_weights(getattr(self, part), _under(part, tensors), path)
        for part, optimizer in self.optimizers.items():
            states = {}
            for name, value in _under(f"adam.{part}", tensors).items():
                index, key = name.split(".")
                states.setdefault(int(index), {})[key] = value
            optimizer.load_state_dict({"state": states,
                                       "param_groups": optimizer.state_dict()["param_groups"]})
        self.rng.set_state(tensors["rng"])
        torch.set_rng_state(tensors["torch_rng"])
        if "cuda_rng" in tensors and self.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["cuda_rng"], self.device)
        self.log = list(tensors["log"].to(self.device)) if "log" in tensors else []
        self.step, self.seconds = facts["step"], facts["seconds"]
        self.waited = facts.get("waited", 0.0)  # older checkpoints do not say


class Run(_Training):
    """Two networks in training, and all that must be kept to go on: optimizers, average, history.

    history: dict of lists, one number a step: "discriminator" and "generator" (losses),
    "right" (share of a batch, real and fake, that the discriminator tells right).
    """

    parts, result = ("generator", "discriminator", "average"), "average"
    columns = ("discriminator", "generator", "right")

    def __init__(self, generator, discriminator, *, model, seed=0, lr=1e-3, device="cpu"):
        super().__init__({"generator": generator, "discriminator": discriminator},
                         torch.optim.Adam, (0.0, 0.99), model, seed, lr, device)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)


class Supervised(_Training):
    """One network in training against right answers. history: dict with a list, "loss"."""

    parts, result, columns, warm_up = ("network",), "network", ("loss",), 30

    def __init__(self, network, *, model, seed=0, lr=3e-3, device="cpu"):
        super().__init__({"network": network}, torch.optim.AdamW, (0.9, 0.99), model, seed, lr,
                         device)


def _under(prefix, tensors):
    """The tensors whose names begin with "prefix.", without it."""
    return {name[len(prefix) + 1:]: value for name, value in tensors.items()
            if name.startswith(prefix + ".")}


def update_discriminator(run, loss, real, fake, conditions, r1, r2=0.0, extra=None):
    """One step of the discriminator. real, fake: (N, ...); r1, r2: weights of the penalties at
    real and at generated data, 0 for none; extra: see `fit`.

    Returns its loss and the share of the batch that it tells right.
    """
    with mixed_precision(run.device):
        both = torch.cat([real, fake.detach()])  # one pass for both: (2N, ...)
        twice = [torch.cat([condition, condition]) for condition in conditions]
        logits, more = _parts(run.discriminator(both, *twice))
    real_logits, fake_logits = logits.chunk(2)
    value = total = loss.discriminator(real_logits, fake_logits)
    if extra:
        total = total + extra.discriminator([part[:len(real)] for part in more], conditions)
    def judge(x):
        return _parts(run.discriminator(x, *conditions))[0]
    for weight, data in ((r1, real), (r2, fake)):
        if weight:
            total = total + weight * r1_penalty(judge, data)
    if hasattr(loss, "penalty"):  # one that belongs to the loss itself: Wasserstein's
        total = total + loss.penalty(judge, real, fake, run.rng)
    _descend(run, "discriminator", total)
    right = ((real_logits > 0).float().mean() + (fake_logits <= 0).float().mean()) / 2
    return value.detach(), right


def update_generator(run, loss, real, fake, conditions, extra=None):
    """One step of the generator through a discriminator that stays as it is; returns its loss."""
    run.discriminator.requires_grad_(False)  # saves computing gradients that nobody uses
    try:
        with mixed_precision(run.device):
            logits, more = _parts(run.discriminator(fake, *conditions))
            real_logits = None
            if loss.relativistic:
                with torch.no_grad():
                    real_logits, _ = _parts(run.discriminator(real, *conditions))
        value = total = loss.generator(real_logits, logits)
        if extra:
            total = total + extra.generator(real, fake, more, conditions)
        _descend(run, "generator", total)
    finally:  # also when the kernel is interrupted just here
        run.discriminator.requires_grad_(True)
    return value.detach()


def _parts(answer):
    """A discriminator's answer, logits or (logits, more, ...), as logits and a list of the rest."""
    logits, *more = answer if isinstance(answer, tuple) else (answer,)
    return logits.float(), [part.float() for part in more]


def _answer(run, *inputs):
    """What the network of a `Supervised` run answers, as it trains; in float32, for its loss."""
    with mixed_precision(run.device):
        answer = run.network(*inputs)
    return tuple(part.float() for part in answer) if isinstance(answer, tuple) else answer.float()


def _descend(run, part, loss):
    optimizer = run.optimizers[part]
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    distributed.average_gradients(optimizer.param_groups[0]["params"])
    optimizer.step()


def fit(run, draw, *, load=None, loss=NonSaturating, latent=100, batch=64, r1=0.5, r1_every=8,
        r2=0.0, extra=None, decay=0.999, **how):
    """Train run until it has made `steps` steps or trained for `minutes` minutes, and return it.

    how: steps or minutes, and folder, preview, every_seconds, as below.

    draw(n, rng) -> (real, *conditions): n real examples (n, ...) with what they are conditioned
    on; the networks are called generator(z, *conditions) and discriminator(x, *conditions).
    load: where it is given, draw only says which, and load(*drawn) -> (real, *conditions) gets
    them. batch, latent: size of a batch and of z. r1, r2: weights of the penalties at real and at
    generated data, applied every `r1_every` steps, times as strong (0 for none). decay: of the
    averaged weights. The learning rate is constant for half of the training, then falls in a line
    to 2 %. folder: where checkpoints go, every 30 seconds and at the end. preview(run): called
    every `every_seconds` seconds.

    extra: what a lesson adds to both losses, an object with two functions that give a number each:
    extra.discriminator(more, conditions) and extra.generator(real, fake, more, conditions). A
    discriminator may return (logits, more, ...) instead of logits; `more` is that rest, for the
    real examples in the first function and for the generated ones in the second.

    Several processes (see `together`): batch is that of all. Each draws it whole and keeps its
    share of the rows, so that draw should be quick and load do the work. Losses that compare rows
    see the share alone, unless they call `gathered`; so do batch norms.

    Interrupting the kernel keeps what was trained. Raises CourseError, naming the step, when a
    loss is no longer finite.
    """
    def one_step():
        real, *conditions = _examples(run, draw, load, batch)
        z = distributed.own_rows(torch.randn(batch, latent, generator=run.rng)).to(run.device)
        with mixed_precision(run.device):
            fake = run.generator(z, *conditions).float()
        now = r1_every if run.step % r1_every == 0 else 0
        d_loss, right = update_discriminator(run, loss, real, fake, conditions, r1 * now,
                                             r2 * now, extra)
        g_loss = update_generator(run, loss, real, fake, conditions, extra)
        # early on the average must forget the untrained start
        average_weights(run.average, run.generator, min(decay, (1 + run.step) / (10 + run.step)))
        return torch.stack([d_loss, g_loss, right])
    return _train(run, one_step, batch, **how)


def fit_supervised(run, draw, loss, *, load=None, batch=96, **how):
    """Train a `Supervised` run as `fit` trains a pair: loss(network, *examples) -> a number, where
    network(...) answers in float32.

    draw(n, rng) -> examples, a tuple of tensors of a batch, or with load, which ones they are.
    """
    def one_step():
        examples = _examples(run, draw, load, batch)
        value = loss(partial(_answer, run), *examples)
        _descend(run, "network", value)
        return value.detach()[None]
    return _train(run, one_step, batch, **how)


def _examples(run, draw, load, batch):
    """This process's share of a batch on the run's device, and how long that took in run.waited.

    The way to the device does not count: there the GPU's own work would be waited for.
    """
    start = time.perf_counter_ns()
    examples = [distributed.own_rows(part) for part in draw(batch, run.rng)]
    if load:
        examples = load(*examples)
    run.waited += (time.perf_counter_ns() - start) / 1e9
    return [part.to(run.device) for part in examples]


def _train(run, one_step, batch, *, steps=None, minutes=None, folder=None, preview=None,
           every_seconds=10):
    """The loop: one_step() -> a row of the log."""
    if (steps is None) == (minutes is None) or not (minutes if steps is None else steps) > 0:
        raise CourseError("Say how long to train: either steps=... or minutes=..., not both, "
                          "and more than 0.")
    distributed.must_agree(run, batch, steps or minutes)
    distributed.copy_first(run)
    if distributed.rank():  # the first process alone writes and speaks
        folder = preview = None
    if folder:
        checkpoints.must_be_writable(folder)  # told now, not after the training
        for unfinished in Path(folder).glob("*.part"):  # of a training that was killed
            unfinished.unlink(missing_ok=True)
    bar = progress(total=steps or round(minutes * 60), desc="training",
                   unit="step" if steps else "s", disable=distributed.rank() > 0,
                   initial=min(steps, run.step) if steps else round(run.seconds))
    shown = saved = time.perf_counter()
    try:
        while (done := run.step / steps if steps else run.seconds / (60 * minutes)) < 1:
            start = time.perf_counter()
            rate = run.lr * min(1.0, (1 + run.step) / run.warm_up, 1 - 0.98 * (2 * done - 1))
            for optimizer in run.optimizers.values():
                optimizer.param_groups[0]["lr"] = rate
            run.log.append(distributed.mean_of_all(one_step()))
            run.step += 1
            now = time.perf_counter()
            # one clock ends all at one step
            run.seconds = distributed.of_first(run.seconds + now - start)
            bar.update((run.step if steps else round(run.seconds)) - bar.n)
            if run.step % 50 == 0:
                _must_be_finite(run)
            if preview and now - shown > every_seconds:
                preview(run)
                shown = time.perf_counter()
            if folder and now - saved > 30:
                _must_be_finite(run)  # a checkpoint is never one that has gone wrong
                run.save(folder)
                saved = time.perf_counter()
        _must_be_finite(run)
        distributed.copy_first(run)
    except KeyboardInterrupt:
        _must_be_finite(run)
        if distributed.rank() == 0:
            tqdm.write(f"Interrupted at step {run.step}: what was trained until here is kept.")
    finally:
        bar.close()
    if folder:
        run.save(folder)
    return run


def length(**wanted):
    """How long a notebook trains: as it wishes, steps=... or minutes=..., or four steps where the
    tests run it (LESSONS_SMOKE=1)."""
    return {"steps": 4} if os.environ.get("LESSONS_SMOKE") else wanted


def fit_to_end(run, folder, draw, *, minutes=None, steps=None, **how):
    """`fit` a run, or `fit_supervised` it, to its end and return it: one stage of several.

    It goes on from its checkpoint in folder if there is one. Raises CourseError where it was
    interrupted: the stage after it must not begin.
    """
    if folder and (Path(folder) / CHECKPOINT).exists():
        run.load(folder)
    kind = fit_supervised if isinstance(run, Supervised) else fit
    kind(run, draw, minutes=minutes, steps=steps, folder=folder, **how)
    if run.step < steps if steps else run.seconds < 60 * minutes:
        raise CourseError(f"Interrupted in the stage '{run.model}' at step {run.step}: what was "
                          f"trained is kept, go on with resume=True or --resume.")
    return run


def load_or_train(load, train, live):
    """The generator that a lesson goes on with: load() at once, or train() in front of the learner.

    load() gives a finished generator; train() a `Run`, whose averaged generator is taken where
    live is true. Tests train too, prove that the game was played, and then go on with load().
    """
    tested = "LESSONS_SMOKE" in os.environ
    run = train() if live or tested else None
    if tested:
        _must_be_finite(run)
        assert not (still := unmoved(run)), f"no gradient: {', '.join(still)}"
    return run.average.eval() if live and not tested else load()


def unmoved(run):
    """Names of the weights to which the last step gave no gradient, though it could have: a list.

    A relativistic loss sees differences of logits alone, from which a number that is added to all
    of them falls out. So the bias of a discriminator's last layer, the layer with one output, may
    stay where it began (what moves it is rounding), and does not count.
    """
    found = []
    for part, optimizer in run.optimizers.items():
        for name, weight in getattr(run, part).named_parameters():
            last = part == "discriminator" and name.endswith("bias") and len(weight) == 1
            moved = weight in optimizer.state and optimizer.state[weight]["exp_avg"].any()
            if weight.requires_grad and not (last or moved):
                found.append(f"{part}.{name}")
    return found


def _must_be_finite(run):
    """Raise when a loss of the last 50 steps, or a weight, is infinite or not a number."""
    recent = torch.stack(run.log[-50:]) if run.log else torch.zeros(1, 1)
    bad = (~recent.isfinite()).any(dim=1).nonzero()
    sums = [weight.sum() for part in run.parts for weight in getattr(run, part).parameters()]
    if len(bad) or not torch.stack(sums).isfinite().all():
        what, step = "weights are", run.step - 1  # unless a loss was the first to go
        if len(bad):
            what, step = "loss is", run.step - len(recent) + int(bad[0])
        raise CourseError(f"The {what} no longer finite at step {step}: try a smaller learning "
                          f"rate (now {run.lr:g}) or a stronger R1 penalty; a checkpoint from "
                          f"before this step, where there is one, is unharmed.")
