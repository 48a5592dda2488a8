"""Lesson 4, first half: a frame becomes a short vector, and a vector becomes a frame.

Axes: N films, T frames of each, F frames of any films, H and W pixels, D numbers a frame.
"""

import torch
from torch import nn
from torch.nn import functional as F

from lessons.engine import training
from lessons.engine.losses import NonSaturating
from lessons.text_conditioning import Matching

CONTENT, MOTION = 16, 16  # numbers: who is there, averaged over a film; the posture in one frame
PATH = CONTENT + 1 + MOTION
TOGETHER = 4   # frames of one film in a batch of the autoencoder
MODEL = "theatre"  # the name that a checkpoint of this lesson carries


def cut(difference):
    """Cut out what differs from the empty stage: windows that have it in their middle.

    difference: frames minus the empty stage, (F, 3, H, W). Returns windows (F, 3, H, W / 2) and
    the middle of each in pixels, (F,): half of what differs lies to its left, half to its right; it
    is W / 2 where nothing differs. (The mean would move with every arm that waves.)
    """
    W = difference.shape[3]
    weight = difference.abs().amax(1).sum(1)                                   # (F, W)
    total = weight.sum(1)
    left = weight.cumsum(1) / total.clamp(min=0.5)[:, None]                    # (F, W)
    column = (left < 0.5).sum(1, keepdim=True).clamp(max=W - 1)                # (F, 1)
    share = weight.gather(1, column) / total.clamp(min=0.5)[:, None]           # of that column
    inside = (0.5 - left.gather(1, column)) / share.clamp(min=1e-6) + 1        # 0 to 1
    place = torch.where(total > 0.5, (column + inside)[:, 0], W / 2)
    columns = window_columns(place, W)[:, None, None].expand(-1, *difference.shape[1:3], -1)
    return F.pad(difference, (W // 2, W // 2)).gather(3, columns), place


def paste(windows, place, size):
    """Put windows (F, 3, H, W / 2) back where they were cut, on nothing: (F, 3, H, W)."""
    columns = window_columns(place, size)[:, None, None].expand_as(windows)  # (F, 3, H, W / 2)
    wide = windows.new_zeros(*windows.shape[:3], 2 * size)
    return wide.scatter(3, columns, windows)[..., size // 2:-(size // 2)]


def window_columns(place, W):
    """The columns of each window (F, W / 2) in a frame with W / 2 more columns on either side."""
    left = place.clamp(0, W).round() - W // 4 + W // 2
    return (left[:, None] + torch.arange(W // 2, device=place.device)).long()


def one_content(codes):
    """Who is there does not change within a film: codes (N, T, CONTENT + MOTION) -> the same shape,
    the content of each film averaged over its frames, the motion as it is."""
    content, motion = codes.split([CONTENT, MOTION], 2)
    content = content.mean(1, keepdim=True).expand_as(content)                 # (N, T, CONTENT)
    return torch.cat([content, motion], 2)


class FrameEncoder(nn.Module):
    """Windows (F, 3, H, W / 2) -> content and motion, (F, CONTENT + MOTION)."""

    def __init__(self, size=48):
        super().__init__()
        block = size // 16
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(block),                                          # (F, ., 16, 8)
            nn.Conv2d(3 * block ** 2, 48, 3, stride=2, padding=1), nn.BatchNorm2d(48),
            nn.LeakyReLU(0.2),
            nn.Conv2d(48, 96, 3, stride=2, padding=1), nn.BatchNorm2d(96), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(96 * 4 * 2, 256), nn.BatchNorm1d(256), nn.LeakyReLU(0.2),
            nn.Linear(256, CONTENT + MOTION), nn.BatchNorm1d(CONTENT + MOTION, affine=False),
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
    """Content, rest of the place and motion (F, D) -> windows (F, 3, H, W / 2).

    The rest of the place is what rounding to whole pixels left over, -0.5 to 0.5. The last layer
    gives colours and a gate of 0 to 1 for each pixel: outside the figure it shuts, and the stage
    stays as still as it is.
    """

    def __init__(self, size=48):
        super().__init__()
        block = size // 16
        self.layers = nn.Sequential(
            nn.Linear(PATH, 448), nn.BatchNorm1d(448), nn.LeakyReLU(0.2),
            nn.Linear(448, 64 * 8 * 4), nn.BatchNorm1d(64 * 8 * 4), nn.LeakyReLU(0.2),
            nn.Unflatten(1, (64, 8, 4)),                                       # (F, 64, 8, 4)
            nn.Conv2d(64, 160, 3, padding=1), nn.PixelShuffle(2),              # (F, 40, 16, 8)
            nn.BatchNorm2d(40), nn.LeakyReLU(0.2), Residual(40),
            nn.Conv2d(40, 4 * block ** 2, 3, padding=1), nn.PixelShuffle(block),
        )

    def forward(self, vectors):
        painted = self.layers(vectors)                                         # (F, 4, H, W / 2)
        return 2 * painted[:, :3] * painted[:, 3:].sigmoid()


class FrameAutoencoder(nn.Module):
    """Films to paths and back. stage: what does not move, (3, H, W) in [-1, 1]."""

    def __init__(self, size=48):
        super().__init__()
        self.size = size
        self.encoder = FrameEncoder(size)
        self.decoder = FrameDecoder(size)
        self.register_buffer("stage", torch.zeros(3, size, size))

    def forward(self, frames):
        """Frames (F, H, W, 3) uint8, TOGETHER in a row from one film -> windows as they are, and
        as they come back, both (F, 3, H, W / 2)."""
        windows, place = cut(self._difference(frames))
        codes = one_content(self.encoder(windows).unflatten(0, (-1, TOGETHER))).flatten(0, 1)
        content, motion = codes.split([CONTENT, MOTION], 1)
        vectors = torch.cat([content, (place - place.round())[:, None], motion], 1)
        # a little noise: neighbouring vectors must mean similar pictures
        noise = 0.05 * torch.randn_like(vectors)
        noise[:, CONTENT] = 0
        return windows, self.decoder(vectors + noise)

    @torch.no_grad()
    def paths(self, video, chunk=64):
        """Films uint8 (N, T, H, W, 3) -> paths (N, T, D); the place in frame widths."""
        video, paths = torch.as_tensor(video), []
        for part in video.split(chunk):
            windows, place = cut(self._difference(part.flatten(0, 1).to(self.stage.device)))
            codes = one_content(self.encoder(windows).unflatten(0, part.shape[:2]))
            content, motion = codes.split([CONTENT, MOTION], 2)
            place = place.view(*part.shape[:2], 1) / self.size
            paths.append(torch.cat([content, place, motion], 2))
        return torch.cat(paths)                                                # (N, T, D)

    @torch.no_grad()
    def films(self, paths, chunk=64):
        """Paths (N, T, D) -> films uint8 (N, T, H, W, 3)."""
        video = []
        for part in paths.split(chunk):
            vectors, place = self.vectors(part.flatten(0, 1))
            frames = self.stage + paste(self.decoder(vectors), place, self.size)
            frames = ((frames.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
            video.append(frames.permute(0, 2, 3, 1).unflatten(0, part.shape[:2]).cpu())
        return torch.cat(video).numpy()

    def vectors(self, points):
        """Points of paths (F, D) -> vectors for the decoder (F, D), and places in pixels (F,)."""
        place = points[:, CONTENT].clamp(0, 1) * self.size
        vectors = points.clone()
        vectors[:, CONTENT] = place - place.round()
        return vectors, place

    def _difference(self, frames):
        """Frames uint8 (F, H, W, 3) -> what differs from the stage, (F, 3, H, W)."""
        return frames.permute(0, 3, 1, 2).float() / 127.5 - 1 - self.stage


def importance(windows):
    """Where a mistake counts: (F, 3, H, W) -> (F, 1, H, W), 5 on the figure and 1 elsewhere.

    A dark leg counts as much as a bright one.
    """
    return 1 + 4 * (windows.abs().amax(1, keepdim=True) > 0.1).float()


def reconstruction_loss(autoencoder, frames):
    """How far frames (F, H, W, 3) are from what comes back: errors of colour and of edges."""
    windows, painted = autoencoder(frames)
    weight, error = importance(windows), painted - windows
    across = (weight * F.pad(error.diff(dim=3), (0, 1)).abs()).mean()
    down = (weight * F.pad(error.diff(dim=2), (0, 0, 0, 1)).abs()).mean()
    return (weight * (error.abs() + 2 * error.square())).mean() + (across + down) / 2


class Painter(nn.Module):
    """The decoder as a generator: noise z (F, D) jogs the vectors (F, D) that it paints from."""

    def __init__(self, decoder):
        super().__init__()
        self.decoder = decoder

    def forward(self, z, vectors):
        z = torch.cat([z[:, :CONTENT], 0 * z[:, :1], z[:, CONTENT + 1:]], 1)
        return self.decoder(vectors + 0.04 * z)


class Critic(nn.Module):
    """Looks at windows (F, 3, H, W / 2), at all patches and at the whole with its vector (F, D)."""

    def __init__(self, size=48):
        super().__init__()
        block = size // 16
        self.look = nn.Sequential(
            nn.PixelUnshuffle(block),                                          # (F, ., 16, 8)
            nn.Conv2d(3 * block ** 2, 48, 3, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(48, 96, 3, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(96, 96, 3, padding=1), nn.LeakyReLU(0.2),                # (F, 96, 8, 4)
        )
        self.patch = nn.Conv2d(96, 1, 1)
        self.vector = nn.Linear(PATH, 64)
        self.fits = Matching(96 * 8 * 4)

    def forward(self, windows, vectors):
        seen = self.look(windows)
        return self.patch(seen).mean((1, 2, 3)) + self.fits(seen.flatten(1), self.vector(vectors))


class StayClose:
    """What is added to the painter's loss: its windows must be near the real ones."""

    def __init__(self, weight=20.0):
        self.weight = weight

    def discriminator(self, more, conditions):
        return 0.0

    def generator(self, real, fake, more, conditions):
        return self.weight * (importance(real) * (fake - real).abs()).mean()


def train_autoencoder(video, folder=None, *, seed=0, device="cpu", **length):
    """First stage: the `training.Supervised` run of an autoencoder on films (N, T, H, W, 3).

    folder: where its checkpoint is, gone on from if there is one. length: minutes or steps.
    Films in which much moves are drawn more often, since they are the hardest to paint.
    """
    torch.manual_seed(seed)
    N, T, size = video.shape[:3]
    autoencoder = FrameAutoencoder(size)
    some = video[:: max(1, N // 200), ::4].flatten(0, 1)
    autoencoder.stage.copy_(some.permute(0, 3, 1, 2).median(0).values / 127.5 - 1)
    change = torch.cat([part.float().diff(dim=1).abs().mean((1, 2, 3, 4))
                        for part in video[:, :, ::3, ::3].split(500)])
    weights = 0.5 + change / change.mean()

    def draw(n, rng):
        rows = torch.multinomial(weights, n // TOGETHER, replacement=True, generator=rng)
        rows = rows.repeat_interleave(TOGETHER)
        return (video[rows, torch.randint(T, (n,), generator=rng)],)
    run = training.Supervised(autoencoder.to(memory_format=torch.channels_last),
                              model=f"{MODEL} autoencoder", seed=seed, device=device)
    return training.fit_to_end(run, folder, draw, loss=reconstruction_loss, **length)


def train_painter(autoencoder, video, paths, folder=None, *, seed=0, device="cpu", **length):
    """Third stage: the `training.Run` of a game that sharpens the autoencoder's decoder.

    The painter sees the vector of a real frame and must paint it so that a critic takes it for the
    frame. video (N, T, H, W, 3) and paths (N, T, D) belong together. Its batch norms stay as they
    are. folder, length: see `train_autoencoder`.
    """
    torch.manual_seed(seed)
    paths, home = paths.cpu(), autoencoder.stage.device
    decoder = FrameDecoder(autoencoder.size)
    decoder.load_state_dict(autoencoder.decoder.state_dict())

    def draw(n, rng):
        rows = torch.randint(len(video), (n,), generator=rng)
        frames = torch.randint(video.shape[1], (n,), generator=rng)
        windows, _ = cut(autoencoder._difference(video[rows, frames].to(home)))
        return windows, autoencoder.vectors(paths[rows, frames])[0]
    run = training.Run(Painter(decoder).eval(), Critic(autoencoder.size), lr=5e-4,
                       model=f"{MODEL} painter", seed=seed, device=device)
    return training.fit_to_end(run, folder, draw, loss=NonSaturating, latent=PATH, r1=0.05,
                               extra=StayClose(), decay=0.995, **length)
