"""Checks of lesson 1: each function of the article's GAN and of its mending."""

import torch
from torch import nn
from torch.nn import functional as F

from lessons import losses, measuring, mlp_gan, training
from lessons.exercises import Exercise, rng


def _weights(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def _gradients(module):
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).detach().flatten()
                      for p in module.parameters()])


# 1.1 -------------------------------------------------------------------------------------------
def _images():
    return [(torch.randint(0, 256, (n, 28, 28), generator=rng(n), dtype=torch.uint8),)
            for n in (3, 5)]


Exercise("1.1", ours=mlp_gan.normalize, cases=_images, mistakes=[
    ("Your images lie between 0 and 1, but the generator's tanh reaches from -1 to 1.",
     lambda x: x[:, None].float() / 255),
    ("The images have no channel axis: add one, (N, 28, 28) becomes (N, 1, 28, 28).",
     lambda x: x.float() / 127.5 - 1),
    ("White is not quite 1: bytes go up to 255, not 256.", lambda x: x[:, None].float() / 128 - 1),
    ("The division rounds to whole numbers: turn the bytes into floats first.",
     lambda x: (x[:, None] // 127.5 - 1).float()),
])


# 1.2 -------------------------------------------------------------------------------------------
_SIZES = ((100, 256), (256, 512), (512, 1024), (1024, 784))
Exercise("1.2", ours=sum(a * b + b for a, b in _SIZES), observe=lambda answer: answer, mistakes=[
    ("You left out the biases: each layer has one more number per output.",
     sum(a * b for a, b in _SIZES)),
    ("These are the biases alone: each layer also has inputs times outputs weights.",
     sum(b for _, b in _SIZES)),
    ("This is the discriminator's number: count the layers 100-256-512-1024-784.",
     sum(p.numel() for p in mlp_gan.ArticleDiscriminator().parameters())),
])


# 1.3 -------------------------------------------------------------------------------------------
def _try_discriminator(kind, images):
    """The network with our weights in the order of its layers, asleep and in training."""
    network, ours = kind(), mlp_gan.ArticleDiscriminator()
    own = list(network.parameters())
    shapes = [tuple(p.shape) for p in own]
    wanted = [tuple(p.shape) for p in ours.parameters()]
    seen = {"list of the weights' shapes": shapes}
    if shapes == wanted:
        generator = rng(1)
        for p in own:
            p.data = torch.randn(p.shape, generator=generator) / p[0].numel() ** 0.5
        seen["output in evaluation mode"] = network.eval()(images).detach()
        network.train()
        outputs = torch.stack([network(images).detach() for _ in range(40)])
        seen["use of dropout in training mode"] = bool((outputs.std(dim=0) > 1e-6).all())
    return seen


def _changed(swap):
    """The article's discriminator with some of its layers swapped for others."""
    def make():
        network = mlp_gan.ArticleDiscriminator()
        network.layers = nn.Sequential(*[swap(layer) for layer in network.layers])
        return network
    return make


def _two_layers():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 1024), nn.LeakyReLU(0.2), nn.Dropout(0.3),
                         nn.Linear(1024, 1), nn.Sigmoid())


Exercise("1.3", ours=mlp_gan.ArticleDiscriminator, observe=_try_discriminator,
         cases=lambda: [(torch.randn(n, 1, 28, 28, generator=rng(n)),) for n in (4, 7)],
         mistakes=[
    ("The last layer gives a logit, but the article's loss wants a probability: end with a "
     "sigmoid.", _changed(lambda m: nn.Identity() if isinstance(m, nn.Sigmoid) else m)),
    ("A plain ReLU stands where a LeakyReLU with slope 0.2 should.",
     _changed(lambda m: nn.ReLU() if isinstance(m, nn.LeakyReLU) else m)),
    ("The slope of the LeakyReLU is not 0.2 (0.01 is what PyTorch takes by itself).",
     _changed(lambda m: nn.LeakyReLU() if isinstance(m, nn.LeakyReLU) else m)),
    ("There is no dropout: two images in training mode come out the same twice.",
     _changed(lambda m: nn.Identity() if isinstance(m, nn.Dropout) else m)),
    ("A layer is missing: the article names three linear layers, 784-1024-512-1.", _two_layers),
])


# 1.4 -------------------------------------------------------------------------------------------
def _outputs():
    return [(torch.rand(shape, generator=rng()), value)
            for shape, value in (((4, 1), 1.0), ((7, 1), 0.0), ((2, 3, 5), 0.9))]


Exercise("1.4", ours=mlp_gan.labels, cases=_outputs, mistakes=[
    ("The labels have shape (N,), the outputs (N, 1): this is the article's own mistake.",
     lambda outputs, value: torch.full((len(outputs),), value)),
    ("The labels are whole numbers: binary cross-entropy wants floats.",
     lambda outputs, value: torch.full(outputs.shape, int(value))),
    ("The labels are always ones: use the value that is passed.",
     lambda outputs, value: torch.ones_like(outputs)),
    ("The labels are the outputs times the value: they should be the value itself.",
     lambda outputs, value: outputs * value),
])


