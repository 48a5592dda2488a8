"""Lessons 4 and 7: what the model knows of the theatre before it has seen a film.

`video.PathGenerator` and `audio.SoundGenerator` find everything in films. Here stands what is told
of this one world: an oscillator for legs, the sway of a body, the edges of the stage, numbers of
the noise with a meaning; that steps are heard when they are seen, and that music keeps time.

Axes: N films, T frames of each, D numbers a frame (content, place, motion: see `frames.Layout`), L
words of a caption, S samples of sound, B frequencies, C columns of a spectrogram.
"""

import functools
import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from lessons import audio, video
from lessons.attention import attend
from lessons.audio import not_too_loud, with_change
from lessons.engine import training
from lessons.frames import CONTENT, MOTION, THEATRE
from lessons.signals.clip import FRAMES, RATE
from lessons.signals.spectrogram import A_FRAME, BINS, COLUMNS, HOP, spectrogram
from lessons.text_conditioning import TextEncoder, evenly, fill_unspecified
from lessons.video import LATENT, PathGenerator, Steps, mlp
from lessons.world import captions
from lessons.world.scene import ACTIONS, MUSIC
from lessons.world.vocabulary import WORDS, is_chinese

NAMED = 5      # numbers of the noise that have a meaning: what is open (3), where, which foot
FOOT = 4       # the one that sets with which foot a film begins
OVERTONES = (1.0, 2.0, 3.0, 4.0)  # as in music: an oscillator's swing is made of these multiples
SLOWEST = 2 * math.pi * 0.75 / 8  # radians a frame of an oscillator: 0.75 turns a second
HANDS = 32     # of the clock that keeps the time of the music


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


def suppress_jitter(step, motion, least_step=0.04, least_change=0.15):
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


def start_position(way, edges, share):
    """Where a film begins, (N, 1), so that its whole way lies between the edges of the stage.

    way (N, T): places, counted from the beginning; edges (N, 2): what the words change about the
    left edge and the right; share (N, 1), 0 to 1: at which of the places that are left. A film
    whose way is as long as the stage stands in its middle.
    """
    low, high = way.amin(1, keepdim=True), way.amax(1, keepdim=True)           # (N, 1)
    left, right = (edges + torch.tensor([-1.3, 1.3], device=way.device)).split(1, 1)
    room = F.softplus(8 * (right - left - high + low)) / 8                     # never below 0
    return (left + right - low - high) / 2 + room * (share - 0.5)


class TheatreGenerator(PathGenerator):
    """`PathGenerator`, and what is known of the theatre before any film was seen.

    Some numbers of the noise have a meaning, so that it can be chosen: the first three decide what
    the caption leaves open, FOOT with which foot a film begins. Legs swing: an oscillator gives the
    rhythm of steps, as fast as the words and the noise say. A body sways about its way as its
    posture says. The stage has edges: where between them a film begins is one number of the noise,
    as far as its own way leaves room. turns: see `turns`, the place for your own.
    """

    def __init__(self, layout=THEATRE, vocabulary=WORDS, width=160, attend=attend, turns=turns):
        super().__init__(layout, vocabulary, LATENT - NAMED, width, attend)
        self.turns = turns
        del self.start  # a film begins where the edges leave room
        self.enter = mlp(128 + 128 + layout.content, width, last=True)
        self.leave, self.step = mlp(2 * width, 256, MOTION), nn.Linear(width, 1)
        self.speed, self.swing = nn.Linear(width, 1), nn.Linear(2 * len(OVERTONES), width)
        self.sway = mlp(layout.content + MOTION, 64, 1)
        self.edges = nn.Linear(128 + 128, 2)

    def explained(self, z, ids):
        open_, where, foot, rest = z.split([3, 1, 1, LATENT - NAMED], 1)
        full = fill_unspecified(ids, open_, self.text.vocabulary)              # (N, L + 3)
        film, content, what, attention = self.ask(rest, full)
        x = self.each_frame(what, film, content)                               # (N, T, width)
        step, motion = 0.2 * self.step(x), self.move(x, evenly(foot))          # (N, T, .) each
        if not self.training:
            step, motion = suppress_jitter(step, motion)
        content = content[:, None].expand(-1, FRAMES, -1)                      # (N, T, content)
        way = step.cumsum(1) + 0.05 * self.sway(torch.cat([content, motion], 2))   # (N, T, 1)
        edges = self.edges(torch.cat([film[:, :128], what.mean(1)], 1))        # (N, 2)
        place = way + start_position(way[..., 0], edges, evenly(where))[:, None]        # (N, T, 1)
        said = attention.mean(1)[..., :ids.shape[1]]  # less the words that completed the caption
        return torch.cat([content, place, motion], 2), \
            said / said.sum(2, keepdim=True).clamp(min=1e-6)

    def move(self, x, foot):
        """Postures (N, T, MOTION) from what is asked of each frame x (N, T, width) and the phase of
        the first step foot (N, 1), 0 to 1."""
        turned = self.turns(foot, self.speed(x)) * torch.tensor(OVERTONES, device=x.device)
        x = x + self.swing(torch.cat([turned.sin(), turned.cos()], 2))         # (N, T, width)
        carried, _ = self.carry(x)
        return self.leave(torch.cat([x, carried], 2))

    def pace(self, rest, ids):
        """How fast the oscillator turns for noise (N, LATENT - NAMED) and captions, before the
        sigmoid: (N, T)."""
        film, content, what, _ = self.ask(rest, ids)
        return self.speed(self.each_frame(what, film, content))[..., 0]


