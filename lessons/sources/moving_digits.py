"""Digits that speak: real handwritten digits move, and a real voice says what they are.

`python -m lessons.speaking_digits judge` trains the judge of voices and ships it. The films are
made where they are needed, so that no two are the same and none is kept.

Axes: N films, T frames of each, H and W pixels, S samples of sound, B frequencies, C columns.
"""

import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lessons import audio, checkpoints, measuring, own_clips, real_data
from lessons.errors import CourseError

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NUMERALS = "零一二三四五六七八九"
MOVES = {  # what a film shows -> how captions say it, in two ways for each language
    "left": ("moves left", "goes to the left", "向左移动", "往左走"),
    "right": ("moves right", "goes to the right", "向右移动", "往右走"),
    "up": ("moves up", "goes up", "向上移动", "往上走"),
    "down": ("moves down", "goes down", "向下移动", "往下走"),
    "bounce": ("bounces", "bounces around", "弹来弹去", "跳来跳去")}
SIZE, FRAMES, SAMPLES = 48, 16, 16_000
MARGIN = 11   # pixels that the middle of a digit keeps from the edges; most are 20 pixels high
SPEAKS = 2000  # the sample at which the voice begins: a quarter of a second
CHANCE = 9    # random numbers that decide everything about a film


def caption(digit, move, way=0):
    """How a film is captioned: digit 0 to 9, move the number of one of MOVES, way 0 and 1 in
    English, 2 and 3 in Chinese. "the digit seven moves up", “数字七向上移动”."""
    said = list(MOVES.values())[move][way]
    return f"the digit {DIGITS[digit]} {said}" if way < 2 else f"数字{NUMERALS[digit]}{said}"


def combinations():
    """Pairs of a digit and a number of MOVES: (those of training, those held out). One in ten is
    held out: zero moves left, two moves right, four up, six down, and eight bounces."""
    pairs = [(digit, move) for digit in range(10) for move in range(len(MOVES))]
    held = [(digit, move) for digit, move in pairs if digit == 2 * move]
    return [pair for pair in pairs if pair not in held], held


VOCABULARY = own_clips.vocabulary(caption(digit, move, way) for digit in range(10)
                                  for move in range(len(MOVES)) for way in range(4))


class Digits:
    """Films of digits to learn from or to measure with, made of one random number after another.

    split: "train" or "test": which of MNIST's digits and of the recordings they are made of (the
    official ones, so that nothing of the test is ever learnt from). The combinations of digit and
    move are those of training. Raises CourseError where the data are neither here nor to be had.
    """

    vocabulary, shape = VOCABULARY, (SIZE, SIZE, 1)

    def __init__(self, split="train"):
        self.images, labels = real_data.mnist(split)
        waves, spoken, _ = real_data.spoken_digits(split)
        self.waves = torch.stack([_placed(wave) for wave in waves])            # (M, S)
        self.drawn = [(labels == digit).nonzero()[:, 0] for digit in range(10)]
        self.said = [(spoken == digit).nonzero()[:, 0] for digit in range(10)]
        self.pairs = torch.tensor(combinations()[0])                           # (45, 2)
        self.ids = own_clips.encode([caption(*pair, way) for pair in self.pairs.tolist()
                                     for way in range(4)], VOCABULARY)         # (4 * 45, L)

    def draw(self, n, rng):
        """Random numbers that decide n films: one tensor, (n, CHANCE), in a tuple."""
        return (torch.rand(n, CHANCE, generator=rng),)

    def load(self, chance):
        """The films that random numbers (n, CHANCE) decide: video uint8 (n, T, H, W, 1), audio
        float32 (n, S), captions (n, L), and what they show, (n, 2): digit and number of the move.
        """
        pair = (chance[:, 0] * len(self.pairs)).long()
        digits, moves = self.pairs[pair].T                                     # (n,) each
        images = self.images[_one_of(self.drawn, digits, chance[:, 1])]        # (n, 28, 28)
        waves = self.waves[_one_of(self.said, digits, chance[:, 2])]           # (n, S)
        ids = self.ids[4 * pair + (chance[:, 3] * 4).long()]                   # (n, L)
        video = moving(images, ways(moves, chance[:, 4:]))
        return video, waves, ids, self.pairs[pair]


def _one_of(groups, which, chance):
    """One member of the group of each row, as chance (n,) in [0, 1) has it."""
    return torch.stack([groups[k][int(c * len(groups[k]))]
                        for k, c in zip(which.tolist(), chance.tolist(), strict=True)])


def _placed(wave):
    """A recording (any length) in a clip of two seconds, as loud as all others: float32 (S,)."""
    clip = torch.zeros(SAMPLES)
    wave = torch.as_tensor(wave)[:SAMPLES - SPEAKS]
    clip[SPEAKS:SPEAKS + len(wave)] = 0.8 * wave / wave.abs().max().clamp(min=1e-3)
    return clip