# 1.5 and 1.6 -------------------------------------------------------------------------------------
def _games():
    """Two small games (generator, discriminator, criterion, real, z) with sizes of their own."""
    games = []
    for seed, (batch, latent, size) in enumerate(((4, 3, 5), (6, 2, 4))):
        torch.manual_seed(seed)
        generator = nn.Sequential(nn.Linear(latent, size), nn.Tanh())
        discriminator = nn.Sequential(nn.Linear(size, 1), nn.Sigmoid())
        games.append((generator, discriminator, nn.BCELoss(),
                      torch.randn(batch, size), torch.randn(batch, latent)))
    return games


def _play(step, generator, discriminator, criterion, real, z, teaches):
    """Let a step run with gradients left over from before; see which weights it moved."""
    for p in (*generator.parameters(), *discriminator.parameters()):
        p.grad = torch.full_like(p, 0.5)
    optimizer = torch.optim.SGD(teaches.parameters(), 0.1)
    arguments = (real, z) if teaches is discriminator else (z,)
    loss = step(generator, discriminator, optimizer, criterion, *arguments)
    seen = {"loss": torch.as_tensor(loss).detach().float().reshape(()),
            "discriminator's weights after the step": _weights(discriminator),
            "generator's weights after the step": _weights(generator),
            "freedom of both networks to learn after the step":
                all(p.requires_grad and network.training for network in (generator, discriminator)
                    for p in network.parameters())}
    if teaches is discriminator:
        seen["generator's gradient"] = _gradients(generator)
    return seen


def _d_step(detach=True, real_label=1.0, zero=True, move=True, halves=(1, 1), mean=1.0):
    def step(generator, discriminator, optimizer, criterion, real, z):
        fake = generator(z).detach() if detach else generator(z)
        p, q = discriminator(real), discriminator(fake)
        loss = mean * (halves[0] * criterion(p, torch.full_like(p, real_label))
                       + halves[1] * criterion(q, torch.full_like(q, 1 - real_label)))
        if zero:
            optimizer.zero_grad()
        loss.backward()
        if move:
            optimizer.step()
        return loss
    return step


def _g_step(detach=False, label=1.0, zero=True, move=True):
    def step(generator, discriminator, optimizer, criterion, z):
        q = discriminator(generator(z).detach() if detach else generator(z))
        loss = criterion(q, torch.full_like(q, label))
        if zero:
            optimizer.zero_grad()
        loss.backward()
        if move:
            optimizer.step()
        return loss
    return step


def _saturating(generator, discriminator, optimizer, criterion, z):
    q = discriminator(generator(z))
    loss = -criterion(q, torch.zeros_like(q))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


Exercise("1.5", ours=mlp_gan.discriminator_step, cases=_games, mistakes=[
    ("This looks like a missing detach: the discriminator's step sends gradients into the "
     "generator.", _d_step(detach=False)),
    ("This looks like swapped labels: real images are 1, generated ones are 0.",
     _d_step(real_label=0.0)),
    ("Old gradients are still there: call optimizer.zero_grad() before loss.backward().",
     _d_step(zero=False)),
    ("The weights do not move: call optimizer.step() after loss.backward().", _d_step(move=False)),
    ("Only the real images are in your loss: add the generated ones.", _d_step(halves=(1, 0))),
    ("Only the generated images are in your loss: add the real ones.", _d_step(halves=(0, 1))),
    ("Your loss is half of the article's: it adds both parts, it does not average them.",
     _d_step(mean=0.5)),
], observe=lambda step, g, d, criterion, real, z: _play(step, g, d, criterion, real, z, d))

Exercise("1.6", ours=mlp_gan.generator_step, cases=_games, mistakes=[
    ("This looks like swapped labels: the generator wants its images to be called real, 1.",
     _g_step(label=0.0)),
    ("This is the saturating loss of the article's formula; its loop, and this exercise, ask for "
     "criterion(D(G(z)), ones).", _saturating),
    ("Old gradients are still there: call optimizer.zero_grad() before loss.backward().",
     _g_step(zero=False)),
    ("The weights do not move: call optimizer.step() after loss.backward().", _g_step(move=False)),
    ("This looks like a detach too many: no gradient reaches the generator.",
     _g_step(detach=True, zero=False)),
], observe=lambda step, g, d, criterion, real, z: _play(step, g, d, criterion, real, z, g))


# 1.7 ------------------------------------------------------------------------------------------
Exercise("1.7", ours=measuring.digit_shares,
         cases=lambda: [(torch.randn(n, 10, generator=rng(n)) * 2,) for n in (23, 40)],
         mistakes=[
    ("These are counts: divide by the number of images.",
     lambda x: x.argmax(1).bincount(minlength=10).float()),
    ("This is the mean probability of each digit: first let each image be read as one digit.",
     lambda x: x.softmax(1).mean(0)),
    ("Digits that were never read are missing: bincount needs minlength=10.",
     lambda x: x.argmax(1).bincount()[:-1] / len(x)),
    ("The largest logit is looked for across images: look across the ten digits, axis 1.",
     lambda x: (x.argmax(0).bincount(minlength=10)[:10] / len(x))),
    ("You divide by ten digits: divide by the number of images.",
     lambda x: x.argmax(1).bincount(minlength=10) / 10),
])