class RhythmSupervision:
    """What is added to the losses, and one thing more for the theatre's generator: its oscillator
    turns as fast as the real film of the same caption steps, where that has a `rhythm`.

        mean of (1 + sigmoid(speed) - rhythm / 0.75)^2

    The game alone would settle for whatever speed it finds first: over sixteen frames a speed that
    is off by half a turn a second is no better than one that is off by a whole one.
    """

    def __init__(self, generator, extra):
        self.network, self.extra = generator, extra
        self.discriminator = extra.discriminator
        self.noise = torch.randn(256, LATENT - NAMED, generator=torch.Generator().manual_seed(0))

    def generator(self, real, fake, more, conditions):
        ids, _, rhythms = conditions
        noise = self.noise[:len(ids)].to(ids.device)  # always the same: runs can be resumed
        off = 1 + self.network.pace(noise, ids).sigmoid() - rhythms.nan_to_num()[:, None] / 0.75
        even = ~rhythms.isnan()                                                # (N,)
        return self.extra.generator(real, fake, more, conditions) \
            + (even[:, None] * off.square()).mean()


def in_pairs(scenes):
    """Each scene two times in a row: what its two films differ in, the caption does not say."""
    return [scene for scene in scenes for _ in range(2)]


def train_paths(paths, wordings, folder=None, *, networks=None, extra=None, seed=0, **how):
    """The second stage in the theatre: the run of the game over standardised paths (N, T, D).

    paths: two of each scene in a row, see `in_pairs`; wordings: the `CaptionSampler` of the scenes.
    networks: a function that makes a generator and a discriminator, extra: what is added to the
    losses, where they are not those of this lesson. folder, how: see `video.play`.
    """
    torch.manual_seed(seed)
    pairs = paths.cpu().unflatten(0, (-1, 2))                                  # (N / 2, 2, T, D)
    often = sampling_weights(wordings.meanings[:, 0])                          # (N / 2,)
    speeds = rhythm(pairs.flatten(0, 1)[..., CONTENT + 1:]).view(-1, 2)        # (N / 2, 2)

    def draw(n, rng):
        rows = torch.multinomial(often, n // 2, replacement=True, generator=rng)
        ids, said = wordings.draw(rows, rng)
        return pairs[rows].flatten(0, 1), ids.repeat_interleave(2, 0), \
            said.repeat_interleave(2, 0), speeds[rows].flatten()
    generator, discriminator = networks() if networks else [
        kind(vocabulary=wordings.vocabulary)
        for kind in (TheatreGenerator, video.PathDiscriminator)]
    if not (folder and (Path(folder) / training.CHECKPOINT).exists()):
        learn_sway(generator, paths, seed)
    generator.sway.requires_grad_(False)
    discriminator.pace.copy_(video.pace_of(paths))
    extra = RhythmSupervision(generator, extra or video.MatchAndSpread())
    return video.play("theatre/paths", generator, discriminator, draw, folder=folder, extra=extra,
                      seed=seed, **how)


def sampling_weights(meanings, times=4):
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
    run = training.Supervised(generator.sway, model="sway", seed=seed)
    training.fit_supervised(run, draw, loss, steps=steps)


# Sound ------------------------------------------------------------------------------------------
@functools.lru_cache
def _moods(vocabulary, device):
    """What is added to captions: the words for each of MUSIC in each language, as numbers
    (languages, 3, 3), and which words of the vocabulary speak of music."""
    phrases = {"en": ("without music", "with calm music", "with cheerful music"),
               "zh": ("没有音乐", "配着 平静 音乐", "配着 欢快 音乐")}
    words = [[(row.split() + ["", ""])[:3] for row in phrases[language]]
             for language in captions.LANGUAGES]
    speaks = {word for lexicon in captions.LEXICON.values() for phrase, (slot, _) in lexicon.items()
              if slot == "mood" for word in [*phrase.split(), phrase]}
    speaks -= {phrase for lexicon in captions.LEXICON.values()
               for phrase, (slot, _) in lexicon.items() if slot == ""}         # "in" says nothing
    return (torch.stack([vocabulary.encode(rows) for rows in words]).to(device),
            torch.tensor([word in speaks for word in vocabulary], device=device))


def with_music(ids, kinds, vocabulary):
    """Captions that speak of music: ids (N, L) -> (N, L + 3), with padding where they do already.

    kinds (N,): which of MUSIC to add, in words of the caption's language, where none is named.
    ids: numbers of the words of a `Vocabulary`.
    """
    words, speaks = _moods(vocabulary, ids.device)
    silent = ~speaks[ids].any(1, keepdim=True)                                 # (N, 1)
    added = words[is_chinese(ids, vocabulary), kinds] * silent                 # (N, 3)
    return torch.cat([ids, added], 1)


class TheatreSound(nn.Module):
    """G(z, t, path) as `SoundGenerator`, with what is known of the theatre's sounds beforehand.

    They have two causes, whose magnitudes are added. Steps are heard where the path says: each
    frame, with its neighbours, gives the ten columns that belong to it. Music is heard as the words
    say: a clock goes up to a tenth faster or slower, as noise and words set it, and what sounds is
    a function of where its hands stand.
    """

    latent = 8

    def __init__(self, layout=THEATRE, vocabulary=WORDS, width=128):
        super().__init__()
        self.frames = nn.Sequential(nn.Linear(2 * layout.path, width), nn.LeakyReLU(0.2),
                                    Steps(width, 3, 1), Steps(width, 3, 1))
        self.spread = nn.Linear(width, A_FRAME * 32)
        self.steps = nn.Sequential(Steps(32, 5, 1), nn.Linear(32, 64), nn.LeakyReLU(0.2),
                                   nn.Linear(64, BINS))
        self.text = TextEncoder(vocabulary)
        self.tune = mlp(64 + self.latent, width, last=True)
        self.pace = nn.Linear(width, 1)
        self.hands, self.key = nn.Linear(2 * HANDS, width), nn.Linear(width, width)
        self.music = nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2),
                                   nn.Linear(width, BINS))

    def forward(self, z, ids, paths, *_):
        steps, music = self.footsteps(paths), self.melody(z, ids)              # (N, C, B) each
        return not_too_loud(torch.logaddexp(steps, music).transpose(1, 2) / 3)     # (N, B, C)

    def footsteps(self, paths):
        """Paths (N, T, D) -> logarithms of magnitudes (N, C, B)."""
        x = self.frames(with_change(paths))                                    # (N, T, width)
        return self.steps(self.spread(x).unflatten(2, (A_FRAME, 32)).flatten(1, 2))

    def melody(self, z, ids):
        """Noise (N, latent), captions (N, L) -> logarithms of magnitudes (N, C, B)."""
        _, _, sentence = self.text(ids)
        tune = self.tune(torch.cat([sentence, z], 1))                          # (N, width)
        seconds = torch.arange(COLUMNS, device=z.device) * HOP / RATE
        clock = (1 + 0.1 * torch.tanh(self.pace(tune).float())) * seconds      # (N, C)
        # the slowest hand goes round in 4 seconds, the others two, three, ... times as fast
        turned = math.pi / 2 * clock[..., None] * torch.arange(1, HANDS + 1, device=z.device)
        x = self.hands(torch.cat([turned.sin(), turned.cos()], 2))             # (N, C, width)
        return self.music(x + self.key(tune)[:, None])

    def completed(self, z, ids):
        """Captions with music: where they leave it open, the first number of the noise draws it,
        each of MUSIC being equally likely."""
        kinds = (evenly(z[:, 0]) * len(MUSIC)).long()                          # (N,)
        return with_music(ids, kinds, self.text.vocabulary)


