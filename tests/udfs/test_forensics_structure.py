"""Files inside bytes are found by structure, not by two lucky bytes."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mock_files import encrypted, executable

from udfs.forensics.structure import find_structures


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("a.txt", "hello" * 50)
    return out.getvalue()


def tape() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        member = tarfile.TarInfo("a.txt")
        member.size = 5
        made.addfile(member, io.BytesIO(b"hello"))
    return out.getvalue()


def bitmap() -> bytes:
    fields = struct.pack("<IIIIiiHHIIiiII", 14 + 40 + 4800, 0, 54, 40, 40, 40, 1, 24, 0, 4800, 0, 0, 0, 0)
    return b"BM" + fields + encrypted(4800)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("zip", archive()),
        ("gzip", gzip.compress(b"hello" * 900, mtime=0)),
        ("tar", tape()),
        ("elf", executable()),
        ("bmp", bitmap()),
    ],
)
@pytest.mark.parametrize("before", [0, 1, 777])
def test_a_file_is_found_at_any_offset(kind: str, body: bytes, before: int) -> None:
    found = find_structures(b"\x55" * before + body)[0]
    # tar's magic is 257 bytes into its header, so that is where it is found
    assert (found.kind, found.start) == (kind, before + (257 if kind == "tar" else 0))


def test_an_archive_ends_where_its_directory_says() -> None:
    body = archive()
    assert find_structures(body + b"junk behind")[0].length == len(body)


def test_magic_numbers_without_structure_are_nothing() -> None:
    short = (
        b"\x7fELF",
        b"MZ",
        b"PK\x03\x04",
        b"\xff\xd8\xff",
        b"\x1f\x8b\x08",
        b"BZh",
        b"ustar",
        b"\xca\xfe\xba\xbe\0\0",
    )
    for magic in short:
        assert find_structures(b"a" * 300 + magic + encrypted(400, seed=len(magic))) == []


def test_sound_and_noise_hold_no_files() -> None:
    rng = np.random.default_rng(3)
    waves = (np.sin(np.arange(400_000) * 0.05) * 12000 + rng.normal(0, 300, 400_000)).astype("<i2")
    assert find_structures(waves.tobytes()) == []
    assert find_structures(rng.bytes(800_000)) == []


@given(st.binary(max_size=600))
def test_nothing_breaks_on_any_bytes(data: bytes) -> None:
    for found in find_structures(b"MZ" + data + b"PK\x05\x06" + data[:30]):
        assert 0 <= found.start < found.end <= 2 * len(data) + 40
