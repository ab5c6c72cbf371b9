"""What lies around the sound: behind the end, in tags, instead of it."""

from __future__ import annotations

import io
import zipfile

import pytest
from mock_files import TEXT, classify, encrypted, executable, music, reason_codes, write

from udfs.findings import Content, Decision

WAV = write(music()[:44100])


@pytest.mark.parametrize("payload", [executable(), TEXT, encrypted(3000)], ids=["elf", "text", "encrypted"])
@pytest.mark.parametrize("carrier", ["WAV", "FLAC", "OGG", "MP3", "AIFF"])
def test_data_behind_the_end_is_family_g(payload: bytes, carrier: str) -> None:
    subtype = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(carrier, "PCM_16")
    verdict = classify(write(music()[:44100], subtype, carrier) + payload)
    assert verdict.decision is Decision.REJECT
    assert "container.trailing_bytes" in [reason.code for reason in verdict.reasons]


def test_an_unknown_chunk_with_a_program_is_family_h() -> None:
    chunk = b"evil" + len(executable()).to_bytes(4, "little") + executable()
    whole = WAV[:36] + chunk + WAV[36:]
    file = whole[:4] + (len(whole) - 8).to_bytes(4, "little") + whole[8:]
    assert reason_codes(file)[0] == "metadata.payload"


def test_an_archive_appended_is_a_polyglot_too() -> None:
    out = io.BytesIO()
    out.write(WAV)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("setup.exe", executable())
    assert "container.polyglot" in reason_codes(out.getvalue())


@pytest.mark.parametrize(
    "payload",
    [executable(), TEXT, encrypted(5000), b"", b"RIFF"],
    ids=["elf", "text", "encrypted", "nothing", "bare"],
)
def test_what_is_no_audio_is_family_j(payload: bytes) -> None:
    verdict = classify(payload)
    assert (verdict.decision, verdict.content) == (Decision.REJECT, Content.MOCK)
    assert verdict.reasons[0].code == "decode.not_audio"


def test_a_renamed_program_is_described() -> None:
    assert classify(executable()).payloads[0].kind == "elf"


def test_a_download_cut_short_passes_with_a_note() -> None:
    verdict = classify(WAV[:-20_001])
    assert verdict.decision is Decision.ACCEPT
    assert [reason.code for reason in verdict.reasons] == ["container.truncated"]
