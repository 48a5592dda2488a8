"""Checks of lesson 1: each function of the article's GAN and of its mending."""

import torch
from torch import nn
from torch.nn import functional as F

from lessons import mlp_gan
from lessons.engine import losses, training
from lessons.exercises import Exercise, rng
from lessons.judges import digits


def _weights(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def _gradients(module):
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).detach().flatten()
                      for p in module.parameters()])


# 1.1 -------------------------------------------------------------------------------------------
def _images():
    """Batches of all bytes, of dark ones, of bright ones, and of a single image."""
    return [(torch.randint(low, high, (n, 28, 28), generator=rng(n), dtype=torch.uint8),)
            for n, low, high in ((3, 0, 256), (5, 0, 200), (4, 60, 256), (1, 0, 256))]


def _stretched(images):
    x = images[:, None].float()
    return 2 * (x - x.min()) / (x.max() - x.min()) - 1


Exercise("1.1", ours=mlp_gan.normalize, cases=_images, mistakes=[
    ("Your images lie between 0 and 1, but the generator's tanh reaches from -1 to 1.",
     lambda x: x[:, None].float() / 255),
    ("The images have no channel axis: add one, (N, 28, 28) becomes (N, 1, 28, 28).",
     lambda x: x.float() / 127.5 - 1),
    ("White is not quite 1: bytes go up to 255, not 256.", lambda x: x[:, None].float() / 128 - 1),
    ("The division rounds to whole numbers: turn the bytes into floats first.",
     lambda x: (x[:, None] // 127.5 - 1).float()),
    ("You divide by the brightest pixel of the batch: a dark batch would become a bright one.",
     lambda x: 2 * x[:, None].float() / x.max() - 1),
    ("You stretch each batch between its own darkest and brightest pixel: one and the same byte "
     "must become one and the same number in every batch.", _stretched),
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
def _by_shape(network):
    """Its parameters, each of a shape of its own: the layers may be defined in any order."""
    return sorted(network.parameters(), key=lambda p: tuple(p.shape))


def _try_discriminator(kind, images):
    """The network with our weights, asleep and in training."""
    network, ours = kind(), mlp_gan.ArticleDiscriminator()
    own = _by_shape(network)
    shapes = [tuple(p.shape) for p in own]
    seen = {"list of the weights' shapes": shapes}
    if shapes == [tuple(p.shape) for p in _by_shape(ours)]:
        generator = rng(1)
        for p in own:
            p.data = torch.randn(p.shape, generator=generator) / p[0].numel() ** 0.5
        network.eval()
        asleep = torch.equal(network(images), network(images))
        seen["rest of dropout in evaluation mode"] = asleep
        if asleep:  # else the output is a matter of chance
            seen["output in evaluation mode"] = network(images).detach()
        seen |= _silenced(network.train(), images)
    return seen


def _silenced(network, images):
    """Percentages, to the nearest 5, of what dropout silences: what is silent has no gradient,
    wherever the dropout stands and however it is written."""
    _, _, second, _, first, _ = _by_shape(network)
    shares = torch.zeros(3)
    for _ in range(40):  # 20,000 units of the second layer: a share of 0.3 comes out within 0.02
        pixels = images[:2].clone().requires_grad_()
        gradients = torch.autograd.grad(network(pixels)[0].sum(), (pixels, first, second),
                                        materialize_grads=True)
        gradients = (gradients[0][0], *gradients[1:])  # of the first image alone
        shares += torch.stack([(g == 0).float().mean() for g in gradients]) / 40
    names = "pixels", "units of the first layer", "units of the second layer"
    return {f"percentage of {name} that dropout silences": 5 * round(20 * share)
            for name, share in zip(names, shares.tolist(), strict=True)}


def _replaced(place, layer):
    """The article's discriminator with another layer in one place."""
    def make():
        network = mlp_gan.ArticleDiscriminator()
        network.layers[place] = layer
        return network
    return make


class _Awake(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.3)


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
    ("Dropout stands behind the first layer alone: the second has one, too.",
     _replaced(6, nn.Identity())),
    ("Dropout stands behind the second layer alone: the first has one, too.",
     _replaced(3, nn.Identity())),
    ("The rate of dropout is not 0.3 (0.5 is what PyTorch takes by itself).",
     _changed(lambda m: nn.Dropout() if isinstance(m, nn.Dropout) else m)),
    ("Dropout silences pixels of the image, too: it belongs behind the first two layers only.",
     _replaced(0, nn.Sequential(nn.Flatten(), nn.Dropout(0.3)))),
    ("Dropout goes on in evaluation mode: `F.dropout` must be told when it is training, a layer "
     "`nn.Dropout` made in `__init__` knows.",
     _changed(lambda m: _Awake() if isinstance(m, nn.Dropout) else m)),
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
    reached = []  # by gradients, even if they are cleared afterwards
    for p in generator.parameters():
        p.register_hook(reached.append)
    # with momentum two steps, one for each part of the loss, are not the same as one
    optimizer = torch.optim.SGD(teaches.parameters(), 0.1, momentum=0.9)
    arguments = (real, z) if teaches is discriminator else (z,)
    loss = step(generator, discriminator, optimizer, criterion, *arguments)
    return {"loss": _number(loss),
            "discriminator's weights after the step": _weights(discriminator),
            "generator's weights after the step": _weights(generator),
            "flow of gradients into the generator": bool(reached),
            "freedom of both networks to learn after the step":
                all(p.requires_grad and network.training for network in (generator, discriminator)
                    for p in network.parameters())}


def _number(loss):
    """A loss as a tensor of no dimension, with or without a graph; anything else as it is."""
    one = isinstance(loss, torch.Tensor) and loss.numel() == 1
    return loss.detach().float().reshape(()) if one else loss


def _as_float(step):
    return lambda *given: step(*given).item()


_FLOAT = ("Your loss is a plain number: return the tensor, since the loop of this lesson calls "
          "`.item()` on what you return.")


def _left_frozen(step):
    def wrong(generator, discriminator, *rest):
        loss = step(generator, discriminator, *rest)
        discriminator.requires_grad_(False)
        return loss
    return wrong


_FROZEN = ("One of the networks comes out of your step frozen, or in evaluation mode: set it back "
           "as it was.")


def _d_step(detach=True, real_label=1.0, zero=True, move=True, halves=(1, 1), mean=1.0, late=False):
    def step(generator, discriminator, optimizer, criterion, real, z):
        fake = generator(z).detach() if detach else generator(z)
        p, q = discriminator(real), discriminator(fake)
        q = q.detach() if late else q
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


def _step_by_part(again):
    """A step for the real images and one for the generated; again: D looks after the first."""
    def step(generator, discriminator, optimizer, criterion, real, z):
        fake = generator(z).detach()
        p, q = discriminator(real), discriminator(fake)
        losses = []
        for label, outputs in ((1.0, p), (0.0, q)):
            if again and losses:
                outputs = discriminator(fake)
            losses.append(criterion(outputs, torch.full_like(outputs, label)))
            optimizer.zero_grad()
            losses[-1].backward()
            optimizer.step()
        return sum(losses)
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
    ("The weights do not move: call optimizer.step() after loss.backward(), and clear nothing "
     "in between.", _d_step(move=False)),
    ("Only the real images are in your loss: add the generated ones.", _d_step(halves=(1, 0))),
    ("Only the generated images are in your loss: add the real ones.", _d_step(halves=(0, 1))),
    ("Your loss is half of the article's: it adds both parts, it does not average them.",
     _d_step(mean=0.5)),
    ("Your detach, or no_grad, covers too much: it cuts off the discriminator as well, so that the "
     "generated images teach it nothing.", _d_step(late=True)),
    ("You make two steps, one for each part of the loss: add the parts, and make one.",
     _step_by_part(again=False)),
    ("You make a step before the discriminator has looked at the generated images: both parts of "
     "the loss belong to one step.", _step_by_part(again=True)),
    (_FROZEN, _left_frozen(_d_step())),
    (_FLOAT, _as_float(_d_step())),
], observe=lambda step, g, d, criterion, real, z: _play(step, g, d, criterion, real, z, d))

Exercise("1.6", ours=mlp_gan.generator_step, cases=_games, mistakes=[
    ("This looks like swapped labels: the generator wants its images to be called real, 1.",
     _g_step(label=0.0)),
    ("This is the saturating loss of the article's formula; its loop, and this exercise, ask for "
     "criterion(D(G(z)), ones).", _saturating),
    ("Old gradients are still there: call optimizer.zero_grad() before loss.backward().",
     _g_step(zero=False)),
    ("The weights do not move: call optimizer.step() after loss.backward(), and clear nothing "
     "in between.", _g_step(move=False)),
    ("This looks like a detach too many: no gradient reaches the generator.",
     _g_step(detach=True)),
    (_FROZEN, _left_frozen(_g_step())),
    (_FLOAT, _as_float(_g_step())),
], observe=lambda step, g, d, criterion, real, z: _play(step, g, d, criterion, real, z, g))


# 1.7 ------------------------------------------------------------------------------------------
Exercise("1.7", ours=digits.digit_shares,
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
    """Grey images, and films in colour, each with a discriminator."""
    cases = []
    for seed, shape in enumerate(((4, 1, 2, 3), (6, 2, 3, 2, 2))):
        torch.manual_seed(seed)
        real = torch.randn(shape)
        cases.append((nn.Sequential(nn.Flatten(), nn.Linear(real[0].numel(), 5), nn.Tanh(),
                                    nn.Linear(5, 1)), real))
    return cases


def _penalty_and_gradient(penalty, network, real):
    """The penalty, what its call leaves behind, and where it pulls the discriminator."""
    for p in network.parameters():
        p.grad = torch.full_like(p, 0.5)  # of another loss
    value = penalty(network, real)
    tensor = isinstance(value, torch.Tensor)
    seen = {"penalty": value.detach().clone() if tensor else value,
            "discriminator's gradient right after the call": _gradients(network),
            "wish of the given images for a gradient after the call": real.requires_grad}
    network.zero_grad()
    if tensor and value.requires_grad:
        value.sum().backward()
    seen["penalty's gradient for the discriminator"] = _gradients(network)
    return seen


def _penalty(reduce, create_graph=True, score=torch.sum, flatten=True, detach=True):
    def penalty(discriminator, real):
        real = (real.detach() if detach else real).requires_grad_()
        gradient, = torch.autograd.grad(score(discriminator(real)), real, create_graph=create_graph)
        return reduce(gradient.flatten(1) if flatten else gradient)
    return penalty


def _half_squares(gradient):
    return gradient.square().sum(1).mean() / 2


def _by_backward(discriminator, real):
    """As with backward(create_graph=True), which would print a warning here."""
    weights = list(discriminator.parameters())
    real = real.detach().requires_grad_()
    gradient, *others = torch.autograd.grad(discriminator(real).sum(), (real, *weights),
                                            create_graph=True)
    for weight, other in zip(weights, others, strict=True):
        weight.grad = weight.grad + other.detach()
    return _half_squares(gradient.flatten(1))


Exercise("1.9", ours=losses.r1_penalty, cases=_penalty_cases, observe=_penalty_and_gradient,
         mistakes=[
    ("The length is not squared: R1 is the mean of the squared length.",
     _penalty(lambda g: g.norm(dim=1).mean() / 2)),
    ("You average over pixels: sum the squares of one image, then average over images.",
     _penalty(lambda g: g.square().mean() / 2)),
    ("The penalty cannot be trained: pass create_graph=True to torch.autograd.grad.",
     _penalty(_half_squares, create_graph=False)),
    ("A factor is missing: R1 is half of the mean squared length.",
     _penalty(lambda g: g.square().sum(1).mean())),
    ("You sum over the batch: average over images.", _penalty(lambda g: g.square().sum() / 2)),
    ("You differentiate the mean of the logits: in a batch of N each image then has an N-th of its "
     "slope.", _penalty(_half_squares, score=torch.mean)),
    ("You sum over one axis only: all axes but the first belong to one image.",
     _penalty(_half_squares, flatten=False)),
    ("Right for images, but `real` is (N, ...): a film, for one, has more axes.",
     _penalty(lambda g: g.square().sum((1, 2, 3)).mean() / 2, flatten=False)),
    ("The caller's own images ask for gradients from now on: work on a detached copy.",
     _penalty(_half_squares, detach=False)),
    ("Your `backward` adds to the gradients of the discriminator's weights, and another loss may "
     "have left some there: `torch.autograd.grad` only returns them.", _by_backward),
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
            for buffer in module.buffers():  # running means and variances, and a counter
                buffer.copy_(100 * torch.rand(buffer.shape))
        pairs.append((average, model, decay))
    return pairs


def _buffers(module):
    return torch.cat([buffer.double().flatten() for buffer in module.buffers()])


def _after_average(average_weights, average, model, decay):
    average_weights(average, model, decay)
    seen = {"averaged weights": _weights(average), "model's own weights": _weights(model),
            "averaged model's buffers": _buffers(average), "model's own buffers": _buffers(model)}
    for buffer in model.buffers():
        buffer.add_(1)
    return seen | {"averaged model's buffers when the model has learnt on": _buffers(average)}


def _lerp(average, model, decay, weight, copy=torch.Tensor.copy_):
    with torch.no_grad():
        for a, m in zip(average.parameters(), model.parameters(), strict=True):
            a.lerp_(m, weight(decay))
        for a, m in zip(average.buffers(), model.buffers(), strict=True):
            copy(a, m)


def _leave(a, m):
    pass


def _share(a, m):
    a.data = m.data


def _copy_floats(a, m):
    if a.is_floating_point():
        a.copy_(m)


Exercise("1.10", ours=training.average_weights, cases=_pairs, observe=_after_average, mistakes=[
    ("The roles are swapped: the average keeps `decay` of itself, and takes 1 - decay of the "
     "model.", lambda a, m, d: _lerp(a, m, d, lambda d: d)),
    ("The average is overwritten by the model: nothing of its past is left.",
     lambda a, m, d: _lerp(a, m, d, lambda d: 1.0)),
    ("The model is changed and the average is not: it is the other way round.",
     lambda a, m, d: _lerp(m, a, d, lambda d: 1 - d, _leave)),
    ("The buffers (batch normalisation's running means) are left behind: copy them.",
     lambda a, m, d: _lerp(a, m, d, lambda d: 1 - d, _leave)),
    ("The counter among the buffers is left behind: it is a whole number, and copied all the same.",
     lambda a, m, d: _lerp(a, m, d, lambda d: 1 - d, _copy_floats)),
    ("The buffers are averaged as the weights are: they are to be copied.",
     lambda a, m, d: _lerp(a, m, d, lambda d: 1 - d, lambda x, y: x.copy_(d * x + (1 - d) * y))),
    ("The two modules share their buffers from now on, and the average would change with the "
     "model: copy the values.", lambda a, m, d: _lerp(a, m, d, lambda d: 1 - d, _share)),
    ("The average's weights do not change: `mean = ...` only gives the name to another tensor, so "
     "change the tensor itself.", lambda a, m, d: _lerp(a, m, d, lambda d: 0.0)),
    ("Nothing changes in the average: change its tensors themselves, in place.",
     lambda a, m, d: None),
])
