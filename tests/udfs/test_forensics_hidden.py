"""What lies around the sound: behind the end, in tags, instead of it."""

from __future__ import annotations

import io
import zipfile

import pytest
from audio_files import EVERY_FORMAT, PLAYED_BY_FFMPEG, id3, id3_frame
from mock_files import TEXT, classify, encrypted, executable, music, reason_codes, write

from udfs.container import SpanKind, mpeg_audio, walk
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


@pytest.mark.parametrize(("seconds", "decision"), [(0.05, Decision.REVIEW), (0.15, Decision.ACCEPT)])
def test_a_file_cut_to_a_scrap_goes_to_a_person(seconds: float, decision: Decision) -> None:
    verdict = classify(WAV[: 44 + 4 * int(seconds * 44_100)])
    assert verdict.decision is decision
    assert ("undecided.container_lying_sizes" in [reason.code for reason in verdict.reasons]) == (seconds < 0.1)


def mp3_with(between: bytes, pieces: int = 1) -> bytes:
    """An MP3 whose frames are parted by pieces of the bytes, each between two frames."""
    whole = write(music()[: 6 * 44100], "MPEG_LAYER_III", "MP3")
    starts = _frames(whole)[20:]
    step = len(between) // pieces
    parts, last = [], 0
    for number in range(pieces):
        at = starts[8 * number]
        parts += [whole[last:at], between[number * step : (number + 1) * step]]
        last = at
    return b"".join(parts) + whole[last:]


def _frames(data: bytes) -> list[int]:
    (sound,) = walk(data).of_kind(SpanKind.SOUND)
    at, starts = sound.start, []
    while at < sound.end:
        starts.append(at)
        at += mpeg_audio.FRAMES.length(data, at)
    return starts


def test_a_program_in_pieces_between_the_frames_is_put_together() -> None:
    found = classify(mp3_with(executable()[:12_000], pieces=12))
    assert found.decision is Decision.REJECT
    assert found.payloads[0].kind == "elf"


def test_more_unknown_bytes_between_frames_than_damage_leaves_go_to_a_person() -> None:
    damaged = classify(mp3_with(encrypted(3000)))
    assert damaged.decision is Decision.ACCEPT
    assert "container.damaged" in [reason.code for reason in damaged.reasons]
    hidden = classify(mp3_with(encrypted(40_000), pieces=8))
    assert (hidden.decision, hidden.content) == (Decision.REVIEW, Content.UNDECIDED)
    assert hidden.reasons[0].code == "undecided.container_bytes_between"


def test_crumbs_that_add_up_to_a_payload_are_one() -> None:
    few = [id3_frame(b"XQ%02d" % n, encrypted(20, n)) for n in range(10)]
    many = [id3_frame(b"XQ%02d" % n, encrypted(20, n)) for n in range(80)]
    mp3 = write(music()[:44100], "MPEG_LAYER_III", "MP3")
    assert classify(id3(*few) + mp3).decision is Decision.ACCEPT
    assert reason_codes(id3(*many) + mp3)[0] == "metadata.payload"


def test_a_format_that_plays_but_is_not_walked_goes_to_a_person() -> None:
    telephone = b"".join(b"\xd0" + bytes(32) for _ in range(400))  # GSM 06.10: frames of 33 bytes and nothing else
    verdict = classify(telephone)
    assert verdict.decision is Decision.REVIEW
    assert verdict.reasons[0].code == "undecided.container_not_walked"


@pytest.mark.parametrize("name", [*PLAYED_BY_FFMPEG, "amr"])
def test_what_only_ffmpeg_plays_is_let_in_and_with_a_program_behind_it_is_not(name: str) -> None:
    data = EVERY_FORMAT[name]()
    plain, hiding = classify(data), classify(data + executable()[:3000])
    assert (plain.decision, plain.content) == (Decision.ACCEPT, Content.REAL)
    assert (hiding.decision, hiding.reasons[0].code) == (Decision.REJECT, "container.trailing_bytes")
    assert hiding.payloads[0].kind == "elf"
