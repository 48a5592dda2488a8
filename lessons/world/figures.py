"""Figures: how an actor moves, and how the stage is drawn.

A figure is a handful of tapered capsules. A gait phase (in cycles) drives the feet along a path
that stands still on the ground while a foot carries weight; knees follow by inverse kinematics.
All lengths are in body heights until `draw`, where the frame is 1 wide and 1 high, y down.

Axes: N clips, T instants, K capsules, P pixels.
"""

import math

import torch

from lessons.world.scene import ACTIONS, ACTORS, COLORS

GROUND = 0.90  # y of the ground, in frame heights
CHANGE = 0.15  # seconds: how gradually one action becomes another (scale of the sigmoid)

# What makes an action, all of it blended when one becomes another. Cadence stays below 1.4 Hz:
# at 8 frames per second a faster gait would seem to run backwards.
PARAMETERS = ("cadence", "speed", "duty", "lift", "kick", "bounce", "leap", "lean",
              "swing", "elbow", "raise", "wave", "offset", "spread")

STYLES = torch.tensor([
    # Hz  frames/s duty lift  kick  bounce leap  lean  swing elbow raise wave offset spread
    [0.00, 0.00, 0.60, 0.00, 0.00, 0.000, 0.00, 0.00, 0.00, 0.15, 0.0, 0.0, 0.50, 0.07],  # stand
    [0.85, 0.20, 0.60, 0.07, 0.02, 0.010, 0.00, 0.05, 0.55, 0.25, 0.0, 0.0, 0.50, 0.00],  # walk
    [1.35, 0.28, 0.34, 0.24, 0.22, 0.045, 0.00, 0.30, 1.00, 1.60, 0.0, 0.0, 0.50, 0.00],  # run
    [1.05, 0.00, 0.45, 0.00, 0.00, 0.000, 0.20, 0.02, 0.00, 0.30, 2.6, 0.0, 0.00, 0.05],  # jump
    [1.30, 0.00, 0.60, 0.00, 0.00, 0.000, 0.00, 0.00, 0.00, 0.15, 0.0, 1.0, 0.50, 0.07],  # wave
])

# height (frame heights), hip, shoulder, head centre, head radius (body heights)
BUILDS = torch.tensor([[0.63, 0.49, 0.79, 0.90, 0.078],   # man
                       [0.59, 0.49, 0.77, 0.88, 0.080],   # woman
                       [0.44, 0.42, 0.66, 0.84, 0.140]])  # child

CLOTHES = torch.tensor([[230, 60, 45], [55, 115, 255], [40, 190, 90], [250, 215, 50]]) / 255.0
SKIN, SHOE, HAIR = (torch.tensor(rgb) / 255.0
                    for rgb in ([245, 200, 165], [235, 235, 240], [150, 95, 60]))
BACKDROP, FLOOR = (torch.tensor(rgb) / 255.0 for rgb in ([20, 22, 32], [62, 60, 68]))


