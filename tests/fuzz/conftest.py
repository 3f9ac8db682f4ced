"""What the fuzzing of routes stands on."""

from fuzzed_world import world

__all__ = ["world"]
