"""Which machine the native code in a folder was compiled for, read from the ELF headers."""

from __future__ import annotations

import os
import struct
from collections import Counter
from pathlib import Path

# e_machine of the ELF header (System V gABI, "ELF header").
MACHINES = {0x3E: "x86_64", 0xB7: "aarch64"}
MAGIC = b"\x7fELF"
HEADER = 20  # bytes up to and with e_machine


def machine_of(header: bytes) -> str | None:
    """Name the machine of an ELF file by its first 20 bytes; None when it is not ELF."""
    if len(header) < HEADER or not header.startswith(MAGIC):
        return None
    order = ">" if header[5] == 2 else "<"
    (number,) = struct.unpack_from(f"{order}H", header, 18)
    return MACHINES.get(number, f"machine {number:#x}")


def survey(folder: Path) -> dict[str, list[Path]]:
    """Sort every ELF file under a folder by machine; links are not followed, names do not matter."""
    found: dict[str, list[Path]] = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            if path.is_symlink() or not path.is_file():
                continue
            with path.open("rb") as file:
                machine = machine_of(file.read(HEADER))
            if machine:
                found.setdefault(machine, []).append(path)
    return found


def counted(found: dict[str, list[Path]]) -> dict[str, int]:
    """Say how many files there are of each machine."""
    return dict(Counter({machine: len(paths) for machine, paths in found.items()}))
