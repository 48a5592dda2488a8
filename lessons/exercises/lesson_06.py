"""Checks of lesson 6: uneven movement, cadence, frames fetched back along a flow, and sparse frames
with their gaps."""

import math

import torch
from torch.nn import functional as F

from lessons import temporal_consistency
from lessons.exercises import Exercise, both, rng


# 6.1 -------------------------------------------------------------------------------------------
def _walks():
    """Places of figures that stand, move on evenly, and tremble."""
    cases = [(torch.tensor([[1.0, 2, 4, 4]]),)]
    for k, (N, T) in enumerate(((5, 16), (3, 9))):
        places = 20 + torch.arange(T) * torch.linspace(-1, 1, N)[:, None]
        cases.append((places + torch.randn(N, T, generator=rng(k)),))
        cases[-1][0][0] = 7.0
    return cases


Exercise("6.1", ours=temporal_consistency.jerk, cases=_walks, mistakes=[
    ("This is the first difference, how fast a figure moves: whoever moves on evenly must have 0.",
     lambda x: x.diff(dim=1).abs().mean(1)),
    ("This is the third difference: one `diff` too many.",
     lambda x: x.diff(n=3, dim=1).abs().mean(1)),
    ("Without absolute values what jumps forth and back cancels out.",
     lambda x: x.diff(n=2, dim=1).mean(1)),
    ("You took the absolute value too early: of each step, and then the difference of these.",
     lambda x: x.diff(dim=1).abs().diff(dim=1).abs().mean(1)),
    ("You squared: take the absolute value, so that the unit stays a pixel.",
     lambda x: x.diff(n=2, dim=1).square().mean(1)),
    ("You summed over the frames: a longer film would seem to tremble more. Take the mean.",
     lambda x: x.diff(n=2, dim=1).abs().sum(1)),
    ("This is one number for all films: give one for each.",
     lambda x: x.diff(n=2, dim=1).abs().mean()),
    ("You divided by T: there are T - 2 second differences.",
     lambda x: x.diff(n=2, dim=1).abs().sum(1) / x.shape[1]),
    ("You took the absolute value after the mean: what jumps forth and back cancels out.",
     lambda x: x.diff(n=2, dim=1).mean(1).abs()),
    ("You compare frames that are two apart: that is still a first difference.",
     lambda x: (x[:, 2:] - x[:, :-2]).abs().mean(1)),
    ("This is the greatest second difference: take the mean.",
     lambda x: x.diff(n=2, dim=1).abs().amax(1)),
    ("You compared films with each other: the frames are axis 1.",
     lambda x: x.diff(n=2, dim=0).abs().mean(0)),
])


# 6.2 -------------------------------------------------------------------------------------------
def _angles():
    """Phases that go around several times, with a step back here and there."""
    cases = []
    for k, (N, T, *rest) in enumerate(((1, 4, 1, 2), (4, 16), (4, 16, 8, 5), (3, 20, 12, 2))):
        steps = 0.15 + 0.1 * torch.randn(N, T, generator=rng(k)).clamp(-2.5, 2.5)
        angle = 2 * math.pi * steps.cumsum(1)
        cases.append((torch.atan2(angle.sin(), angle.cos()), *rest))
    return cases


def _counted(wrap=torch.round, unit=2 * math.pi, rate=True, mean=True, sign=1):
    def wrong(angle, fps=8, span=6):
        step = sign * angle.diff(dim=1) / unit
        step = step - wrap(step)
        step = step.unfold(1, span, 1).mean(2) if mean else step
        return step * fps if rate else step
    return wrong


def _from_end_to_end(angle, fps=8, span=6):
    step = (angle[:, span:] - angle[:, :-span]) / (2 * math.pi)
    return (step - step.round()) / span * fps


def _rounded_radians(angle, fps=8, span=6):
    step = angle.diff(dim=1)
    return (step - step.round()).unfold(1, span, 1).mean(2) * fps


Exercise("6.2", ours=temporal_consistency.cadence, cases=_angles, mistakes=[
    ("An angle goes around: the step from 3.1 to -3.1 is a small one on, not a large one back.",
     _counted(torch.zeros_like)),
    ("You let no step go back: a step of -0.05 cycles became 0.95. Steps lie between -1/2 and 1/2.",
     _counted(torch.floor)),
    ("Your absolute value hides steps back.",
     lambda a, fps=8, span=6: _counted(mean=False)(a, fps, span).abs().unfold(1, span, 1).mean(2)),
    ("You took whole numbers away from radians: divide by 2 pi first, so that one is a turn.",
     _rounded_radians),
    ("You divided by 2 pi after whole numbers were taken away: do it before.",
     lambda a, fps=8, span=6: _rounded_radians(a, fps, span) / (2 * math.pi)),
    ("This counts radians: a cycle has 2 pi of them.",
     lambda *given: 2 * math.pi * _counted()(*given)),
    ("This is cycles a frame: a second has `fps` frames.", _counted(rate=False)),
    ("This is every single step: take the mean of `span` steps in a row.", _counted(mean=False)),
    ("The sign is wrong: later minus earlier.", _counted(sign=-1)),
    ("You wrapped the way over `span` steps: it may be longer than half a cycle. Wrap each step.",
     _from_end_to_end),
    ("This is the sum of `span` steps: take their mean.",
     lambda a, fps=8, span=6: span * _counted()(a, fps, span)),
    ("You divide by `fps`: a second has that many frames, so multiply.",
     lambda a, fps=8, span=6: _counted(rate=False)(a, fps, span) / fps),
    ("This is one number for each film: the mean of each run of `span` steps is asked for.",
     lambda a, fps=8, span=6: _counted(mean=False)(a, fps, span).mean(1)),
    ("An angle of one turn is 2 pi, not pi.",
     lambda a, fps=8, span=6: _counted(unit=math.pi)(a, fps, span)),
])