# 1.8 -------------------------------------------------------------------------------------------
def _logit_cases():
    return [(torch.randn(n, 1, generator=rng(n)) * scale, torch.rand(n, 1, generator=rng(n + 1)))
            for n, scale in ((5, 1.0), (8, 3.0), (6, 300.0))]


def _naive_bce(logits, targets):
    p = torch.sigmoid(logits)
    return -(targets * torch.log(p) + (1 - targets) * torch.log(1 - p)).mean()


def _with_gradient(loss, logits, targets):
    value = loss(logits.requires_grad_(), targets)
    if value.requires_grad:
        value.sum().backward()
    gradient = torch.zeros_like(targets) if logits.grad is None else logits.grad
    return {"": value.detach(), "gradient for the logits": gradient.nan_to_num()}


Exercise("1.8", ours=losses.bce_with_logits, cases=_logit_cases, observe=_with_gradient, mistakes=[
    ("This is the sum over the batch: take the mean, or the step grows with the batch.",
     lambda x, t: losses.bce_with_logits(x, t) * x.numel()),
    ("Right for small logits, but infinite or not a number for large ones: never take the "
     "logarithm of a sigmoid.", _naive_bce),
    ("Real and fake are swapped: the target belongs to sigmoid(logit), not to one minus it.",
     lambda x, t: losses.bce_with_logits(x, 1 - t)),
    ("These logits go through a sigmoid twice: the formula already holds one.",
     lambda x, t: losses.bce_with_logits(torch.sigmoid(x), t)),
    ("The loss is given for each image: take the mean of them.",
     lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction="none")),
])


# 1.9 -------------------------------------------------------------------------------------------
def _penalty_cases():
    cases = []
    for seed, n in enumerate((4, 6)):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Flatten(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1))
        cases.append((network, torch.randn(n, 1, 2, 3)))
    return cases


def _penalty_and_gradient(penalty, network, real):
    value = penalty(network, real)
    network.zero_grad()
    if value.requires_grad:
        value.backward()
    return {"penalty": value.detach().clone(), "penalty's gradient for the discriminator":
            _gradients(network)}


def _penalty(reduce, create_graph=True):
    def penalty(discriminator, real):
        real = real.detach().requires_grad_()
        gradient, = torch.autograd.grad(discriminator(real).sum(), real, create_graph=create_graph)
        return reduce(gradient.flatten(1))
    return penalty


Exercise("1.9", ours=losses.r1_penalty, cases=_penalty_cases, observe=_penalty_and_gradient,
         mistakes=[
    ("The length is not squared: R1 is the mean of the squared length.",
     _penalty(lambda g: g.norm(dim=1).mean() / 2)),
    ("You average over pixels: sum the squares of one image, then average over images.",
     _penalty(lambda g: g.square().mean() / 2)),
    ("The penalty cannot be trained: pass create_graph=True to torch.autograd.grad.",
     _penalty(lambda g: g.square().sum(1).mean() / 2, create_graph=False)),
    ("A factor is missing: R1 is half of the mean squared length.",
     _penalty(lambda g: g.square().sum(1).mean())),
    ("You sum over the batch: average over images.", _penalty(lambda g: g.square().sum() / 2)),
])


# 1.10 ------------------------------------------------------------------------------------------
def _pairs():
    torch.manual_seed(0)
    pairs = []
    for decay in (0.9, 0.75):
        def make():
            return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        average, model = make(), make()
        for module in (average, model):
            module[1].running_mean.normal_()
        pairs.append((average, model, decay))
    return pairs


def _after_average(average_weights, average, model, decay):
    average_weights(average, model, decay)
    return {"averaged weights": _weights(average), "model's own weights": _weights(model),
            "averaged model's buffers": average[1].running_mean.clone()}


def _lerp(average, model, decay, weight, buffers=True):
    with torch.no_grad():
        for a, m in zip(average.parameters(), model.parameters(), strict=True):
            a.lerp_(m, weight(decay))
        if buffers:
            for a, m in zip(average.buffers(), model.buffers(), strict=True):
                a.copy_(m)


Exercise("1.10", ours=training.average_weights, cases=_pairs, observe=_after_average, mistakes=[
    ("The roles are swapped: the average keeps `decay` of itself, and takes 1 - decay of the "
     "model.", lambda a, m, d: _lerp(a, m, d, lambda d: d)),
    ("The average is overwritten by the model: nothing of its past is left.",
     lambda a, m, d: _lerp(a, m, d, lambda d: 1.0)),
    ("The model is changed and the average is not: it is the other way round.",
     lambda a, m, d: _lerp(m, a, d, lambda d: 1 - d, buffers=False)),
    ("The buffers (batch normalisation's running means) are left behind: copy them.",
     lambda a, m, d: _lerp(a, m, d, lambda d: 1 - d, buffers=False)),
])
