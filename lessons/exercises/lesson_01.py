"""Checks of lesson 1: each function of the article's GAN and of its mending."""

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from lessons import mlp_gan
from lessons.engine import losses, training
from lessons.errors import CourseError
from lessons.exercises import Exercise, Seen, gradients, rng, seed
from lessons.judges import digits


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
    ("The range is from 0 to 2: take 1 away.", lambda x: x[:, None].float() / 127.5),
    ("The channel axis stands last: PyTorch wants it second, (N, 1, 28, 28).",
     lambda x: x[..., None].float() / 127.5 - 1),
    ("The range is from -1/2 to 1/2: the generator's tanh reaches from -1 to 1.",
     lambda x: x[:, None].float() / 255 - 0.5),
    ("Black and white have changed places: 0 must become -1.",
     lambda x: 1 - x[:, None].float() / 127.5),
    ("You stretch each batch between its own darkest and brightest pixel: one and the same byte "
     "must become one and the same number in every batch.", _stretched),
])


# 1.2 -------------------------------------------------------------------------------------------
_SIZES = ((100, 256), (256, 512), (512, 1024), (1024, 784))
Exercise("1.2", ours=sum(a * b + b for a, b in _SIZES), observe=lambda answer: answer, used=False,
         mistakes=[
    ("You left out the biases: each layer has one more number per output.",
     sum(a * b for a, b in _SIZES)),
    ("These are the biases alone: each layer also has inputs times outputs weights.",
     sum(b for _, b in _SIZES)),
    ("This is the discriminator's number: count the layers 100-256-512-1024-784.",
     sum(p.numel() for p in mlp_gan.ArticleDiscriminator().parameters())),
    *[(f"The layer {a}-{b} is missing: count the layers 100-256-512-1024-784.",
       sum(c * d + d for c, d in _SIZES if c != a)) for a, b in _SIZES],
    ("Each layer has one bias for each *output*, not for each input.",
     sum(a * b + a for a, b in _SIZES)),
    ("These are the layers' lengths: a layer from a to b has a * b weights and b biases.",
     100 + 256 + 512 + 1024 + 784),
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
    seen = Seen({"list of the weights' shapes": shapes,
                 "network's mode when it is made": "train" if network.training else "eval"})
    if shapes == [tuple(p.shape) for p in _by_shape(ours)]:
        generator = rng(1)
        for p in own:
            p.data = torch.randn(p.shape, generator=generator) / p[0].numel() ** 0.5
        network.eval()
        asleep = torch.equal(network(images), network(images))
        seen["rest of dropout in evaluation mode"] = asleep
        if asleep:  # else the output is a matter of chance
            output = seen["output in evaluation mode"] = network(images)
            found = gradients([output], {f"the weights of shape {tuple(p.shape)}": p for p in own})
            seen |= {name: g if g is None else g.norm() for name, g in found.items()}
        seen |= _silenced(network.train(), images) if len(images) == 4 else {}
    return seen


def _silenced(network, images):
    """Percentages, to the nearest 5, of what dropout silences: what is silent has no gradient,
    wherever the dropout stands and however it is written."""
    _, _, second, _, first, _ = _by_shape(network)
    if not network(images).requires_grad or not all(p.requires_grad for p in (first, second)):
        return {}
    shares = torch.zeros(3)
    for _ in range(20):  # 10,000 units of the second layer: a share of 0.3 comes out within 0.02
        pixels = images[:2].clone().requires_grad_()
        gradients = torch.autograd.grad(network(pixels)[0].sum(), (pixels, first, second),
                                        materialize_grads=True)
        gradients = (gradients[0][0], *gradients[1:])  # of the first image alone
        shares += torch.stack([(g == 0).float().mean() for g in gradients]) / 20
    names = "pixels", "units of the first layer", "units of the second layer"
    return {f"percentage of {name} that are silent in training": 5 * round(20 * share)
            for name, share in zip(names, shares.tolist(), strict=True)}


_FIRST, _SECOND = ("nn.Linear(784, 1024), nn.LeakyReLU(0.2), nn.Dropout(0.3)",
                   "nn.Linear(1024, 512), nn.LeakyReLU(0.2), nn.Dropout(0.3)")
Exercise("1.3", ours=mlp_gan.ArticleDiscriminator, observe=_try_discriminator, trained=True,
         cases=lambda: [(torch.randn(n, 1, 28, 28, generator=rng(n)),) for n in (4, 7)],
         mistakes=[
    ("The last layer gives a logit, but the article's loss wants a probability: end with a "
     "sigmoid.", ", nn.Sigmoid()", ""),
    ("A plain ReLU stands where a LeakyReLU with slope 0.2 should.", "LeakyReLU(0.2)", "ReLU()"),
    ("The slope of the LeakyReLU is not 0.2 (0.01 is what PyTorch takes by itself).",
     "LeakyReLU(0.2)", "LeakyReLU()"),
    ("There is no dropout: two images in training mode come out the same twice.",
     ", nn.Dropout(0.3)", ""),
    ("Dropout stands behind the first layer alone: the second has one, too.",
     _SECOND, "nn.Linear(1024, 512), nn.LeakyReLU(0.2)"),
    ("Dropout stands behind the second layer alone: the first has one, too.",
     _FIRST, "nn.Linear(784, 1024), nn.LeakyReLU(0.2)"),
    ("The rate of dropout is not 0.3 (0.5 is what PyTorch takes by itself).",
     "Dropout(0.3)", "Dropout()"),
    ("Dropout silences pixels of the image, too: it belongs behind the first two layers only.",
     "nn.Flatten()", "nn.Flatten(), nn.Dropout(0.3)"),
    ("Dropout goes on in evaluation mode: `F.dropout` must be told when it is training, a layer "
     "`nn.Dropout` made in `__init__` knows.", "self.layers(images)",
     "self.layers[7:](nn.functional.dropout(self.layers[4:6](nn.functional.dropout("
     "self.layers[:3](images), 0.3)), 0.3))"),
    ("A layer is missing: the article names three linear layers, 784-1024-512-1.",
     f"{_SECOND},", "", "nn.Linear(512, 1)", "nn.Linear(1024, 1)"),
    ("A LeakyReLU stands before the sigmoid: the last layer's logit goes straight into it.",
     "nn.Sigmoid()", "nn.LeakyReLU(0.2), nn.Sigmoid()"),
    ("The end is a tanh: a probability lies between 0 and 1, so end with a sigmoid.",
     "nn.Sigmoid()", "nn.Tanh()"),
    ("There is no LeakyReLU: without it three linear layers are as good as one.",
     "nn.LeakyReLU(0.2), ", ""),
    ("The second LeakyReLU is missing: one stands behind each of the first two layers.",
     _SECOND, "nn.Linear(1024, 512), nn.Dropout(0.3)"),
    ("The first LeakyReLU is missing: one stands behind each of the first two layers.",
     _FIRST, "nn.Linear(784, 1024), nn.Dropout(0.3)"),
    ("Linear layers have biases: leave out `bias=False`.", "024)", "024, bias=False)",
     "512)", "512, bias=False)", "512, 1)", "512, 1, bias=False)"),
])


# 1.4 -------------------------------------------------------------------------------------------
def _outputs():
    return [(torch.rand(shape, generator=rng()), value)
            for shape, value in (((2, 1), 0.9), ((4, 1), 1.0), ((7, 1), 0.0), ((2, 3, 5), 0.9))]


Exercise("1.4", ours=mlp_gan.labels, cases=_outputs, mistakes=[
    ("The labels have shape (N,), the outputs (N, 1): this is the article's own mistake.",
     lambda outputs, value: torch.full((len(outputs),), value)),
    ("The labels are whole numbers: binary cross-entropy wants floats.",
     lambda outputs, value: torch.full(outputs.shape, int(value))),
    ("The labels are always ones: use the value that is passed.",
     lambda outputs, value: torch.ones_like(outputs)),
    ("The labels are the outputs times the value: they should be the value itself.",
     lambda outputs, value: outputs * value),
    ("The labels are always zeros: use the value that is passed.",
     lambda outputs, value: torch.zeros_like(outputs)),
    ("The labels have the shape (N, 1); the outputs may have another: take theirs.",
     lambda outputs, value: torch.full((len(outputs), 1), value)),
    ("This is one number: make one label for each output.",
     lambda outputs, value: torch.tensor(value)),
    ("Only 0 and 1 come out: a label may be 0.9, too.",
     lambda outputs, value: torch.full_like(outputs, float(value > 0.5))),
])


# 1.5 and 1.6 -------------------------------------------------------------------------------------
def _games():
    """Two small games with sizes of their own, each with the optimizers of both networks. With
    momentum two steps, one for each part of the loss, are not the same as one."""
    games = []
    for k, (batch, latent, size) in enumerate(((4, 3, 5), (6, 2, 4))):
        torch.manual_seed(seed(k))
        generator = nn.Sequential(nn.Linear(latent, size), nn.Tanh())
        discriminator = nn.Sequential(nn.Linear(size, 1), nn.Sigmoid())
        optimizers = [torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
                      for network in (generator, discriminator)]
        games.append((generator, discriminator, optimizers, nn.BCELoss(),
                      torch.randn(batch, size), torch.randn(batch, latent)))
    return games


def _play(step, which, generator, discriminator, optimizers, criterion, *arguments):
    """Let a step run with gradients left over from before; what becomes of the weights is seen in
    the networks after the call."""
    for p in (*generator.parameters(), *discriminator.parameters()):
        p.grad = torch.full_like(p, 0.5)
    reached = []  # by gradients, even if they are cleared afterwards
    for p in generator.parameters():
        p.register_hook(reached.append)
    loss = step(generator, discriminator, optimizers[which], criterion, *arguments)
    return Seen({"loss": _number(loss), "flow of gradients into the generator": bool(reached)})


def _number(loss):
    """A loss as a tensor of no dimension, with or without a graph; anything else as it is."""
    one = isinstance(loss, torch.Tensor) and loss.numel() == 1
    return loss.detach().float().reshape(()) if one else loss


_FROZEN = ("One of the networks comes out of your step frozen, or in evaluation mode: set it back "
           "as it was.", "return loss", "discriminator.requires_grad_(False)\n    return loss")
_OLD = ("Old gradients are still there: call optimizer.zero_grad() before loss.backward().",
        "    optimizer.zero_grad()\n", "")
_STILL = ("The weights do not move: call optimizer.step() after loss.backward(), and clear nothing "
          "in between.", "    optimizer.step()\n", "")
_NOISE = ("You draw new noise: use the `z` that is passed.",
          "generator(z)", "generator(torch.randn_like(z))")
_PARTS = "criterion(p_real, labels(p_real, 1.0))", "criterion(p_fake, labels(p_fake, 0.0))"
_ONE = ("    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()\n")
Exercise("1.5", ours=mlp_gan.discriminator_step, cases=_games, mistakes=[
    ("This looks like a missing detach: the discriminator's step sends gradients into the "
     "generator.", "generator(z).detach()", "generator(z)"),
    ("This looks like swapped labels: real images are 1, generated ones are 0.",
     "p_real, 1.0", "p_real, 0.0", "p_fake, 0.0", "p_fake, 1.0"),
    _OLD, _STILL,
    ("Only the real images are in your loss: add the generated ones.", f" + {_PARTS[1]}", ""),
    ("Only the generated images are in your loss: add the real ones.", f"{_PARTS[0]} + ", ""),
    ("Your loss is half of the article's: it adds both parts, it does not average them.",
     "    optimizer.zero_grad()", "    loss = loss / 2\n    optimizer.zero_grad()"),
    ("Your detach, or no_grad, covers too much: it cuts off the discriminator as well, so that the "
     "generated images teach it nothing.", "labels(p_fake", "labels(p_fake := p_fake.detach()",
     "criterion(p_fake,", "criterion(p_fake.detach(),"),
    ("You make two steps, one for each part of the loss: add the parts, and make one.",
     " + ".join(_PARTS) + "\n" + _ONE, f"{_PARTS[0]}\n    other = {_PARTS[1]}\n{_ONE}"
     + _ONE.replace("loss", "other") + "    loss = loss + other\n"),
    ("You make a step before the discriminator has looked at the generated images: both parts of "
     "the loss belong to one step.",
     " + ".join(_PARTS) + "\n" + _ONE, f"{_PARTS[0]}\n{_ONE}    p_fake = discriminator(fake)\n"
     f"    other = {_PARTS[1]}\n" + _ONE.replace("loss", "other") + "    loss = loss + other\n"),
    _FROZEN, _NOISE,
], asked="tensor", observe=lambda step, *given: _play(step, 1, *given))

Exercise("1.6", ours=mlp_gan.generator_step, mistakes=[
    ("This looks like swapped labels: the generator wants its images to be called real, 1.",
     "1.0", "0.0"),
    ("This is the saturating loss of the article's formula; its loop, and this exercise, ask for "
     "criterion(D(G(z)), ones).", "criterion(p_fake, labels(p_fake, 1.0))",
     "-criterion(p_fake, labels(p_fake, 0.0))"),
    _OLD, _STILL,
    ("This looks like a detach too many: no gradient reaches the generator.",
     "generator(z)", "generator(z).detach()"),
    _FROZEN,
    ("The discriminator comes out of the generator's step with other weights: move the generator's "
     "alone.", "    loss.backward()", "    discriminator.zero_grad()\n    loss.backward()",
     "    optimizer.step()", "    optimizer.step()\n    for p in discriminator.parameters():\n"
     "        p.data -= 0.1 * p.grad"),
    _NOISE,
], asked="tensor", cases=lambda: [(*game[:4], game[5]) for game in _games()],
   observe=lambda step, *given: _play(step, 0, *given))


# 1.7 ------------------------------------------------------------------------------------------
def _read():
    """Logits of many images and of few, of which no digit, the last, or most are never read."""
    cases = [(torch.randn(n, 10, generator=rng(n)) * 2,) for n in (2, 23, 40, 40, 40)]
    for (logits,), never in zip(cases[3:], (9, 0), strict=True):
        logits[:, never] = -9
    return cases


Exercise("1.7", ours=digits.digit_shares, cases=_read, mistakes=[
    ("These are counts: divide by the number of images.",
     lambda x: x.argmax(1).bincount(minlength=10)),
    ("This is the mean probability of each digit: first let each image be read as one digit.",
     lambda x: x.softmax(1).mean(0)),
    ("Digits that were never read are missing at the end: bincount needs minlength=10.",
     lambda x: x.argmax(1).bincount() / len(x)),
    ("Digits that were never read are missing: they have the share 0, so count with minlength=10.",
     lambda x: x.argmax(1).unique(return_counts=True)[1] / len(x)),
    ("This is the mean of the logits: first let each image be read as one digit, then count.",
     lambda x: x.mean(0)),
    ("Each image votes for its *smallest* logit.",
     lambda x: x.argmin(1).bincount(minlength=10) / len(x)),
    ("These are percents: shares sum to 1.",
     lambda x: 100 * x.argmax(1).bincount(minlength=10) / len(x)),
    ("The largest logit is looked for across images: look across the ten digits, axis 1.",
     lambda x: (x.argmax(0).bincount(minlength=10)[:10] / len(x))),
    ("You divide by ten digits: divide by the number of images.",
     lambda x: x.argmax(1).bincount(minlength=10) / 10),
])


# 1.8 -------------------------------------------------------------------------------------------
def _logit_cases():
    return [(scale * torch.randn(shape, generator=rng(n)), torch.rand(shape, generator=rng(n + 9)))
            for n, (shape, scale) in enumerate((((2, 1), 1.0), ((5, 1), 1.0), ((4, 3), 3.0),
                                                ((2, 3, 2), 1.0), ((6, 1), 300.0)))
            ] + [(torch.tensor([[6.0], [-7.0]]), torch.tensor([[1.0], [0.0]]))]


class _Forbidden(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function.__name__ == "binary_cross_entropy_with_logits":
            raise CourseError("Your code calls PyTorch's own version: the card asks for the "
                              "formula itself.")
        return function(*args, **(kwargs or {}))


def _by_hand(loss, logits, targets):
    with _Forbidden():
        return loss(logits, targets)


_MAX, _LOG = "logits.clamp(min=0)", "torch.log1p(torch.exp(-logits.abs()))"
Exercise("1.8", ours=losses.bce_with_logits, cases=_logit_cases, observe=_by_hand,
         trained=("logits",), mistakes=[
    ("This is the sum over the batch: take the mean, or the step grows with the batch.",
     "loss.mean()", "loss.sum()"),
    ("Right for small logits, but infinite or not a number for large ones: never take the "
     "logarithm of a sigmoid.", f"{_MAX} - logits * targets + {_LOG}",
     "-(targets * torch.log(torch.sigmoid(logits))"
     " + (1 - targets) * torch.log(1 - torch.sigmoid(logits)))"),
    ("Real and fake are swapped: the target belongs to sigmoid(logit), not to one minus it.",
     "* targets", "* (1 - targets)"),
    ("These logits go through a sigmoid twice: the formula already holds one.",
     "    loss =", "    logits = torch.sigmoid(logits)\n    loss ="),
    ("The loss is given for each image: take the mean of them.", "loss.mean()", "loss"),
    ("You divide by the number of rows: take the mean over all logits, in any shape.",
     "loss.mean()", "loss.sum() / len(logits)"),
    ("max(l, 0) is missing: the formula has three parts.", f"{_MAX} -", "-"),
    ("The logarithm is missing: the formula has three parts.", f" + {_LOG}", ""),
    ("- l t is missing: the formula has three parts.", " - logits * targets", ""),
    ("The exponential is that of l or of -l: for large ones it is infinite. Take -|l|.",
     _LOG, "torch.log(1 + torch.exp(-logits))"),
    ("The exponential grows: take exp(-|l|), which is at most 1.", "-logits.abs()", "logits.abs()"),
    ("max(l, 0) is not |l|.", _MAX, "logits.abs()"),
    ("It is right for moderate logits; for large ones PyTorch cuts the logarithm of a probability "
     "off at -100.", f"{_MAX} - logits * targets + {_LOG}",
     "torch.nn.functional.binary_cross_entropy(torch.sigmoid(logits), targets)"),
])


# 1.9 -------------------------------------------------------------------------------------------
def _penalty_cases():
    """Grey images, and films in colour, each with a discriminator."""
    cases = []
    for k, shape in enumerate(((4, 1, 2, 3), (6, 2, 3, 2, 2))):
        torch.manual_seed(seed(k))
        real = torch.randn(shape)
        cases.append((nn.Sequential(nn.Flatten(), nn.Linear(real[0].numel(), 5), nn.Tanh(),
                                    nn.Linear(5, 1)), real))
    return cases


def _penalty_and_gradient(penalty, network, real):
    """The penalty, what its call leaves behind, and where it pulls the discriminator."""
    for p in network.parameters():
        p.grad = torch.randn_like(p)  # of another loss
    value = penalty(network, real)
    tensor = isinstance(value, torch.Tensor)
    return Seen({"penalty": value.detach().clone() if tensor else value,
                 "discriminator's own gradient, which another loss left there,":
                     torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten()
                                for p in network.parameters()]),
                 **gradients([value], dict(network.named_parameters()))})


_HALF, _SUM = "gradient.flatten(1).square().sum(1).mean() / 2", "logits.sum(), real"
Exercise("1.9", ours=losses.r1_penalty, cases=_penalty_cases, observe=_penalty_and_gradient,
         used=False, mistakes=[
    ("The length is not squared: R1 is the mean of the squared length.",
     _HALF, "gradient.flatten(1).norm(dim=1).mean() / 2"),
    ("You average over pixels: sum the squares of one image, then average over images.",
     _HALF, "gradient.square().mean() / 2"),
    ("The penalty cannot be trained: pass create_graph=True to torch.autograd.grad.",
     ", create_graph=True", ""),
    ("A factor is missing: R1 is half of the mean squared length.", " / 2", ""),
    ("You sum over the batch: average over images.", _HALF, "gradient.square().sum() / 2"),
    ("You differentiate the mean of the logits: in a batch of N each image then has an N-th of its "
     "slope.", _SUM, "logits.mean(), real"),
    ("You sum over one axis only: all axes but the first belong to one image.", ".flatten(1)", ""),
    ("Right for images, but `real` is (N, ...): a film, for one, has more axes.",
     _HALF, "gradient.square().sum((1, 2, 3)).mean() / 2"),
    ("The caller's own images ask for gradients from now on: work on a detached copy.",
     "real.detach()", "real"),
    ("Your `backward` adds to the gradients of the discriminator's weights, and another loss may "
     "have left some there: `torch.autograd.grad` only returns them.",
     # as with backward(create_graph=True), which would print a warning here
     f"gradient, = torch.autograd.grad({_SUM}, create_graph=True)",
     "weights = list(discriminator.parameters())\n    gradient, *others = torch.autograd.grad("
     "logits.sum(), (real, *weights), create_graph=True)\n"
     "    for weight, other in zip(weights, others):\n"
     "        weight.grad = weight.grad + other.detach()"),
    ("You clear the discriminator's gradients, and another loss may have left some there: leave "
     "them as they are.", "    logits =", "    discriminator.zero_grad()\n    logits ="),
    ("The length is that of R1's root: leave the square as it is.",
     ".mean() / 2", ".mean().sqrt() / 2"),
    ("The square is taken of the whole: first of each number, then the sum.",
     ".square().sum(1)", ".sum(1).square()"),
    ("These are absolute values: square them.", "square", "abs"),
    ("The slope is asked to be 1, as in WGAN-GP: R1 asks for 0.",
     _HALF, "(gradient.flatten(1).norm(dim=1) - 1).square().mean() / 2"),
    ("You differentiate the probability, after a sigmoid: R1 takes the logit.",
     _SUM, "logits.sigmoid().sum(), real"),
])


# 1.10 ------------------------------------------------------------------------------------------
def _pairs():
    torch.manual_seed(seed())
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


def _averaged(average_weights, average, model, decay):
    """Average once; then the model learns on, and nothing of that may reach the average."""
    average_weights(average, model, decay)
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data.add_(1)


_LERP, _COPY = "mean.lerp_(weight, 1 - decay)", "mean.copy_(value)"
Exercise("1.10", ours=training.average_weights, cases=_pairs, observe=_averaged, used=False,
         mistakes=[
    ("The roles are swapped: the average keeps `decay` of itself, and takes 1 - decay of the "
     "model.", "1 - decay", "decay"),
    ("The average is overwritten by the model: nothing of its past is left.",
     _LERP, "mean.copy_(weight)"),
    ("The model is changed and the average is not: it is the other way round.",
     _LERP, "weight.lerp_(mean, 1 - decay)", _COPY, "value.copy_(value)"),
    ("The buffers (batch normalisation's running means) are left behind: copy them.",
     _COPY, "pass"),
    ("The counter among the buffers is left behind: it is a whole number, and copied all the same.",
     _COPY, "mean.copy_(value if mean.is_floating_point() else mean)"),
    ("The buffers are averaged as the weights are: they are to be copied.",
     _COPY, "mean.copy_(decay * mean + (1 - decay) * value)"),
    ("The two modules share their buffers from now on, and the average would change with the "
     "model: copy the values.", _COPY, "mean.data = value.data"),
    ("The average's weights do not change: `mean = ...` only gives the name to another tensor, so "
     "change the tensor itself.", _LERP, "mean = mean.lerp(weight, 1 - decay)"),
    ("Nothing changes in the average: change its tensors themselves, in place.",
     _LERP, "pass", _COPY, "pass"),
])


# 1.11 ------------------------------------------------------------------------------------------
def mended_round(generator, discriminator, g_adam, d_adam, real, z):
    """A step of D and a step of G, on logits; returns both losses."""
    fake = generator(z)
    real_logits, fake_logits = discriminator(real), discriminator(fake.detach())
    d_loss = losses.bce_with_logits(real_logits, mlp_gan.labels(real_logits, 1.0)) \
        + losses.bce_with_logits(fake_logits, mlp_gan.labels(fake_logits, 0.0))
    d_adam.zero_grad()
    d_loss.backward()
    d_adam.step()
    fake_logits = discriminator(fake)
    g_loss = losses.bce_with_logits(fake_logits, mlp_gan.labels(fake_logits, 1.0))
    g_adam.zero_grad()
    g_loss.backward()
    g_adam.step()
    return d_loss.detach(), g_loss.detach()


def _rounds():
    """The games of 1.5, with logits."""
    return [(generator, discriminator[:1], *optimizers, real, z)
            for generator, discriminator, optimizers, _, real, z in _games()]


def _play_round(play_round, generator, discriminator, *others):
    """Let it play two rounds, after which the gradients of the first may be left over."""
    for p in (*generator.parameters(), *discriminator.parameters()):
        p.grad = torch.full_like(p, 0.5)
    play_round(generator, discriminator, *others)
    result = play_round(generator, discriminator, *others)
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise CourseError("Return two losses, that of D's step and that of G's, as the round did.")
    return Seen(zip(("loss of D", "loss of G"), map(_number, result), strict=True))


_D_LOOK, _G_LOOK = "discriminator(fake.detach())", "discriminator(fake)"
_AGAIN = "Copy the ten lines and mend them in three places: "
Exercise("1.11", ours=mended_round, cases=_rounds, observe=_play_round, mistakes=[
    (_AGAIN + "this round is still as it was.", _G_LOOK, "discriminator(fake .detach())", _D_LOOK,
     _G_LOOK, "    g_adam.zero_grad()\n", ""),
    ("Still, G does not move: `detach` cuts off the gradient of its loss, or it is cleared before "
     "it is used, or the step is missing.", _G_LOOK, "discriminator(fake .detach())"),
    ("Still, old gradients are in G when its optimizer makes a step: clear them before "
     "g_loss.backward().", "    g_adam.zero_grad()\n", ""),
    ("D's gradients are no longer cleared: that line was right.", "    d_adam.zero_grad()\n", ""),
    ("G's labels were right: G wants D to take its images for real, 1.",
     "(fake_logits, 1.0)", "(fake_logits, 0.0)"),
    ("D no longer makes a step.", "    d_adam.step()\n", ""),
    ("G's step draws other noise than D's: the images of one round serve both.",
     _G_LOOK, "discriminator(generator(torch.randn_like(z)))"),
])
