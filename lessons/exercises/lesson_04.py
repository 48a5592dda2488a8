"""Checks of lesson 4: content and motion, the window that is put back, the turning, the swap; the
loss of a copy, two looks at a path, a step of both players, a path to mend, the energy score."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from lessons import frames, priors, video
from lessons.exercises import Exercise, Seen, rng, seed
from lessons.frames import CONTENT, MOTION, PATH
from lessons.priors import SLOWEST
from lessons.signals.windows import paste, window_columns


# 4.1 -------------------------------------------------------------------------------------------
def _codes():
    return [(torch.randn(N, T, CONTENT + MOTION, generator=rng(N)),) for N, T in ((3, 5), (4, 7))]


def _averaged(what, axis):
    def wrong(codes):
        parts = list(codes.split([CONTENT, MOTION], 2))
        for i in what:
            parts[i] = parts[i].mean(axis, keepdim=True).expand_as(parts[i])
        return torch.cat(parts, 2)
    return wrong


def _not_repeated(codes):
    return torch.cat([codes[:, :1, :CONTENT].mean(1, keepdim=True), codes[:, :1, CONTENT:]], 2)


def _first_frame(codes):
    content = codes[:, :1, :CONTENT].expand(-1, codes.shape[1], -1)
    return torch.cat([content, codes[..., CONTENT:]], 2)


Exercise("4.1", ours=frames.one_content, cases=_codes, trained=True, mistakes=[
    ("You averaged over the films of the batch, axis 0: everyone becomes the same person. The "
     "frames are axis 1.", _averaged([0], 0)),
    ("You averaged the motion as well: now nobody moves.", _averaged([0, 1], 1)),
    ("You averaged the motion and kept the content: it should be the other way round.",
     _averaged([1], 1)),
    ("You took the content of the first frame for all: average over the frames, so that the "
     "mistake of one frame counts less.", _first_frame),
    ("You averaged over the numbers of a frame, the last axis: the frames are axis 1.",
     _averaged([0], 2)),
    ("You took the content of the last frame for all: average over the frames.",
     lambda codes: torch.cat([codes[:, -1:, :CONTENT].expand(-1, codes.shape[1], -1),
                              codes[..., CONTENT:]], 2)),
    ("Motion stands before content: content first, then motion.",
     lambda codes: frames.one_content(codes).roll(MOTION, 2)),
    ("You summed the content over the frames: take the mean.",
     lambda codes: torch.cat([codes[..., :CONTENT].sum(1, keepdim=True)
                              .expand(-1, codes.shape[1], -1), codes[..., CONTENT:]], 2)),
    ("Your film has one frame left: the mean must be repeated for each frame (expand_as).",
     _not_repeated),
])


# 4.2 -------------------------------------------------------------------------------------------
def _windows():
    """Windows with places at both edges, beyond them, and between pixels."""
    cases = []
    for k, (size, H) in enumerate(((16, 5), (24, 7)), 1):
        place = torch.tensor([0.0, -3.0, size + 2.0, size / 2, 0.3 * size, 0.71 * size, size - 0.4])
        cases.append((torch.randn(len(place), 3, H, size // 2, generator=rng(k)), place, size))
    return cases


def _pasted(crop=None, way="wide"):
    def wrong(windows, place, size):
        columns = window_columns(place, size, size // 2)[:, None, None].expand_as(windows)
        columns = columns + {"late": size // 4, "one": 1}.get(way, 0)
        if way == "fixed":
            columns = columns[:1].expand_as(windows)
        if way == "around":
            frame = windows.new_zeros(*windows.shape[:3], size)
            return frame.scatter(3, (columns - size // 2) % size, windows)
        if way == "pressed":
            frame = windows.new_zeros(*windows.shape[:3], size)
            return frame.scatter(3, (columns - size // 2).clamp(0, size - 1), windows)
        wide = windows.new_zeros(*windows.shape[:3], 2 * size).scatter(3, columns, windows)
        return wide if crop is None else wide[..., crop[0](size):crop[1](size)]
    return wrong


_MIDDLE = (lambda size: size // 2, lambda size: -(size // 2))
Exercise("4.2", ours=paste, cases=_windows, trained=("windows",), mistakes=[
    ("The result is as wide as the canvas with its margins: cut size / 2 columns off on either "
     "side.", _pasted()),
    ("You kept the left part of the canvas: the frame is its middle, size / 2 columns in from "
     "either side.", _pasted((lambda size: 0, lambda size: size))),
    ("What leaves on one side comes in on the other: paste on a canvas with margins, then cut "
     "them off.", _pasted(way="around")),
    ("What should be cut off is pressed into the outermost column: paste on a canvas with "
     "margins, then cut them off.", _pasted(way="pressed")),
    ("All is a quarter of a frame too far to the right, as if the window began at the place "
     "instead of having it in its middle.", _pasted(_MIDDLE, "late")),
    ("You kept the right part of the canvas: the frame is its middle, size / 2 columns in from "
     "either side.", _pasted((lambda size: size, lambda size: 2 * size))),
    ("All windows are pasted where the first one belongs: each has its own columns.",
     _pasted(_MIDDLE, "fixed")),
    ("All is one column too far to the right.", _pasted(_MIDDLE, "one")),
])


# 4.3 -------------------------------------------------------------------------------------------
def _oscillators():
    return [(torch.randn(N, K, generator=rng(N)), torch.randn(N, T, K, generator=rng(K)))
            for N, T, K in ((1, 3, 1), (2, 5, 3), (4, 6, 7))]


def _begin(start):
    return 2 * math.pi * start[:, None]


def _pace(speed):
    return SLOWEST * (1 + speed.sigmoid())


Exercise("4.3", ours=priors.turns, cases=_oscillators, trained=True, mistakes=[
    ("You added up over the films, axis 0: the frames are axis 1.",
     lambda start, speed: _begin(start) + _pace(speed).cumsum(0)),
    ("You added up over the oscillators, the last axis: the frames are axis 1.",
     lambda start, speed: _begin(start) + _pace(speed).cumsum(2)),
    ("Nothing is added up: this is the speed at each frame, not how far it has turned.",
     lambda start, speed: _begin(start) + _pace(speed)),
    ("A speed may come out negative: without sigmoid an oscillator can turn back.",
     lambda start, speed: _begin(start) + SLOWEST * (1 + speed).cumsum(1)),
    ("The sum was taken before sigmoid: bound each speed first, then add up.",
     lambda start, speed: _begin(start) + _pace(speed.cumsum(1))),
    ("The 1 is added once instead of at every frame: it belongs inside the sum.",
     lambda start, speed: _begin(start) + SLOWEST * (1 + speed.sigmoid().cumsum(1))),
    ("The 1 is missing: an oscillator could stand still.",
     lambda start, speed: _begin(start) + SLOWEST * speed.sigmoid().cumsum(1)),
    ("The start is missing: all films would begin with the same foot.",
     lambda start, speed: _pace(speed).cumsum(1)),
    ("The start is counted in turns, the result in radians: a turn is 2 pi.",
     lambda start, speed: start[:, None] + _pace(speed).cumsum(1)),
    ("The first frame's speed counts already: the sum begins with it.",
     lambda start, speed: _begin(start) + _pace(speed).cumsum(1) - _pace(speed)),
    ("SLOWEST is missing: the sum is in radians only when it is multiplied by it.",
     lambda start, speed: _begin(start) + (1 + speed.sigmoid()).cumsum(1)),
    ("The start is added at every frame anew: it belongs outside the sum.",
     lambda start, speed: (_begin(start) + _pace(speed)).cumsum(1)),
])


# 4.4 -------------------------------------------------------------------------------------------
def _two():
    return [tuple(torch.randn(N, T, PATH, generator=rng(k + N)) for k in (0, 9))
            for N, T in ((2, 5), (3, 4), (1, 20))]  # and a film longer than a frame has content


Exercise("4.4", ours=video.swap_motion, cases=_two, mistakes=[
    ("Figures and events are swapped: the content belongs to `who`, the rest to `what`.",
     lambda who, what: torch.cat([what[..., :CONTENT], who[..., CONTENT:]], 2)),
    ("The place came with the figure: it belongs to what happens, so cut right after the content.",
     lambda who, what: torch.cat([who[..., :CONTENT + 1], what[..., CONTENT + 1:]], 2)),
    ("You cut the frames, not the numbers of a frame: the numbers are the last axis.",
     lambda who, what: torch.cat([who[:, :CONTENT], what[:, CONTENT:]], 1)),
    ("This is the mean of both films: take each number from one of them.",
     lambda who, what: (who + what) / 2),
    ("This is `who` as it was: only its content belongs in the result.", lambda who, what: who + 0),
    ("This is `what` as it was: its content must come from `who`.", lambda who, what: what + 0),
    ("Content comes first, then place and motion.",
     lambda who, what: torch.cat([what[..., CONTENT:], who[..., :CONTENT]], 2)),
    ("The place is missing: everything behind the content comes from `what`.",
     lambda who, what: torch.cat([who[..., :CONTENT], what[..., CONTENT + 1:]], 2)),
    ("Both paths are in full: cut each before you join them.",
     lambda who, what: torch.cat([who, what], 2)),
])


# 4.5 -------------------------------------------------------------------------------------------
def copy_loss(picture, copy):
    """How far a copy is from its picture, both (F, 3, h, w), less the empty stage: a number."""
    weight = 1 + 4 * (picture.abs().amax(1, keepdim=True) > 0.1)               # (F, 1, h, w)
    error = copy - picture
    return (weight * (error.abs() + 2 * error.square())).mean()


def _copies():
    """Pictures of which some pixels are stage, some differ in one colour, some are darker; in the
    first, a pixel differs by just 0.1."""
    cases = []
    for k, (n, h, w) in enumerate(((1, 1, 2), (2, 5, 3), (4, 6, 4))):
        picture = torch.randn(n, 3, h, w, generator=rng(k))
        picture = picture * (torch.rand(n, 3, h, w, generator=rng(k + 5)) < 0.3)
        if k == 0:
            picture = torch.tensor([[[[0.1, 0.0]], [[0.0, 0.0]], [[0.0, -0.5]]]])
        cases.append((picture, picture + torch.randn(n, 3, h, w, generator=rng(k + 9))))
    return cases


def _copied(where="picture", least=0.1, extra=4.0, parts=(1, 2), of=torch.mean):
    def wrong(picture, copy):
        at = {"picture": picture.abs().amax(1, keepdim=True), "copy": copy.abs().amax(1, True),
              "bright": picture.amax(1, keepdim=True), "colour": picture.abs(),
              "mean": picture.abs().mean(1, keepdim=True)}[where]
        error = copy - picture
        return of((1 + extra * (at > least)) * (parts[0] * error.abs() + parts[1] * error ** 2))
    return wrong


Exercise("4.5", ours=copy_loss, cases=_copies, trained=("copy",), mistakes=[
    ("All pixels count alike: those of the figure must count five times.", _copied(extra=0.0)),
    ("The figure is looked for in the copy: a copy that paints nothing would make it count less. "
     "The picture says where it is.", _copied("copy")),
    ("A dark leg does not count: what is darker than the stage is negative, so take abs.",
     _copied("bright")),
    ("Each colour is weighed by itself: a pixel counts in all its colours where one of them "
     "differs from the stage (amax over axis 1).", _copied("colour")),
    ("The square is missing.", _copied(parts=(1, 0))),
    ("The absolute error is missing.", _copied(parts=(0, 2))),
    ("The square counts once: it counts twice.", _copied(parts=(1, 1))),
    ("This is a sum over all pixels: take the mean, or the loss grows with the batch.",
     _copied(of=torch.sum)),
    ("On the figure your weight is 6: it is 5 there, 1 + 4.", _copied(extra=5.0)),
    ("You averaged the colours before you asked whether a pixel differs from the stage: one colour "
     "is enough (amax over axis 1).", _copied("mean")),
    ("The error is not made positive: mistakes to either side cancel each other.",
     lambda picture, copy: ((1 + 4 * (picture.abs().amax(1, keepdim=True) > 0.1))
                            * ((copy - picture) + 2 * (copy - picture) ** 2)).mean()),
])


# 4.6 -------------------------------------------------------------------------------------------
def two_looks(paths, whole, frame):
    """The logits (N,) of paths (N, T, D). whole: (N, T, 2 D) -> (N,); frame: (N, T, D) -> (N, T).
    """
    change = F.pad(paths.diff(dim=1), (0, 0, 1, 0))                            # (N, T, D)
    return whole(torch.cat([paths, change], 2)) + frame(paths).mean(1) / 2


def _looks():
    cases = []
    for k, (N, T, D) in enumerate(((1, 2, 2), (3, 5, 4), (4, 6, 3))):
        torch.manual_seed(seed(k))
        whole = nn.Sequential(nn.Flatten(), nn.Linear(T * 2 * D, 1), nn.Tanh(), nn.Flatten(0))
        frame = nn.Sequential(nn.Linear(D, 4), nn.Tanh(), nn.Linear(4, 1), nn.Flatten(1))
        cases.append((torch.randn(N, T, D), whole, frame))
    return cases


def _looked(change=lambda paths: F.pad(paths.diff(dim=1), (0, 0, 1, 0)), each="mean", share=0.5,
            order=(0, 1), seen=None):
    def wrong(paths, whole, frame):
        parts = [paths, change(paths)]
        logits = frame(paths if seen is None else seen(paths))                 # (N, T)
        logits = {"mean": logits.mean(1), "sum": logits.sum(1), "last": logits[:, -1],
                  "most": logits.amax(1), "batch": logits.mean()}[each]
        return whole(torch.cat([parts[i] for i in order], 2)) + share * logits
    return wrong


Exercise("4.6", ours=two_looks, cases=_looks, trained=True, mistakes=[
    ("The zeros stand at the end: the change of a frame is counted from the frame before it, so "
     "the first frame is the one that has none.",
     _looked(lambda paths: F.pad(paths.diff(dim=1), (0, 0, 0, 1)))),
    ("Your changes point backwards: later less earlier.",
     _looked(lambda paths: -F.pad(paths.diff(dim=1), (0, 0, 1, 0)))),
    ("The whole path is looked at without its changes: the second half of what `whole` is given is "
     "zero.", _looked(torch.zeros_like)),
    ("Changes stand before the numbers themselves: first the path, then its changes.",
     _looked(order=(1, 0))),
    ("The look at each frame is summed over the frames: take the mean.", _looked(each="sum")),
    ("The look at each frame counts as much as that at the whole: it counts half.",
     _looked(share=1.0)),
    ("Only the last frame is looked at by itself: take the mean of all.", _looked(each="last")),
    ("The frames of all films are averaged together: each film has a mean of its own, axis 1.",
     _looked(each="batch")),
    ("The single frames are not in your logit.", _looked(share=0.0)),
    ("The first frame's change is the first frame itself: it has none, so zeros stand there.",
     _looked(lambda paths: torch.cat([paths[:, :1], paths.diff(dim=1)], 1))),
    ("`frame` is given the changes: it sees each frame by itself, as it is.",
     _looked(seen=lambda paths: F.pad(paths.diff(dim=1), (0, 0, 1, 0)))),
    ("The whole path is not in your logit.", lambda paths, whole, frame: frame(paths).mean(1) / 2),
    ("The sign of the changes is lost: a step to the left is not one to the right.",
     _looked(lambda paths: F.pad(paths.diff(dim=1), (0, 0, 1, 0)).abs())),
])


# 4.7 -------------------------------------------------------------------------------------------
def train_step(generator, discriminator, adams, real, ids, z):
    """One step of the discriminator, then one of the generator: their losses, in this order."""
    fake = generator(z, ids)
    d_loss = F.softplus(discriminator(fake.detach(), ids) - discriminator(real, ids)).mean()
    adams[1].zero_grad()
    d_loss.backward()
    adams[1].step()
    g_loss = F.softplus(discriminator(real, ids) - discriminator(fake, ids)).mean()
    adams[0].zero_grad()
    g_loss.backward()
    adams[0].step()
    return d_loss, g_loss


class _Small(nn.Module):
    """A network of two inputs, of which the second are numbers of words; logits where size is 1."""

    def __init__(self, width, size):
        super().__init__()
        self.words, self.layers = nn.Embedding(5, width), nn.Linear(2 * width, size)

    def forward(self, x, ids):
        told = self.layers(torch.cat([x, self.words(ids).mean(1)], 1)).tanh()
        return told[:, 0] if told.shape[1] == 1 else told


def _matches():
    """Two small games, with gradients left over from before."""
    games = []
    for k, (batch, latent, size) in enumerate(((2, 2, 3), (5, 3, 4))):
        torch.manual_seed(seed(k))
        networks = _Small(latent, size), _Small(size, 1)
        adams = [torch.optim.SGD(network.parameters(), 0.1, momentum=0.9) for network in networks]
        games.append((*networks, adams, torch.randn(batch, size), torch.randint(5, (batch, 3)),
                      torch.randn(batch, latent)))
    return games


def _stepped(step, generator, discriminator, *given):
    """The losses of a step; what becomes of the weights is seen in the networks after the call."""
    for weight in (*generator.parameters(), *discriminator.parameters()):
        weight.grad = torch.full_like(weight, 0.5)
    losses = step(generator, discriminator, *given)
    return Seen({name: loss.detach() if isinstance(loss, torch.Tensor) else loss for name, loss in
                 zip(("discriminator's loss", "generator's loss"), losses, strict=True)})


def _gamed(turned=False, plain=False, saturating=False, zero=(True, True), moves=(True, True),
           last=False, noise=False, mean=torch.mean):
    def d_loss(real, fake):
        if plain:
            return mean(F.softplus(-real) + F.softplus(fake))
        return mean(F.softplus(real - fake if turned else fake - real))

    def g_loss(real, fake):
        if plain:
            return mean(F.softplus(-fake))
        return -d_loss(real, fake) if saturating else d_loss(fake, real)

    def wrong(generator, discriminator, adams, real, ids, z):
        fake = generator(torch.randn_like(z) if noise else z, ids)
        losses = [None, None]
        for i in (1, 0) if not last else (0, 1):
            shown = fake.detach() if i else fake
            losses[i] = (d_loss if i else g_loss)(discriminator(real, ids),
                                                  discriminator(shown, ids))
            if zero[i]:
                adams[i].zero_grad()
            losses[i].backward()
            if moves[i]:
                adams[i].step()
        return losses[::-1]
    return wrong


def _moves_both(generator, discriminator, adams, real, ids, z):
    losses = _gamed()(generator, discriminator, adams, real, ids, z)
    adams[1].step()
    return losses


def _left_frozen(generator, discriminator, *given):
    losses = train_step(generator, discriminator, *given)
    discriminator.requires_grad_(False)
    return losses


Exercise("4.7", ours=train_step, cases=_matches, observe=_stepped, mistakes=[
    ("Both losses are turned round: the discriminator wants D(real) above D(fake), the generator "
     "the opposite.", _gamed(turned=True)),
    ("Here generated paths are compared with real ones: both losses are a softplus of a difference "
     "of logits.", _gamed(plain=True)),
    ("This generator's loss is minus the discriminator's: swap real and fake inside softplus "
     "instead.", _gamed(saturating=True)),
    ("Old gradients of the discriminator are still there: call zero_grad() of its optimizer before "
     "backward().", _gamed(zero=(True, False))),
    ("Old gradients of the generator are still there: call zero_grad() of its optimizer before "
     "backward().", _gamed(zero=(False, True))),
    ("The discriminator does not move: call step() of its optimizer after backward().",
     _gamed(moves=(True, False))),
    ("The generator does not move: call step() of its optimizer after backward().",
     _gamed(moves=(False, True))),
    ("The generator's loss is what the discriminator said before its own step: the discriminator "
     "moves first, and is then asked anew.", _gamed(last=True)),
    ("The losses have changed places: the discriminator's is the first.",
     lambda *given: train_step(*given)[::-1]),
    ("You draw new noise: use the `z` that is passed.", _gamed(noise=True)),
    ("Your losses are sums over the batch: take the means.", _gamed(mean=torch.sum)),
    ("The discriminator moves in the generator's step, too: call step() of the generator's "
     "optimizer alone.", _moves_both),
    ("The discriminator comes out of your step frozen: set it back as it was.", _left_frozen),
])


# 4.8 -------------------------------------------------------------------------------------------
def carried_path(film, moment, gru, leave, who):
    """What is said of films (N, E) becomes paths (N, T, D), carried on from frame to frame."""
    x = film[:, None] + moment                                                 # (N, T, E)
    carried, _ = gru(x.transpose(0, 1))                                        # (T, N, E)
    step, posture = leave(carried.transpose(0, 1)).split([1, MOTION], 2)       # (N, T, .) each
    content = who(film)[:, None].expand(-1, len(moment), -1)                   # (N, T, CONTENT)
    return torch.cat([content, step.cumsum(1), posture], 2)


def _walks():
    cases = []
    for k, (N, T, E) in enumerate(((1, 2, 3), (2, 3, 4), (4, 4, 5), (3, 6, 4))):
        torch.manual_seed(seed(k))
        cases.append((torch.randn(N, E), torch.randn(T, E), nn.GRU(E, E),
                      nn.Linear(E, 1 + MOTION), nn.Linear(E, CONTENT)))
    return cases


def _carried(over="frames", added=1, who_of="film"):
    def wrong(film, moment, gru, leave, who):
        x = film[:, None] + moment
        carried = {"frames": lambda: gru(x.transpose(0, 1))[0].transpose(0, 1),
                   "films": lambda: gru(x)[0],
                   "forgets": lambda: torch.cat([gru(x[None, :, t])[0][0, :, None]
                                                 for t in range(len(moment))], 1),
                   "mixed": lambda: gru(x.reshape(len(moment), len(film), -1))[0]
                   .reshape(x.shape)}[over]()
        step, posture = leave(carried).split([1, MOTION], 2)
        content = {"film": who(film)[:, None].expand(-1, len(moment), -1), "frame": who(x),
                   "carried": who(carried)}[who_of]
        place = step if added is None else step.cumsum(added)
        return torch.cat([content, place, posture], 2)
    return wrong


Exercise("4.8", ours=carried_path, cases=_walks, trained=True, mistakes=[
    ("This is the broken code as it was: three of its lines are wrong.",
     _carried("films", 0, "carried")),
    ("Your GRU still goes from film to film: without batch_first it takes frames first, "
     "(T, N, E).", _carried("films")),
    ("The steps of different films are added up: a place is the sum over the frames, axis 1.",
     _carried(added=0)),
    ("Who is there is still asked anew at each frame: ask once a film, of `film`, and give the "
     "answer to all frames.", _carried(who_of="carried")),
    ("Two faults are left: the axes that the GRU goes along, and those that steps are added along.",
     _carried("films", 0)),
    ("Two faults are left: the axes that the GRU goes along, and who is there.",
     _carried("films", who_of="carried")),
    ("Two faults are left: the axis that steps are added along, and who is there.",
     _carried(added=0, who_of="carried")),
    ("reshape only counts the numbers off anew, and so mixes films and frames: transpose(0, 1) "
     "exchanges the axes.", _carried("mixed")),
    ("Nothing is added up: a place is the sum of all steps until there.", _carried(added=None)),
    ("Your GRU forgets: it must go through all frames of a film in one call, or be given its state "
     "from before.", _carried("forgets")),
    ("Who is there differs from frame to frame: ask of `film`, not of what each frame is told.",
     _carried(who_of="frame")),
])


# 4.9 -------------------------------------------------------------------------------------------
def _pairs():
    return [tuple(scale * torch.randn(N, T, PATH, generator=rng(10 * k + i)) for i, scale in
                  enumerate((1.0, 0.6))) for k, (N, T) in enumerate(((2, 3), (4, 2), (6, 5)))]


def _scored(second=0.5, unit="real", pairs="rows", cross=True, first=1.0, apart="fake"):
    def wrong(real, fake):
        scale = {"real": real.std((0, 1)), "fake": fake.std((0, 1)), "none": 1.0,
                 "all": real.std(), "film": real.std(1, keepdim=True)}[unit] + 1e-3
        x, y = fake / scale, real / scale
        if pairs == "rows":
            x, y = (one.unflatten(0, (-1, 2)) for one in (x, y))
        else:
            x, y = (torch.stack(one.chunk(2), 1) for one in (x, y))
        d = video.path_distance
        across = (d(x, y) + d(x, y.flip(1))) / 2 if cross else d(x, y)
        inside = {"fake": d(x[:, 0], x[:, 1]), "real": d(y[:, 0], y[:, 1]),
                  "films": d(x, x.roll(1, 0))}[apart]
        return first * across - second * inside
    return wrong


Exercise("4.9", ours=video.energy_score, cases=_pairs, trained=("fake",), mistakes=[
    ("Films of one caption are not driven apart: the second term is missing.", _scored(second=0)),
    ("The second term counts in full: it counts half.", _scored(second=1.0)),
    ("The second term is added: films of one caption would be drawn together.",
     _scored(second=-0.5)),
    ("The numbers are not divided by their spread.", _scored(unit="none")),
    ("You divided by the spread of the generated paths: a generator could lower its loss by "
     "spreading. The unit is that of the real ones.", _scored(unit="fake")),
    ("You divided by one spread for all numbers: each of the D numbers has its own, "
     "real.std((0, 1)).", _scored(unit="all")),
    ("The pairs are wrong: rows 2i and 2i + 1 are of one caption, not row i of both halves.",
     _scored(pairs="halves")),
    ("Each generated path is compared with one real path: with both of its caption, four distances "
     "in all.", _scored(cross=False)),
    ("The second term is the distance of the two real paths: it is that of the generated ones.",
     _scored(apart="real")),
    ("The first term is missing: nothing draws generated paths to real ones.", _scored(first=0)),
    ("The first term is twice too large: take the mean of the four distances.", _scored(first=2.0)),
    ("The second term compares paths of different captions: it belongs to the two of one.",
     _scored(apart="films")),
])
