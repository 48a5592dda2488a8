"""The shared loop: it resumes exactly, stops in time, keeps what was trained and moves one side."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch import nn

from lessons.engine import losses, progress, training
from lessons.engine.checkpoints import load_checkpoint
from lessons.engine.losses import NonSaturating
from lessons.errors import CourseError

ROOT = Path(__file__).resolve().parent.parent


class ToyGenerator(nn.Module):
    def __init__(self, conditions=0):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3 + conditions, 8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, z, *conditions):
        return self.layers(torch.cat([z, *conditions], dim=1))


class ToyDiscriminator(nn.Module):
    def __init__(self, dropout=0.0, conditions=0):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2 + conditions, 8), nn.LeakyReLU(0.2),
                                    nn.Dropout(dropout), nn.Linear(8, 1))

    def forward(self, x, *conditions):
        return self.layers(torch.cat([x, *conditions], dim=1))


def toy_run(dropout=0.0, conditions=0, model="toy", **options):
    torch.manual_seed(0)
    return training.Run(ToyGenerator(conditions), ToyDiscriminator(dropout, conditions),
                        model=model, **options)


def draw(n, rng):
    return (torch.randn(n, 2, generator=rng) * 0.3 + 1,)


def failing_draw(step, error):
    """A draw that raises error when it is called for the step of this number, once."""
    calls = iter(range(10**9))

    def draw_or_fail(n, rng):
        if next(calls) == step:
            raise error
        return draw(n, rng)
    return draw_or_fail


def fit(run, draw=draw, **options):
    return training.fit(run, draw, **{"latent": 3, "batch": 8, **options})


def weights(module):
    return torch.cat([p.detach().flatten().clone() for p in module.parameters()])


def assert_same(run, other):
    assert run.step == other.step
    assert run.history == other.history
    for part in ("generator", "discriminator", "average"):
        assert torch.equal(weights(getattr(run, part)), weights(getattr(other, part))), part


# Resuming ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("stop", [1, 19, 32])
def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(tmp_path, dropout, stop, precision):
    whole = fit(toy_run(dropout), steps=40)
    fit(toy_run(dropout), failing_draw(stop, KeyboardInterrupt), steps=40, folder=tmp_path)
    torch.rand(7)  # whatever happens in between must not matter
    resumed = toy_run(dropout)
    resumed.load(tmp_path)
    assert resumed.step == stop
    assert_same(fit(resumed, steps=40, folder=tmp_path), whole)


def test_a_run_goes_on_in_the_same_kernel_after_an_interruption():
    run = fit(toy_run(0.5), failing_draw(11, KeyboardInterrupt), steps=40)
    assert_same(fit(run, steps=40), fit(toy_run(0.5), steps=40))


def test_a_run_goes_on_from_its_last_checkpoint_when_it_crashed_later(tmp_path, monkeypatch):
    clock = iter(range(0, 10**9, 5))  # each look at the clock finds 5 seconds more
    monkeypatch.setattr(training.time, "perf_counter", lambda: next(clock))
    with pytest.raises(ZeroDivisionError):
        fit(toy_run(0.5), failing_draw(30, ZeroDivisionError), steps=40, folder=tmp_path)
    resumed = toy_run(0.5)
    resumed.load(tmp_path)
    assert 0 < resumed.step < 30
    assert_same(fit(resumed, steps=40), fit(toy_run(0.5), steps=40))


def test_a_finished_run_is_not_trained_further(tmp_path):
    before = fit(toy_run(), steps=5, folder=tmp_path)
    after = toy_run()
    after.load(tmp_path)
    assert_same(fit(after, steps=5), before)


def test_the_model_beside_the_checkpoint_is_the_average(tmp_path):
    run = fit(toy_run(), steps=20, folder=tmp_path)
    tensors, facts = load_checkpoint(tmp_path / training.MODEL, "toy")
    average = run.average.state_dict()
    assert tensors.keys() == average.keys()
    assert all(torch.equal(tensors[name], average[name]) for name in average)
    assert facts["step"] == 20


def test_another_seed_gives_another_run():
    assert fit(toy_run(seed=1), steps=3).history != fit(toy_run(seed=2), steps=3).history


def test_a_run_of_networks_of_other_shapes_is_refused(tmp_path):
    fit(toy_run(), steps=2, folder=tmp_path)
    with pytest.raises(CourseError, match="other shapes") as error:
        toy_run(conditions=2).load(tmp_path)
    assert str(tmp_path / training.CHECKPOINT) in str(error.value)


# Stopping ---------------------------------------------------------------------------------------
def test_an_interruption_keeps_what_was_trained(tmp_path, capsys):
    run = toy_run()
    start = weights(run.average)
    fit(run, failing_draw(7, KeyboardInterrupt), steps=40, folder=tmp_path)
    assert run.step == 7 and len(run.history["generator"]) == 7
    assert not torch.equal(weights(run.average), start)
    assert "step 7" in capsys.readouterr().out
    kept = toy_run()
    kept.load(tmp_path)
    assert_same(kept, run)


def test_an_interruption_in_the_generators_step_leaves_a_run_that_can_go_on():
    class Interrupting(NonSaturating):
        @staticmethod
        def generator(real_logits, fake_logits):
            raise KeyboardInterrupt
    run = fit(toy_run(), steps=10, loss=Interrupting)
    assert run.step == 0 and all(p.requires_grad for p in run.discriminator.parameters())
    fit(run, steps=5)
    assert run.step == 5


def test_a_loss_that_is_not_finite_names_its_step_and_what_to_try(tmp_path):
    run = fit(toy_run(), steps=10, folder=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    calls = iter(range(100))

    def spoilt(n, rng):
        real, = draw(n, rng)
        return (real * float("inf") if next(calls) == 3 else real,)
    with pytest.raises(CourseError, match="loss is no longer finite at step 13:.*learning rate"):
        fit(run, spoilt, steps=100, folder=tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    good = toy_run()
    good.load(tmp_path)
    assert good.step == 10 and weights(good.average).isfinite().all()


def test_a_gradient_that_is_not_finite_spoils_no_checkpoint(tmp_path):
    class Cliff(NonSaturating):
        @staticmethod
        def generator(real_logits, fake_logits):
            return (fake_logits * 0).abs().sqrt().mean()  # value 0, gradient 0 * infinity
    run = fit(toy_run(), steps=5, folder=tmp_path)
    with pytest.raises(CourseError, match="weights are no longer finite at step 5:"):
        fit(run, steps=6, loss=Cliff, folder=tmp_path)
    good = toy_run()
    good.load(tmp_path)
    assert good.step == 5 and weights(good.generator).isfinite().all()


def test_a_loss_that_is_not_finite_stops_long_before_the_end():
    calls = []

    def count(n, rng):
        calls.append(n)
        return (torch.full((n, 2), float("nan")),)
    with pytest.raises(CourseError, match="at step 0:"):
        fit(toy_run(), count, steps=10_000)
    assert len(calls) <= 50


@pytest.mark.parametrize("length", [{}, {"steps": 3, "minutes": 1}, {"steps": 0}, {"steps": -1},
                                    {"minutes": 0.0}, {"minutes": float("nan")}])
def test_training_wants_one_length_above_zero(length):
    run = toy_run()
    with pytest.raises(CourseError, match="either steps=... or minutes=...") as error:
        fit(run, **length)
    assert "\n" not in str(error.value) and run.step == 0


def test_minutes_are_minutes_of_training(monkeypatch):
    clock = iter(range(10**9))  # each look at the clock finds a second more
    monkeypatch.setattr(training.time, "perf_counter", lambda: next(clock))
    run = fit(toy_run(), minutes=0.5)
    assert run.step == 30 and run.seconds == 30


def test_a_folder_that_cannot_be_written_is_told_before_the_training(tmp_path):
    (tmp_path / "file").write_text("in the way")
    run = toy_run()
    with pytest.raises(CourseError, match="Cannot write .*file"):
        fit(run, steps=3, folder=tmp_path / "file" / "run")
    assert run.step == 0


# The step ---------------------------------------------------------------------------------------
def test_each_update_moves_its_own_network_alone():
    run = toy_run()
    real, z = torch.ones(8, 2), torch.ones(8, 3)
    fake = run.generator(z)
    g, d = weights(run.generator), weights(run.discriminator)
    training.update_discriminator(run, NonSaturating, real, fake, [], r1=1.0)
    assert torch.equal(weights(run.generator), g)
    assert all(p.grad is None for p in run.generator.parameters())
    assert not torch.equal(weights(run.discriminator), d)
    d = weights(run.discriminator)
    gradients = [p.grad.clone() for p in run.discriminator.parameters()]
    training.update_generator(run, NonSaturating, real, fake, [])
    assert torch.equal(weights(run.discriminator), d)
    assert all(torch.equal(p.grad, before) for p, before in  # none is computed in vain
               zip(run.discriminator.parameters(), gradients, strict=True))
    assert not torch.equal(weights(run.generator), g)
    assert all(p.requires_grad for p in run.discriminator.parameters())


def test_the_logged_losses_are_those_of_the_networks(rounding):
    run = toy_run()
    real, fake = torch.ones(8, 2), torch.zeros(8, 2)
    real_logits, fake_logits = run.discriminator(real), run.discriminator(fake)
    value, right = training.update_discriminator(run, NonSaturating, real, fake, [], r1=0)
    softplus = nn.functional.softplus
    wanted = (softplus(-real_logits) + softplus(fake_logits)).mean()
    assert torch.allclose(value, wanted, atol=0, rtol=rounding)  # its slope is at most 1
    told = ((real_logits > 0).float().mean() + (fake_logits <= 0).float().mean()) / 2
    assert right == told


def test_the_penalty_is_applied_every_eighth_step_and_eight_times_as_strong(monkeypatch):
    seen = []
    update = training.update_discriminator

    def watched(run, loss, real, fake, conditions, r1, *rest):
        seen.append(r1)
        return update(run, loss, real, fake, conditions, r1, *rest)
    monkeypatch.setattr(training, "update_discriminator", watched)
    fit(toy_run(), steps=17, r1=0.25, r1_every=8)
    assert seen == [2.0 if step in (0, 8, 16) else 0 for step in range(17)]


def test_the_penalty_makes_the_discriminator_flatter():
    def slope(r1):
        run = fit(toy_run(lr=1e-2), steps=150, r1=r1)
        real = draw(64, torch.Generator().manual_seed(5))[0].requires_grad_()
        gradient, = torch.autograd.grad(run.discriminator(real).sum(), real)
        return gradient.norm(dim=1).mean()
    assert slope(5.0) < 0.5 * slope(0)


def test_the_learning_rate_is_constant_then_falls_in_a_line():
    run = toy_run(lr=0.5)
    seen = []

    def look(n, rng):
        seen.append(run.optimizers["generator"].param_groups[0]["lr"])
        assert run.optimizers["discriminator"].param_groups[0]["lr"] == seen[-1]
        return draw(n, rng)
    fit(run, look, steps=100)
    wanted = [0.5 * min(1, 1 - 0.98 * (2 * step / 100 - 1)) for step in range(100)]
    assert seen == pytest.approx(wanted)
    assert seen[:51] == [0.5] * 51 and seen[75] == pytest.approx(0.5 * 0.51)
    assert 0.02 * 0.5 < seen[-1] < 0.05 * 0.5


def test_conditions_reach_both_networks():
    seen = {"generator": [], "discriminator": []}
    run = toy_run(conditions=2)
    run.generator.register_forward_pre_hook(lambda _, inputs: seen["generator"].append(inputs))
    run.discriminator.register_forward_pre_hook(
        lambda _, inputs: seen["discriminator"].append(inputs))
    drawn = []

    def pairs(n, rng):
        drawn.append((torch.randn(n, 2, generator=rng), torch.rand(n, 1, generator=rng),
                      torch.rand(n, 1, generator=rng)))
        return drawn[-1]
    fit(run, pairs, steps=1)
    (real, *conditions), = drawn
    (_, *got), = seen["generator"]
    assert all(torch.equal(a, b) for a, b in zip(got, conditions, strict=True))
    both, penalty, generators = seen["discriminator"]
    assert torch.equal(both[0][:8], real)  # real first, then fake, each with the same conditions
    for a, b in zip(both[1:], conditions, strict=True):
        assert torch.equal(a, torch.cat([b, b]))
    for inputs in (penalty, generators):
        assert all(torch.equal(a, b) for a, b in zip(inputs[1:], conditions, strict=True))
    assert torch.equal(penalty[0], real) and torch.equal(generators[0], both[0][8:])


def test_a_generator_learns_what_its_condition_says():
    def pairs(n, rng):
        side = torch.randint(2, (n, 1), generator=rng).float() * 2 - 1
        return side * torch.ones(n, 2) + 0.1 * torch.randn(n, 2, generator=rng), side
    run = fit(toy_run(conditions=1, lr=1e-2), pairs, steps=500, batch=32, decay=0.9)
    z = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        left, right = (run.average(z, torch.full((200, 1), side)).mean() for side in (-1.0, 1.0))
    assert left < -0.5 < 0.5 < right


def test_the_average_follows_its_formula():
    average, model = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    for module in (average, model):
        for value in (module.weight.data, module.bias.data, module.running_mean):
            value.normal_()
    old, new = average.weight.detach().clone(), model.weight.detach().clone()
    model.num_batches_tracked += 5
    training.average_weights(average, model, 0.9)
    assert torch.allclose(average.weight, 0.9 * old + 0.1 * new)
    assert torch.equal(model.weight, new)
    assert torch.equal(average.running_mean, model.running_mean)  # buffers are copied
    assert average.num_batches_tracked == 5


def test_the_average_of_a_run_is_that_of_all_its_steps():
    run, decay = toy_run(), 0.5
    wanted = weights(run.generator)
    for step in range(30):
        fit(run, steps=step + 1, decay=decay)
        keep = min(decay, (1 + step) / (10 + step))  # early on it forgets the start faster
        wanted = keep * wanted + (1 - keep) * weights(run.generator)
    assert torch.allclose(weights(run.average), wanted, atol=1e-6)
    assert not torch.allclose(wanted, weights(run.generator), atol=1e-4)


# Devices ----------------------------------------------------------------------------------------
def here(monkeypatch, cuda=False, mps=False):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize("machine,best", [
    ({}, "cpu"), ({"cuda": True}, "cuda"), ({"mps": True}, "mps")])
def test_auto_is_the_fastest_device_that_is_here(monkeypatch, machine, best):
    here(monkeypatch, **machine)
    assert training.pick_device() == torch.device(best)
    assert training.pick_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda", "mps", "tpu", ""])
def test_a_device_that_is_not_here_is_told_with_those_that_are(monkeypatch, name):
    here(monkeypatch)
    with pytest.raises(CourseError) as error:
        training.pick_device(name)
    assert str(error.value) == f"The device '{name}' is not here. Use one of: auto, cpu."


def processor(monkeypatch, amx=False, bf16=False):
    monkeypatch.delenv("LESSONS_PRECISION", raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bf16, raising=False)


def test_a_cpu_without_bfloat16_uses_none(monkeypatch):
    processor(monkeypatch)
    assert isinstance(training.mixed_precision(torch.device("cpu")), nullcontext)
    for older in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, older)  # a PyTorch that cannot tell
    assert isinstance(training.mixed_precision(torch.device("cpu")), nullcontext)
    assert isinstance(training.mixed_precision(torch.device("mps")), nullcontext)


@pytest.mark.parametrize("gain", ["amx", "bf16"])
def test_a_cpu_with_bfloat16_uses_it(monkeypatch, gain):
    processor(monkeypatch, **{gain: True})
    with training.mixed_precision(torch.device("cpu")):
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.bfloat16


@pytest.mark.parametrize("generation,gains", [((7, 5), False), ((8, 0), True), ((9, 0), True)])
@pytest.mark.filterwarnings("ignore:.*CUDA is not available")
def test_a_gpu_that_only_emulates_bfloat16_uses_none(monkeypatch, generation, gains):
    processor(monkeypatch)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: generation)
    context = training.mixed_precision(torch.device("cuda"))
    assert isinstance(context, torch.autocast) == gains


@pytest.mark.parametrize("gains", [True, False])
def test_a_person_can_choose_the_precision(monkeypatch, gains):
    processor(monkeypatch, bf16=gains)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    for wanted in ("float32", "bfloat16"):
        monkeypatch.setenv("LESSONS_PRECISION", wanted)
        assert {training.precision(torch.device(kind)) for kind in ("cpu", "cuda")} == {wanted}
    monkeypatch.setenv("LESSONS_PRECISION", "auto")
    assert training.precision(torch.device("cpu")) == ("bfloat16" if gains else "float32")


@pytest.mark.parametrize("wrong", ["half", "16", "", "BFLOAT16"])
def test_a_precision_that_is_none_is_told_in_one_sentence(monkeypatch, wrong):
    monkeypatch.setenv("LESSONS_PRECISION", wrong)
    with pytest.raises(CourseError) as error:
        fit(toy_run(), steps=1)
    assert str(error.value) == (f"The environment variable LESSONS_PRECISION is '{wrong}': set it "
                                f"to auto, float32 or bfloat16.")


def test_networks_answer_in_the_precision_and_losses_and_penalties_do_not(monkeypatch, precision):
    run, dtypes, penalties = toy_run(), set(), []
    for network in (run.generator, run.discriminator):
        network.layers[-1].register_forward_hook(lambda *call: dtypes.add(call[2].dtype))

    class Watched(losses.Relativistic):
        @staticmethod
        def discriminator(real_logits, fake_logits):
            assert real_logits.dtype == fake_logits.dtype == torch.float32
            return losses.Relativistic.discriminator(real_logits, fake_logits)

    def penalty(judge, data):
        penalties.append(losses.r1_penalty(judge, data))
        wanted = losses.r1_penalty(run.discriminator, data)
        assert torch.equal(penalties[-1], wanted)  # not one bit is lost
        return penalties[-1]
    monkeypatch.setattr(training, "r1_penalty", penalty)
    fit(run, steps=1, loss=Watched, r2=0.5)
    assert len(penalties) == 2 and getattr(torch, precision) in dtypes
    assert {value.dtype for value in [*run.log, *run.average.parameters()]} == {torch.float32}


def test_a_supervised_loss_is_of_answers_in_float32(precision):
    seen = []

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            seen.append(self.layer(x).dtype)
            return x, self.layer(x)

    def loss(network, x):
        asked, answer = network(x)
        assert torch.equal(asked, x) and answer.dtype == torch.float32
        return answer.square().mean()
    training.fit_supervised(training.Supervised(Two(), model="toy"), draw, loss, steps=2)
    assert seen == [getattr(torch, precision)] * 2


def test_mixed_precision_changes_the_losses_only_a_little(monkeypatch):
    processor(monkeypatch)
    exact = torch.tensor(fit(toy_run(), steps=20).history["discriminator"])
    processor(monkeypatch, bf16=True)
    mixed_run = fit(toy_run(), steps=20)
    mixed = torch.tensor(mixed_run.history["discriminator"])
    assert mixed.isfinite().all()
    assert not torch.equal(mixed, exact)  # or the context did nothing
    assert torch.allclose(mixed, exact, atol=0.05)
    assert weights(mixed_run.generator).dtype == torch.float32


# Losses -----------------------------------------------------------------------------------------
LOSSES = [losses.NonSaturating, losses.Minimax, losses.Hinge, losses.Wasserstein,
          losses.Relativistic]


@pytest.mark.parametrize("loss", LOSSES)
def test_each_loss_moves_both_sides_the_right_way(loss):
    real, fake = (torch.randn(9, 1, generator=torch.Generator().manual_seed(seed)).mul(0.4)
                  .requires_grad_() for seed in (1, 2))
    for_real, for_fake = torch.autograd.grad(loss.discriminator(real, fake), (real, fake))
    assert (for_real <= 0).all() and (for_fake >= 0).all() and for_real.any() and for_fake.any()
    for_fake, = torch.autograd.grad(loss.generator(real, fake), fake)
    assert (for_fake < 0).all()  # the generator wants its logits to rise


@pytest.mark.parametrize("loss", LOSSES)
def test_each_loss_trains_in_the_shared_loop(loss, precision):
    penalties = {"r1": 0, "r2": 0} if loss is losses.Wasserstein else {"r1": 0.5, "r2": 0.5}
    run = fit(toy_run(lr=1e-2), steps=600, loss=loss, **penalties)
    z = torch.randn(200, 3, generator=torch.Generator().manual_seed(3))
    assert (run.average(z).mean(0) - 1).abs().max() < 0.5  # the data lie around 1, 1


def test_a_number_added_to_all_logits_falls_out_of_a_relativistic_loss():
    real, fake = (torch.linspace(low, 1, 9)[:, None] for low in (-1, -2))
    for side in (losses.Relativistic.discriminator, losses.Relativistic.generator):
        assert torch.allclose(side(real + 3, fake + 3), side(real, fake))
        assert not torch.allclose(side(real + 3, fake), side(real, fake))


def test_what_got_no_gradient_is_named_and_a_bias_that_falls_out_is_not(monkeypatch, precision):
    monkeypatch.setenv("LESSONS_SMOKE", "1")
    run = fit(toy_run(), steps=2, loss=losses.Relativistic)
    training.load_or_train(lambda: "shipped", lambda: run, False)
    moments = run.optimizers["discriminator"].state
    moments[run.discriminator.layers[-1].bias]["exp_avg"].zero_()  # what moved it was rounding
    assert training.load_or_train(lambda: "shipped", lambda: run, False) == "shipped"
    moments[run.discriminator.layers[0].weight]["exp_avg"].zero_()
    del run.optimizers["generator"].state[run.generator.layers[2].bias]
    with pytest.raises(AssertionError, match="no gradient: generator.layers.2.bias, "
                                             "discriminator.layers.0.weight$"):
        training.load_or_train(lambda: "shipped", lambda: run, False)


def test_the_articles_formula_on_logits():
    fake = torch.linspace(-4, 4, 9)[:, None]
    wanted = torch.log(1 - torch.sigmoid(fake)).mean()
    assert losses.Minimax.generator(None, fake) == pytest.approx(wanted.item(), abs=1e-6)
    assert losses.Minimax.generator(None, torch.tensor([[200.0]])).isfinite()


def test_the_penalty_of_wgan_gp_is_zero_at_slope_one_and_grows_away_from_it():
    real, fake = torch.randn(5, 2, 2), torch.randn(5, 2, 2)
    direction = torch.nn.functional.normalize(torch.randn(4), dim=0)
    for slope, wanted in ((1.0, 0.0), (3.0, 4.0), (0.0, 1.0)):
        penalty = losses.wgan_gp_penalty(lambda x, s=slope: s * (x.flatten(1) @ direction)[:, None],
                                         real, fake)
        assert penalty.item() == pytest.approx(wanted, abs=1e-5)


def test_wgan_gp_resumes_exactly(tmp_path):
    whole = fit(toy_run(), steps=20, loss=losses.Wasserstein, r1=0)
    fit(toy_run(), failing_draw(9, KeyboardInterrupt), steps=20, folder=tmp_path, r1=0,
        loss=losses.Wasserstein)
    resumed = toy_run()
    resumed.load(tmp_path)
    assert_same(fit(resumed, steps=20, loss=losses.Wasserstein, r1=0), whole)


# Loading ----------------------------------------------------------------------------------------
def test_load_gets_what_draw_names():
    data = torch.randn(50, 2, generator=torch.Generator().manual_seed(3))

    def which(n, rng):
        return (torch.randint(50, (n,), generator=rng),)
    split = fit(toy_run(), which, load=lambda rows: (data[rows],), steps=9)
    assert_same(split, fit(toy_run(), lambda n, rng: (data[which(n, rng)[0]],), steps=9))


def test_the_share_of_time_spent_waiting_for_data_is_counted_and_kept(tmp_path):
    def slow(rows):
        time.sleep(0.03)
        return (rows,)
    run = fit(toy_run(), load=slow, steps=8, folder=tmp_path)
    assert 0.24 < run.waited < run.seconds and run.waiting == run.waited / run.seconds > 0.5
    kept = toy_run()
    assert kept.waiting == 0
    kept.load(tmp_path)
    assert kept.waited == run.waited
    quick = fit(toy_run(), steps=20)
    assert 0 < quick.waiting < 0.5


# Several processes ------------------------------------------------------------------------------
WORKERS = """
import itertools, json, os, signal, socket, sys, time, torch
from pathlib import Path
from lessons import frames, priors, video
from lessons.engine import distributed, training
from lessons.errors import CourseError
from lessons.engine.losses import Relativistic

