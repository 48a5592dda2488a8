"""Lesson 4: from a caption to a film, by an adversarial game over paths.

A frame becomes a short vector: who is there (content), where (place), in which posture (motion). A
film is a path of such vectors, one a frame, and two networks hardly larger than those of lesson 1
play for paths. A decoder then paints each frame.

`python -m lessons.video FOLDER` scores the model in a folder and ships it as the course's own.

Axes: N films, T frames of each, F frames of any films, H and W pixels, D numbers a frame (CONTENT,
then 1 for the place, then MOTION), L words of a caption, E numbers a word.
"""

import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from lessons.attention import WordAttention
from lessons.engine import training
from lessons.engine.losses import Relativistic
from lessons.frames import CONTENT, MODEL, MOTION, PATH
from lessons.signals.clip import FRAMES
from lessons.text_conditioning import Matching, TextEncoder, complete, contrastive_loss, evenly
from lessons.world.scene import ACTIONS
from lessons.world.vocabulary import WORDS

LATENT = 48    # numbers of noise that become one path
OWN = 5        # of them have one meaning each: what is open (3), where a film begins, which foot
OVERTONES = (1.0, 2.0, 3.0, 4.0)  # as in music: an oscillator's swing is made of these multiples
SLOWEST = 2 * math.pi * 0.75 / 8  # radians a frame of an oscillator: 0.75 turns a second


def recast(who, what):
    """Paths (N, T, D) in which the figures of `who` do what happens in `what`, both (N, T, D)."""
    return torch.cat([who[..., :CONTENT], what[..., CONTENT:]], 2)


def turns(start, speed):
    """How far oscillators have turned, in radians: start (N, K), speed (N, T, K) -> (N, T, K).

        turn_t = 2 pi start + SLOWEST * sum over frames up to t of 1 + sigmoid(speed)

    The sum makes the rhythm even where the speed is, and lets it change without a jump. All speeds
    lie within one octave: a rhythm and its double are never both in reach, so that every gait
    turns once a cycle, and one can become another.
    """
    return 2 * math.pi * start[:, None] + SLOWEST * (1 + speed.sigmoid()).cumsum(1)


def rhythm(motion, K=3, even=0.8):
    """How fast films step: motion (N, T, C) -> turns a second (N,), nan for who does not step
    evenly.

    At each speed from 0.75 to 1.5 turns a second, a mean, sines and cosines of K multiples are
    fitted to all numbers of the motion; the speed that leaves least is the rhythm, if it explains
    the share `even` of the motion. So is the pitch of a voice found: many overtones, one speed.
    """
    motion = motion - motion.mean(1, keepdim=True)
    speeds = torch.linspace(0.75, 1.5, 31)
    turned = 2 * math.pi / 8 * torch.arange(motion.shape[1])[:, None] * torch.arange(1, K + 1)
    waves = speeds[:, None, None] * turned                                     # (31, T, K)
    waves = torch.cat([torch.ones_like(waves[..., :1]), waves.sin(), waves.cos()], 2)
    basis = torch.linalg.qr(waves)[0]                                          # (31, T, 2 K + 1)
    held = torch.stack([(one.T @ motion).square().sum((1, 2)) for one in basis], 1)   # (N, 31)
    most, best = held.max(1)
    return torch.where(most > even * motion.square().sum((1, 2)), speeds[best], torch.nan)


def calm(step, motion, least_step=0.04, least_change=0.15):
    """What is too small for a movement is none: steps (N, T, 1), postures (N, T, C) -> the same.

    Steps below `least_step` are dropped (about a third of a pixel), and a posture is held while it
    changes by less than `least_change` (root mean square; a step of a walk changes it by about
    0.7). Who stands does not tremble, and who waves does not slide.
    """
    step = step * (step.abs() > least_step)
    moves = motion.diff(dim=1).square().mean(2).sqrt() > least_change          # (N, T - 1)
    held = [motion[:, 0]]
    for t in range(1, motion.shape[1]):
        held.append(torch.where(moves[:, t - 1, None], motion[:, t], held[-1]))
    return step, torch.stack(held, 1)                                          # (N, T, C)


