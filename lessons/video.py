"""Lesson 4: from a caption to a film, by an adversarial game over paths.

A frame becomes a short vector: who is there (content), where (place), in which posture (motion). A
film is a path of such vectors, one a frame, and two networks hardly larger than those of lesson 1
play for paths. A decoder then paints each frame. `PathGenerator` knows nothing of the world that it
films; what the theatre's model is told beforehand stands in `priors`.

Axes: N films, T frames of each, F frames of any films, H and W pixels, D numbers a frame (content,
place, motion: see `frames.Layout`), L words of a caption, E numbers a word.
"""

import torch
from torch import nn
from torch.nn import functional as F

from lessons.attention import WordAttention, attend
from lessons.engine import training
from lessons.engine.losses import Relativistic
from lessons.frames import CONTENT, MOTION, THEATRE
from lessons.signals.clip import FRAMES
from lessons.text_conditioning import Matching, TextEncoder, contrastive_loss
from lessons.world.vocabulary import WORDS

LATENT = 48  # numbers of noise that become one path


def swap_motion(who, what):
    """Paths (N, T, D) in which the figures of `who` do what happens in `what`, both (N, T, D)."""
    return torch.cat([who[..., :CONTENT], what[..., CONTENT:]], 2)


def mlp(*sizes, last=False):
    """Linear layers of these sizes with an activation between them; last: and one at the end."""
    layers = [layer for pair in zip(sizes, sizes[1:], strict=False)
              for layer in (nn.Linear(*pair), nn.LeakyReLU(0.2))]
    return nn.Sequential(*layers if last else layers[:-1])