here = Path(sys.argv[1])
torch.optim.Adam([torch.zeros(1)])  # the first one imports for seconds: not in every fork

def start(count, work, *arguments):
    # forks, which spares starting PyTorch, each with the environment that torchrun gives: returns
    # [exit code, output, errors] of each
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for rank in range(count):
        if not os.fork():
            os.environ |= {"WORLD_SIZE": str(count), "RANK": str(rank), "LOCAL_RANK": str(rank),
                           "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
            for number, name in ((1, "out"), (2, "err")):
                os.dup2(os.open(here / f"{rank}.{name}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC),
                        number)
            try:
                with distributed.together("cpu"):
                    print(json.dumps(work(*arguments)), flush=True)
                os._exit(0)
            except CourseError as error:
                print(error, file=sys.stderr, flush=True)
                os._exit(2)
            finally:
                import traceback
                traceback.print_exc()
                os._exit(1)
    # in the order of their numbers, which grow
    codes = [os.waitstatus_to_exitcode(code) for _, code in sorted(
        os.waitpid(-1, 0) for _ in range(count))]
    return [(code, *((here / f"{rank}.{name}").read_text() for name in ("out", "err")))
            for rank, code in enumerate(codes)]
"""


def run_workers(script, folder):
    """What a script that goes on from WORKERS prints last, read as JSON."""
    result = subprocess.run([sys.executable, "-c", WORKERS + script, str(folder)], cwd=ROOT,
                            env=os.environ | {"OMP_NUM_THREADS": "1"}, text=True, check=True,
                            stdout=subprocess.PIPE, timeout=300)
    return json.loads(result.stdout)


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")

JOINT = """
from lessons.world.theatre import Theatre
from lessons.world.vocabulary import CaptionSampler

# in 64 bits: in 32, Adam makes a difference in the last of them grow tenfold a step
torch.set_default_dtype(torch.float64)
torch.Tensor.float = torch.Tensor.double
wordings = CaptionSampler(Theatre.scenes(32, 0), seed=0)
films = torch.randn(32, 2, 16, frames.PATH, generator=torch.Generator().manual_seed(1))
calls, saved, real_save = [], [], training.save_checkpoint
training.save_checkpoint = lambda path, *what: (saved.append(path.name), real_save(path, *what))

def draw(n, rng):
    rows = torch.randint(32, (n // 2,), generator=rng)
    return rows, *wordings.draw(rows, rng)

def load(rows, ids, said):
    calls.append(len(rows))
    return films[rows].flatten(0, 1), ids.repeat_interleave(2, 0), said.repeat_interleave(2, 0)

def new_run():
    torch.manual_seed(0)
    return training.Run(priors.TheatreGenerator(), video.PathDiscriminator(), model="toy")

def fit(run, batch=16, **how):
    return training.fit(run, draw, load=load, loss=Relativistic, latent=48, batch=batch, r1=0.5,
                        r2=0.5, r1_every=3, extra=video.MatchAndSpread(spread=0), **how)

def told(run, **how):
    try:
        fit(run, **how)
    except CourseError as error:
        return str(error)

def joint(name):
    run = fit(new_run(), steps=6, folder=here / name)
    return {"history": run.history, "rows": calls[0], "saved": saved,
            "weights": [float(weight.sum()) for weight in run.average.parameters()]}

def more():
    behind, rank = new_run(), distributed.rank()
    behind.step = rank
    found = {"odd": told(new_run(), batch=12, steps=2), "behind": told(behind, steps=2)}
    with distributed.first_alone():
        found["made"] = (here / "made").exists()
        time.sleep(0.2)
        (here / "made").touch()
    norm = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    calls.clear()
    right = time.perf_counter
    training.time.perf_counter = lambda: right() * (1 + rank)  # the second clock is too fast

    def counted(rows):
        calls.append(len(rows))
        return (rows,)
    run = training.fit_supervised(training.Supervised(norm, model="toy"),
                                  lambda n, rng: (torch.randn(n, 2, generator=rng),),
                                  lambda network, x: network(x).square().mean(), load=counted,
                                  minutes=0.005)
    return found | {"mean": norm[1].running_mean.tolist(), "steps": run.step, "loads": len(calls)}

print(json.dumps([start(1, joint, "one"), start(2, joint, "two"), start(2, more)]))
"""


@pytest.fixture(scope="module")
def joint(tmp_path_factory):
    """What JOINT found: in one process, in each of two, and more in each of two; its folder."""
    folder = tmp_path_factory.mktemp("joint")
    groups = run_workers(JOINT, folder)
    assert all(code == 0 for group in groups for code, *_ in group), groups
    return *[[json.loads(out) for _, out, _ in group] for group in groups], folder


@needs_fork
def test_two_processes_log_the_losses_of_one_with_the_joint_batch(joint):
    (one,), (first, second), *_ = joint
    assert first["history"] == second["history"]
    assert (one["rows"], first["rows"], second["rows"]) == (8, 4, 4)
    for name in ("discriminator", "generator", "right"):
        assert first["history"][name] == pytest.approx(one["history"][name], rel=1e-10), name


@needs_fork
def test_two_processes_end_with_the_networks_of_one(joint):
    (one,), (first, second), (more, other), _ = joint
    assert first["weights"] == second["weights"] == pytest.approx(one["weights"], abs=1e-9)
    assert more["mean"] == other["mean"]


@needs_fork
def test_the_first_process_alone_writes(joint):
    _, (first, second), _, folder = joint
    assert first["saved"] == [training.CHECKPOINT, training.MODEL] and second["saved"] == []
    assert len(list((folder / "two").iterdir())) == len(list((folder / "one").iterdir())) == 2


@needs_fork
def test_the_first_process_makes_what_the_others_find(joint):
    assert [found["made"] for found in joint[2]] == [False, True]


@needs_fork
def test_the_clock_of_the_first_process_ends_all_at_one_step(joint):
    first, second = joint[2]
    assert first["steps"] == second["steps"] == first["loads"] == second["loads"] > 2


@needs_fork
def test_processes_that_cannot_train_as_one_are_told(joint):
    for found in joint[2]:
        assert found["odd"] == ("A batch of 12 cannot be shared by 2 processes: it must be a "
                                "multiple of 8.")
        assert found["behind"].startswith("The processes stand at different steps")


ENDING = """
clock = itertools.count(0, 31)  # seconds: half a minute between two looks, so it saves
training.time.perf_counter = lambda: next(clock)

def train(name, stop=None, how=None):
    def load(rows):
        if run.step == stop and distributed.rank() == 1:
            os.kill(os.getpid(), getattr(signal, how))
        return (rows,)
    torch.manual_seed(0)
    run = training.Run(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1), model="toy")
    if (here / name / training.CHECKPOINT).exists():
        run.load(here / name)
    begun = run.step
    training.fit(run, lambda n, rng: (torch.randn(n, 2, generator=rng),), load=load, latent=3,
                 batch=8, steps=12, folder=here / name)
    return begun, run.step, run.history["generator"]

print(json.dumps([start(2, train, "two", 4, "SIGKILL"), start(2, train, "two", 8, "SIGTERM"),
                  start(2, train, "two"), start(1, train, "one")]))
"""


@needs_fork
def test_a_killed_process_ends_the_others_with_a_word_and_the_run_goes_on(tmp_path):
    killed, told_to_end, resumed, whole = run_workers(ENDING, tmp_path)
    sentence = ("Another process of this training has ended: what was trained up to the last "
                "checkpoint (at most 30 s ago) is kept; start again with --resume.")
    assert [code for code, *_ in killed] == [2, -signal.SIGKILL]
    assert [code for code, *_ in told_to_end] == [2, 2]
    assert killed[0][2].splitlines()[-1] == told_to_end[0][2].splitlines()[-1] == sentence
    assert "all were told to end" in told_to_end[1][2].splitlines()[-1]
    assert not any("Traceback" in err for _, _, err in killed + told_to_end)
    _, _, losses = json.loads(whole[0][1])
    for code, out, err in resumed:
        assert code == 0, err
        assert json.loads(out) == [8, 12, pytest.approx(losses, rel=1e-4)]


# Killed, and in a log ---------------------------------------------------------------------------
KILL_TWENTY = """
import itertools, os, random, signal, sys, time, torch
from pathlib import Path
from lessons.engine import training
from lessons.engine.checkpoints import load_checkpoint

def train(more):
    run = training.Run(torch.nn.Linear(2, 200), torch.nn.Sequential(
        torch.nn.Linear(200, 1), torch.nn.Flatten(0)), model="toy")
    if (folder / training.CHECKPOINT).exists():
        run.load(folder)
    training.fit(run, lambda n, rng: (torch.randn(n, 200, generator=rng),), latent=2, batch=4,
                 steps=run.step + more, folder=folder)
    return run

folder = Path(sys.argv[1])
steps = [train(1).step]
for child in range(20):
    before = os.stat(folder / training.CHECKPOINT).st_mtime_ns
    process = os.fork()  # spares starting PyTorch twenty times
    if not process:
        clock = itertools.count(0, 31)  # seconds: half a minute between two looks, so it saves
        training.time.perf_counter = lambda: next(clock)
        train(10 ** 9)
    while os.stat(folder / training.CHECKPOINT).st_mtime_ns == before:  # until it has saved once
        assert os.waitpid(process, os.WNOHANG) == (0, 0)
        time.sleep(0.002)
    time.sleep(random.Random(child).uniform(0, 0.05))
    os.kill(process, signal.SIGKILL)
    assert os.waitpid(process, 0)[1] == signal.SIGKILL
    load_checkpoint(folder / training.MODEL, "toy")
    steps.append(load_checkpoint(folder / training.CHECKPOINT, "toy")[1]["step"])
print(*steps, train(1).step, len(list(folder.iterdir())))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has neither fork nor SIGKILL")
def test_a_training_that_is_killed_twenty_times_goes_on_each_time(tmp_path):
    result = subprocess.run([sys.executable, "-c", KILL_TWENTY, str(tmp_path)], check=True,
                            cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, text=True,
                            stdout=subprocess.PIPE)
    *steps, files = map(int, result.stdout.split())
    assert steps == sorted(steps) and steps[-1] == steps[-2] + 1  # nothing that was kept is lost
    assert len(set(steps)) == len(steps)
    assert files == 2  # and what was half written when they died is gone


def test_a_log_gets_plain_lines_and_no_bar(capsys):
    bar = progress.progress(total=40, desc="training", unit="step")
    for _ in range(40):
        bar.update(1)
    bar.close()
    told = capsys.readouterr().err
    assert "\r" not in told
    lines = told.splitlines()
    assert 1 <= len(lines) <= 3 and all(line.startswith("training: ") for line in lines)
    assert "40 of 40 step" in lines[-1]
