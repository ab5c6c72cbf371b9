"""A stored file's version has one name, whoever finds it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streaming.errors import UserError
from streaming.files.stored_file import StoredFile, check_s3_place, find_place, is_own, root_of, split_s3

FILE = StoredFile("s3://inbox/new", "alice/♫ song.wav", 10, 1_700_000_000_000_000, "abc")


def test_the_same_object_has_the_same_id_through_whatever_place_it_is_found() -> None:
    through_bucket = replace(FILE, place="s3://inbox", name="new/alice/♫ song.wav")
    assert through_bucket.upload_id == FILE.upload_id
    assert FILE.upload_id == "a48a92e3-e622-5f32-bf59-eb98dbc38f0f"


@pytest.mark.parametrize(
    "change",
    [{"etag": "abd"}, {"size": 11}, {"modified_us": 1_700_000_001_000_000}, {"name": "x"}, {"place": "s3://b"}],
)
def test_another_version_has_another_id(change: dict[str, object]) -> None:
    assert replace(FILE, **change).upload_id != FILE.upload_id  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a b.wav", "♫", "bytes \udcff\udc80.wav", 'it\'s; "quoted"\n'])
def test_any_name_travels_as_text(name: str) -> None:
    file = replace(FILE, name=name)
    text = file.to_text()
    assert text.isascii()
    assert StoredFile.from_text(text) == file
    assert file.shown_name.encode()
    assert file.upload_id


def test_a_location_lies_under_the_deepest_place() -> None:
    places = ["s3://inbox", "s3://inbox/new"]
    assert find_place(places, "s3://inbox/new/a/b.wav") == ("s3://inbox/new", "a/b.wav")
    assert find_place(places, "s3://inbox/newer/b.wav") == ("s3://inbox", "newer/b.wav")
    assert find_place(places, "s3://inbox2/b.wav") is None


def test_places_of_one_bucket_share_a_root() -> None:
    assert {root_of("s3://inbox"), root_of("s3://inbox/new")} == {"s3://inbox"}
    assert root_of("/srv/uploads") == "/"
    assert split_s3("s3://inbox/a/b") == ("inbox", "a/b")


def test_what_is_written_beside_files_is_known_by_its_name() -> None:
    assert is_own("a.wav.soundgate.json")
    assert is_own("a.wav.soundgate.pitch.csv")
    assert not is_own("soundgate.json.wav")


@pytest.mark.parametrize("uri", ["s3://", "s3:///key"])
def test_a_place_without_bucket_is_refused(uri: str) -> None:
    with pytest.raises(UserError, match="names no bucket"):
        check_s3_place(uri)