class Motion:
    """How N actors move: parameters and phase at any time, from the scenes and chance.

    chance: (N, 6) uniform numbers in [0, 1): phase, place, size, tempo, moment of change, shade.
    change: (N,) seconds at which the second action takes over (infinite where there is one).
    """

    def __init__(self, scenes, chance, duration):
        phase, place, size, tempo, moment, shade = chance.unbind(1)
        first = STYLES[[ACTIONS.index(s.actions[0]) for s in scenes]]
        last = STYLES[[ACTIONS.index(s.actions[-1]) for s in scenes]]
        self.actor = torch.tensor([ACTORS.index(s.actor) for s in scenes])
        self.clothes = CLOTHES[[COLORS.index(s.color) for s in scenes]]
        self.clothes = self.clothes * (0.88 + 0.12 * shade[:, None])
        self.height = BUILDS[self.actor, 0] * (0.94 + 0.12 * size)
        self.side = torch.tensor([1.0 if s.direction == "right" else -1.0 for s in scenes])
        pace = torch.ones(len(PARAMETERS)).repeat(len(scenes), 1)
        pace[:, 0] = 0.92 + 0.12 * tempo
        pace[:, 1] = pace[:, 0] * torch.where(self.actor == 2, 0.8, 1.0)  # a child's steps: shorter
        self.first, self.rise = first * pace, (last - first) * pace
        two = torch.tensor([len(s.actions) == 2 for s in scenes])
        self.change = torch.where(two, duration * (0.44 + 0.12 * moment), torch.inf)
        self.start_phase = phase
        travel = self.integral(1, torch.tensor([duration]))[:, 0]
        room = 1 - 2 * 0.26 - travel  # nobody leaves the stage; who needs more room starts centred
        self.start = 0.26 + torch.where(room > 0, place * room, room / 2)

    def parameters(self, t):
        """(N, T, 14) at times t (T,) or (N, T), in seconds."""
        mix = torch.sigmoid((t - self.change[:, None]) / CHANGE)
        return self.first[:, None] + mix[..., None] * self.rise[:, None]  # (N, T, 14)

    def integral(self, index, t):
        """The exact integral from 0 to t of one parameter: phase from cadence, way from speed."""
        late = CHANGE * (torch.nn.functional.softplus((t - self.change[:, None]) / CHANGE)
                         - torch.nn.functional.softplus(-self.change[:, None] / CHANGE))
        return self.first[:, None, index] * t + self.rise[:, None, index] * late  # (N, T)

    def phase(self, t):
        """Gait phase in cycles, (N, T): it never jumps, since it is the integral of the cadence."""
        return self.start_phase[:, None] + self.integral(0, t)

    def landings(self, duration, rate=2000):
        """Who lands when: (clips, seconds, weights), one entry a landing, sorted by time.

        A leg lands when its own phase passes a whole number. Both legs land at once in a jump.
        """
        t = torch.arange(math.ceil(duration * rate)) / rate
        values = self.parameters(t)
        lift, leap, offset = values[..., 3], values[..., 6], values[..., 12]
        legs = torch.stack([self.phase(t), self.phase(t) + offset])  # (2, N, t)
        step = legs.floor().diff(dim=-1) > 0
        share = (legs.ceil()[..., :-1] - legs[..., :-1]) / legs.diff(dim=-1).clamp(min=1e-9)
        works = ((lift > 0.03) | (leap > 0.08))[:, :-1]
        step[1] &= leap[:, :-1] < 0.16  # legs together: one landing, not two
        leg, clip, index = (step & works).nonzero(as_tuple=True)
        seconds = (index + share[leg, clip, index].clamp(0, 1)) / rate
        order = seconds.argsort(stable=True)
        return clip[order], seconds[order], leap[clip, index][order]


def _foot(phase, p):
    """Path of one foot below the hip: (x, y, pitch), body heights and radians; phase in cycles.

    While it carries weight (phase < duty) a foot moves back exactly as fast as the body moves on,
    so on the ground it stands still. Then it swings forward in an arc.
    """
    u = phase - phase.floor()
    air = ((u - p["duty"]) / (1 - p["duty"])).clamp(min=0)  # 0 to 1 within the swing
    sweep = p["speed"] * p["duty"] / (2 * p["cadence"].clamp(min=0.3))
    ground = sweep * (1 - 2 * u / p["duty"])
    bump = torch.sin(math.pi * air)
    swing = -sweep * torch.cos(math.pi * air) - p["kick"] * bump * (1 - 1.5 * air)
    x = torch.where(air > 0, swing, ground)
    y = bump * (p["lift"] * (1.25 - 0.5 * air) + p["leap"] * 0.75)
    pitch = -(p["lift"] * 4 + p["leap"] * 2) * bump * (1 - 1.4 * air)
    return x, y, pitch


def _knee(hip, ankle, length):
    """Two bones of equal length from hip to ankle, bent forward: (knee, reachable ankle)."""
    way = ankle - hip
    far = way.norm(dim=-1, keepdim=True)
    reach = far.clamp(max=1.99 * length)
    way = way / far
    across = torch.stack([-way[..., 1], way[..., 0]], -1)  # forward, for a leg that points down
    bend = (length ** 2 - reach ** 2 / 4).clamp(min=0).sqrt()
    return hip + way * reach / 2 + across * bend, hip + way * reach


def _toward(angle, length):
    """A step of a length in the direction of an angle, 0 pointing down and forward positive."""
    return torch.stack([torch.sin(angle), -torch.cos(angle)], -1) * length


