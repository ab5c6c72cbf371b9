"""Real or mock: is what was uploaded sound, or data dressed as sound? (docs/forensics.md)"""

from udfs.forensics.examine import examine

__all__ = ["examine"]