def ways(moves, chance):
    """Where digits go: numbers of MOVES (n,) and chance (n, 5) -> middles in pixels (n, T, 2), x
    and y.

    Those that move in a line cover 12 to 19 pixels; those that bounce go aslant, so fast that they
    meet an edge.
    """
    start, speed, angle, side = chance[:, :2], chance[:, 2], chance[:, 3], chance[:, 4]
    line = torch.tensor([[-1., 0], [1, 0], [0, -1], [0, 1], [0, 0]])[moves]    # (n, 2)
    aslant = torch.pi / 4 * (0.75 + 0.5 * angle) + torch.pi / 2 * (4 * side).floor()
    aslant = torch.stack([aslant.cos(), aslant.sin()], 1)                      # (n, 2)
    bounces = (moves == list(MOVES).index("bounce"))[:, None]
    step = torch.where(bounces, aslant * (2.6 + 0.8 * speed[:, None]),
                       line * (0.8 + 0.5 * speed[:, None]))                    # (n, 2)
    room = SIZE - 2 * MARGIN
    # who moves in a line begins where the whole way still lies on the picture
    need = torch.where(bounces, 0 * step, (FRAMES - 1) * step)                 # (n, 2)
    first = start * (room - need.abs()) + (-need).clamp(min=0)
    way = MARGIN + first[:, None] + step[:, None] * torch.arange(FRAMES)[:, None]  # (n, T, 2)
    return folded(way, MARGIN, SIZE - MARGIN)


def folded(way, low, high):
    """A way without walls, of any shape, as it is between two walls that throw it back.

        high - | (way - low) mod 2 (high - low)  -  (high - low) |

    After two walls it is as if nothing had happened: the period is twice the room.
    """
    room = high - low
    return high - ((way - low).remainder(2 * room) - room).abs()


def moving(images, middles):
    """Films of digits: images uint8 (n, 28, 28), middles (n, T, 2) -> uint8 (n, T, H, W, 1).

    A middle may lie between pixels: the picture is interpolated.
    """
    n, T = middles.shape[:2]
    shift = (SIZE / 2 - middles.flatten(0, 1)) * 2 / 28                        # (n T, 2)
    affine = torch.cat([torch.eye(2).expand(n * T, 2, 2) * SIZE / 28, shift[..., None]], 2)
    grid = F.affine_grid(affine, (n * T, 1, SIZE, SIZE), align_corners=False)
    each = images.float()[:, None].repeat_interleave(T, 0)                     # (n T, 1, 28, 28)
    frames = F.grid_sample(each, grid, align_corners=False)                    # (n T, 1, H, W)
    return frames.round().to(torch.uint8).view(n, T, SIZE, SIZE, 1)


# What does a film show, and what does it say? -------------------------------------------------
def middles_of(video):
    """Where the ink is: films uint8 (N, T, H, W, 1) -> its mean place (N, T, 2), in pixels."""
    ink = torch.as_tensor(video)[..., 0].float() * (torch.as_tensor(video)[..., 0] > 64)
    total = ink.sum((2, 3)).clamp(min=1)                                       # (N, T)
    x = (ink.sum(2) * (torch.arange(ink.shape[3]) + 0.5)).sum(2) / total
    y = (ink.sum(3) * (torch.arange(ink.shape[2]) + 0.5)).sum(2) / total
    return torch.stack([x, y], 2)                                              # (N, T, 2)


def read_moves(video):
    """Which of MOVES films show, (N,) numbers, -1 for none. It is measured, not learnt.

    Who bounces goes both across and up or down, and turns back by more than 3 pixels; who moves in
    a line covers at least 8 pixels along it and less than 5 to the sides.
    """
    steps = middles_of(video).diff(dim=1)                                      # (N, T - 1, 2)
    far, net = steps.abs().sum(1), steps.sum(1)                                # (N, 2)
    back = (far - net.abs()).amax(1)
    along = net.abs().argmax(1)                                                # 0: x, 1: y
    most, aside = far.gather(1, along[:, None])[:, 0], far.gather(1, 1 - along[:, None])[:, 0]
    signed = net.gather(1, along[:, None])[:, 0]
    line = 2 * along + (signed > 0)                                            # as in MOVES
    straight = (signed.abs() >= 8) & (aside < 5) & (most - signed.abs() < 3)
    bounces = (far.amin(1) > 8) & (back > 3)
    return torch.where(bounces, 4, torch.where(straight, line, -1))


def digits_of(video):
    """The digits of films (N, T, H, W, 1), cut out as MNIST has them: (N, T, 1, 28, 28) in [-1, 1].

    The middle of the ink lies in the middle, as in MNIST.
    """
    N, T = video.shape[:2]
    frames = torch.as_tensor(video).flatten(0, 1)[..., 0].float()[:, None] / 127.5  # 0 to 2
    shift = middles_of(video).flatten(0, 1) * 2 / SIZE - 1                     # (N T, 2)
    affine = torch.cat([torch.eye(2).expand(N * T, 2, 2) * 28 / SIZE, shift[..., None]], 2)
    grid = F.affine_grid(affine, (N * T, 1, 28, 28), align_corners=False)
    return (F.grid_sample(frames, grid, align_corners=False) - 1).view(N, T, 1, 28, 28)


