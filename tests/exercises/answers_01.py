"""Lesson 1: answers as learners write them, right and wrong."""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class _Layers(nn.Module):
    def __init__(self, slope=0.2, rate=0.3, end=torch.sigmoid, third=False):
        super().__init__()
        self.one, self.two = nn.Linear(784, 1024), nn.Linear(1024, 512)
        self.three = nn.Linear(512, 1)
        self.slope, self.rate, self.end, self.third = slope, rate, end, third

    def forward(self, x):
        x = x.reshape(len(x), 784)
        for layer in (self.one, self.two):
            x = F.dropout(F.leaky_relu(layer(x), self.slope), self.rate, self.training)
        x = self.three(F.dropout(x, 0.3, self.training and self.third))
        return self.end(x)


def _layers(**options):
    return lambda: _Layers(**options)


class _Reversed(nn.Module):
    """Layers made from the last to the first, dropout before the leaky unit, which is the same."""

    def __init__(self):
        super().__init__()
        self.last = nn.Sequential(nn.Linear(512, 1), nn.Sigmoid())
        self.body = nn.Sequential(nn.Linear(784, 1024), nn.Dropout(0.3), nn.LeakyReLU(0.2),
                                  nn.Linear(1024, 512), nn.Dropout(0.3), nn.LeakyReLU(0.2))

    def forward(self, x):
        return self.last(self.body(x.flatten(1)))


def _sequential(*layers):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(*[copy.deepcopy(layer) for layer in layers])

        def forward(self, x):
            return self.layers(x)
    return Net


def _net(activation=None, rate=0.3, width=512, norm=False):
    activation = activation or nn.LeakyReLU(0.2)
    return _sequential(
        nn.Flatten(), nn.Linear(784, 1024), activation, nn.Dropout(rate), nn.Linear(1024, width),
        *([nn.BatchNorm1d(width)] if norm else []), activation, nn.Dropout(rate),
        nn.Linear(width, 1), nn.Sigmoid())


def _asleep():
    return _Layers().eval()


def _cut(x):
    return torch.sigmoid(x).detach()


def _d(generator, discriminator, optimizer, criterion, real, z):
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


def _d_two_backwards(generator, discriminator, optimizer, criterion, real, z):
    optimizer.zero_grad()
    p = discriminator(real)
    a = criterion(p, torch.ones_like(p))
    a.backward()
    q = discriminator(generator(z).detach())
    b = criterion(q, torch.zeros_like(q))
    b.backward()
    optimizer.step()
    return (a + b).detach()


def _d_by_hand(generator, discriminator, optimizer, criterion, real, z):
    fake = generator(z).detach()
    loss = -(discriminator(real).log().mean() + (1 - discriminator(fake)).log().mean())
    discriminator.zero_grad()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.reshape(1)


