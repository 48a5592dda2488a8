"""Lesson 4, first half: a frame becomes a short vector, and a vector becomes a frame.

The `Layout` of a world says how large its frames and vectors are: the theatre's stands here, that
of other films is measured (lesson 9).

Axes: N films, T frames of each, F frames of any films, H and W pixels of a frame, C colours, h and
w pixels of a window, D numbers a frame (content, place, motion).
"""

import copy
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from lessons.engine import training
from lessons.engine.losses import NonSaturating
from lessons.signals.clip import FRAMES
from lessons.signals.windows import crop, paste, places, uncrop

MOTION = 16    # numbers for the posture in one frame, in every world
TOGETHER = 4   # frames of one film in a batch of the autoencoder


@dataclass(frozen=True)
class Layout:
    """How large the frames of a world are, and the vectors that stand for them.

    frame: (H, W, C); window: (h, w), what follows the thing that moves. content, axes: numbers for
    what is there, averaged over a film, and for where (1: x alone, 2: x and y). block: pixels along
    a side that are folded into channels. hidden, channels: widths of the decoder, the latter for
    each time that it doubles a side; widths: of the layers from a caption to the content. centred:
    whether motion is counted from its mean over the film. least_spread: what spreads less is not
    blown up when paths are standardised. masks: with how many the decoder paints, or 0.
    """

    frame: tuple
    window: tuple
    content: int
    axes: int
    block: int
    hidden: int
    channels: tuple
    widths: tuple
    centred: bool
    least_spread: float
    masks: int = 0

    @property
    def path(self):
        """Numbers a frame, D."""
        return self.content + self.axes + MOTION

    @property
    def place(self):
        """Which of them are the place, a slice."""
        return slice(self.content, self.content + self.axes)

    def parts(self, paths):
        """Paths (..., D) as content, place and motion."""
        return paths.split([self.content, self.axes, MOTION], -1)


def theatre_layout(size=48):
    """The theatre's: figures go to the left and right on a stage of `size` x `size` pixels, and
    half of its width holds each. A posture means the same for everybody."""
    return Layout((size, size, 3), (size, size // 2), content=16, axes=1,
                  block=size // 16, hidden=448, channels=(40,), widths=(192,), centred=False,
                  least_spread=1e-3, masks=10)


THEATRE = theatre_layout()
CONTENT, PATH = THEATRE.content, THEATRE.path


def mean_and_spread(paths, layout=THEATRE):
    """Mean and spread of each number of paths (M, T, D), (D,) each. What spreads less than the
    layout says is not blown up, but for the place."""
    least = torch.full_like(paths[0, 0], layout.least_spread)
    least[layout.place] = 1e-3
    return paths.mean((0, 1)), paths.std((0, 1)).clamp(min=least)


def one_content(codes):
    """Who is there does not change within a film: codes (N, T, CONTENT + MOTION) -> the same shape,
    the content of each film averaged over its frames, the motion as it is."""
    content, motion = codes[..., :-MOTION], codes[..., -MOTION:]
    content = content.mean(1, keepdim=True).expand_as(content)                 # (N, T, CONTENT)
    return torch.cat([content, motion], 2)


class FrameEncoder(nn.Module):
    """Windows (F, C, h, w) -> content and motion, (F, content + motion)."""

    def __init__(self, layout=THEATRE):
        super().__init__()
        h, w = (side // (4 * layout.block) for side in layout.window)
        codes = layout.content + MOTION
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(layout.block),                                   # (F, ., 4 h, 4 w)
            nn.Conv2d(layout.frame[2] * layout.block ** 2, 48, 3, stride=2, padding=1),
            nn.BatchNorm2d(48), nn.LeakyReLU(0.2),
            nn.Conv2d(48, 96, 3, stride=2, padding=1), nn.BatchNorm2d(96), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(96 * h * w, 256), nn.BatchNorm1d(256), nn.LeakyReLU(0.2),
            nn.Linear(256, codes), nn.BatchNorm1d(codes, affine=False),
        )

    def forward(self, windows):
        return self.layers(windows)


class Residual(nn.Module):
    """x + convolution of x: (F, C, H, W) -> the same shape."""

    def __init__(self, channels):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1),
                                    nn.BatchNorm2d(channels), nn.LeakyReLU(0.2))

    def forward(self, x):
        return x + self.layers(x)


