"""Lesson 6: what smooth means, how to measure it, and which remedy is worth what.

`python -m lessons.temporal_consistency judge` trains the judge of steps and ships it;
`python -m lessons.temporal_consistency` plays lesson 4's game with one remedy on or off and writes
data/consistency.json; cut off, it goes on where it stopped.

Axes: N films, T frames of each, H and W pixels, F frames of any films, P points, K capsules, D
numbers a frame of a path.
"""

import dataclasses
import functools
import json
import math
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lessons import attention, captions, checkpoints, figures, measuring, training, video
from lessons.errors import nearest
from lessons.scene import ACTORS, COLORS, DIRECTIONS, Scene
from lessons.text_conditioning import Matching, encode
from lessons.theatre import Theatre

FPS = video.Films.fps
SPAN = 6     # frames over which a cadence is measured: one whole cycle of a run
STEPS = ("walk", "run")  # the actions whose phase the judge reads
FOOT = 4     # the number of the noise that sets with which foot a film begins


# Films spoilt on purpose ------------------------------------------------------------------------
def spoilt(scenes, seed=0):
    """Real films of scenes, and the same spoilt in six ways: dict name -> uint8 (N, 16, 48, 48, 3).
    """
    theatre, half = Theatre(), video.FRAMES // 2
    films = theatre.film(scenes, seed).video
    colors = [COLORS[(COLORS.index(scene.color) + 1) % len(COLORS)] for scene in scenes]
    others = [dataclasses.replace(scene, color=color)
              for scene, color in zip(scenes, colors, strict=True)]
    ahead = theatre.motion(scenes, seed)
    ahead.start_phase = ahead.start_phase + 0.3
    odd = np.arange(video.FRAMES)[:, None, None, None] % 2 == 1                # (T, 1, 1, 1)

    def then(later):
        return np.concatenate([films[:, :half], later[:, half:]], 1)
    return {"as it is": films, "frozen": films[:, :1].repeat(video.FRAMES, 1),
            "light flickers": np.where(odd, films * 0.85, films).astype("uint8"),
            "trembles": np.where(odd, np.roll(films, 1, 3), films),
            "stutters": films[:, [*range(half), half - 1, *range(half + 1, video.FRAMES)]],
            "other clothes": then(theatre.film(others, seed).video),
            "a wrong step": then(drawn(ahead))}


