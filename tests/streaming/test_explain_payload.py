"""``soundgate explain --payload-to``: a payload is written only when it is asked for, to a new file of its owner's."""

from __future__ import annotations

import io
import stat
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from streaming.commands.explain import write_payload
from streaming.errors import UserError

PAYLOAD = Path(__file__).read_bytes() * 3
SOUND = 0.3 * np.sin(np.arange(16_000) * 0.05) * np.exp(-np.arange(16_000) / 4_000)


def wave(samples: np.ndarray) -> bytes:
    out = io.BytesIO()
    sf.write(out, samples, 8_000, "PCM_16", format="WAV")
    return out.getvalue()


def stored(folder: Path, data: bytes, **row: object) -> dict[str, object]:
    """A verdict's row about a stored upload."""
    where = folder / "quarantine" / sha256(data).hexdigest()
    where.parent.mkdir(exist_ok=True)
    where.write_bytes(data)
    return {"stored_at": str(where), "container": "wav", "sample_rate": 8_000, "channels": 1, **row}


def test_what_lies_behind_the_sound_is_written_byte_for_byte_for_its_owner_alone(tmp_path: Path) -> None:
    target = tmp_path / "payload"
    write_payload(stored(tmp_path, wave(SOUND) + PAYLOAD), target)
    assert target.read_bytes() == PAYLOAD
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_characters_written_as_samples_are_turned_back(tmp_path: Path) -> None:
    samples = np.frombuffer(PAYLOAD, np.uint8).astype("<f4")
    for number, row in enumerate(
        (stored(tmp_path, samples.tobytes(), container="raw"), stored(tmp_path, wave(samples / 256)))
    ):
        write_payload(row, tmp_path / str(number))
        assert PAYLOAD[200:2000] in (tmp_path / str(number)).read_bytes()


def test_nothing_is_written_over_and_nothing_without_a_payload(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"mine")
    with pytest.raises(UserError, match="is there already"):
        write_payload(stored(tmp_path, wave(SOUND) + PAYLOAD), there)
    assert there.read_bytes() == b"mine"
    with pytest.raises(UserError, match="no payload can be recovered"):
        write_payload(stored(tmp_path, wave(SOUND)), tmp_path / "new")
    with pytest.raises(UserError, match="not stored"):
        write_payload({"stored_at": None}, tmp_path / "new")
    gone = stored(tmp_path, b"x")
    Path(str(gone["stored_at"])).unlink()
    with pytest.raises(UserError, match="nothing at"):
        write_payload(gone, tmp_path / "new")
    assert not (tmp_path / "new").exists()
