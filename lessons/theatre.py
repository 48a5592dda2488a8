"""The theatre, as lesson 0 and other programs import it; its rooms are in `lessons.world`."""

from lessons.world.scene import ACTIONS, ACTORS, COLORS, DIRECTIONS, MUSIC
from lessons.world.theatre import Clips, Scene, Theatre, is_heldout

__all__ = ["ACTIONS", "ACTORS", "COLORS", "DIRECTIONS", "MUSIC", "Clips", "Scene", "Theatre",
           "is_heldout"]