class PathGenerator(nn.Module):
    """G(z, t): noise z (N, LATENT) and captions (N, L) -> paths (N, T, D), standardised.

    What is there is asked once a film; what happens is asked anew at each frame. A GRU carries the
    movement from frame to frame. A place is where the film began and from there one step a frame.
    vocabulary: the words of captions; attend: see `attention.attend`, the place for your own.
    """

    def __init__(self, layout=THEATRE, vocabulary=WORDS, latent=LATENT, width=160,
                 attend=attend):
        super().__init__()
        self.layout, content, axes = layout, layout.content, layout.axes
        self.text = TextEncoder(vocabulary)
        self.noise = mlp(latent, 128, 128, last=True)
        self.who, self.what = (WordAttention(n, attend=attend) for n in (1, FRAMES))
        self.content = mlp(128 + 128, *layout.widths, content)
        self.start = mlp(128 + 128, 128, axes)
        self.enter = mlp(128 + 128 + content + axes, width, last=True)
        self.carry = nn.GRU(width, width, batch_first=True)
        self.leave = mlp(2 * width, 256, MOTION + axes)

    def forward(self, z, ids, *_):
        return self.explained(z, ids)[0]

    def explained(self, z, ids):
        """(paths (N, T, D), attention (N, T, L) of the frames to the words, mean of the heads)."""
        film, content, what, attention = self.ask(z, ids)
        start = self.start(film)                                               # (N, axes)
        x = self.each_frame(what, film, content, start)                        # (N, T, width)
        carried, _ = self.carry(x)
        motion, step = self.leave(torch.cat([x, carried], 2)).split([MOTION, self.layout.axes], 2)
        place = start[:, None] + 0.2 * step.cumsum(1)                          # (N, T, axes)
        content = content[:, None].expand(-1, FRAMES, -1)                      # (N, T, content)
        return torch.cat([content, place, motion], 2), attention.mean(1)

    def ask(self, z, ids):
        """What captions and noise say: of the film (N, 256), the words' half before the noise's;
        its content (N, content); of its frames (N, T, 128); attention (N, heads, T, L)."""
        words, states, _ = self.text(ids)
        who, _ = self.who(words, states, ids > 0)                              # (N, 1, 128)
        film = torch.cat([who[:, 0], self.noise(z)], 1)                        # (N, 256)
        what, attention = self.what(words, states, ids > 0)                    # (N, T, 128)
        return film, self.content(film), what, attention

    def each_frame(self, what, film, *still):
        """What is asked of each frame's movement, (N, T, width): what the words say there, the
        noise, and what else stays the same in all frames, (N, .) each."""
        still = torch.cat([film[:, 128:], *still], 1)[:, None].expand(-1, FRAMES, -1)
        return self.enter(torch.cat([what, still], 2))


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

    def __init__(self, layout=THEATRE, vocabulary=WORDS, width=160):
        super().__init__()
        self.text = TextEncoder(vocabulary)
        self.enter = mlp(2 * layout.path, width, last=True)
        self.near = Steps(width, 3, 1)
        self.far = nn.Sequential(Steps(width, 4, 2), Steps(width, 4, 2))
        self.sum_up = mlp(FRAMES // 4 * width, 256, last=True)
        self.frame = mlp(layout.path, width, width, last=True)
        self.fits, self.frame_fits = Matching(256), Matching(width)
        self.match = nn.Linear(256, 64)
        self.what = WordAttention(FRAMES)
        self.see, self.say = nn.Linear(width, 32), nn.Linear(128, 32)
        self.register_buffer("pace", torch.ones(layout.path))  # of real changes from frame to frame
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

    def __init__(self, match=0.3, spread=0.3, layout=THEATRE):
        self.match, self.spread, self.layout = match, spread, layout

    def discriminator(self, more, conditions):
        films, sentences, scale = more
        return contrastive_loss(films, sentences, scale[0], conditions[1]) if self.match else 0.0

    def generator(self, real, fake, more, conditions):
        apart = sum(energy_score(real.diff(n, 1), fake.diff(n, 1), self.layout) for n in range(3))
        return self.match * self.discriminator(more, conditions) + self.spread * apart


def energy_score(real, fake, layout=THEATRE):
    """How far generated paths are from real ones of the same captions, as distributions: a number.

        E d(x, y) - E d(x, x') / 2,   x, x' generated, y real, all of one caption

    It is smallest where both are distributed alike: a generator that makes one film of a caption
    loses the second term. d: `path_distance`, in units of the spread among real ones. real, fake
    (N, T, D): rows 2i and 2i + 1 are of one caption; where it has only one real film, that stands
    in both. Source: Gneiting and Raftery, 2007, JASA 102, 359-378; for generators: Gritsenko et
    al., 2020, arXiv 2008.01160.
    """
    unit = real.std((0, 1)) + 1e-3                                             # (D,)
    x, y = ((paths / unit).unflatten(0, (-1, 2)) for paths in (fake, real))    # (N / 2, 2, T, D)
    across = (path_distance(x, y, layout) + path_distance(x, y.flip(1), layout)) / 2
    return across - path_distance(x[:, 0], x[:, 1], layout) / 2


def path_distance(a, b, layout=THEATRE):
    """How far paths (..., T, D) are from each other: a number. At each frame the root mean square
    difference of the contents, of the places and of the motions, added up; then the mean of all
    frames and paths, since a whole film is too far from any other."""
    return sum((part.square().mean(-1) + 1e-8).sqrt().mean() for part in layout.parts(a - b))


# The game ---------------------------------------------------------------------------------------
def play(name, generator, discriminator, draw, load=None, folder=None, *, extra, latent=LATENT,
         decay=0.998, seed=0, device="cpu", **how):
    """The `training.Run` of a game over paths or over sounds, gone on from its checkpoint in folder
    if there is one. load(*draw(n, rng)): real examples with their conditions, rows 2i and 2i + 1 of
    one caption.

    name: for the checkpoint; extra, latent, decay, how: see `training.fit`.
    """
    run = training.Run(generator, discriminator, model=name, seed=seed, device=device)
    return training.fit_to_end(run, folder, draw, load=load, loss=Relativistic, latent=latent,
                               r1=0.5, r2=0.5, extra=extra, decay=decay, **how)


def pace_of(paths):
    """How much real paths (N, T, D) change from frame to frame: what `PathDiscriminator` counts
    changes in, (D,)."""
    return paths.diff(dim=1).std((0, 1)).clamp(min=0.05)