def _d_as(before=None, after=None, fake=None, value=None, labels=(1.0, 0.0)):
    def step(generator, discriminator, optimizer, criterion, real, z):
        if before:
            before(generator, discriminator)
        fakes = (fake or (lambda g, z: g(z).detach()))(generator, z)
        p, q = discriminator(real), discriminator(fakes)
        loss = criterion(p, torch.full_like(p, labels[0])) + criterion(
            q, torch.full_like(q, labels[1]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if after:
            after(generator, discriminator)
        return value(loss, p, q) if value else loss.detach()
    return step


def _no_step(*_):
    return torch.tensor(1.0)


def _g(generator, discriminator, optimizer, criterion, z):
    discriminator.requires_grad_(False)
    optimizer.zero_grad()
    score = discriminator(generator(z))
    loss = criterion(score, torch.ones(len(z), 1))
    loss.backward()
    optimizer.step()
    discriminator.requires_grad_(True)
    return loss.detach()


def _g_as(loss_of=None, after=None, value=None, wrap=lambda x: x, twice=False):
    def step(generator, discriminator, optimizer, criterion, z):
        for _ in range(1 + twice):
            q = discriminator(wrap(generator(z)))
            loss = loss_of(q, criterion) if loss_of else criterion(q, torch.ones_like(q))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if after:
            after(generator, discriminator)
        return value(loss) if value else loss.detach()
    return step


def _shares(x):
    return x.argmax(1).bincount(minlength=10) / len(x)


def _missing_digits(x):
    digits, counts = x.argmax(1).unique(return_counts=True)
    shares = torch.zeros(10)
    shares[:len(counts)] = counts / len(x)
    return shares


def _to_extremes(x):
    x[x < 0] = -100
    return _shares(x)


def _bce(x, t):
    return x.clamp(min=0) - x * t + torch.log1p(torch.exp(-x.abs()))


def _r1(discriminator, real):
    x = real.clone().requires_grad_(True)
    g = torch.autograd.grad(discriminator(x), x, torch.ones(len(x), 1), create_graph=True)[0]
    return 0.5 * (g ** 2).reshape(len(x), -1).sum(-1).mean()


def _r1_rows(discriminator, real):
    total = 0
    for image in real.detach():
        image = image[None].requires_grad_()
        g, = torch.autograd.grad(discriminator(image).squeeze(), image, create_graph=True)
        total = total + g.pow(2).sum()
    return total / len(real) / 2


def _r1_norm(discriminator, real):
    x = real.detach().requires_grad_()
    g, = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return (g.flatten(1).norm(dim=1) ** 2).mean() * 0.5


def _r1_as(reduce=lambda g: g.flatten(1).square().sum(1).mean() / 2, logits=lambda x: x.sum(),
           clone=True, graph=True, after=lambda d: None):
    def penalty(discriminator, real):
        x = (real.detach().clone() if clone else real).requires_grad_()
        g, = torch.autograd.grad(logits(discriminator(x)), x, create_graph=graph)
        after(discriminator)
        return reduce(g)
    return penalty


def _average(average, model, decay):
    state = model.state_dict()
    with torch.no_grad():
        for name, p in average.named_parameters():
            p.copy_(decay * p + (1 - decay) * state[name])
        for name, b in average.named_buffers():
            b.copy_(state[name])


def _average_state(average, model, decay):
    new = {}
    for name, value in average.state_dict().items():
        other = model.state_dict()[name]
        learnt = name in dict(model.named_parameters())
        new[name] = decay * value + (1 - decay) * other if learnt else other.clone()
    average.load_state_dict(new)


def _average_data(average, model, decay):
    for a, b in zip(average.parameters(), model.parameters(), strict=True):
        a.data.mul_(decay).add_(b.data, alpha=1 - decay)
    for a, b in zip(average.buffers(), model.buffers(), strict=True):
        a.data[...] = b


def _average_as(weight=lambda a, b, d: d * a + (1 - d) * b, buffers=True, after=lambda a, m: None):
    def change(average, model, decay):
        with torch.no_grad():
            for a, b in zip(average.parameters(), model.parameters(), strict=True):
                a.copy_(weight(a, b, decay))
            for a, b in zip(average.buffers(), model.buffers(), strict=True):
                a.copy_(b if buffers else a)
        after(average, model)
    return change


def _frozen(average, model):
    average.requires_grad_(False)


def _all_state_averaged(average, model, decay):
    mine = average.state_dict()
    for name, value in model.state_dict().items():
        mine[name].copy_(decay * mine[name] + (1 - decay) * value)


def _round_by_steps(generator, discriminator, g_adam, d_adam, real, z):
    loss = nn.BCEWithLogitsLoss()
    return (_d_as()(generator, discriminator, d_adam, loss, real, z),
            _g_as()(generator, discriminator, g_adam, loss, z))


def _round_as(no_grad=False, late=True, clear=True, labels=(1.0, 0.0, 1.0), order="dg", value=None,
              wrap=lambda fake: fake, after=lambda g, d: None):
    """A round in which the generator is asked twice, or that is wrong in one way."""
    def play(generator, discriminator, g_adam, d_adam, real, z):
        def d_step():
            with torch.set_grad_enabled(not no_grad):
                fake = generator(z)
            p, q = discriminator(real), discriminator(fake)
            loss = F.binary_cross_entropy_with_logits(p, torch.full_like(p, labels[0])) \
                + F.binary_cross_entropy_with_logits(q, torch.full_like(q, labels[1]))
            d_adam.zero_grad()
            loss.backward()
            d_adam.step()
            return loss

        def g_step():
            q = discriminator(wrap(generator(z)))
            loss = F.binary_cross_entropy_with_logits(q, torch.full_like(q, labels[2]))
            if clear:
                g_adam.zero_grad()
            loss.backward()
            g_adam.step()
            return loss
        found = {name: {"d": d_step, "g": g_step}[name]().detach() for name in order}
        after(generator, discriminator)
        return value(found) if value else (found["d"], found["g"])
    return play


RIGHT = {
    "1.1": [lambda x: ((x.unsqueeze(1).to(torch.float32) / 255) - 0.5) / 0.5,
            lambda x: (x.reshape(-1, 1, 28, 28).float() - 127.5) / 127.5,
            lambda x: x[:, None].double() / 127.5 - 1,
            lambda x: torch.stack([image.float() / 255 * 2 - 1 for image in x])[:, None]],
    "1.2": [100 * 256 + 256 + 256 * 512 + 512 + 512 * 1024 + 1024 + 1024 * 784 + 784,
            torch.tensor(1486352), np.int64(1486352), 1486352.0],
    "1.3": [_Layers, _Reversed, _net()],
    "1.4": [lambda outputs, value: torch.ones(outputs.shape) * value,
            lambda outputs, value: torch.zeros_like(outputs) + value,
            lambda outputs, value: outputs.new_full(outputs.shape, value),
            lambda outputs, value: torch.full(outputs.shape, value)],
    "1.5": [_d, _d_two_backwards, _d_by_hand, _d_as()],
    "1.6": [_g, _g_as(lambda q, criterion: -q.log().mean()), _g_as(value=lambda loss: loss)],
    "1.7": [lambda x: torch.stack([(x.argmax(1) == k).float().mean() for k in range(10)]),
            lambda x: F.one_hot(x.argmax(1), 10).double().mean(0),
            lambda x: np.bincount(x.argmax(1).numpy(), minlength=10) / len(x),
            lambda x: (x == x.amax(1, keepdim=True)).sum(0) / len(x)],
    "1.8": [lambda x, t: (F.softplus(x) - x * t).mean(),
            lambda x, t: (F.relu(x) - x * t + (1 + (-x.abs()).exp()).log()).mean(),
            lambda x, t: -(t * F.logsigmoid(x) + (1 - t) * F.logsigmoid(-x)).mean(),
            lambda x, t: _bce(x, t).sum() / x.numel()],
    "1.9": [_r1, _r1_rows, _r1_norm],
    "1.10": [_average, _average_state, _average_data],
    "1.11": [_round_by_steps, _round_as(no_grad=True), _round_as(),
             _round_as(value=lambda found: [found["d"].item(), found["g"].item()])],
}

WRONG = {
    "1.1": [lambda x: x[:, None] / 127 - 1, lambda x: x[:, None].float() - 127.5,
            lambda x: F.normalize(x[:, None].float()),
            lambda x: (x[:, None].float() - x.float().mean()) / x.float().std(),
            lambda x: torch.tanh(x[:, None].float() / 127.5 - 1),
            lambda x: x[None].float() / 127.5 - 1,
            lambda x: x[:, None].half() / 128 - 1,
            lambda x: x.view(len(x), -1).float() / 127.5 - 1],
    "1.2": [1486352 + 784, 1486352 * 4, 1024 * 784, "1486352", 1488912, (100 + 1) * 256],
    "1.3": [_asleep, _layers(slope=0.02), _layers(rate=0.2), _layers(rate=0.7), _layers(third=True),
            _layers(end=_cut), _layers(end=lambda x: x.softmax(1)), _net(nn.GELU()),
            _net(nn.ELU()), _net(norm=True), _net(width=256), _net(nn.Tanh()),
            _layers(end=lambda x: torch.sigmoid(x)[:, 0])],
    "1.4": [lambda outputs, value: outputs.fill_(value), lambda outputs, value: value,
            lambda outputs, value: torch.full_like(outputs, 1 - value),
            lambda outputs, value: torch.full(outputs.shape[:1], value),
            lambda outputs, value: torch.full_like(outputs, round(value)),
            lambda outputs, value: [value] * len(outputs)],
    "1.5": [_no_step, _d_as(fake=lambda g, z: g(z)),
            _d_as(after=lambda g, d: g.eval()), _d_as(before=lambda g, d: d.eval()),
            _d_as(value=lambda loss, p, q: loss.item()), _d_as(value=lambda loss, p, q: None),
            _d_as(labels=(0.9, 0.0)), _d_as(labels=(1.0, 1.0)),
            _d_as(fake=lambda g, z: torch.randn(len(z), 5).detach()),
            _d_as(value=lambda loss, p, q: p.mean().detach()),
            _d_as(after=lambda g, d: g.requires_grad_(False))],
    "1.6": [lambda *given: torch.tensor(1.0), _g_as(lambda q, criterion: -q.mean()),
            _g_as(after=lambda g, d: d.eval()), _g_as(wrap=lambda x: x.detach()),
            _g_as(value=lambda loss: loss.item()), _g_as(twice=True),
            _g_as(lambda q, criterion: criterion(q, torch.full_like(q, 0.9))),
            _g_as(lambda q, criterion: (1 - q).log().mean()),
            _g_as(lambda q, criterion: criterion(1 - q, torch.ones_like(q))),
            _g_as(value=lambda loss: -loss.detach())],
    "1.7": [_missing_digits, _to_extremes, lambda x: _shares(x) * len(x),
            lambda x: _shares(x.T) if x.shape[0] == 10 else x.argmax(0).float() / len(x),
            lambda x: (x > 0).float().mean(0), lambda x: x.softmax(0).mean(0),
            lambda x: _shares(x).flip(0), lambda x: x.amax(1).softmax(0),
            lambda x: _shares(x)[:9], lambda x: x.argmax(1), lambda x: _shares(x[:23])],
    "1.8": [F.binary_cross_entropy_with_logits, nn.BCEWithLogitsLoss(),
            lambda x, t: (F.softplus(x, threshold=5) - x * t).mean(),
            lambda x, t: _bce(x, t).mean().detach(), lambda x, t: _bce(x, t).mean().item(),
            lambda x, t: _bce(x, t).mean(1).sum(), lambda x, t: _bce(x, t).median(),
            lambda x, t: _bce(x, t).mean() * 2, lambda x, t: -_bce(x, t).mean(),
            lambda x, t: (x.clamp(min=0) - x * t + torch.log1p((-x.abs()).exp().detach())).mean(),
            lambda x, t: _bce(x.clamp(-100, 100), t).mean(),
            lambda x, t: _bce(x, t.round()).mean(), lambda x, t: (x - t).square().mean()],
    "1.9": [_r1_as(lambda g: g.flatten(1).square().sum(1).mean()),
            _r1_as(lambda g: g.flatten(1).norm(dim=1).square().mean().sqrt() / 2),
            _r1_as(lambda g: g.abs().flatten(1).sum(1).mean() / 2),
            _r1_as(lambda g: (g.flatten(1).norm(dim=1) - 1).square().mean() / 2),
            _r1_as(logits=lambda x: x.sigmoid().sum()), _r1_as(lambda g: g.flatten(1).sum(1)),
            _r1_as(lambda g: g.flatten(1).square().sum(1).mean().item() / 2),
            _r1_as(after=lambda d: d.zero_grad()), _r1_as(after=lambda d: d.eval()),
            _r1_as(lambda g: g.flatten(1).square().mean(1).mean() / 2)],
    "1.10": [_average_as(after=_frozen), _average_as(after=lambda a, m: a.eval()),
             _average_as(lambda a, b, d: (a + b) / 2), _all_state_averaged,
             _average_as(lambda a, b, d: 0.999 * a + 0.001 * b),
             _average_as(lambda a, b, d: d * a + b), _average_as(buffers=False),
             lambda a, m, d: a.load_state_dict(m.state_dict()),
             lambda a, m, d: copy.deepcopy(a), _average_as(after=lambda a, m: m.eval())],
    "1.11": [_round_as(order="gd"), _round_as(labels=(0.0, 1.0, 1.0)),
             _round_as(wrap=lambda fake: fake.detach()), _round_as(clear=False),
             _round_as(no_grad=True, clear=False), _round_as(labels=(1.0, 0.0, 0.0)),
             _round_as(value=lambda found: found["d"] + found["g"]),
             _round_as(value=lambda found: (found["g"], found["d"])),
             _round_as(after=lambda g, d: d.requires_grad_(False)), _round_as(order="dgg"),
             _round_as(labels=(0.9, 0.0, 1.0)), lambda *given: (torch.zeros(()), torch.zeros(()))],
}