@torch.no_grad()
def read_digits(video):
    """How the judge of lesson 1's digits reads each frame of films: probabilities (N, T, 10)."""
    cut = digits_of(video)
    return measuring.digit_judge()(cut.flatten(0, 1)).softmax(1).unflatten(0, cut.shape[:2])


class VoiceJudge(nn.Module):
    """Which digit does a voice say? Trained on real recordings alone.

    forward: waves (N, S) -> logits (N, 10). It hears 64 mel bands and may shift what it hears.
    """

    def __init__(self, width=64):
        super().__init__()
        self.register_buffer("mel", audio.mel_filters())
        self.listen = nn.Sequential(
            nn.Conv1d(64, width, 5, stride=2, padding=2), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Conv1d(width, width, 5, stride=2, padding=2), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Conv1d(width, width, 5, stride=2, padding=2), nn.BatchNorm1d(width), nn.ReLU(),
            nn.AdaptiveMaxPool1d(5), nn.Flatten(), nn.Dropout(0.3), nn.Linear(5 * width, 10))

    def forward(self, waves):
        bands = self.mel @ audio.transform(waves).abs()                        # (N, 64, C)
        return self.listen(torch.log1p(bands / audio.FLOOR) / 3)               # (N, 10)


def voice_judge():
    """The shipped judge of voices (`VoiceJudge` in evaluation mode)."""
    judge = VoiceJudge()
    judge.load_state_dict(checkpoints.shipped("voice_judge.safetensors"))
    return judge.eval()


def train_voice_judge(steps=1500, batch=64, seed=0):
    """A judge of voices, trained on real recordings, earlier or later, louder or softer, and with
    faint noise."""
    torch.manual_seed(seed)
    waves, labels, _ = real_data.spoken_digits("train")
    waves, judge = torch.stack([_placed(wave) for wave in waves]), VoiceJudge()

    def loss():
        rows = torch.randint(len(waves), (batch,))
        heard = waves[rows].roll(int(torch.randint(-1500, 1500, ())), 1)
        heard = heard * 10 ** (-0.5 * torch.rand(batch, 1))
        heard = heard + 0.01 * torch.rand(batch, 1) * torch.randn_like(heard)
        return F.cross_entropy(judge(heard), labels[rows])
    return measuring._teach(judge, loss, steps)


@torch.no_grad()
def read_voices(waves):
    """Which digit the judge of voices hears in waves (N, S): probabilities (N, 10)."""
    judge = voice_judge()
    return torch.cat([judge(part) for part in torch.as_tensor(waves).split(256)]).softmax(1)


def agreement(seen, heard):
    """The share of films whose picture and voice are read as the same digit, 0 to 1.

    seen (N, T, 10): probabilities of each digit in each frame, of which a film's are the mean;
    heard (N, 10): those of its sound. Nobody asks here which digit was wanted.
    """
    return float((seen.mean(1).argmax(1) == heard.argmax(1)).float().mean())


def scores_of(films, truth):
    """The scores of films (`video.Films`, or anything with video and audio) of captions whose digit
    and move are truth (N, 2), a dict of floats.

    "digit": the share of all frames in which it is read right; "move": of films that go the right
    way; "voice": in which the right digit is heard; "agree": see `agreement`; "all": digit (over
    the whole film), move and voice right at once.
    """
    seen, heard, move = read_digits(films.video), read_voices(films.audio), read_moves(films.video)
    right = torch.stack([seen.mean(1).argmax(1) == truth[:, 0], move == truth[:, 1],
                         heard.argmax(1) == truth[:, 0]]).float()              # (3, N)
    every = (seen.argmax(2) == truth[:, :1]).float()                           # (N, T)
    return {"digit": float(every.mean()), "move": float(right[1].mean()),
            "voice": float(right[2].mean()), "agree": agreement(seen, heard),
            "all": float(right.amin(0).mean())}


def main():
    """Train the judge of voices and ship it with the share of test recordings that it reads."""
    if sys.argv[1:] != ["judge"]:
        raise CourseError("Say what to train: python -m lessons.speaking_digits judge.")
    judge = train_voice_judge().eval()
    waves, labels, _ = real_data.spoken_digits("test")
    with torch.no_grad():
        right = judge(torch.stack([_placed(wave) for wave in waves])).argmax(1) == labels
    checkpoints.ship("voice_judge.safetensors", checkpoints.in_16_bits(judge),
                     "python -m lessons.speaking_digits judge",
                     {"test recordings": round(float(right.float().mean()), 4)})
    print(f"voice_judge.safetensors: {np.mean(right.tolist()):.1%} of {len(labels)} recordings")


if __name__ == "__main__":
    main()