def train_sound(waves, paths, wordings, kinds, folder=None, *,
                discriminator=audio.SoundDiscriminator, extra=None, seed=0, batch=32, **how):
    """The `training.Run` of the game over the theatre's sounds.

    waves (M, S) are the sounds of real films, paths (M, T, D) what the encoder makes of their
    frames, standardised, wordings the `CaptionSampler` of their scenes; where a scene has several
    films, they stand in a row. kinds (scenes,): which of MUSIC each has; a caption that leaves it
    open is completed with the truth, so that every sound learnt belongs to its words.
    discriminator: a function that makes one for a vocabulary, extra: what is added to the
    losses, where they are not those of this lesson. folder, how: see `video.play`.
    """
    torch.manual_seed(seed)

    def draw(n, rng):
        rows = torch.randint(len(waves), (n // 2,), generator=rng)
        scenes = rows * len(kinds) // len(waves)
        ids, _ = wordings.draw(scenes, rng)
        said = with_music(ids, kinds[scenes], wordings.vocabulary)             # (N, L + 3)
        once = spectrogram(waves[rows].float()), said, paths[rows], kinds[scenes, None]
        return [part.repeat_interleave(2, 0) for part in once]
    words = wordings.vocabulary
    networks = TheatreSound(vocabulary=words), discriminator(vocabulary=words)
    return video.play("theatre/sound", *networks, draw, folder=folder, seed=seed, batch=batch,
                      extra=extra or audio.MusicAndShift(), latent=TheatreSound.latent,
                      decay=0.995, **how)
