"""Captions, as other programs import them: `parse` reads one, `describe` writes one."""

from lessons.world.captions import describe, parse

__all__ = ["describe", "parse"]