def capsules(motion, t):
    """The figure at times t: ends (N, T, K, 2, 2), radii (N, T, K, 2), colours (N, K, 3).

    Ends are in frame units, y down; painted in order, later ones in front. A radius below zero
    hides a capsule that this actor does not have.
    """
    values = motion.parameters(t)
    p = dict(zip(PARAMETERS, values.unbind(-1), strict=True))
    p["speed"] = p["speed"] / motion.height[:, None]  # into body heights per second
    phase = motion.phase(t)
    _, hip_y, shoulder_y, head_y, head_r = BUILDS[motion.actor].T[..., None]  # each (N, 1)
    man, woman, child = (motion.actor == k for k in range(3))

    # the body rises between steps, leaps in the swing of a jump, and crouches as it lands
    step = 2 * (phase + (1 - p["duty"]))
    u = phase - phase.floor()
    air = ((u - p["duty"]) / (1 - p["duty"])).clamp(min=0)
    flight = 4 * air * (1 - air)
    crouch = torch.sin(math.pi * (u / p["duty"]).clamp(max=1))
    rise = p["bounce"] * torch.cos(2 * math.pi * step) + p["leap"] * (flight - 0.4 * crouch)
    hip = torch.stack([0 * rise, hip_y - 0.012 - p["bounce"] + rise], -1)  # (N, T, 2)
    spine, neck = (torch.stack([torch.sin(angle), torch.cos(angle)], -1)
                   for angle in (p["lean"], p["lean"] * 0.8))
    shoulder = hip + spine * (shoulder_y - hip_y)[..., None]
    head = hip + neck * (head_y - hip_y)[..., None]

    parts = []  # (start, end, radius at start, radius at end, colour)
    near, far, dim = motion.clothes, motion.clothes * 0.5, 0.5
    zero = torch.zeros_like(phase)
    bare = torch.where(woman[:, None], SKIN, motion.clothes * 0.8)  # her legs are bare
    shin = torch.where((woman | child)[:, None], SKIN, motion.clothes * 0.8)

    def add(start, end, r0, r1, color, who=None):
        r = torch.stack([zero + r0, zero + r1], -1)
        r = r if who is None else torch.where(who[:, None, None], r, -torch.ones_like(r))
        parts.append((torch.stack([start, end], -2), r, color.expand(len(near), 3)))

    def arm(side, color, hand):
        swing = side * p["swing"] * torch.cos(2 * math.pi * phase)
        up = p["raise"] * (0.3 + 0.7 * flight)
        wave = p["wave"] if side < 0 else zero  # the near arm waves
        angle = swing + up + 2.5 * wave - 0.1 * (1 - wave)
        bend = p["elbow"] * (1 - wave) + wave * (0.2 + 0.75 * torch.sin(2 * math.pi * phase))
        elbow = shoulder + _toward(angle, 0.155)
        wrist = elbow + _toward(angle + bend, 0.155)
        add(shoulder, elbow, 0.042, 0.036, color)
        add(elbow, wrist, 0.036, 0.028, color)
        add(wrist, wrist + _toward(angle + bend, 0.02), 0.036, 0.036, hand)

    def leg(own, place, thigh_color, shin_color, shoe):
        x, y, pitch = _foot(own, p)
        ankle = torch.stack([x + place * p["spread"], y + 0.05 + zero], -1)
        knee, ankle = _knee(hip, ankle, (hip_y[..., None] - 0.055) * 0.515)
        toe = ankle + torch.stack([torch.cos(pitch), torch.sin(pitch)], -1) * 0.085
        drop = torch.tensor([0.0, -0.018])
        add(hip, knee, 0.058, 0.046, thigh_color)
        add(knee, ankle, 0.046, 0.034, shin_color)
        add(ankle + drop, toe + drop, 0.034, 0.030, shoe)

    arm(+1, far, SKIN * dim)
    leg(phase + p["offset"], -1, bare * dim, shin * dim, SHOE * dim)
    leg(phase, +1, bare, shin, SHOE)
    tail = head + torch.stack([-1.15 * head_r + zero, 0.02 + zero], -1)
    sway = 0.03 * torch.sin(4 * math.pi * phase) * p["bounce"] / 0.045
    add(tail, tail + torch.stack([-0.06 - 0.10 * p["lean"] + zero, -0.17 + sway], -1),
        0.045, 0.025, HAIR, woman)
    add(hip, shoulder, 0.068, 0.072, near)
    hem = hip + torch.tensor([0.0, -0.17])
    add(hip + spine * 0.06, hem, 0.060, 0.125, near, woman)
    add(head, head, head_r, head_r, SKIN)
    crown = torch.stack([-0.25 * head_r + zero, 0.45 * head_r + zero], -1)
    add(head + crown, head + crown * torch.tensor([-0.6, 1.0]), 0.78 * head_r, 0.74 * head_r,
        torch.where(man[:, None], near, HAIR))
    peak = torch.stack([head_r + zero, 0.42 * head_r + zero], -1)
    add(head + peak * torch.tensor([0.2, 1.0]), head + peak * torch.tensor([1.75, 1.0]),
        0.030, 0.024, near, man)
    nose = torch.stack([head_r + zero, -0.15 * head_r + zero], -1)
    add(head + nose, head + nose * 1.15, 0.024, 0.020, SKIN)
    arm(-1, near * 0.75, SKIN)  # darker, to stand out against the body

    ends, radii, colors = zip(*parts, strict=True)
    ends, radii = torch.stack(ends, 2), torch.stack(radii, 2)  # (N, T, K, 2, 2), (N, T, K, 2)
    colors = torch.stack(colors, 1)                            # (N, K, 3)
    height = motion.height[:, None, None, None]
    way = motion.start[:, None] + motion.integral(1, t)  # (N, T), for a walk to the right
    side = motion.side[:, None, None, None]
    x = 0.5 + side * (way[..., None, None] - 0.5 + ends[..., 0] * height)
    y = GROUND - ends[..., 1] * height
    return torch.stack([x, y], -1), radii * height, colors


