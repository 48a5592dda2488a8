"""Each check passes a right answer, however it is written, and tells each wrong one why."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lessons import exercises, measuring, mlp_gan
from lessons.engine import losses
from lessons.errors import CourseError
from lessons.world.scene import Scene

exercises.exercise("0.1")  # loads all
ALL = sorted(exercises.EXERCISES.items())


@pytest.mark.parametrize("number,this", ALL)
def test_our_answer_passes(number, this, capsys):
    assert exercises.check(number, this.ours) is this.ours
    assert f"Exercise {number}: right" in capsys.readouterr().out


@pytest.mark.parametrize("number,message,wrong", [
    (number, message, wrong) for number, this in ALL for message, wrong in this.mistakes])
def test_a_mistake_is_told_its_own_message(number, message, wrong, capsys):
    ours = exercises.EXERCISES[number].ours
    assert exercises.check(number, wrong) is ours
    said = capsys.readouterr().out
    others = [m for m, _ in exercises.EXERCISES[number].mistakes if m != message]
    assert message in said
    assert not any(other in said for other in others)


@pytest.mark.parametrize("number,this", ALL)
def test_three_mistakes_at_least_with_messages_of_their_own(number, this):
    messages = [message for message, _ in this.mistakes]
    assert len(messages) >= 3
    assert len(set(messages)) == len(messages)


def _frame_change(video):
    v = video.astype(np.float32)
    return np.stack([np.mean(np.abs(v[:, t + 1] - v[:, t]), (1, 2, 3)) / 255
                     for t in range(v.shape[1] - 1)], 1)


def _place(video):
    N, T, H, W, _ = video.shape
    result = np.zeros((N, T))
    for n in range(N):
        for t in range(T):
            xs = np.nonzero((video[n, t] > 90).any(-1))[1]
            result[n, t] = (xs.mean() + 0.5) / W
    return result


class _OtherDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(784, 1024), nn.Linear(1024, 512)
        self.three = nn.Linear(512, 1)

    def forward(self, x):
        x = F.dropout(F.leaky_relu(self.one(x.reshape(len(x), 784)), 0.2), 0.3, self.training)
        x = F.dropout(F.leaky_relu(self.two(x), 0.2), 0.3, self.training)
        return 1 / (1 + torch.exp(-self.three(x)))


def _d_step(generator, discriminator, optimizer, criterion, real, z):
    optimizer.zero_grad()
    with torch.no_grad():
        fake = generator(z)
    both = discriminator(torch.cat([fake, real]))
    n = len(z)
    a = criterion(both[:n], torch.zeros(n, 1))
    b = criterion(both[n:], torch.ones(len(real), 1))
    (a + b).backward()
    optimizer.step()
    return a + b


def _g_step(generator, discriminator, optimizer, criterion, z):
    discriminator.requires_grad_(False)
    optimizer.zero_grad()
    score = discriminator(generator(z))
    loss = criterion(score, torch.ones(len(z), 1))
    loss.backward()
    optimizer.step()
    discriminator.requires_grad_(True)
    return loss.detach()


def _average(average, model, decay):
    state = model.state_dict()
    with torch.no_grad():
        for name, p in average.named_parameters():
            p.copy_(decay * p + (1 - decay) * state[name])
        for name, b in average.named_buffers():
            b.copy_(state[name])


def _r1(discriminator, real):
    x = real.clone().requires_grad_(True)
    g = torch.autograd.grad(discriminator(x), x, torch.ones(len(x), 1), create_graph=True)[0]
    return 0.5 * (g ** 2).reshape(len(x), -1).sum(-1).mean()


def _follows(read, said):
    return torch.tensor([float(all(s < 0 or r == s for r, s in zip(a, b, strict=True)))
                         for a, b in zip(read.tolist(), said.tolist(), strict=True)])


def _frechet(features, others):
    a, b = features.double().numpy(), others.double().numpy()
    values, vectors = np.linalg.eigh(np.cov(a, rowvar=False))
    root = vectors @ np.diag(values.clip(0) ** 0.5) @ vectors.T
    inner = np.linalg.eigvalsh(root @ np.cov(b, rowvar=False) @ root).clip(0)
    return (((a.mean(0) - b.mean(0)) ** 2).sum() + a.var(0, ddof=1).sum()
            + b.var(0, ddof=1).sum() - 2 * np.sqrt(inner).sum())


def _coverage(features, others, k=5):
    covered = 0
    for i, film in enumerate(others):
        rest = torch.cat([others[:i], others[i + 1:]])
        reach = (rest - film).norm(dim=1).sort().values[k - 1]
        covered += bool(((features - film).norm(dim=1) <= reach).any())
    return torch.tensor(covered / len(others))


class _Hinge:
    def discriminator(self, real, fake):
        return (1 - real).clamp(min=0).mean() + torch.maximum(1 + fake, torch.zeros(1)).mean()

    def generator(self, real, fake):
        return fake.neg().mean()


def _one_content(codes):
    codes = codes.clone()
    codes[..., :16] = codes[..., :16].sum(1, keepdim=True) / codes.shape[1]
    return codes


def _paste(windows, place, size):
    frames = torch.zeros(*windows.shape[:3], size)
    for i, middle in enumerate(place.clamp(0, size).round().int().tolist()):
        for x in range(size // 2):
            if 0 <= (at := middle - size // 4 + x) < size:
                frames[i, :, :, at] = windows[i, :, :, x]
    return frames


def _turns(start, speed):
    angle, angles = start * 2 * torch.pi, []
    for t in range(speed.shape[1]):
        angle = angle + 3 * torch.pi / 16 * (2 - 1 / (1 + speed[:, t].exp()))
        angles.append(angle)
    return torch.stack(angles, 1)


def _attend(questions, keys, values, there):
    weights = torch.exp(torch.einsum("nqe,nle->nql", questions, keys) / keys.shape[2] ** 0.5)
    weights = weights * there[:, None]
    weights = weights / weights.sum(2, keepdim=True)
    return torch.einsum("nql,nlv->nqv", weights, values), weights


def _self_attend(x, places, ask):
    E = x.shape[2]
    asked = ask(x + places)
    weights = torch.softmax(asked[..., :E] @ asked[..., E:2 * E].transpose(1, 2) / E ** 0.5, -1)
    return x + weights @ asked[..., 2 * E:], weights


def _wins(attention, where, own):
    shares = torch.stack([(attention * where[:, k, None]).sum(2) for k in range(2)], 1)  # (N, 2, T)
    leads = shares[:, 0] - shares[:, 1]
    first, second = own[0], own[1]
    right = (leads[:, first] > 0).sum(1) + (leads[:, second] < 0).sum(1)
    return right.float() / (int(first.sum()) + int(second.sum()))


def _cadence(angle, fps, span):
    steps = np.diff(np.unwrap(angle.double().numpy(), axis=1), axis=1) / (2 * np.pi) * fps
    rows = [steps[:, t:t + span].sum(1) / span for t in range(steps.shape[1] - span + 1)]
    return torch.from_numpy(np.stack(rows, 1)).float()


def _warp(frames, flow):
    N, C, H, W = frames.shape
    result = torch.zeros_like(frames)
    for y in range(H):
        for x in range(W):
            i, j = (x + flow[:, y, x, 0]).clamp(0, W - 1), (y + flow[:, y, x, 1]).clamp(0, H - 1)
            left, top = i.floor().long(), j.floor().long()
            right, down = (left + 1).clamp(max=W - 1), (top + 1).clamp(max=H - 1)
            u, v, n = (i - left)[:, None], (j - top)[:, None], torch.arange(N)
            result[:, :, y, x] = (
                (1 - u) * (1 - v) * frames[n, :, top, left] + u * (1 - v) * frames[n, :, top, right]
                + (1 - u) * v * frames[n, :, down, left] + u * v * frames[n, :, down, right])
    return result


def _pick(frames, times):
    few = torch.stack([film[t] for film, t in zip(frames, times, strict=True)])
    return few, times[:, 1:].float() - times[:, :-1].float()


def _columns(waves, window, hop):
    starts = range(0, waves.shape[1] - len(window) + 1, hop)
    pieces = torch.stack([waves[:, at:at + len(window)] * window for at in starts], 2)
    return torch.fft.fft(pieces, dim=1)[:, :len(window) // 2 + 1].abs()


def _shifted(heard, seen, k):
    late, T = heard[:, k:], seen.shape[1]
    return (late, seen[:, torch.arange(k, T)]), (late, seen[:, torch.arange(T - k)])


def _bounce(way, low, high):
    """Step by step: mirrored at a wall as often as it is beyond one."""
    way = way.clone()
    while ((way > high) | (way < low)).any():
        way = torch.where(way > high, 2 * high - way, way)
        way = torch.where(way < low, 2 * low - way, way)
    return way


def _count_from_0(text):
    found = []
    for part in sorted(text.split(","), key=lambda part: int(part.split("-")[0])):
        first, last = map(int, part.split("-"))
        if found and first <= found[-1][1]:
            first = found[-1][1] + 1
        if first <= last:
            found.append((first - 1, last))
    return found


def _shown(times, fps):
    found, k = [], 0
    for i in range(int(float(times[-1]) * fps + 1e-6) + 1):
        while k + 1 < len(times) and times[k + 1] <= i / fps + 1e-6:
            k += 1
        found.append(k)
    return torch.tensor(found)


def _block(rows, processes, rank):
    n = len(rows) // processes
    return rows[rank * n:(rank + 1) * n]


def _ring(gpus, weights):
    part = 4 * weights / gpus
    return part * (gpus - 1) + part * (gpus - 1)


def _bill(clips, epochs, batch, step_seconds, gpus, efficiency, price):
    steps = int(-(-clips * epochs // batch))
    gpu_hours = steps * step_seconds / efficiency / 3600
    return steps, gpu_hours / gpus, gpu_hours * price


def _agree(seen, heard):
    return sum(a.sum(0).argmax() == b.argmax() for a, b in zip(seen, heard, strict=True)).item() \
        / len(heard)


def _carry_on(before, said):
    actor, color, direction, music = (
        getattr(before, name) if getattr(said, name) is None else getattr(said, name)
        for name in ("actor", "color", "direction", "music"))
    return Scene(actor, color, said.actions, direction, music)


def _stand(place):
    place = place.clone()
    for k in range(1, len(place)):
        if place[k].max() - place[k].min() > 1 - 2 * 0.2:
            continue
        place[k] += place[k - 1, -1] - place[k, 0]
        place[k] += max(0.0, 0.2 - float(place[k].min()))
        place[k] -= max(0.0, float(place[k].max()) - 0.8)
    return place


def _wrap(words, between, length, most):
    rows, row = [], []
    for word in words:
        if row and length(between.join([*row, word])) > most:
            rows.append(between.join(row))
            row = []
        row.append(word)
    return [*rows, between.join(row)]


def _clear(whole, without):
    signs = {np.sign(a - b) for a in whole for b in without}
    return len(signs) == 1 and 0 not in signs


def _hits(heard, seen, within=1 / 8):
    best = [[0] * (len(seen) + 1) for _ in range(len(heard) + 1)]
    for i, one in enumerate(heard):
        for j, other in enumerate(seen):
            pair = best[i][j] + int(abs(one - other) <= within)
            best[i + 1][j + 1] = max(pair, best[i][j + 1], best[i + 1][j])
    return best[-1][-1]


def _av_align(heard, seen):
    if len(heard) == 0 and len(seen) == 0:
        return float("nan")
    pairs = _hits(heard, seen)
    return pairs / (pairs + (len(heard) - pairs) + (len(seen) - pairs))


def _mean_of_words(words, ids):
    return torch.stack([row[some > 0].mean(0) for row, some in zip(words, ids, strict=True)])


class _Matching(nn.Module):
    def __init__(self, features, width=64):
        super().__init__()
        self.project = nn.Linear(features, width, bias=False)
        self.real = nn.Linear(features, 1)

    def forward(self, features, sentence):
        product = torch.einsum("ne,ne->n", self.project(features), sentence)
        return product * sentence.shape[1] ** -0.5 + self.real(features).squeeze(1)


def _mismatched(own, wrong, said):
    values = []
    for i in range(len(said)):
        a, b = said[i], said[(i + 1) % len(said)]
        if any(x != y and x >= 0 and y >= 0 for x, y in zip(a, b, strict=True)):
            values.append(torch.log1p((wrong[i] - own[i]).exp()))
    return torch.stack(values).mean() if values else torch.tensor(0.0)


RIGHT = {
    "0.1": 110592, "0.2": _frame_change, "0.3": _place,
    "0.4": "一个女人先走后跳，配着平静的音乐",
    "1.1": lambda x: ((x.unsqueeze(1).to(torch.float32) / 255) - 0.5) / 0.5,
    "1.2": 100 * 256 + 256 + 256 * 512 + 512 + 512 * 1024 + 1024 + 1024 * 784 + 784,
    "1.3": _OtherDiscriminator,
    "1.4": lambda outputs, value: torch.ones(outputs.shape) * value,
    "1.5": _d_step,
    "1.6": _g_step,
    "1.7": lambda x: torch.stack([(x.argmax(1) == k).float().mean() for k in range(10)]),
    "1.8": lambda x, t: F.binary_cross_entropy_with_logits(x, t),
    "1.9": _r1,
    "1.10": _average,
    "2.1": _follows, "2.2": _frechet, "2.3": _coverage, "2.4": _Hinge,
    "3.1": _mean_of_words, "3.2": _Matching, "3.3": _mismatched,
    "3.4": lambda right, wrong: ((right - wrong).sign().mean().item() + 1) / 2,
    "3.5": dict([("D", "none"), ("C", "both"), ("B", "words"), ("A", "caption")]),
    "4.1": _one_content,
    "4.2": _paste,
    "4.3": _turns,
    "4.4": lambda who, what: torch.where(torch.arange(who.shape[2]) < 16, who, what),
    "5.1": _attend,
    "5.2": lambda a: torch.where(a > 0, a ** -a, torch.ones(())).prod(-1),
    "5.3": _self_attend,
    "5.4": _wins,
    "6.1": lambda x: (x[:, 2:] + x[:, :-2] - 2 * x[:, 1:-1]).abs().sum(1) / (x.shape[1] - 2),
    "6.2": _cadence,
    "6.3": _warp,
    "6.4": _pick,
    "7.1": _columns,
    "7.2": lambda columns, size: torch.polar(size, columns.angle()) * (columns != 0),
    "9.1": _bounce, "9.2": _agree, "9.3": _count_from_0, "9.4": _shown, "9.5": _block, "9.6": _ring,
    "9.7": _bill,
    "8.1": _carry_on, "8.2": _stand, "8.3": _wrap, "8.4": _clear,
    "7.3": _shifted, "7.4": _hits, "7.5": _av_align,
}


@pytest.mark.parametrize("number", [number for number, _ in ALL])
def test_a_right_answer_written_another_way_passes(number, capsys):
    assert exercises.check(number, RIGHT[number]) is RIGHT[number], capsys.readouterr().out


def _unfinished(*_):
    raise NotImplementedError


@pytest.mark.parametrize("number,this", ALL)
def test_an_open_exercise_goes_on_with_ours(number, this, capsys):
    assert exercises.check(number, _unfinished if callable(this.ours) else ...) is this.ours
    assert capsys.readouterr().out.strip() == exercises.still_open(number)


@pytest.mark.parametrize("number,this", ALL)
@pytest.mark.parametrize("silly", [None, 0, "", "a red man walks", lambda *a: None,
                                   lambda *a: torch.zeros(1), lambda *a: a[0] if a else 0])
def test_a_silly_answer_fails_with_a_sentence(number, this, silly, capsys):
    assert exercises.check(number, silly) is this.ours
    said = capsys.readouterr().out
    assert "not yet" in said
    assert "Traceback" not in said


def test_the_line_that_raises_is_named(capsys):
    def mine(images):
        return images.flot()
    exercises.check("1.1", mine)
    said = capsys.readouterr().out
    assert "images.flot()" in said and "AttributeError" in said


def test_shape_and_values_are_told_apart(capsys):
    exercises.check("1.1", lambda x: x.float())
    assert "Shape wrong" in capsys.readouterr().out
    exercises.check("1.1", lambda x: x[:, None].float())
    assert "values wrong" in capsys.readouterr().out


def test_changing_the_input_is_noticed(capsys):
    def in_place(logits):
        shares = logits.argmax(1).bincount(minlength=10) / len(logits)
        logits.zero_()
        return shares
    exercises.check("1.7", in_place)
    assert "changes its input" in capsys.readouterr().out


def test_right_for_one_size_only_does_not_pass(capsys):
    ours = exercises.EXERCISES["1.7"].ours
    assert exercises.check("1.7", lambda x: ours(x[:23]) if len(x) >= 23 else ours(x)) is ours


@pytest.mark.parametrize("number,answer", [
    ("0.1", np.prod((16, 48, 48, 3))),
    ("0.2", lambda video: np.flip(np.flip(measuring.frame_change(video), 1), 1)),
])
def test_numbers_and_views_of_numpy_are_right_answers_too(number, answer, capsys):
    assert exercises.check(number, answer) is answer, capsys.readouterr().out


@pytest.mark.parametrize("number,wrong", [
    ("1.1", lambda x: x[:, None].double() / 127.5 - 1),
    ("1.4", lambda outputs, value: torch.full((len(outputs), 1), value)),
    ("1.6", lambda g, d, *rest: (d.requires_grad_(False), mlp_gan.generator_step(g, d, *rest))[1]),
    ("1.8", lambda x, t: losses.bce_with_logits(x.detach(), t)),
])
def test_what_would_break_the_lesson_later_is_not_right(number, wrong, capsys):
    assert exercises.check(number, wrong) is exercises.EXERCISES[number].ours
    assert "not yet" in capsys.readouterr().out


def test_unknown_number_names_the_nearest():
    with pytest.raises(CourseError, match="There is no exercise '1.99'"):
        exercises.check("1.99", 1)
