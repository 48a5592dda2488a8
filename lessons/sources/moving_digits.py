"""Digits that speak: real handwritten digits move, and a real voice says what they are.

The films are made where they are needed, so that no two are the same and none is kept.

Axes: N films, T frames of each, H and W pixels, S samples of sound, B frequencies, C columns.
"""

import torch
from torch.nn import functional as F

from lessons.sources import downloads, words

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
    """"the digit seven moves up", “数字七向上移动”: digit 0 to 9, move the number of one of MOVES,
    way 0 and 1 in English, 2 and 3 in Chinese."""
    said = list(MOVES.values())[move][way]
    return f"the digit {DIGITS[digit]} {said}" if way < 2 else f"数字{NUMERALS[digit]}{said}"


def combinations():
    """Pairs of a digit and a number of MOVES: (those of training, those held out). One in ten is
    held out: zero moves left, two moves right, four up, six down, and eight bounces."""
    pairs = [(digit, move) for digit in range(10) for move in range(len(MOVES))]
    return [(d, m) for d, m in pairs if d != 2 * m], [(d, m) for d, m in pairs if d == 2 * m]


VOCABULARY = words.vocabulary(caption(digit, move, way) for digit in range(10)
                                  for move in range(len(MOVES)) for way in range(4))


class Digits:
    """Films of digits to learn from or to measure with, made of one random number after another.

    split: "train" or "test", of MNIST's digits and of the recordings. The combinations of digit and
    move are those of training. Raises CourseError where the data are neither here nor to be had.
    """

    vocabulary, shape, contents = VOCABULARY, (SIZE, SIZE, 1), ()

    def __init__(self, split="train"):
        self.images, labels = downloads.mnist(split)
        waves, spoken, _ = downloads.spoken_digits(split)
        self.waves = torch.stack([_placed(wave) for wave in waves])            # (M, S)
        self.drawn = [(labels == digit).nonzero()[:, 0] for digit in range(10)]
        self.said = [(spoken == digit).nonzero()[:, 0] for digit in range(10)]
        self.pairs = torch.tensor(combinations()[0])                           # (45, 2)
        self.ids = words.encode([caption(*pair, way) for pair in self.pairs.tolist()
                                     for way in range(4)], VOCABULARY)         # (4 * 45, L)

    def draw(self, n, rng):
        """(random numbers that decide n films (n, CHANCE),)."""
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
    and y. Lines cover 12 to 19 pixels; those that bounce go aslant, so fast that they meet an edge.
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
    """Films of digits: images uint8 (n, 28, 28), middles (n, T, 2), which may lie between pixels
    -> uint8 (n, T, H, W, 1)."""
    n, T = middles.shape[:2]
    shift = (SIZE / 2 - middles.flatten(0, 1)) * 2 / 28                        # (n T, 2)
    affine = torch.cat([torch.eye(2).expand(n * T, 2, 2) * SIZE / 28, shift[..., None]], 2)
    grid = F.affine_grid(affine, (n * T, 1, SIZE, SIZE), align_corners=False)
    each = images.float()[:, None].repeat_interleave(T, 0)                     # (n T, 1, 28, 28)
    frames = F.grid_sample(each, grid, align_corners=False)                    # (n T, 1, H, W)
    return frames.round().to(torch.uint8).view(n, T, SIZE, SIZE, 1)
