"""The generated code is what the .proto files say today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("proto", ["chunk", "aggregated"])
def test_the_generated_code_is_up_to_date(proto: str, tmp_path: Path):
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    subprocess.run([*command, f"streaming/{proto}.proto"], cwd=ROOT, check=True)
    for name in (f"{proto}_pb2.py", f"{proto}_pb2.pyi"):
        made, checked_in = tmp_path / "streaming" / name, ROOT / "streaming" / name
        assert checked_in.read_text() == made.read_text(), f"{name} is stale: generate it as in chunk.proto"


@pytest.mark.parametrize("implementation", ["upb", "python"])
def test_the_upload_id_is_written_first_by_every_python_encoder(implementation: str):
    script = (
        "from google.protobuf.internal import api_implementation\n"
        f"assert api_implementation.Type() == {implementation!r}\n"
        "from streaming.chunk_pb2 import Chunk\n"
        "chunk = Chunk(payload=b'p', crc32=5, index=3)\n"
        "chunk.upload_id = bytes(range(16))\n"
        "assert chunk.SerializeToString().startswith(b'\\x0a\\x10' + bytes(range(16)))\n"
    )
    environment = {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": implementation, "PATH": ""}
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=True)