# The judge of steps -----------------------------------------------------------------------------
class PhaseJudge(nn.Module):
    """Reads one frame at a time, so that it cannot smooth over what happens between frames.

    forward: windows (F, 3, 48, 24), what differs from the stage around the figure -> cosine and
    sine of the gait phase (F, 2), logits of who it is (F, 3) and in which colour (F, 4). Trained on
    real films alone; the phase on films of walking and running.
    """

    def __init__(self):
        super().__init__()
        self.look = nn.Sequential(
            nn.PixelUnshuffle(3),                                              # (F, 27, 16, 8)
            nn.Conv2d(27, 40, 3, padding=1), nn.BatchNorm2d(40), nn.ReLU(),
            nn.Conv2d(40, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
            nn.Flatten(), nn.Linear(64 * 8 * 4, 64), nn.BatchNorm1d(64), nn.ReLU(),
            nn.Linear(64, 2 + len(ACTORS) + len(COLORS)),
        )

    def forward(self, windows):
        return self.look(windows).split([2, len(ACTORS), len(COLORS)], 1)


def phase_judge():
    """The shipped judge of steps, ready to read (`PhaseJudge` in evaluation mode)."""
    judge = PhaseJudge()
    judge.load_state_dict(checkpoints.shipped("phase_judge.safetensors"))
    return judge.eval()


def windows(frames):
    """Windows around the figures of frames uint8 (F, H, W, 3), as `video.cut` cuts them: (F, 3, H,
    W / 2), and the middle of each in pixels, (F,)."""
    frames = torch.as_tensor(frames)
    difference = frames.float() - figures.stage(frames.shape[2])
    return video.cut(difference.permute(0, 3, 1, 2) / 127.5)


def stepping_scenes(n, seed=0):
    """n scenes in which nobody does anything but walk and run, every one as likely."""
    rng = np.random.default_rng([seed, 6])
    kinds = [(one,) for one in STEPS] + [STEPS, STEPS[::-1]]
    return [Scene(ACTORS[rng.integers(3)], COLORS[rng.integers(4)], kinds[rng.integers(4)],
                  DIRECTIONS[rng.integers(2)]) for _ in range(n)]


def true_phases(scenes, seed):
    """The gait phase in cycles of each frame of `Theatre().film(scenes, seed)`, (N, T)."""
    return Theatre().motion(scenes, seed).phase(torch.arange(video.FRAMES) / FPS)


def train_phase_judge(films=4000, steps=2500, seed=0):
    """A judge trained on real films, half of them of steps, with a little noise and light. About
    5 minutes on one core."""
    torch.manual_seed(seed)
    scenes = stepping_scenes(films // 2, seed) + measuring.all_scenes(films - films // 2, seed)
    shown = torch.from_numpy(Theatre().film(scenes, seed).video)
    labels = measuring.truth(scenes)
    phase = 2 * math.pi * true_phases(scenes, seed)                            # (N, T)
    known = torch.tensor([set(scene.actions) <= set(STEPS) for scene in scenes])

    def draw(n, rng):
        rows, at = (torch.randint(end, (n,), generator=rng) for end in (films, shown.shape[1]))
        return (shown[rows, at], phase[rows, at], known[rows].float(),
                labels["actor"][rows], labels["color"][rows])

    def loss(judge, frames, phase, known, actor, color):
        cut, _ = windows(frames)
        light = 1 + 0.1 * (2 * torch.rand(len(cut), 1, 1, 1) - 1)
        noise = 0.05 * torch.rand(len(cut), 1, 1, 1) * torch.randn_like(cut)
        turn, who, what = judge(cut * light + noise)
        wanted = torch.stack([phase.cos(), phase.sin()], 1)                    # (F, 2)
        off = (known[:, None] * (turn - wanted).square()).mean()
        return 8 * off + F.cross_entropy(who, actor) + F.cross_entropy(what, color)
    run = training.Supervised(PhaseJudge(), model="phase judge", seed=seed)
    return training.fit_supervised(run, draw, loss, batch=192, steps=steps).network.eval()


@torch.no_grad()
def read_frames(judge, films, chunk=64):
    """What the judge of steps reads in films uint8 (N, T, 48, 48, 3), frame by frame: the angle of
    the gait phase, radians (N, T), logits of who (N, T, 3) and of the colour (N, T, 4)."""
    read = [judge(windows(part.flatten(0, 1))[0]) for part in torch.as_tensor(films).split(chunk)]
    turn, who, color = (torch.cat(part).unflatten(0, films.shape[:2])
                        for part in zip(*read, strict=True))
    return torch.atan2(turn[..., 1], turn[..., 0]), who, color


def judge_scores(judge, n=512, seed=90_001):
    """How well a judge reads fresh real films: errors of the phase in cycles, shares right."""
    scenes = stepping_scenes(n, seed)
    angle, who, color = read_frames(judge, Theatre().film(scenes, seed).video)
    gap = angle / (2 * math.pi) - true_phases(scenes, seed)
    gap, labels = (gap - gap.round()).abs(), measuring.truth(scenes)
    scores = {"mean error": gap.mean(), "99th percentile": gap.flatten().quantile(0.99),
              "actor": (who.argmax(2) == labels["actor"][:, None]).float().mean(),
              "color": (color.argmax(2) == labels["color"][:, None]).float().mean()}
    return {name: round(float(value), 4) for name, value in scores.items()}


def ship_judge():
    """Train the judge of steps and write it to data/."""
    judge = train_phase_judge()
    judge.load_state_dict(checkpoints.in_16_bits(judge))
    scores = judge_scores(judge)
    checkpoints.ship("phase_judge.safetensors", checkpoints.in_16_bits(judge),
                     "python -m lessons.temporal_consistency judge", scores)
    print(f"phase_judge.safetensors: {scores}")


# The measures -----------------------------------------------------------------------------------
def places(film):
    """Where the figure stands in films uint8 (N, T, H, W, 3), in pixels: (N, T); see `video.cut`.
    """
    return windows(torch.as_tensor(film).flatten(0, 1))[1].view(film.shape[:2])


def jerk(places):
    """How unevenly a figure moves on: places (N, T) -> (N,), in their unit a frame squared.

        mean over t of |x[t + 1] - 2 x[t] + x[t - 1]|

    0 for whoever stands still and for whoever moves on evenly, however fast.
    """
    return places.diff(n=2, dim=1).abs().mean(1)


def cadence(angle, fps=FPS, span=SPAN):
    """How many cycles of steps a second: phase angles (N, T) in radians -> (N, T - span), in Hz.

    Angles go around: from 3.1 to -3.1 is a small step on and no large one back, so each step is
    taken between -1/2 and 1/2 cycle. Then the mean of `span` steps in a row, times frames a second.
    """
    step = angle.diff(dim=1) / (2 * math.pi)                                   # (N, T - 1)
    step = step - step.round()
    return step.unfold(1, span, 1).mean(2) * fps                               # (N, T - span)


def change_scenes(n, actors=ACTORS):
    """n scenes of walks that become runs, of these actors in every colour and direction in turn."""
    kinds = [Scene(actor, color, STEPS, direction)
             for direction in DIRECTIONS for color in COLORS for actor in actors]
    return [kinds[i % len(kinds)] for i in range(n)]


def read_cadence(judge, film):
    """The cadence curves of films uint8 (N, T, 48, 48, 3) as the judge of steps reads them."""
    return cadence(read_frames(judge, film)[0])


@functools.cache
def band(n=600, seed=80_000):
    """Between which cadences n real films of `change_scenes` lie at each moment: low and high, both
    (T - SPAN,) in Hz, the 1st and the 99th percentile of what the judge of steps reads."""
    curves = read_cadence(phase_judge(), Theatre().film(change_scenes(n), seed).video)
    return curves.quantile(0.01, dim=0), curves.quantile(0.99, dim=0)


def inside(curves, low, high, most=0.9):
    """Which cadence curves lie in the band: (N, T), low and high (T,) -> bool (N,): those of which
    at least `most` of the points lie between low and high."""
    return ((curves >= low) & (curves <= high)).float().mean(1) >= most


def same_actor(who, color, frames=4):
    """In which films the actor stays who it is: logits of `read_frames`, (N, T, .) each -> bool
    (N,): what the first and the last `frames` frames show, taken together, is the same."""
    return torch.stack([logits[:, :frames].log_softmax(2).sum(1).argmax(1)
                        == logits[:, -frames:].log_softmax(2).sum(1).argmax(1)
                        for logits in (who, color)]).all(0)


def restless(film, levels=4):
    """The share of pixels that change from frame to frame by more than so many of 255 grey levels:
    uint8 (N, T, H, W, 3) -> (N,), 0 to 1."""
    grey = film.astype(np.float32).mean(-1)                                    # (N, T, H, W)
    return (abs(np.diff(grey, axis=1)) > levels).mean((1, 2, 3))


def twin_error(judge, scenes, film):
    """The warping error of films of stepping scenes under the exact flow of their twins."""
    return warping_error(film, *exact_flow(Twin(scenes, film, judge), film.shape[2]))


RATIOS = ("dynamics", "flicker", "jerk", "leap", "warp")  # quoted as shares of real films


def score(make, n=512, seed=70_000):
    """How consistent a model's films are, in a dict of floats. make: as for `measuring.score`.

    RATIOS: the numbers of `numbers`, divided by those of real films of the same scenes; "inside
    real": what real films reach; all others as they are.
    """
    def made(scenes):
        return make([captions.describe(scene) for scene in scenes], 1, seed)
    real, found = real_numbers(n, seed), numbers(made, n, seed)
    return found | {name: found[name] / real[name] for name in RATIOS} \
        | {"inside real": real["inside"]}


@functools.cache
def real_numbers(n, seed):
    """The `numbers` of real films."""
    return numbers(lambda scenes: Theatre().film(scenes, seed).video, n, seed)


def numbers(films, n, seed):
    """What is measured of films(scenes) -> uint8 (N, T, 48, 48, 3), as a dict of floats.

    Of n scenes of all kinds: "dynamics" and "flicker", 0 to 1, "jerk" in pixels, and "same actor",
    a share. Of 240 walks that become runs: "inside", the share of cadence curves inside the band,
    and "leap" in Hz. Of 32 stepping scenes: "warp", 0 to 1. Of somebody who stands: "restless".
    """
    judge, mixed = phase_judge(), films(measuring.all_scenes(n, seed))
    curves, scenes = read_cadence(judge, films(change_scenes(240))), stepping_scenes(32, seed)
    stands = [Scene(actor, color, ("stand",), direction)
              for actor in ACTORS for color in COLORS for direction in DIRECTIONS]
    found = {"dynamics": measuring.frame_change(mixed).mean(), "flicker": measuring.flicker(mixed),
             "jerk": jerk(places(mixed)).mean(),
             "same actor": same_actor(*read_frames(judge, mixed)[1:]).float().mean(),
             "inside": inside(curves, *band()).float().mean(), "leap": leap(curves).mean(),
             "warp": twin_error(judge, scenes, films(scenes)),
             "restless": restless(films(stands)).mean()}
    return {name: float(value) for name, value in found.items()}


def leap(curves):
    """The largest change of a cadence from one moment to the next, (N, T) -> (N,), in Hz."""
    return curves.diff(dim=1).abs().amax(1)


# Where a film goes: flow ------------------------------------------------------------------------
def front(ends, radii, points):
    """Which capsule is in front at each point, and how deep the point lies in the figure.

    ends (F, K, 2, 2), radii (F, K, 2) of `figures.capsules`, points (F, P, 2), all in frame widths
    -> index of the capsule (F, P), -1 on the stage; depth (F, P): how far inside the edge, below
    zero outside.
    """
    start, along = ends[:, None, :, 0], (ends[:, :, 1] - ends[:, :, 0])[:, None]  # (F, 1, K, 2)
    from_start = points[:, :, None] - start                                    # (F, P, K, 2)
    length = along.square().sum(3).clamp(min=1e-8)                             # (F, 1, K)
    share = ((from_start * along).sum(3) / length).clamp(0, 1)                 # (F, P, K)
    radius = radii[:, None, :, 0] + share * (radii[:, None, :, 1] - radii[:, None, :, 0])
    depth = radius - (from_start - share[..., None] * along).norm(dim=3)       # (F, P, K)
    last = depth.shape[2] - 1 - (depth.flip(2) > 0).int().argmax(2)            # painted last
    there = (depth > 0).any(2)
    own = depth.gather(2, last[..., None])[..., 0]
    return torch.where(there, last, -1), torch.where(there, own, depth.amax(2))


def carried(points, ends, later, which):
    """Where points (F, P, 2) of capsules are when these have moved: from ends to later, both
    (F, K, 2, 2). which (F, P): the capsule of each point. A point keeps its place on its capsule.
    """
    rows = which.clamp(min=0)[..., None, None].expand(-1, -1, 2, 2)            # (F, P, 2, 2)
    (a, b), (c, d) = (part.gather(1, rows).unbind(2) for part in (ends, later))
    one, two = b - a, d - c                                                    # (F, P, 2)
    across, later_across = (part[..., [1, 0]] * torch.tensor([-1.0, 1.0]) for part in (one, two))
    size, later_size = (part.norm(dim=2, keepdim=True).clamp(min=1e-4) for part in (one, two))
    share = ((points - a) * one).sum(2, keepdim=True) / size.square()          # (F, P, 1)
    aside = ((points - a) * across).sum(2, keepdim=True) / size
    goal = c + share * two + aside * later_across / later_size
    return torch.where(size > 1e-4, goal, points + c - a)  # a head is a point: it does not turn


def exact_flow(motion, size=48, frames=16, margin=0.5):
    """The theatre's optical flow: how far each pixel of the figure moves to the next frame.

    motion: of `Theatre.motion`. Returns flow (N, T - 1, H, W, 2) in pixels, x then y, and visible,
    bool (N, T - 1, H, W): pixels of the figure that are seen in both frames. What is hidden by
    then, and what is nearer than `margin` pixels to an edge, is left out.
    """
    ends, radii, _ = figures.capsules(motion, torch.arange(frames) / FPS)      # (N, T, K, 2, 2)
    middle = (torch.arange(size) + 0.5) / size
    grid = torch.stack(torch.meshgrid(middle, middle, indexing="xy"), 2).flatten(0, 1)  # (P, 2)
    flows, seen = [], []
    for now, then, r in zip(ends[:, :-1], ends[:, 1:], radii, strict=True):    # film by film
        points = grid.expand(len(now), -1, -1)                                 # (T - 1, P, 2)
        part, depth = front(now, r[:-1], points)
        goal = carried(points, now, then, part)
        later, depth_later = front(then, r[1:], goal)
        deep = torch.minimum(depth, depth_later) * size > margin
        seen.append((part >= 0) & (part == later) & deep)
        flows.append((goal - points) * size * (part >= 0)[..., None])
    shape = (len(ends), frames - 1, size, size)
    return torch.stack(flows).view(*shape, 2), torch.stack(seen).view(shape)


def warp(frames, flow):
    """The next frames, fetched back along the flow: pixel p is what frame t + 1 shows at p + flow.

    frames (F, C, H, W), flow (F, H, W, 2) in pixels, x then y -> (F, C, H, W), between pixels a
    bilinear mean.
    """
    H, W = frames.shape[2:]
    y, x = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    at = torch.stack([x, y], 2) + flow                                         # (F, H, W, 2)
    grid = (2 * at + 1) / torch.tensor([W, H]) - 1                             # -1 to 1
    return F.grid_sample(frames, grid, padding_mode="border", align_corners=False)


def warping_error(film, flow, visible):
    """How far films are from what the flow says, 0 to 1: the mean over visible pixels of

        |frame t - frame t + 1, fetched back along the flow| / 255

    film: uint8 (N, T, H, W, 3), flow (N, T - 1, H, W, 2), visible (N, T - 1, H, W). Source: Lai et
    al., 2018, arXiv 1808.00449, equation 12, which takes squares.
    """
    frames = torch.as_tensor(film).permute(0, 1, 4, 2, 3).float() / 255        # (N, T, 3, H, W)
    back = warp(frames[:, 1:].flatten(0, 1), flow.flatten(0, 1))
    gap = (frames[:, :-1].flatten(0, 1) - back).abs().mean(1)                  # (N (T - 1), H, W)
    return float(gap[visible.flatten(0, 1)].mean())


class Twin(figures.Motion):
    """The theatre's figure doing what a film shows: its phase and its place are read from the film,
    its size as well; only the moment of change is a guess, the middle.

    film: uint8 (N, T, 48, 48, 3) of stepping scenes. With it `exact_flow` tells how the film should
    go on from each frame to the next.
    """

    way = None

    def __init__(self, scenes, film, judge):
        super().__init__(scenes, torch.full((len(scenes), 6), 0.5), film.shape[1] / FPS)
        angle, _, _ = read_frames(judge, film)
        self.read, self.way = angle / (2 * math.pi), torch.zeros_like(angle)
        for _ in range(2):  # first the size, which moves the place a little
            twins = drawn(self, film.shape[1], film.shape[2])
            self.height = self.height * reach(film) / reach(twins)
            gap = (places(film) - places(twins)) / film.shape[2]               # (N, T)
            self.way = self.way + self.side[:, None] * gap

    def phase(self, t):
        return self.read

    def integral(self, index, t):
        return super().integral(index, t) if self.way is None or index != 1 else self.way


def drawn(motion, frames=16, size=48):
    """The films of how actors move (`figures.Motion`): uint8 (N, T, H, W, 3)."""
    ends, radii, colors = figures.capsules(motion, torch.arange(frames) / FPS)
    return np.stack([figures.draw(end, radius, color.expand(frames, -1, -1), size).numpy()
                     for end, radius, color in zip(ends, radii, colors, strict=True)])


def reach(film):
    """How high a figure stands, mean over its frames, in frame heights: uint8 (N, T, H, W, 3) ->
    (N,)."""
    away = abs(film.astype(int) - figures.stage(film.shape[2]).numpy()).max(4) > 24
    top = away.any(3).argmax(2)                                                # (N, T)
    return torch.from_numpy(figures.GROUND - top.mean(1) / film.shape[2]).float()


# Longer films -----------------------------------------------------------------------------------
@torch.no_grad()
def go_on(model, chapters, seed=0, tries=32):
    """Paths longer than those of the game: each chapter is joined where the last one ended.

    model: a `FilmMaker`; chapters: lists of N captions each, of the same actors, who stay those of
    the first list. Of each later chapter `tries` films are made, which begin with another foot or
    another part of the step. `join` finds where one of them goes on best. Returns paths (N, T, D)
    as the decoder takes them: T = 16, and 9 for each chapter after the first.
    """
    z = torch.randn(len(chapters[0]), video.LATENT, generator=torch.Generator().manual_seed(seed))
    whole = model.generator(z, encode(chapters[0]))                            # (N, T, D)
    phases = torch.special.ndtri((torch.arange(tries) + 0.5) / tries)          # evenly spread
    for texts in chapters[1:]:
        several = z.repeat_interleave(tries, 0)
        several[:, FOOT] = phases.repeat(len(z))
        made = model.generator(several, encode(texts).repeat_interleave(tries, 0))
        whole = join(whole, made.unflatten(0, (len(z), tries)))
    return whole * model.spread + model.middle


def join(paths, others):
    """Paths (N, T, D), each gone on with by one of its candidates (N, M, T', D), from where that
    fits best: (N, T + T' - 1 - SPAN, D).

    It fits where two postures in a row are nearest to the last two. The rest is moved to where the
    figure stands; who it is stays. Only the first SPAN frames of a candidate, a cycle of a run, are
    searched. Source of the idea: Kovar et al., 2002, Motion Graphs.
    """
    C, rows = video.CONTENT, torch.arange(len(paths))
    posture = others[..., C + 1:]
    pairs = torch.cat([posture[:, :, :-1], posture[:, :, 1:]], 3)[:, :, :SPAN]  # (N, M, SPAN, .)
    end = paths[:, -2:, C + 1:].flatten(1)[:, None, None]
    best = (pairs - end).square().sum(3).flatten(1).argmin(1)                  # (N,)
    film, k = others[rows, best // SPAN], best % SPAN                          # (N, T', D), (N,)
    after = k[:, None] + 2 + torch.arange(film.shape[1] - 1 - SPAN)            # (N, .)
    rest = film[rows[:, None], after]
    rest[..., C] += (paths[:, -1, C] - film[rows, k + 1, C])[:, None]
    return torch.cat([paths, video.recast(paths[:, :1].expand_as(rest), rest)], 1)


def followed(paths):
    """The same paths (N, T, D) for a camera that goes along: the figure stays in the middle. Who
    runs for long would leave the stage."""
    paths = paths.clone()
    paths[..., video.CONTENT] = 0.5
    return paths


def long_films(scenes, frames, seed):
    """Real films of walks that become runs, longer than usual, uint8 (N, T, H, W, 3): like
    others up to frame 16, and then the run goes on."""
    motion = Theatre(frames=frames).motion(scenes, seed)
    motion.change = motion.change * video.FRAMES / frames
    return drawn(motion, frames)


# What is each remedy worth? ---------------------------------------------------------------------
def pick(frames, times):
    """A few frames of each film, and how long after each other: frames (N, T, E), times (N, K),
    whole numbers that rise -> (N, K, E) and gaps (N, K - 1), float, in frames."""
    few = frames.gather(1, times[..., None].expand(-1, -1, frames.shape[2]))   # (N, K, E)
    return few, times.diff(dim=1).float()


class FramesOnly(video.PathDiscriminator):
    """Lesson 4's discriminator without any look at changes: each frame is seen by itself, and
    compared with what the caption says of it. Shuffled postures are as good as any."""

    def __init__(self, width=160):
        super().__init__(width)
        del self.enter, self.near, self.far, self.sum_up, self.fits, self.match

    def forward(self, paths, ids, *_):
        words, states, sentence = self.text(ids)
        frames = self.frame(paths)                                             # (N, T, width)
        N, T = frames.shape[:2]
        each = self.frame_fits(frames.flatten(0, 1), sentence.repeat_interleave(T, 0))
        logits = each.view(N, T).mean(1) + self.together(frames, sentence)
        what, _ = self.what(words, states, ids > 0)                            # (N, T, 128)
        vectors = (F.normalize(part.flatten(1), dim=1) for part in (self.see(frames),
                                                                    self.say(what)))
        return logits, *vectors, self.scale.exp().clamp(max=30).expand(N)

    def together(self, frames, sentence):
        return 0.0


class SparseFrames(FramesOnly):
    """It also sees four frames of each film together, at times drawn by chance, with the gaps
    between them. Source: Skorokhodov et al., 2022, arXiv 2112.14683, section 3.2."""

    def __init__(self, width=160, few=4):
        super().__init__(width)
        self.few = few
        self.compare = nn.Sequential(nn.Linear(few * width + few - 1, 256), nn.LeakyReLU(0.2))
        self.fits = Matching(256)

    def together(self, frames, sentence):
        order = torch.rand(frames.shape[:2], device=frames.device).argsort(1)
        few, gaps = pick(frames, order[:, :self.few].sort(1).values)
        seen = torch.cat([few.flatten(1), gaps / video.FRAMES], 1)             # (N, .)
        return self.fits(self.compare(seen), sentence)


class FreshNoise(nn.Module):
    """In the place of what the oscillator says: noise that every frame draws anew."""

    def __init__(self, width=160):
        super().__init__()
        self.linear = nn.Linear(2 * len(video.OVERTONES), width)

    def forward(self, swing):
        return self.linear(torch.randn_like(swing))


class EachFrame(nn.Module):
    """In the place of the GRU: every frame by itself."""

    def __init__(self, width=160):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, 3 * width), nn.LeakyReLU(0.2),
                                    nn.Linear(3 * width, width))

    def forward(self, x):
        return self.layers(x), None


def without_path():
    """Lesson 4's generator whose frames share only who is there: no oscillator, no GRU."""
    generator = video.PathGenerator()
    generator.swing, generator.carry = FreshNoise(), EachFrame()
    return generator


class OfFrames(video.MatchAndSpread):
    """What lesson 4 adds to the losses, without the energy score of the changes from frame to
    frame."""

    def generator(self, real, fake, more, conditions):
        return self.match * self.discriminator(more, conditions) \
            + self.spread * video.energy_score(real, fake)


class Bend(video.MatchAndSpread):
    """What lesson 4 adds to the losses, and a plain penalty on every bend of a path:

        weight * mean of (x[t + 1] - 2 x[t] + x[t - 1])^2

    over the place and the motion. It does not ask whether a real path bends there.
    """

    def __init__(self, weight=0.1):
        super().__init__()
        self.weight = weight

    def generator(self, real, fake, more, conditions):
        bend = fake[..., video.CONTENT:].diff(n=2, dim=1).square().mean()
        return super().generator(real, fake, more, conditions) + self.weight * bend


GAME = "lesson 4's game"
# name -> generator, discriminator, what is added to the losses. The first has no remedy against
# frames that do not follow from each other; the next three have one each, then come all that lesson
# 4 has, the same without a smooth path, and the same with a penalty.
VARIANTS = {
    "frames only": (video.PathGenerator, FramesOnly, OfFrames),
    "temporal discriminator": (video.PathGenerator, video.PathDiscriminator, OfFrames),
    "sparse frames": (video.PathGenerator, SparseFrames, OfFrames),
    "energy score of changes": (video.PathGenerator, FramesOnly, video.MatchAndSpread),
    GAME: (video.PathGenerator, video.PathDiscriminator, video.MatchAndSpread),
    "noise anew in each frame": (without_path, video.PathDiscriminator, video.MatchAndSpread),
    "penalty on bends": (video.PathGenerator, video.PathDiscriminator, Bend),
}


def play(name, paths, wordings, seed=0, **length):
    """The game over paths of `video.train_paths` for one of VARIANTS; returns the Run.

    paths: standardised, (N, T, D). length: steps=... or minutes=...
    """
    generator, discriminator, extra = VARIANTS[name]
    return video.train_paths(paths, wordings, seed=seed, extra=extra(),
                             networks=lambda: (generator(), discriminator()), **length)


def measured(model, n=256, seed=70_000):
    """`score` of a model, and "two": the share of n captions of two actions that it obeys."""
    torch.manual_seed(seed)  # for noise that is drawn anew in each frame
    _, texts = attention.two_actions(n, seed)
    reading = measuring.read_clips(measuring.clip_judge(), video.film(model, texts, 1, seed).video)
    scores = score(lambda *wish: video.film(model, *wish).video, n, seed)
    scores["two"] = attention.read_order(reading, texts)["two"]
    return {name: round(value, 4) for name, value in scores.items()}


def compare(steps=800, seeds=2, films=8000, n=128, found=None, write=None):
    """Play each of VARIANTS on one budget, seed by seed; returns what was measured, a dict.

    "steps", and "variants": name -> a list with a dict a seed: the scores of `measured` with n
    captions, without `video.calm`; "calm", the same with it, for lesson 4's game; "seconds" a step,
    "parameters" of both networks. found: what was measured before, to go on from. write(found):
    called after each run.
    """
    if not found or found["steps"] != steps:
        found = {"steps": steps, "variants": {name: [] for name in VARIANTS}}
    left = [(seed, name) for seed in range(seeds) for name in VARIANTS
            if seed not in [run["seed"] for run in found["variants"][name]]]
    if not left:
        return found
    model = video.load_model("theatre")
    paths, wordings = attention.material(model, films)
    for seed, name in left:
        run = play(name, paths, wordings, seed, steps=steps)
        model.generator = run.average.train()  # so that `calm` does not help
        row = {"seed": seed} | measured(model, n)
        row |= {"seconds": round(run.seconds / run.step, 4),
                "parameters": sum(weight.numel() for part in (run.generator, run.discriminator)
                                  for weight in part.parameters())}
        if name == GAME:
            model.generator.eval()
            row["calm"] = measured(model, n)
        found["variants"][name].append(row)
        if write:
            write(found)
    return found


def compared():
    """What `python -m lessons.temporal_consistency` found, as `compare` describes it."""
    return json.loads((checkpoints.DATA / "consistency.json").read_text(encoding="utf-8"))


def main(arguments=None):
    """Train the judge of steps and ship it, or compare VARIANTS and write what was found to
    data/consistency.json, run by run; a comparison that was cut goes on where it stopped."""
    names = sys.argv[1:] if arguments is None else arguments
    if names == ["judge"]:
        ship_judge()
    elif names:
        raise SystemExit("Say nothing to compare the remedies, or what to train: python -m "
                         f"lessons.temporal_consistency judge. {nearest(names[0], ['judge'])}")
    else:
        path = checkpoints.DATA / "consistency.json"
        compare(found=compared() if path.exists() else None, write=lambda found:
                checkpoints.write_whole(path, (json.dumps(found) + "\n").encode()))


if __name__ == "__main__":
    main()