def stage(size):
    """The empty stage: uint8 (H, W, 3)."""
    y = (torch.arange(size) + 0.5)[:, None] / size
    rows = (torch.where(y < GROUND, BACKDROP, FLOOR) * 255).round().to(torch.uint8)  # (H, 3)
    return rows[:, None].repeat(1, size, 1)


def draw(ends, radii, colors, size):
    """Paint capsules: ends (F, K, 2, 2), radii (F, K, 2), colours (F, K, 3) -> uint8 (F, H, W, 3).

    Only a window around the figure is painted, half a frame wide. The distance of a pixel to a
    capsule's axis comes from two small matrix products over the basis (x^2 + y^2, x, y, 1);
    an edge is smoothed over one pixel.
    """
    F, H, W = len(ends), size, -(-size * 5 // 8)
    center = (ends[:, :, :, 0].amin((1, 2)) + ends[:, :, :, 0].amax((1, 2))) / 2
    left = (center * size - W / 2).round().clamp(0, size - W).long()  # (F,)
    x = ((torch.arange(W) + 0.5) / size).repeat(H)                    # (P,)
    y = ((torch.arange(H) + 0.5) / size).repeat_interleave(W)         # (P,)
    basis = torch.stack([x * x + y * y, x, y, torch.ones_like(x)])    # (4, P)

    a = ends[:, :, 0] - torch.stack([left / size, torch.zeros(F)], -1)[:, None]  # (F, K, 2)
    d = ends[:, :, 1] - ends[:, :, 0]
    dd = d.square().sum(-1, keepdim=True).clamp(min=1e-8)
    one = torch.ones_like(dd)
    along = torch.cat([0 * one, d, -(a * d).sum(-1, keepdim=True)], -1) / dd @ basis  # (F, K, P)
    square = torch.cat([one, -2 * a, a.square().sum(-1, keepdim=True)], -1) @ basis   # (F, K, P)
    t = along.clamp(0, 1)
    square.add_(along.mul_(-2).add_(t).mul_(t).mul_(dd)).clamp_(min=0).sqrt_()
    edge = t.mul_(radii[..., 1:] - radii[..., :1]).add_(radii[..., :1]).sub_(square)
    alpha = edge.mul_(size).add_(0.5).clamp_(0, 1)                                    # (F, K, P)
    through = torch.ones(F, H * W)
    for k in reversed(range(alpha.shape[1])):  # from the front: what is left for those behind
        hidden = through * alpha[:, k]
        through -= hidden
        alpha[:, k] = hidden
    figure = colors.transpose(1, 2) @ alpha                                           # (F, 3, P)

    rows = stage(size)[:, 0] / 255                                                    # (H, 3)
    frames = stage(size)[None].repeat(F, 1, 1, 1)
    window = figure.view(F, 3, H, W).permute(0, 2, 3, 1) \
        + through.view(F, H, W, 1) * rows[None, :, None]                             # (F, H, W, 3)
    columns = (left[:, None] + torch.arange(W))[:, None, :, None].expand(F, H, W, 3)
    return frames.scatter_(2, columns, (window * 255).round_().to(torch.uint8))
