"""Real or mock: is what was uploaded sound, or data dressed as sound? (docs/forensics.md)"""

from udfs.forensics.examine import examine, recover
from udfs.forensics.model import model_sha256

__all__ = ["examine", "model_sha256", "recover"]
