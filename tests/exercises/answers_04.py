"""Lesson 4: answers as learners write them, right and wrong."""

import math

import torch
from torch.nn import functional as F

from lessons.frames import CONTENT, MOTION
from lessons.priors import SLOWEST
from lessons.signals.windows import window_columns
from lessons.video import path_distance


def _in_place_of_copy(codes):
    codes = codes.clone()
    codes[..., :16] = codes[..., :16].sum(1, keepdim=True) / codes.shape[1]
    return codes


def _one_content(codes):
    mean = codes[:, :, :CONTENT].mean(dim=1)
    return torch.cat([mean[:, None].repeat(1, codes.shape[1], 1), codes[:, :, CONTENT:]], -1)


def _content(codes, content):
    content = content.expand(*codes.shape[:2], CONTENT)
    return torch.cat([content, codes[..., CONTENT:]], 2)


def _film_by_film(codes):
    films = []
    for film in codes:
        mean = torch.stack(list(film[:, :16])).mean(0)
        films.append(torch.stack([torch.cat([mean, frame[16:]]) for frame in film]))
    return torch.stack(films)


def _changes_codes(codes):
    codes[..., :CONTENT] = codes[..., :CONTENT].mean(1, keepdim=True)
    return codes


def _pixel_by_pixel(windows, place, size):
    frames = torch.zeros(*windows.shape[:3], size)
    for i, middle in enumerate(place.clamp(0, size).round().int().tolist()):
        for x in range(size // 2):
            if 0 <= (at := middle - size // 4 + x) < size:
                frames[i, :, :, at] = windows[i, :, :, x]
    return frames


def _gathered(windows, place, size):
    first = window_columns(place, size, size // 2)[:, 0] - size // 2
    frames = []
    for window, left in zip(windows, first.tolist(), strict=True):
        wide = torch.nn.functional.pad(window, (size, size))
        frames.append(wide[..., size - left:2 * size - left])
    return torch.stack(frames)


def _scattered(windows, place, size):
    wide = torch.zeros(*windows.shape[:-1], 2 * size)
    index = window_columns(place, size, size // 2)[:, None, None].repeat(1, *windows.shape[1:3], 1)
    wide.scatter_(3, index, windows)
    return wide.narrow(3, size // 2, size)


def _paste(windows, place, size, shift=0, cut=None, back=0.0):
    index = (window_columns(place, size, size // 2) + shift)[:, None, None].expand_as(windows)
    wide = torch.full((*windows.shape[:3], 2 * size), back).scatter(3, index, windows)
    cut = size // 2 if cut is None else cut
    return wide[..., cut:cut + size]


def _loop(start, speed):
    angle, angles = start * 2 * torch.pi, []
    for t in range(speed.shape[1]):
        angle = angle + 3 * torch.pi / 16 * (2 - 1 / (1 + speed[:, t].exp()))
        angles.append(angle)
    return torch.stack(angles, 1)


def _with_matrix(start, speed):
    T = speed.shape[1]
    pace = SLOWEST * (torch.ones_like(speed) + torch.sigmoid(speed))
    turned = torch.einsum("ts,nsk->ntk", torch.ones(T, T).tril(), pace)
    return math.tau * start.unsqueeze(1) + turned


def _turns(start, speed, begin=math.tau, base=1.0, squash=torch.sigmoid):
    return begin * start[:, None] + SLOWEST * (base + squash(speed)).cumsum(1)


def _copy(picture, copy, weight=5.0, least=0.1):
    figure = (picture.abs() > least).any(dim=1, keepdim=True)
    error = (copy - picture).abs()
    return torch.where(figure, weight * (error + 2 * error ** 2), error + 2 * error ** 2).mean()


def _copy_by_pixel(picture, copy):
    total = 0
    for f in range(len(picture)):
        for y in range(picture.shape[2]):
            for x in range(picture.shape[3]):
                e = copy[f, :, y, x] - picture[f, :, y, x]
                w = 5 if picture[f, :, y, x].abs().max() > 0.1 else 1
                total = total + w * (e.abs() + 2 * e * e).sum()
    return total / picture.numel()


def _copy_weighted(picture, copy):
    weight = torch.ones_like(picture[:, :1])
    weight[(picture.abs().max(dim=1, keepdim=True).values > 0.1)] = 5
    return torch.mean(weight * (F.l1_loss(copy, picture, reduction="none")
                                + 2 * F.mse_loss(copy, picture, reduction="none")))


def _change(paths):
    return torch.cat([torch.zeros_like(paths[:, :1]), paths[:, 1:] - paths[:, :-1]], 1)


def _looks(paths, whole, frame, change=_change, share=0.5):
    return whole(torch.cat((paths, change(paths)), dim=-1)) + share * frame(paths).mean(dim=1)


def _looks_in_place(paths, whole, frame):
    change = torch.zeros_like(paths)
    change[:, 1:] = paths.diff(dim=1)
    return whole(torch.cat([paths, change], -1)) + frame(paths).sum(1) / (2 * paths.shape[1])


def _looks_frame_by_frame(paths, whole, frame):
    each = torch.cat([frame(paths[:, t:t + 1]) for t in range(paths.shape[1])], 1)
    before = torch.cat([paths[:, :1], paths[:, :-1]], 1)
    return whole(torch.cat([paths, paths - before], 2)) + each.mean(1).div(2)


def _step(generator, discriminator, adams, real, ids, z, sign=1, detach=True, squash=F.softplus):
    fake = generator(z, ids)
    shown = fake.detach() if detach else fake
    d_loss = squash(sign * (discriminator(shown, ids) - discriminator(real, ids))).mean()
    adams[1].zero_grad()
    d_loss.backward(retain_graph=not detach)
    adams[1].step()
    adams[0].zero_grad()
    g_loss = squash(sign * (discriminator(real, ids) - discriminator(fake, ids))).mean()
    g_loss.backward()
    adams[0].step()
    return d_loss, g_loss


def _step_anew(generator, discriminator, adams, real, ids, z):
    """The generated paths are made twice, and the discriminator looks at both halves at once."""
    g_adam, d_adam = adams
    with torch.no_grad():
        fake = generator(z, ids)
    r, f = discriminator(torch.cat([real, fake]), torch.cat([ids, ids])).chunk(2)
    d_loss = -F.logsigmoid(r - f).mean()
    d_adam.zero_grad()
    d_loss.backward()
    d_adam.step()
    with torch.no_grad():
        r = discriminator(real, ids)
    g_loss = torch.log1p(torch.exp(r - discriminator(generator(z, ids), ids))).mean()
    g_adam.zero_grad()
    g_loss.backward()
    g_adam.step()
    return [d_loss.detach(), g_loss.detach()]


def _step_frozen(generator, discriminator, adams, real, ids, z):
    fake = generator(z, ids)
    d_loss = F.softplus(discriminator(fake.detach(), ids) - discriminator(real, ids)).mean()
    discriminator.zero_grad()
    d_loss.backward()
    adams[1].step()
    discriminator.requires_grad_(False)
    g_loss = F.softplus(discriminator(real, ids) - discriminator(fake, ids)).mean()
    generator.zero_grad()
    g_loss.backward()
    adams[0].step()
    discriminator.requires_grad_(True)
    return d_loss, g_loss


def _walk(film, moment, gru, leave, who, add=lambda step: step.cumsum(1), swap=(0, 1)):
    x = film.unsqueeze(1) + moment.unsqueeze(0)
    out = leave(gru(x.permute(1, 0, 2))[0].permute(1, 0, 2))
    content = who(film).unsqueeze(1).repeat(1, moment.shape[0], 1)
    return torch.cat([content, add(out[..., :1]), out[..., 1:]], -1)


def _walk_film_by_film(film, moment, gru, leave, who):
    paths = []
    for one in film:
        carried, _ = gru((one + moment)[:, None])                              # (T, 1, E)
        out = leave(carried[:, 0])                                             # (T, 1 + MOTION)
        paths.append(torch.cat([who(one).expand(len(moment), -1), out[:, :1].cumsum(0),
                                out[:, 1:]], 1))
    return torch.stack(paths)


def _walk_frame_by_frame(film, moment, gru, leave, who):
    state, place, content, frames = None, 0, who(film), []
    for now in moment:
        out, state = gru((film + now)[None], state)                            # (1, N, E)
        step, posture = leave(out[0]).split([1, MOTION], 1)
        place = place + step
        frames.append(torch.cat([content, place, posture], 1))
    return torch.stack(frames, 1)


def _energy(real, fake, second=0.5, unit=None):
    unit = real.flatten(0, 1).std(0) + 1e-3 if unit is None else unit
    a, b, c, d = fake[::2] / unit, fake[1::2] / unit, real[::2] / unit, real[1::2] / unit
    across = sum(path_distance(*pair) for pair in ((a, c), (a, d), (b, c), (b, d))) / 4
    return across - second * path_distance(a, b)


def _energy_by_caption(real, fake):
    unit, scores = real.std(dim=(0, 1)) + 0.001, []
    for i in range(0, len(real), 2):
        x, y = fake[i:i + 2] / unit, real[i:i + 2] / unit
        d = [path_distance(p[None], q[None]) for p in x for q in y]
        scores.append(sum(d) / 4 - path_distance(x[:1], x[1:]) / 2)
    return torch.stack(scores).mean()


def _energy_unfolded(real, fake):
    unit = real.std((0, 1)) + 1e-3
    x, y = ((one / unit).view(-1, 2, *one.shape[1:]) for one in (fake, real))
    across = path_distance(x[:, :, None], y[:, None])                          # all four at once
    return across - 0.5 * path_distance(x[:, 1], x[:, 0])


RIGHT = {
    "4.1": [_in_place_of_copy, _one_content, _film_by_film],
    "4.2": [_pixel_by_pixel, _gathered, _scattered],
    "4.3": [_loop, _with_matrix,
            lambda start, speed: torch.cumsum(SLOWEST + SLOWEST / (1 + torch.exp(-speed)), dim=1)
            + start.unsqueeze(1) * 2 * math.pi],
    "4.4": [lambda who, what: torch.where(torch.arange(who.shape[2]) < 16, who, what),
            lambda who, what: torch.cat((who[:, :, :16], what[:, :, 16:]), dim=-1),
            lambda who, what: torch.cat([who.split([16, 17], 2)[0], what.split([16, 17], 2)[1]], 2),
            lambda who, what: torch.cat([who[..., :16], what[..., 16:]], 2).numpy()],
    "4.5": [_copy, _copy_by_pixel, _copy_weighted],
    "4.6": [_looks, _looks_in_place, _looks_frame_by_frame],
    "4.7": [_step, _step_anew, _step_frozen, lambda *given: _step(*given, detach=False)],
    "4.8": [_walk, _walk_film_by_film, _walk_frame_by_frame],
    "4.9": [_energy, _energy_by_caption, _energy_unfolded],
}

WRONG = {
    "4.1": [_changes_codes, lambda c: _one_content(c).detach(), lambda c: c.mean(1, keepdim=True),
            lambda c: torch.cat([c[..., :CONTENT].mean(1, keepdim=True).expand(-1, c.shape[1], -1)
                                 .detach(), c[..., CONTENT:]], 2),
            lambda c: c, lambda c: _content(c, c[..., :CONTENT].median(1, keepdim=True).values),
            lambda c: _content(c, c[..., :CONTENT].mean().reshape(1, 1, 1)),
            lambda c: _one_content(c)[..., :CONTENT], lambda c: _one_content(c.roll(16, 2)),
            lambda c: torch.cat([c[..., :8].mean(1, keepdim=True).expand(-1, c.shape[1], -1),
                                 c[..., 8:]], 2)],
    "4.2": [lambda w, p, s: _paste(w, p, s).detach(), lambda w, p, s: _paste(w, p, s, shift=-1),
            lambda w, p, s: _paste(w, p, s, cut=s // 4), lambda w, p, s: _paste(w, p, s, back=1.0),
            lambda w, p, s: _paste(w, p.clamp(s // 4, s - s // 4), s),
            lambda w, p, s: _paste(w, s - p, s), lambda w, p, s: _paste(w.flip(3), p, s),
            lambda w, p, s: torch.cat([torch.zeros_like(w)[..., :s // 4], w,
                                       torch.zeros_like(w)[..., :s // 4]], 3),
            lambda w, p, s: _paste(w, p.floor(), s), lambda w, p, s: _paste(w, p, 16),
            lambda w, p, s: _paste(w, p * 0 + s / 2, s)],
    "4.3": [lambda a, b: _turns(a, b).detach(), lambda a, b: _turns(a, b.detach()),
            lambda a, b: _turns(a.detach(), b), lambda a, b: _turns(a, b) % math.tau,
            lambda a, b: _turns(a, b, begin=math.pi), lambda a, b: _turns(a, b, begin=360),
            lambda a, b: _turns(a, b, squash=torch.tanh), lambda a, b: _turns(a, b, base=0.5),
            lambda a, b: _turns(a, b, squash=torch.relu), lambda a, b: _turns(a, b) / math.tau,
            lambda a, b: math.tau * a[:, None] + SLOWEST * (1 + b.sigmoid()).sum(1, keepdim=True),
            lambda a, b: _turns(a, b) - SLOWEST],
    "4.4": [lambda who, what: torch.cat([who[..., :CONTENT - 1], what[..., CONTENT - 1:]], 2),
            lambda who, what: torch.cat([who[:, :1, :CONTENT].expand(-1, who.shape[1], -1),
                                         what[..., CONTENT:]], 2),
            lambda who, what: who.copy_(torch.cat([who[..., :CONTENT], what[..., CONTENT:]], 2)),
            lambda who, what: torch.cat([who[..., :CONTENT], what[..., :17]], 2),
            lambda who, what: torch.cat([who[..., :CONTENT], what[..., CONTENT:]], 2).flip(0),
            lambda who, what: torch.cat([who[..., :17], what[..., 16:]], 2),
            lambda who, what: torch.cat([who[..., :CONTENT], what[..., CONTENT:]], 2)[0]],
    "4.5": [lambda p, c: _copy(p, c).detach(), lambda p, c: _copy(p, c.detach()),
            lambda p, c: _copy(p, c, weight=4.0), lambda p, c: _copy(p, c, least=0.0),
            lambda p, c: _copy(p, c) ** 0.5, lambda p, c: float(_copy(p, c)),
            lambda p, c: _copy(p, c, least=0.5), lambda p, c: F.mse_loss(c, p),
            lambda p, c: F.l1_loss(c, p), lambda p, c: -_copy(p, c),
            lambda p, c: (5 * ((c - p).abs() + 2 * (c - p) ** 2)).mean()],
    "4.6": [lambda *g: _looks(*g).detach(), lambda p, w, f: _looks(p.detach(), w, f),
            lambda *g: _looks(*g, share=1 / 3), lambda *g: _looks(*g) / 2,
            lambda *g: _looks(*g, change=lambda p: 2 * _change(p)),
            lambda p, w, f: w(torch.cat([p, p], 2)) + f(p).mean(1) / 2,
            lambda p, w, f: w(torch.cat([p, _change(p)], 2)) - f(p).mean(1) / 2,
            lambda p, w, f: w(torch.cat([p, _change(p)], 2)).mean() + f(p).mean(1) / 2,
            lambda p, w, f: w(torch.cat([p, p - p.mean(1, keepdim=True)], 2)) + f(p).mean(1) / 2,
            lambda p, w, f: w(torch.cat([p, _change(p).detach()], 2)) + f(p).mean(1) / 2],
    "4.7": [lambda *g: _step(*g, sign=-1), lambda *g: _step(*g, squash=F.relu),
            lambda *g: _step(*g, squash=lambda x: x), lambda *g: _step(*g)[0],
            lambda g, d, a, r, i, z: _step(g, d, a[::-1], r, i, z),
            lambda g, d, a, r, i, z: _step(g, d, a, r, i.flip(0), z),
            lambda g, d, a, r, i, z: _step(g, d, a, r[:1].expand_as(r), i, z),
            lambda *g: _step(*g) and _step(*g),
            lambda g, d, a, r, i, z: (_step(g, d, a, r, i, z)[0], torch.zeros(()))],
    "4.8": [lambda *g: _walk(*g).detach(), lambda *g: _walk(*g, add=lambda s: s.sum(1, True)
                                                           .expand_as(s)),
            lambda *g: _walk(*g)[..., CONTENT:], lambda *g: _walk(*g).transpose(0, 1),
            lambda *g: _walk(*g, add=lambda s: s.flip(1).cumsum(1)),
            lambda *g: _walk(*g).roll(1, 2), lambda f, *g: _walk(f[:1].expand_as(f), *g),
            lambda f, m, *g: _walk(f, m.flip(0), *g), lambda f, m, *g: _walk(f, 0 * m, *g)],
    "4.9": [lambda *g: _energy(*g).detach(), lambda r, f: _energy(r, f.detach()),
            lambda r, f: _energy(f, r), lambda *g: _energy(*g, second=0.25),
            lambda *g: float(_energy(*g)), lambda *g: -_energy(*g),
            lambda r, f: _energy(r, f, unit=r.std(0) + 1e-3), lambda *g: _energy(*g) ** 2,
            lambda r, f: _energy(r, f, unit=r.var((0, 1)) + 1e-3),
            lambda r, f: _energy(r, f.flip(0)), lambda r, f: _energy(r, f, unit=r.abs().mean())],
}