def begin(way, edges, share):
    """Where a film begins, (N, 1), so that its whole way lies between the edges of the stage.

    way (N, T): places, counted from the beginning; edges (N, 2): what the words change about the
    left edge and the right; share (N, 1), 0 to 1: at which of the places that are left. A film
    whose way is as long as the stage stands in its middle.
    """
    low, high = way.amin(1, keepdim=True), way.amax(1, keepdim=True)           # (N, 1)
    left, right = (edges + torch.tensor([-1.3, 1.3], device=way.device)).split(1, 1)
    room = F.softplus(8 * (right - left - high + low)) / 8                     # never below 0
    return (left + right - low - high) / 2 + room * (share - 0.5)


class PathGenerator(nn.Module):
    """G(z, t): noise z (N, LATENT) and captions (N, L) -> paths (N, T, D), standardised.

    Noise decides first what the caption leaves open. Who is there is asked once a film; what
    happens is asked anew at each frame. An oscillator gives the rhythm of steps: the words and the
    noise set how fast it turns, one number of the noise sets with which foot it begins. A GRU
    carries the movement from frame to frame. A place is where the film began and from there one
    step a frame, and the body sways about it as its posture says; one number of the noise sets
    where between the edges of the stage the film begins, as far as its own way leaves room.
    """

    def __init__(self, width=160, vocabulary=WORDS):
        super().__init__()
        self.text = TextEncoder(vocabulary)
        self.noise = nn.Sequential(nn.Linear(LATENT - OWN, 128), nn.LeakyReLU(0.2),
                                   nn.Linear(128, 128), nn.LeakyReLU(0.2))
        self.who = WordAttention(1)
        self.what = WordAttention(FRAMES)
        self.content = nn.Sequential(nn.Linear(128 + 128, 192), nn.LeakyReLU(0.2),
                                     nn.Linear(192, CONTENT))
        self.enter = nn.Sequential(nn.Linear(128 + 128 + CONTENT, width), nn.LeakyReLU(0.2))
        self.speed = nn.Linear(width, 1)
        self.swing = nn.Linear(2 * len(OVERTONES), width)
        self.carry = nn.GRU(width, width, batch_first=True)
        self.leave = nn.Sequential(nn.Linear(2 * width, 256), nn.LeakyReLU(0.2),
                                   nn.Linear(256, MOTION))
        self.step = nn.Linear(width, 1)
        self.sway = nn.Sequential(nn.Linear(CONTENT + MOTION, 64), nn.LeakyReLU(0.2),
                                  nn.Linear(64, 1))
        self.edges = nn.Linear(128 + 128, 2)

    def forward(self, z, ids, *_):
        return self.explained(z, ids)[0]

    def explained(self, z, ids):
        """(paths (N, T, D), attention (N, T, L) of the frames to the words, mean of the heads)."""
        open_, where, foot, rest = z.split([3, 1, 1, LATENT - OWN], 1)
        full = complete(ids, open_, self.text.vocabulary)                      # (N, L + 3)
        who, what, content, x, attention = self._ask(rest, full)
        step, motion = 0.2 * self.step(x), self._move(x, evenly(foot))         # (N, T, .) each
        if not self.training:
            step, motion = calm(step, motion)
        content = content[:, None].expand(-1, FRAMES, -1)                      # (N, T, CONTENT)
        way = step.cumsum(1) + 0.05 * self.sway(torch.cat([content, motion], 2))   # (N, T, 1)
        edges = self.edges(torch.cat([who, what.mean(1)], 1))                  # (N, 2)
        place = way + begin(way[..., 0], edges, evenly(where))[:, None]        # (N, T, 1)
        said = attention.mean(1)[..., :ids.shape[1]]                           # (N, T, L)
        return torch.cat([content, place, motion], 2), \
            said / said.sum(2, keepdim=True).clamp(min=1e-6)

    def _ask(self, rest, full):
        """What noise (N, LATENT - OWN) and completed captions (N, L + 3) say: of the film (N, 128),
        of its frames (N, T, 128), the content (N, CONTENT), what is asked of each frame's movement
        (N, T, width), and the attention (N, heads, T, L + 3)."""
        words, states, _ = self.text(full)
        noise = self.noise(rest)                                               # (N, 128)
        who, _ = self.who(words, states, full > 0)                             # (N, 1, 128)
        content = self.content(torch.cat([who[:, 0], noise], 1))               # (N, CONTENT)
        what, attention = self.what(words, states, full > 0)                   # (N, T, 128)
        still = torch.cat([noise, content], 1)[:, None].expand(-1, FRAMES, -1)
        x = self.enter(torch.cat([what, still], 2))                            # (N, T, width)
        return who[:, 0], what, content, x, attention

    def _move(self, x, foot):
        """Postures (N, T, MOTION) from what is asked of each frame x (N, T, width) and the phase of
        the first step foot (N, 1), 0 to 1."""
        turned = turns(foot, self.speed(x)) * torch.tensor(OVERTONES, device=x.device)
        x = x + self.swing(torch.cat([turned.sin(), turned.cos()], 2))         # (N, T, width)
        carried, _ = self.carry(x)
        return self.leave(torch.cat([x, carried], 2))


