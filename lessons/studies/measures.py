"""Every measure of the course: its heading in a table, which value is best, and what it means."""

import math
from dataclasses import dataclass

SHARE, COIN, RATIO, LEVEL, COST = "share", "coin", "ratio", "level", "cost"


@dataclass(frozen=True)
class Measure:
    """A measure. kind: SHARE (1 is best), COIN (a share, of which 1/2 is best), RATIO to real
    examples (1 is best, less or more is worse), LEVEL (0 is best, or compare with real examples) or
    COST (none is best)."""

    meaning: str
    kind: str
    title: str = ""

    def shortfall(self, value):
        """How far a value is from the best: 0 (there) to 1 (nothing, or off by a factor of 3)."""
        if self.kind == SHARE:
            return 1 - min(1.0, max(0.0, value))
        if self.kind == COIN:
            return min(1.0, 2 * abs(value - 0.5))
        off = abs(math.log(max(value, 1e-3))) / math.log(3)
        return min(1.0, off) if self.kind == RATIO else 0.0

    def text(self, value):
        """A value as it stands in a table."""
        if value is None:
            return "–"
        return f"{value:.0%}" if self.kind in (SHARE, COIN) else \
            f"{value:.0f}" if abs(value) >= 10 else f"{value:.2f}"


# name -> Measure. In the scores of a model a name may stand with "heldout" before it, where
# training has not seen the combination, with "zh" behind it, where captions are Chinese, and with
# "real", "shuffled" or "share" behind it: of real films, of films with the sound of another, and
# how much of the way from these to real films.
MEASURES = {
    "train": Measure("captions whose film or picture the judge reads as they say", SHARE,
                     "captions\nobeyed"),
    "heldout": Measure("as train, of combinations held out from training", SHARE,
                       "held-out\ncaptions"),
    "train one": Measure("as train, captions of one action", SHARE),
    "train two": Measure("as train, captions of two actions", SHARE, "two\nactions"),
    "train actor": Measure("films or pictures in which the actor is as said", SHARE),
    "train color": Measure("... in which the colour is as said", SHARE),
    "train first": Measure("... in which the first action is as said", SHARE),
    "train last": Measure("... in which the last action is as said", SHARE),
    "train direction": Measure("... in which the direction is as said", SHARE),
    "frechet": Measure("Fréchet distance of the judge's features to real ones", LEVEL),
    "floor": Measure("Fréchet distance between two sets of real ones", LEVEL),
    "realism": Measure("Fréchet distance, as a multiple of its floor", RATIO, "Fréchet\n/ floor"),
    "told apart": Measure("frames that a network, trained for it, tells from real ones", COIN,
                          "frames\ntold apart"),
    "told apart half": Measure("as told apart, at half size", COIN, "at half\nsize"),
    "told apart change": Measure("as told apart, frames at the change of action", COIN),
    "told apart change half": Measure("... at half size", COIN),
    "told apart film": Measure("as told apart, whole films at half size", COIN),
    "coverage": Measure("real films with a generated one nearby", SHARE),
    "dynamics": Measure("change from frame to frame", RATIO, "motion\n/ real"),
    "flicker": Measure("second difference in time", RATIO, "flicker\n/ real"),
    "sharpness": Measure("brightness gradient", RATIO),
    "legs": Measure("brightness gradient in running legs", RATIO, "legs\n/ real"),
    "variety of place": Measure("spread of the start among films of one caption", RATIO,
                                "variety\nof place"),
    "variety of phase": Measure("spread of the gait phase among films of one caption", RATIO),
    "jerk": Measure("second difference of the figure's place", RATIO, "jerk\n/ real"),
    "leap": Measure("largest step of a cadence curve", RATIO),
    "warp": Measure("error of a frame that is warped to the next by the exact flow", RATIO),
    "own warp": Measure("the same by the flow that the film itself shows", RATIO),
    "inside": Measure("cadence curves inside the band of real films", SHARE),
    "same actor": Measure("films in which the actor stays the same", SHARE),
    "restless": Measure("pixels that change where somebody stands", LEVEL),
    "sync": Measure("steps heard when the judge sees a foot land", SHARE, "sound in\ntime"),
    "sync share": Measure("sync, on the way from films with other sounds to real ones", SHARE,
                          "steps in time,\nabove luck"),
    "av-align": Measure("steps heard at a peak of motion", SHARE),
    "music": Measure("films whose music is heard as asked", SHARE, "music as\nasked"),
    "sound frechet": Measure("Fréchet distance of sounds to real ones", LEVEL),
    "sound floor": Measure("Fréchet distance between two sets of real sounds", LEVEL),
    "sound realism": Measure("Fréchet distance of sounds, as a multiple of its floor", RATIO,
                             "Fréchet\nof sound"),
    "loudness": Measure("dB above real sounds", LEVEL),
    "peak": Measure("largest sample of the sound", LEVEL),
    "digit": Measure("frames in which the digit is read right", SHARE),
    "move": Measure("films of digits that go the right way", SHARE),
    "voice": Measure("films in which the right digit is heard", SHARE),
    "agree": Measure("films in which the digit seen is the one heard", SHARE),
    "all": Measure("films with digit, move and voice right", SHARE),
    "motion": Measure("change from frame to frame", RATIO),
    "parameters": Measure("weights in millions", COST, "weights\n(million)"),
    "steps": Measure("steps of training", COST),
    "minutes": Measure("training in minutes", COST, "training\n(minutes)"),
}
