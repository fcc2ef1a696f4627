"""The project of two months that closing is tried on."""

from crash.conftest import fresh, peace

__all__ = ["fresh", "peace"]
