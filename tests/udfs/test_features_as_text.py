"""What a file says of itself, and features as CSV."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from audio_files import EVERY_FORMAT, apic, by_soundfile, id3, id3_frame, jpeg, ogg_with_comments, wave

from udfs.decode import decode
from udfs.features import Features, libraries
from udfs.features.annotation_csv import write_lines
from udfs.features.metadata import LONGEST_VALUE, MOST_TAGS, read_metadata
from udfs.track import Track


def metadata_of(data: bytes) -> dict[str, object]:
    track = Track(data)
    return read_metadata(track, decode(track).facts)


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_every_format_has_a_bit_rate_and_its_decoders_facts(name: str) -> None:
    data = EVERY_FORMAT[name]()
    found = metadata_of(data)
    assert found["bytes"] == len(data)
    assert 4_000 < found["bit_rate"] < 6_000_000
    assert found["container"]
    assert found["codec"]


def test_tags_are_read_by_their_common_names_in_any_container() -> None:
    mp3 = id3(id3_frame(b"TIT2", b"\3Hill of Sorrows"), id3_frame(b"TPE1", b"\3Omri Lahav"))
    mp3 += by_soundfile("MP3", "MPEG_LAYER_III")
    ogg = ogg_with_comments(b"TITLE=Hill of Sorrows", b"ARTIST=Omri Lahav")
    for data in (mp3, ogg):
        tags = metadata_of(data)["tags"]
        assert (tags["title"], tags["artist"]) == ("Hill of Sorrows", "Omri Lahav")


def test_hostile_tags_stay_short_printable_text_and_pictures_are_none() -> None:
    many = [b"T%d=%s" % (number, b"x" * 5000) for number in range(300)]
    tags = metadata_of(ogg_with_comments(b"TITLE=a\x1b[31m\nb\xe2\x80\xaec", *many))["tags"]
    assert len(tags) == MOST_TAGS == 64
    assert all(text.isprintable() for text in tags.values())
    assert max(map(len, tags.values())) == LONGEST_VALUE == 1000
    covered = metadata_of(id3(apic(jpeg())) + by_soundfile("MP3", "MPEG_LAYER_III"))
    assert not covered["tags"]


def test_tags_that_cannot_be_read_are_left_out() -> None:
    broken = bytearray(wave() + b"ID3\x04\x00\x80\x7f\x7f\x7f\x7f")
    assert metadata_of(bytes(broken))["tags"] == {}
    track = Track.from_samples(np.zeros(100), 8000)
    found = read_metadata(track, decode(track).facts)
    assert (found["bit_rate"], found["tags"]) == (None, {})


def test_a_pitch_track_has_a_line_for_each_voiced_frame_as_sonic_annotator_writes_it() -> None:
    features = Features(("pitch",), 1, pitch_hz=np.array([np.nan, 220.0, 220.55, np.nan, 1046.5023], np.float32))
    assert list(write_lines(features, "pitch")) == [
        "0.020000000,220\n",
        "0.040000000,220.55\n",
        "0.080000000,1046.5\n",
    ]


def test_of_several_files_the_name_goes_before_once_and_in_quotes() -> None:
    features = Features(("onsets",), 2, onsets_ms=[120, 1840])
    assert list(write_lines(features, "onsets", 'a "b", c.wav')) == [
        '"a ""b"", c.wav",0.120000000\n',
        ",1.840000000\n",
    ]
    read = np.genfromtxt(io.StringIO("".join(write_lines(features, "onsets"))), delimiter=",")
    assert np.allclose(read, [0.12, 1.84])


def test_no_two_processes_share_a_cache_of_compiled_code(tmp_path: Path) -> None:
    ours = libraries._take_slot(tmp_path)
    script = (
        "import sys; from pathlib import Path; from udfs.features.libraries import _take_slot;"
        "print(_take_slot(Path(sys.argv[1])))"
    )
    theirs = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    assert ours == tmp_path / "worker-0"
    assert Path(theirs.strip()) == tmp_path / "worker-1"
    assert libraries._take_slot(tmp_path) == tmp_path / "worker-1"  # free again, since that process is gone


@pytest.mark.slow
def test_processes_that_begin_together_on_a_cold_cache_all_find_the_same(tmp_path: Path) -> None:
    script = (
        "import numpy as np; from udfs.decode import decode; from udfs.track import Track;"
        "from udfs.features import extract_features;"
        "track = Track.from_samples(np.random.default_rng(1).standard_normal(44_100) / 9, 22_050);"
        "found = extract_features(track, decode(track), ['tempo', 'onsets', 'pitch']);"
        "print(found.onsets_ms, found.tempo_bpm)"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cold")}
    together = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(3)
    ]
    said = [process.communicate(timeout=500)[0] for process in together]
    assert [process.returncode for process in together] == [0, 0, 0]
    assert len(set(said)) == 1
    assert said[0].startswith("[")