class FrameDecoder(nn.Module):
    """Content, rest of the place and motion (F, D) -> windows (F, C, h, w).

    The rest of the place is what rounding to whole pixels left over, -0.5 to 0.5. Without `masks`
    in the layout, each pixel has its own colours and a gate of 0 to 1, which shuts outside of what
    moves. With them the decoder paints by parts: the last layer shares out each pixel among them
    and nothing, and the content, which is one for a film, gives each part its colour:

        window = sum over parts k of mask_k * colour_k + (mask_0 - 1) * stage

    Flat areas stay flat, nothing is darker than the darkest part, and in finished films what hardly
    differs from the stage is the stage: (C, H, W), the same from left to right.
    """

    def __init__(self, layout=THEATRE):
        super().__init__()
        self.layout, colours = layout, layout.frame[2]
        smallest = layout.block * 2 ** len(layout.channels)
        h, w = (side // smallest for side in layout.window)
        layers = [nn.Linear(layout.path, layout.hidden), nn.BatchNorm1d(layout.hidden),
                  nn.LeakyReLU(0.2),
                  nn.Linear(layout.hidden, 64 * h * w), nn.BatchNorm1d(64 * h * w),
                  nn.LeakyReLU(0.2), nn.Unflatten(1, (64, h, w))]              # (F, 64, h, w)
        before = 64
        for channels in layout.channels:  # twice as high and wide each time
            layers += [nn.Conv2d(before, 4 * channels, 3, padding=1), nn.PixelShuffle(2),
                       nn.BatchNorm2d(channels), nn.LeakyReLU(0.2)]
            before = channels
        outputs = (layout.masks or colours) + 1
        self.layers = nn.Sequential(
            *layers, Residual(before),
            nn.Conv2d(before, outputs * layout.block ** 2, 3, padding=1),
            nn.PixelShuffle(layout.block))
        if layout.masks:
            self.colours = nn.Sequential(
                nn.Linear(layout.content, 64), nn.LeakyReLU(0.2),
                nn.Linear(64, layout.masks * colours), nn.Unflatten(1, (layout.masks, colours)))

    def forward(self, vectors, stage):
        painted = self.layers(vectors)
        if not self.layout.masks:
            return 2 * painted[:, :-1] * painted[:, -1:].sigmoid()
        colours = self.colours(vectors[:, :self.layout.content]).tanh()        # (F, K, C)
        masks, (h, w) = painted.softmax(1), self.layout.window                 # (F, K + 1, h, w)
        parts = (masks[:, 1:, None] * colours[..., None, None]).sum(1)         # (F, C, h, w)
        windows = parts + (masks[:, :1] - 1) * stage[:, :h, :w]
        return windows * (windows.abs().amax(1, keepdim=True) > 0.045 * (not self.training))


class FrameAutoencoder(nn.Module):
    """Films to paths and back. Its buffer `stage` is what does not move, (C, H, W) in [-1, 1], and
    `size` the pixels of a frame along each axis of the place. one_content, paste: the places for
    your own."""

    def __init__(self, layout=THEATRE, one_content=one_content, paste=paste):
        super().__init__()
        H, W, C = layout.frame
        self.layout, self.one_content, self.paste = layout, one_content, paste
        self.encoder, self.decoder = FrameEncoder(layout), FrameDecoder(layout)
        self.register_buffer("stage", torch.zeros(C, H, W))
        self.register_buffer("size", torch.tensor([W, H][:layout.axes]), persistent=False)

    def forward(self, frames):
        """Frames (F, H, W, C) uint8, TOGETHER in a row from one film -> windows as they are, and
        as they come back, both (F, C, h, w)."""
        seen, place = self.windows(frames)
        content, motion = self.codes(seen, (-1, TOGETHER))
        rest = place - place.round()                                           # (F, axes)
        vectors = torch.cat([content.flatten(0, 1), rest, motion.flatten(0, 1)], 1)
        # a little noise: neighbouring vectors must mean similar pictures
        noise = 0.05 * torch.randn_like(vectors)
        noise[:, self.layout.place] = 0
        return seen, self.decoder(vectors + noise, self.stage)

    def windows(self, frames):
        """Frames uint8 (F, H, W, C) -> windows of what differs from the stage, (F, C, h, w), and
        their places in pixels, (F, axes)."""
        difference = frames.permute(0, 3, 1, 2).float() / 127.5 - 1 - self.stage
        place = places(difference, self.layout.window)                 # (F, 2)
        return crop(difference, place, self.layout.window), place[:, :self.layout.axes]

    def codes(self, seen, shape):
        """Windows (F, C, h, w) of films, shape (N, T) -> content and motion, (N, T, .) each."""
        codes = self.one_content(self.encoder(seen).unflatten(0, shape))       # (N, T, .)
        content, motion = codes.split([self.layout.content, MOTION], 2)
        # where a posture may mean different things, who is there must not be told twice
        return content, motion - motion.mean(1, keepdim=True) if self.layout.centred else motion

    @torch.no_grad()
    def paths(self, films, chunk=64):
        """Films uint8 (N, T, H, W, C) -> paths (N, T, D); the place as a share of the frame."""
        films, paths = torch.as_tensor(films), []
        for part in films.split(chunk):
            seen, place = self.windows(part.flatten(0, 1).to(self.stage.device))
            content, motion = self.codes(seen, part.shape[:2])
            place = (place / self.size).unflatten(0, part.shape[:2])
            paths.append(torch.cat([content, place, motion], 2))
        return torch.cat(paths)                                                # (N, T, D)

    @torch.no_grad()
    def films(self, paths, chunk=64):
        """Paths (N, T, D) -> films uint8 (N, T, H, W, C)."""
        made, (H, W, _) = [], self.layout.frame
        for part in paths.split(chunk):
            vectors, place = self.vectors(part.flatten(0, 1))
            if self.layout.axes == 1:  # windows as high as the frame have their middle in its own
                place = F.pad(place, (0, 1), value=H / 2)                      # (F, 2)
            frames = uncrop(self.decoder(vectors, self.stage), place, (H, W), self.paste)
            frames = (((self.stage + frames).clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
            made.append(frames.permute(0, 2, 3, 1).unflatten(0, part.shape[:2]).cpu())
        return torch.cat(made).numpy()

    def vectors(self, points):
        """Points of paths (F, D) -> vectors for the decoder (F, D), places in pixels (F, axes)."""
        place = points[:, self.layout.place].clamp(0, 1) * self.size
        vectors = points.clone()
        vectors[:, self.layout.place] = place - place.round()
        return vectors, place


def importance(windows):
    """Where a mistake counts: (F, C, h, w) -> (F, 1, h, w), 5 on the figure, be it a dark leg or a
    bright one, and 1 elsewhere."""
    return 1 + 4 * (windows.abs().amax(1, keepdim=True) > 0.1).float()


def reconstruction_loss(autoencoder, frames):
    """How far frames (F, H, W, C) are from what comes back: errors of colour and of edges."""
    windows, painted = autoencoder(frames)
    weight, error = importance(windows), painted - windows
    across = (weight * F.pad(error.diff(dim=3), (0, 1)).abs()).mean()
    down = (weight * F.pad(error.diff(dim=2), (0, 0, 0, 1)).abs()).mean()
    return (weight * (error.abs() + 2 * error.square())).mean() + (across + down) / 2


def train_autoencoder(autoencoder, draw, load, folder=None, *, name, seed=0, device="cpu",
                      **length):
    """First stage: the `training.Supervised` run of an autoencoder.

    load(*draw(n, rng))[0]: n films (n, T, H, W, C), of each of which TOGETHER frames are shown.
    name: of the world, for the checkpoint; folder: where that is; length: minutes or steps.
    """
    torch.manual_seed(seed)

    def draw_frames(n, rng):
        return *draw(n // TOGETHER, rng), torch.rand(n // TOGETHER, FRAMES, generator=rng)

    def load_frames(*drawn):
        films, when = load(*drawn[:-1])[0], drawn[-1].argsort(1)[:, :TOGETHER]
        return (films[torch.arange(len(films))[:, None], when].flatten(0, 1),)  # (F, H, W, C)
    run = training.Supervised(autoencoder.to(memory_format=torch.channels_last),
                              model=f"{name}/autoencoder", seed=seed, device=device)
    return training.fit_to_end(run, folder, draw_frames, load=load_frames,
                               loss=reconstruction_loss, **length)


# The refiner ------------------------------------------------------------------------------------
class Refiner(nn.Module):
    """An autoencoder's decoder as a generator: its chance lies in the vectors (F, D), not in z."""

    def __init__(self, autoencoder):
        super().__init__()
        self.decoder = copy.deepcopy(autoencoder.decoder)
        self.register_buffer("stage", autoencoder.stage, persistent=False)

    def forward(self, z, vectors, *_):
        return self.decoder(vectors, self.stage)


class PatchDiscriminator(nn.Module):
    """Looks at windows (F, C, h, w), at all patches (Isola et al., 2017, arXiv 1611.07004, section
    3.2.2) and at the whole; answers logits (F,)."""

    def __init__(self, layout=THEATRE):
        super().__init__()
        h, w = (side // (2 * layout.block) for side in layout.window)
        self.look = nn.Sequential(
            nn.PixelUnshuffle(layout.block),                                   # (F, ., 2 h, 2 w)
            nn.Conv2d(layout.frame[2] * layout.block ** 2, 48, 3, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(48, 96, 3, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(96, 96, 3, padding=1), nn.LeakyReLU(0.2),                # (F, 96, h, w)
        )
        self.patch = nn.Conv2d(96, 1, 1)
        self.whole = nn.Sequential(nn.Flatten(), nn.Linear(96 * h * w, 128), nn.LeakyReLU(0.2),
                                   nn.Linear(128, 1))

    def forward(self, windows, *_):
        seen = self.look(windows)
        return self.patch(seen).mean((1, 2, 3)) + self.whole(seen)[:, 0]


class Reconstruction:
    """What is added to the refiner's loss: windows of real vectors must be near the real ones."""

    def discriminator(self, more, conditions):
        return 0.0

    def generator(self, real, fake, more, conditions):
        known = conditions[1][:, None, None, None]                             # (F, 1, 1, 1)
        return 40 * (known * importance(real) * (fake - real).abs()).mean()


def train_refiner(autoencoder, video, paths, made, folder=None, *, name, seed=0, device="cpu",
                  **length):
    """Third stage: the `training.Run` of a game that sharpens the autoencoder's decoder.

    The refiner paints real vectors and, in every other window, vectors of paths that the path
    generator made, made (M, T, D): postures, in the middle of a change for one, that no film has. A
    discriminator must take both for real. video (N, T, H, W, C) and paths (N, T, D) belong
    together. Batch norms stay as they are. name, folder, length: see `train_autoencoder`.
    """
    torch.manual_seed(seed)
    paths, made, home = paths.cpu(), made.cpu(), autoencoder.stage.device

    def draw(n, rng):
        rows, others = (torch.randint(len(of), (n,), generator=rng) for of in (paths, made))
        return rows, others, torch.randint(FRAMES, (n,), generator=rng), torch.arange(n) % 2 == 0

    def load(rows, others, when, known):
        seen, _ = autoencoder.windows(video[rows, when].to(home))
        points = torch.where(known[:, None], paths[rows, when], made[others, when])
        return seen, autoencoder.vectors(points.to(home))[0], known.to(home)
    run = training.Run(Refiner(autoencoder).eval(), PatchDiscriminator(autoencoder.layout), lr=5e-4,
                       model=f"{name}/refiner", seed=seed, device=device)
    return training.fit_to_end(run, folder, draw, load=load, loss=NonSaturating, r1=0.05,
                               extra=Reconstruction(), decay=0.995, **length)
