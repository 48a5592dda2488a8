"""A scene: what happens on the stage in one clip, as plain facts."""

from dataclasses import dataclass

from lessons.errors import CourseError, nearest

ACTORS = ("man", "woman", "child")
COLORS = ("red", "blue", "green", "yellow")
ACTIONS = ("stand", "walk", "run", "jump", "wave")  # what can be played; a new one comes last
# What random scenes hold, and so what models learn: a new action joins it with new models.
DRAWN = ("stand", "walk", "run", "jump", "wave")
DIRECTIONS = ("left", "right")
MUSIC = ("none", "calm", "cheerful")


@dataclass(frozen=True)
class Scene:
    """Who does what, in which colour, facing where, to which music.

    actor: one of ACTORS; color: one of COLORS; actions: one or two of ACTIONS, in order;
    direction: one of DIRECTIONS (where the actor faces and travels); music: one of MUSIC.
    Raises CourseError naming the nearest known value when one is unknown.
    """

    actor: str
    color: str
    actions: tuple
    direction: str
    music: str = "none"

    def __post_init__(self):
        if isinstance(self.actions, str):  # a single action may be given bare
            object.__setattr__(self, "actions", (self.actions,))
        object.__setattr__(self, "actions", tuple(self.actions))
        if len(self.actions) not in (1, 2):
            raise CourseError(f"A scene has one or two actions, not {len(self.actions)}: "
                              f"give for example actions=('walk', 'run').")
        for field, known in (("actor", ACTORS), ("color", COLORS),
                             ("direction", DIRECTIONS), ("music", MUSIC)):
            _must_be_known(field, getattr(self, field), known)
        for action in self.actions:
            _must_be_known("action", action, ACTIONS)

    @property
    def combination(self):
        """(actor, color, first action, direction): the key by which clips are held out."""
        return self.actor, self.color, self.actions[0], self.direction


def _must_be_known(field, value, known):
    if value not in known:
        raise CourseError(f"Unknown {field} '{value}'. {nearest(value, known)}")