# 6.3 -------------------------------------------------------------------------------------------
def _flowing():
    """Frames that are not square, with flows that go over the edge here and there."""
    return [(torch.rand(N, C, H, W, generator=rng(k)),
             1.5 * torch.randn(N, H, W, 2, generator=rng(k + 9)))
            for k, (N, C, H, W) in enumerate(((2, 3, 6, 9), (1, 1, 7, 5)))]


def _fetched(sign=1, swap=False, half=0.5, mode="bilinear", sides=True, edge="border"):
    def wrong(frames, flow):
        H, W = frames.shape[2:]
        y, x = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
        at = torch.stack([x, y], 2) + sign * (flow.flip(3) if swap else flow)
        grid = 2 * (at + half) / torch.tensor([W, H] if sides else [H, W]) - 1
        return F.grid_sample(frames, grid, mode=mode, padding_mode=edge, align_corners=False)
    return wrong


def _y_first(frames, flow):
    H, W = frames.shape[2:]
    y, x = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    grid = (2 * (torch.stack([y, x], 2) + flow) + 1) / torch.tensor([W, H]) - 1
    return F.grid_sample(frames, grid, padding_mode="border", align_corners=False)


def _from_middle_to_middle(frames, flow):
    H, W = frames.shape[2:]
    y, x = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    grid = 2 * (torch.stack([x, y], 2) + flow) / torch.tensor([W - 1, H - 1]) - 1
    return F.grid_sample(frames, grid, padding_mode="border", align_corners=False)


def _pushed(frames, flow):
    N, _, H, W = frames.shape
    result = torch.zeros_like(frames)
    for n in range(N):
        for y in range(H):
            for x in range(W):
                i, j = (round(float(a)) for a in flow[n, y, x] + torch.tensor([x, y]))
                if 0 <= i < W and 0 <= j < H:
                    result[n, :, j, i] = frames[n, :, y, x]
    return result


Exercise("6.3", ours=temporal_consistency.warp, cases=_flowing, trained=True, mistakes=[
    ("The sign of the flow is wrong: what stands at p now is at p + flow in the next frame, and is "
     "fetched from there.", _fetched(sign=-1)),
    ("x and y have changed places in the flow: x comes first, and it counts columns.",
     _fetched(swap=True)),
    ("You are half a pixel off: pixel 0 reaches from 0 to 1, its middle is 0.5, so add 1/2 before "
     "you divide by the width.", _fetched(half=0.0)),
    ("The places of the pixels have y before x: the grid wants x first, as the flow has it.",
     _y_first),
    ("Your -1 and 1 are the middles of the outer pixels: with `align_corners=False` they are the "
     "outer edges.", _from_middle_to_middle),
    ("You took the nearest pixel: between pixels take the bilinear mean.",
     _fetched(mode="nearest")),
    ("Width and height have changed places: x is divided by W, y by H.", _fetched(sides=False)),
    ("Outside the frame yours is black: `padding_mode='border'` lets the edge go on.",
     _fetched(edge="zeros")),
    ("The flow is not used: this is the next frame as it is.", lambda frames, flow: frames.clone()),
    ("You pushed each pixel to where the flow leads, which leaves holes: fetch it from there.",
     _pushed),
])


# 6.4 -------------------------------------------------------------------------------------------
def _sparse():
    cases = []
    for k, (N, T, E, K) in enumerate(((1, 3, 1, 2), (4, 16, 5, 4), (3, 9, 7, 3))):
        times = torch.rand(N, T, generator=rng(k)).argsort(1)[:, :K].sort(1).values
        cases.append((torch.randn(N, T, E, generator=rng(k + 5)), times))
    return cases


def _picked(gaps, frames=None):
    def wrong(all_frames, times):
        few, _ = temporal_consistency.pick(all_frames, times)
        return (frames(all_frames, times) if frames else few), gaps(times)
    return wrong


def _after_each_other(times):
    return times.diff(dim=1).float()


Exercise("6.4", ours=temporal_consistency.pick, cases=_sparse,
         observe=both("tensor of frames", "tensor of gaps"), trained=True, mistakes=[
    ("These are the times themselves: a gap is how much later one frame is than the one before.",
     _picked(lambda times: times.float())),
    ("You counted the gaps from the first frame: each is counted from the frame before it.",
     _picked(lambda times: (times[:, 1:] - times[:, :1]).float())),
    ("The sign of the gaps is wrong: later minus earlier.",
     _picked(lambda times: (times[:, :-1] - times[:, 1:]).float())),
    ("Every film got the times of the first one: each has its own.",
     _picked(_after_each_other, lambda frames, times: frames[:, times[0]])),
    ("You took the first frames of every film: take those at `times`.",
     _picked(_after_each_other, lambda frames, times: frames[:, :times.shape[1]])),
    ("You got one number a frame: `gather` takes as many as the index has, so let it have all E.",
     _picked(_after_each_other, lambda frames, times: frames.gather(1, times[..., None]))),
    ("The last gap has nothing to compare with: there are K - 1 gaps.",
     _picked(lambda times: torch.cat([times[:, :1], times.diff(dim=1)], 1).float())),
    ("You counted the frames *between* two: the frame after is one frame later.",
     _picked(lambda times: times.diff(dim=1).float() - 1)),
    ("The gaps are whole numbers: a network multiplies, so make them float.",
     _picked(lambda times: times.diff(dim=1))),
])