class Steps(nn.Module):
    """A convolution over time by one matrix product: (N, T, C) -> (N, T / stride, C)."""

    def __init__(self, width, reach, stride):
        super().__init__()
        self.reach, self.stride = reach, stride
        self.linear = nn.Linear(reach * width, width)

    def forward(self, x):
        before = (self.reach - self.stride + 1) // 2
        x = F.pad(x, (0, 0, before, self.reach - self.stride - before))
        x = x.unfold(1, self.reach, self.stride).flatten(2)                    # (N, T', C * reach)
        return F.leaky_relu(self.linear(x), 0.2)


class PathDiscriminator(nn.Module):
    """D(x, t): is this path real, and does it fit the caption?

    forward: paths (N, T, D), captions (N, L) -> logits (N,); and for the contrastive loss a
    vector of the path, one of the caption, (N, 64 + T * 32) each, and the scale of their product
    (N,). The logit is that of the whole path, which sees all changes in order, and half of the mean
    over frames, each seen by itself. The first half of the two vectors speaks of the whole film;
    the second goes frame by frame, what is seen there beside what the words say of it, so that the
    order of two actions is learnt soon.
    """

    def __init__(self, width=160, vocabulary=WORDS):
        super().__init__()
        self.text = TextEncoder(vocabulary)
        self.enter = nn.Sequential(nn.Linear(2 * PATH, width), nn.LeakyReLU(0.2))
        self.near = Steps(width, 3, 1)
        self.far = nn.Sequential(Steps(width, 4, 2), Steps(width, 4, 2))
        self.sum_up = nn.Sequential(nn.Linear(FRAMES // 4 * width, 256), nn.LeakyReLU(0.2))
        self.frame = nn.Sequential(nn.Linear(PATH, width), nn.LeakyReLU(0.2),
                                   nn.Linear(width, width), nn.LeakyReLU(0.2))
        self.fits, self.frame_fits = Matching(256), Matching(width)
        self.match = nn.Linear(256, 64)
        self.what = WordAttention(FRAMES)
        self.see, self.say = nn.Linear(width, 32), nn.Linear(128, 32)
        self.register_buffer("pace", torch.ones(PATH))  # of real changes from frame to frame
        self.scale = nn.Parameter(torch.tensor(1.6))

    def forward(self, paths, ids, *_):
        words, states, sentence = self.text(ids)
        change = F.pad(paths.diff(dim=1), (0, 0, 1, 0)) / self.pace            # (N, T, D)
        x = self.enter(torch.cat([paths, change], 2))                          # (N, T, width)
        x = x + self.near(x)
        whole = self.sum_up(self.far(x).flatten(1))                            # (N, 256)
        frames = self.frame(paths).flatten(0, 1)                               # (N T, width)
        each = self.frame_fits(frames, sentence.repeat_interleave(FRAMES, 0))
        logits = self.fits(whole, sentence) + each.view(-1, FRAMES).mean(1) / 2
        scale = self.scale.exp().clamp(max=30).expand(len(paths))
        what, _ = self.what(words, states, ids > 0)                            # (N, T, 128)
        seen = _beside(self.match(whole), self.see(x).flatten(1))              # (N, 64 + T 32)
        return logits, seen, _beside(sentence, self.say(what).flatten(1)), scale


def _beside(one, other):
    """Two vectors (N, .) a film, each brought to length 1, so that both count alike."""
    return torch.cat([F.normalize(one, dim=1), F.normalize(other, dim=1)], 1)


class MatchAndSpread:
    """What is added to the adversarial losses: paths must match their captions, and those of one
    caption must differ as real ones do (`energy_score`, of the paths, of their changes, and of how
    these change).

    match, spread: what the two weigh for the generator. The discriminator learns to match with
    weight 1 (or not at all, where match is 0); a generator that is pressed as hard makes the most
    typical film of every caption.
    """

    def __init__(self, match=0.3, spread=0.3):
        self.match, self.spread = match, spread

    def discriminator(self, more, conditions):
        films, sentences, scale = more
        return contrastive_loss(films, sentences, scale[0], conditions[1]) if self.match else 0.0

    def generator(self, real, fake, more, conditions):
        apart = sum(energy_score(real.diff(n, 1), fake.diff(n, 1)) for n in range(3))
        return self.match * self.discriminator(more, conditions) + self.spread * apart


class InRhythm:
    """What is added to the losses, and one thing more for the generator: its oscillator turns as
    fast as the real film of the same caption steps, where that has a `rhythm`.

        mean of (1 + sigmoid(speed) - rhythm / 0.75)^2

    The game alone would settle for whatever speed it finds first: over sixteen frames a speed that
    is off by half a turn a second is no better than one that is off by a whole one.
    """

    def __init__(self, generator, extra):
        self.network, self.extra = generator, extra
        self.discriminator = extra.discriminator
        self.noise = torch.randn(256, LATENT - OWN, generator=torch.Generator().manual_seed(0))

    def generator(self, real, fake, more, conditions):
        ids, _, rhythms = conditions
        noise = self.noise[:len(ids)].to(ids.device)  # always the same: runs can be resumed
        speed = self.network.speed(self.network._ask(noise, ids)[3])[..., 0]   # (N, T)
        off = 1 + speed.sigmoid() - rhythms.nan_to_num()[:, None] / 0.75
        even = ~rhythms.isnan()                                                # (N,)
        return self.extra.generator(real, fake, more, conditions) \
            + (even[:, None] * off.square()).mean()


def energy_score(real, fake):
    """How far generated paths are from real ones of the same captions, as distributions: a number.

        E d(x, y) - E d(x, x') / 2,   x, x' generated, y real, all of one caption

    It is smallest where both are distributed alike: a generator that makes one film of a caption
    loses the second term. d: root mean square distance of the contents, of the places and of the
    motions, each in units of its spread among real ones, added up and averaged over frames, since
    a whole film is too far from any other. real, fake (N, T, D): rows 2i and 2i + 1 are of one
    caption. Source: Gneiting and Raftery, 2007, JASA 102, 359-378; for generators: Gritsenko et
    al., 2020, arXiv 2008.01160.
    """
    unit = real.std((0, 1)) + 1e-3                                             # (D,)
    x, y = ((paths / unit).unflatten(0, (-1, 2)) for paths in (fake, real))    # (N / 2, 2, T, D)
    return (_apart(x, y) + _apart(x, y.flip(1))) / 2 - _apart(x[:, 0], x[:, 1]) / 2


def _apart(a, b):
    parts = (a - b).split([CONTENT, 1, MOTION], -1)
    return sum((part.square().mean(-1) + 1e-8).sqrt().mean() for part in parts)


def twice(scenes):
    """Each scene two times in a row: what its two films differ in, the caption does not say."""
    return [scene for scene in scenes for _ in range(2)]


def train_paths(paths, wordings, folder=None, *, networks=None, extra=None, seed=0, device="cpu",
                **length):
    """Second stage: the `training.Run` of the game over standardised paths (N, T, D).

    paths: two of each scene in a row, see `twice`; wordings: the `Wordings` of the scenes.
    networks: a function that makes a generator and a discriminator, extra: what is added to the
    losses, where they are not those of this lesson. folder: see `train_autoencoder`; length:
    minutes or steps, and what else `training.fit` takes.
    """
    torch.manual_seed(seed)
    pairs = paths.cpu().unflatten(0, (-1, 2))                                  # (N / 2, 2, T, D)
    often = how_often(wordings.meanings[:, 0])                                 # (N / 2,)
    speeds = rhythm(pairs.flatten(0, 1)[..., CONTENT + 1:]).view(-1, 2)        # (N / 2, 2)

    def draw(n, rng):
        rows = torch.multinomial(often, n // 2, replacement=True, generator=rng)
        ids, said = wordings.draw(rows, rng)
        return pairs[rows].flatten(0, 1), ids.repeat_interleave(2, 0), \
            said.repeat_interleave(2, 0), speeds[rows].flatten()
    generator, discriminator = networks() if networks else [
        kind(vocabulary=wordings.vocabulary) for kind in (PathGenerator, PathDiscriminator)]
    if not (folder and (Path(folder) / training.CHECKPOINT).exists()):
        learn_sway(generator, paths, seed)
    generator.sway.requires_grad_(False)
    discriminator.pace.copy_(paths.diff(dim=1).std((0, 1)).clamp(min=0.05))
    run = training.Run(generator, discriminator, model=f"{MODEL} paths", seed=seed, device=device)
    return training.fit_to_end(run, folder, draw, loss=Relativistic, latent=LATENT, r1=0.5, r2=0.5,
                               extra=InRhythm(generator, extra or MatchAndSpread()), decay=0.998,
                               **length)


def how_often(meanings, times=4):
    """How often scenes are drawn, (N,): those in which a walk becomes a run or a run a walk so many
    `times` as the others. They are one in twenty, and only they show how one gait becomes another.

    meanings (N, 6): see `vocabulary.meanings`.
    """
    actions = meanings[:, 2:4]
    gaits = [(actions == ACTIONS.index(action)).any(1) for action in ("walk", "run")]
    return 1 + (times - 1) * (gaits[0] & gaits[1]).float()


def learn_sway(generator, paths, seed=0, steps=1000):
    """How a body sways about its way, as its posture says: learnt from real paths (N, T, D), before
    the game, which would be long in finding it. What is left of the place must go on evenly:

        mean of (p[t + 1] - 2 p[t] + p[t - 1])^2,   p = place - sway(content, motion)
    """
    def draw(n, rng):
        return (paths[torch.randint(len(paths), (n,), generator=rng)],)

    def loss(sway, some):
        content, place, motion = some.split([CONTENT, 1, MOTION], 2)           # (N, T, .) each
        left = place - 0.05 * sway(torch.cat([content, motion], 2))
        return left.diff(n=2, dim=1).square().mean()
    run = training.Supervised(generator.sway, model=f"{MODEL} sway", seed=seed)
    training.fit_supervised(run, draw, loss, steps=steps)


FOOT = 4     # the number of the noise that sets with which foot a film begins
