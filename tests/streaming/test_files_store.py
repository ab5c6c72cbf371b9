"""Listing and reading stored files, from folders and from S3 (moto)."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber
from stored_rig import aws_server, put

from streaming.errors import UserError
from streaming.files.access import Access
from streaming.files.listing import check_place, check_places, find_object, list_files
from streaming.files.reading import GONE, UNREADABLE, StoredReader
from streaming.files.report_writer import write_beside
from streaming.files.stored_file import REPORT_SUFFIX, StoredFile
from udfs.errors import NoTrackError

KEYS = ["new/a b.wav", "new/a+b.wav", "new/♫ ä.flac", "new/100%.wav", "new/x/../y.wav", "new//two.wav"]


@pytest.fixture(scope="module")
def access() -> Iterator[Access]:
    with aws_server() as access:
        put(access, "store", {key: key.encode() for key in KEYS} | {"new/mark/": b"", "newer/z": b"z"})
        put(access, "store", {"new/cold.wav": b"frozen"}, StorageClass="GLACIER")
        yield access


@pytest.fixture
def reader(access: Access) -> StoredReader:
    return pickle.loads(pickle.dumps(StoredReader(1_000, access)))  # noqa: S301 - as Spark brings it to a worker


def refusal(reader: StoredReader, file: StoredFile) -> tuple[str, str]:
    with pytest.raises(NoTrackError) as refused:
        reader(file.to_text())
    return refused.value.decision, refused.value.code


def test_any_key_is_listed_and_read(access: Access, reader: StoredReader) -> None:
    files = list(list_files("s3://store/new", access))
    assert sorted(file.name for file in files) == sorted([key.removeprefix("new/") for key in KEYS] + ["cold.wav"])
    for file in files:
        if file.name != "cold.wav":
            assert reader(file.to_text()) == f"new/{file.name}".encode()


def test_an_event_and_a_listing_find_the_same_version(access: Access) -> None:
    for listed in list_files("s3://store/new", access):
        assert find_object("s3://store/new", listed.name, "", access) == listed
    assert find_object("s3://store", "nothing.wav", "", access) is None


def test_an_object_that_was_written_anew_is_another_version(access: Access, reader: StoredReader) -> None:
    put(access, "changing", {"a.wav": b"first"})
    (before,) = list_files("s3://changing", access)
    put(access, "changing", {"a.wav": b"other"})
    assert refusal(reader, before) == ("review", GONE)
    access.client("s3").delete_object(Bucket="changing", Key="a.wav")
    assert refusal(reader, before) == ("review", GONE)


def test_a_version_is_read_though_another_came_after_it(access: Access, reader: StoredReader) -> None:
    client = access.client("s3")
    client.create_bucket(Bucket="versioned")
    client.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    first = client.put_object(Bucket="versioned", Key="a", Body=b"first")["VersionId"]
    client.put_object(Bucket="versioned", Key="a", Body=b"second!")
    found = find_object("s3://versioned", "a", first, access)
    assert found is not None
    assert reader(found.to_text()) == b"first"


def test_what_the_store_does_not_give_out_is_a_verdict(access: Access, reader: StoredReader) -> None:
    cold = find_object("s3://store/new", "cold.wav", "", access)
    assert cold is not None
    assert refusal(reader, cold) == ("review", UNREADABLE)


def test_what_is_wrong_with_the_store_is_raised(access: Access) -> None:
    nowhere = Access("us-east-1", "http://127.0.0.1:9")
    (file,) = (file for file in list_files("s3://store/new", access) if file.name == "a b.wav")
    with pytest.raises(UserError, match="S3 cannot be reached"):
        list(list_files("s3://store", nowhere))
    with pytest.raises(Exception, match="Could not connect"):
        StoredReader(1_000, nowhere).read(file)
    with pytest.raises(UserError, match="NoSuchBucket"):
        list(list_files("s3://no-such-bucket", access))


@pytest.mark.parametrize("bucket", ["", "403"])
def test_an_announced_version_that_can_be_none_stops_nothing(bucket: str) -> None:
    assert ask_of_a_store_that_says_bad_request(bucket) is None


def test_credentials_that_are_over_are_not_taken_for_a_version_that_can_be_none() -> None:
    with pytest.raises(UserError, match="S3 refused"):
        ask_of_a_store_that_says_bad_request("400")


def ask_of_a_store_that_says_bad_request(bucket_answer: str) -> StoredFile | None:
    access = Access("us-east-1")
    client = boto3.client("s3", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")  # noqa: S106
    access._made["s3"] = client
    with Stubber(client) as stub:
        stub.add_client_error("head_object", "400", "Bad Request", 400)
        if bucket_answer:
            stub.add_client_error("head_bucket", bucket_answer, "", int(bucket_answer))
        else:
            stub.add_response("head_bucket", {})
        return find_object("s3://store/new", "a.wav", "no version of anything", access)


def test_a_file_that_is_too_large_is_not_read(reader: StoredReader) -> None:
    assert refusal(reader, StoredFile("s3://no-such-bucket", "x", 1_001, 0, "")) == ("reject", "upload.too_large")


def test_local_files_of_any_name_are_listed_and_read(tmp_path: Path, reader: StoredReader) -> None:
    (tmp_path / "alice").mkdir()
    names = [b"alice/a b.wav", "♫.wav".encode(), b"bytes \xff.wav"]
    for name in names:
        Path(os.fsdecode(bytes(tmp_path) + b"/" + name)).write_bytes(name)
    os.mkfifo(tmp_path / "pipe")
    files = list(list_files(check_place(f"{tmp_path}/"), Access()))
    assert sorted(os.fsencode(file.name) for file in files) == sorted(names)
    for file in files:
        assert reader(file.to_text()) == os.fsencode(file.name)


def test_a_local_file_that_changed_is_another_version(tmp_path: Path, reader: StoredReader) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"first")
    (file,) = list_files(str(tmp_path), Access())
    times = path.stat()
    path.write_bytes(b"other")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # as who wants to slip one in would
    assert refusal(reader, file) == ("review", GONE)
    path.unlink()
    os.mkfifo(path)  # which would be waited for for ever
    assert refusal(reader, file) == ("review", GONE)
    path.unlink()
    assert refusal(reader, file) == ("review", GONE)


def test_a_local_file_that_fails_to_be_read_is_a_verdict(tmp_path: Path, reader: StoredReader) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert refusal(reader, StoredFile(str(tmp_path), "loop", 1, 0, "")) == ("review", UNREADABLE)


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["ftp://x"], "neither"),
        (["no/such/folder"], "no such folder"),
        (["/"], "whole file system"),
        (["s3://a", "s3://a/b"], "lies under another"),
        (["s3://a/b/", "s3://a/b"], "named twice"),
    ],
)
def test_what_is_no_place_or_two_in_one_is_refused(texts: list[str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        check_places(texts)


def test_places_side_by_side_are_taken() -> None:
    assert check_places(["s3://a/b/", "s3://a/bc"]) == ("s3://a/b", "s3://a/bc")


def test_a_name_that_leaves_no_room_is_replaced_by_the_upload_id(tmp_path: Path, access: Access) -> None:
    name = "n" * 250
    (tmp_path / name).write_bytes(b"x")
    where = write_beside(str(tmp_path), name, REPORT_SUFFIX, b"{}", "the-id", access)
    assert Path(where).name == f"the-id{REPORT_SUFFIX}"
    put(access, "long", {"k/" + "n" * 1_020: b"x"})
    where = write_beside("s3://long", "k/" + "n" * 1_020, REPORT_SUFFIX, b"{}", "the-id", access)
    assert where == f"s3://long/k/the-id{REPORT_SUFFIX}"
