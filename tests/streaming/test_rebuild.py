"""Records of a group become tracks, verdicts and rejections: the rules, and their invariance."""

from __future__ import annotations

import base64
import gzip
import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rebuilding import KEY, UPLOAD_ID, Desk, altered, arrive, codes, make_chunks, make_legacy_slices, of_kind, split
from rebuilding import DictShelf as Shelf

from streaming.chunk import Compression
from streaming.outcomes import Kind
from streaming.rebuild import MOST_TRIES, RebuildLimits
from streaming.wire_legacy import encode_legacy, legacy_upload_id
from streaming.wire_v1 import encode_v1

DATA = bytes(range(256)) * 5
SAMPLES = bytes(range(256)) * 40


@given(st.data())
def test_any_order_any_split_and_any_duplicates_give_the_same_bytes(data: st.DataObject) -> None:
    track = data.draw(st.binary(min_size=1, max_size=300))
    compression = data.draw(st.sampled_from(list(Compression)))
    count_on_all = data.draw(st.booleans())
    chunks = make_chunks(track, data.draw(st.integers(1, 100)), UPLOAD_ID, compression, count_on_all)
    copies = data.draw(st.lists(st.sampled_from(chunks), max_size=10))
    records = data.draw(st.permutations([*chunks, *copies]))
    cuts = data.draw(st.lists(st.integers(0, len(records)), max_size=5))
    desk = Desk()
    outcomes = [outcome for batch in split(arrive(records), cuts) if batch for outcome in desk.batch(batch)]
    (rebuilt,) = of_kind(outcomes, Kind.TRACK)
    assert rebuilt.data == track
    assert rebuilt.facts["chunks_received"] == rebuilt.facts["chunks_expected"] == len(chunks)
    late = codes(outcomes)
    assert set(late) <= {"chunk.late"}
    assert rebuilt.facts["chunks_duplicate"] + len(late) == len(copies)
    assert not of_kind(outcomes, Kind.VERDICT)
    assert len(of_kind(outcomes, Kind.OPENED)) == int(rebuilt.facts["opened_batch"] is not None)
    assert desk.upload is None
    assert not desk.shelf.payloads


@given(st.data())
def test_a_legacy_upload_is_the_same_in_any_order_split_and_number_of_duplicates(data: st.DataObject) -> None:
    samples = data.draw(st.binary(min_size=4, max_size=400).map(lambda raw: raw[: len(raw) // 4 * 4]))
    records = make_legacy_slices(samples, data.draw(st.integers(20, 200)))
    copies = data.draw(st.lists(st.sampled_from(records), max_size=5))
    shuffled = arrive(data.draw(st.permutations([*records, *copies])))
    cuts = data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4))
    desk = Desk()
    outcomes = [outcome for batch in split(shuffled, cuts) if batch for outcome in desk.batch(batch)]
    (rebuilt,) = of_kind(outcomes, Kind.TRACK)
    assert rebuilt.data == samples
    assert (rebuilt.facts["encoding"], rebuilt.facts["sample_rate"], rebuilt.facts["channels"]) == ("F32LE", 44100, 1)
    assert rebuilt.facts["upload_id"] == legacy_upload_id(KEY, shuffled[0].sequence_number)
    assert rebuilt.facts["chunks_duplicate"] + len(codes(outcomes)) == len(copies)


def test_the_order_within_a_batch_is_that_of_arrival_whatever_spark_gives() -> None:
    first = make_chunks(DATA, 100)
    rival = altered(first[3], payload=b"other bytes")
    arrivals = arrive([*first[:3], rival, *first[3:-1]])
    one, other = Desk().batch(arrivals), Desk().batch(list(reversed(arrivals)))
    assert [outcome.facts for outcome in one] == [outcome.facts for outcome in other]


def test_an_upload_that_is_whole_in_one_batch_never_touches_the_shelf() -> None:
    desk = Desk()
    (track,) = desk.batch(arrive(make_chunks(DATA, 100)))
    assert track.data == DATA
    assert (desk.shelf.puts, desk.shelf.takes) == (0, 0)
    assert desk.timer_ms is None


def test_a_chunk_is_shelved_once_and_the_shelf_is_read_once_at_the_end() -> None:
    desk = Desk()
    chunks = make_chunks(DATA, 64)
    for chunk in arrive(chunks):
        desk.batch([chunk])
    assert desk.shelf.puts == len(chunks) - 1
    assert desk.shelf.takes == 1


def test_the_same_index_with_other_bytes_is_a_conflict_and_the_first_stays() -> None:
    chunks = make_chunks(DATA, 100)
    rival = altered(chunks[2], payload=b"other")
    for batches in ([[chunks[2], rival, *chunks]], [[chunks[2]], [rival], chunks]):
        desk = Desk()
        records = iter(arrive(record for batch in batches for record in batch))
        outcomes = [outcome for batch in batches for outcome in desk.batch([next(records) for _ in batch])]
        assert codes(outcomes) == ["chunk.conflict"]
        assert of_kind(outcomes, Kind.TRACK)[0].data == DATA
        (rejection,) = of_kind(outcomes, Kind.REJECTION)
        assert rejection.facts["upload_id"] == UPLOAD_ID


@pytest.mark.parametrize(
    "changes",
    [{"count": 99}, {"index": 50, "count": 0}, {"compression": Compression.GZIP}],
    ids=["another count", "beyond the count", "another compression"],
)
def test_a_chunk_that_contradicts_its_upload_is_refused(changes: dict[str, object]) -> None:
    chunks = make_chunks(DATA, 100)
    desk = Desk()
    outcomes = desk.batch(arrive([*chunks[:3], altered(chunks[3], **changes), *chunks[3:]]))
    assert codes(outcomes) == ["chunk.mismatch"]
    assert of_kind(outcomes, Kind.TRACK)[0].data == DATA


def test_a_count_lower_than_what_is_here_is_refused() -> None:
    chunks = make_chunks(DATA, 100, count_on_all=False)
    outcomes = Desk().batch(arrive([*chunks[:3], altered(chunks[0], count=2), *chunks[3:]]))
    assert codes(outcomes) == ["chunk.mismatch"]
    assert of_kind(outcomes, Kind.TRACK)[0].data == DATA


def test_a_chunk_after_the_verdict_is_late_and_gives_no_second_one() -> None:
    chunks = make_chunks(DATA, 100)
    desk = Desk()
    desk.batch(arrive(chunks))
    outcomes = desk.batch(arrive([chunks[0], altered(chunks[1], payload=b"other")], first=100))
    assert codes(outcomes) == ["chunk.late", "chunk.late"]
    assert len(outcomes) == 2


def test_silence_ends_in_one_incomplete_verdict_with_the_missing_ranges() -> None:
    chunks = make_chunks(DATA, 100)  # 13 chunks
    desk = Desk(RebuildLimits(timeout_ms=60_000))
    assert [outcome.kind for outcome in desk.batch(arrive([chunks[1], chunks[2], chunks[5]]))] == [Kind.OPENED]
    assert desk.timer_ms == desk.now_ms + 6_000  # in time for a timeout that is shortened meanwhile
    (verdict,) = desk.expire(60_000)
    assert verdict.kind is Kind.VERDICT
    assert (verdict.facts["decision"], verdict.facts["reason"]) == ("incomplete", "upload.missing_chunks")
    ranges = [(each["first"], each["last"]) for each in verdict.facts["missing"]]
    assert ranges == [(0, 0), (3, 4), (6, 12)]
    assert (verdict.facts["chunks_expected"], verdict.facts["chunks_received"]) == (13, 3)
    assert verdict.facts["opened_batch"] == 0
    assert desk.upload is None
    assert not desk.shelf.payloads
    assert codes(desk.batch(arrive([chunks[0]], first=50))) == ["chunk.late"]


def test_missing_ranges_are_open_while_the_count_is_unknown() -> None:
    chunks = make_chunks(DATA, 100, count_on_all=False)
    desk = Desk(RebuildLimits(timeout_ms=60_000))
    desk.batch(arrive([chunks[1]]))
    (verdict,) = desk.expire(60_000)
    assert verdict.facts["missing"] == [{"first": 0, "last": 0}, {"first": 2, "last": None}]
    assert verdict.facts["chunks_expected"] is None


def test_many_missing_ranges_are_cut_off_with_one_that_covers_the_rest() -> None:
    chunks = make_chunks(bytes(4_002), 1)
    desk = Desk(RebuildLimits(timeout_ms=60_000))
    desk.batch(arrive(chunks[::2]))
    (verdict,) = desk.expire(60_000)
    assert len(verdict.facts["missing"]) == 1_000
    assert verdict.facts["missing"][-1] == {"first": 1_999, "last": 4_001}


def test_an_active_upload_gets_a_later_timer_instead_of_a_verdict() -> None:
    chunks = make_chunks(DATA, 100)
    desk = Desk(RebuildLimits(timeout_ms=60_000))
    desk.batch(arrive(chunks[:1]))
    first_timer = desk.timer_ms
    desk.now_ms += 3_000
    desk.batch(arrive(chunks[1:2], first=10))
    assert desk.timer_ms == first_timer  # one timer a period, not one a batch
    active_ms = desk.now_ms
    assert desk.expire(57_000) == []
    assert desk.timer_ms == active_ms + 60_000


def test_a_copy_of_a_chunk_keeps_no_upload_open() -> None:
    chunks = make_chunks(DATA, 100)
    desk = Desk(RebuildLimits(timeout_ms=60_000))
    desk.batch(arrive(chunks[:1]))
    desk.now_ms += 50_000
    assert desk.batch(arrive(chunks[:1], first=10)) == []
    (verdict,) = desk.expire(9_000)
    assert (verdict.facts["decision"], verdict.facts["chunks_duplicate"]) == ("incomplete", 1)


def test_under_pressure_an_upload_gets_a_tenth_of_its_time_and_says_so() -> None:
    desk = Desk(RebuildLimits(timeout_ms=60_000))
    desk.batch(arrive(make_chunks(DATA, 100)[:1]))
    desk.rebuilder.patience.changes = ((desk.now_ms + 1, True),)
    (verdict,) = desk.expire(6_000)
    assert (verdict.facts["decision"], verdict.facts["reason"]) == ("incomplete", "upload.missing_chunks")
    assert "within 6 s, shortened because too many uploads are open" in verdict.facts["message"]


def test_a_batch_from_before_the_pressure_is_done_again_as_without_it() -> None:
    desk = Desk(RebuildLimits(timeout_ms=60_000))
    desk.batch(arrive(make_chunks(DATA, 100)[:1]))
    desk.rebuilder.patience.changes = ((desk.now_ms + 6_001, True),)
    assert desk.expire(6_000) == []


def test_an_upload_that_never_ends_is_closed_however_busy() -> None:
    desk = Desk(RebuildLimits(timeout_ms=60_000, max_open_ms=100_000))
    for number, chunk in enumerate(make_chunks(DATA, 100, count_on_all=False)[:3]):
        desk.batch(arrive([chunk], first=number + 1))
        desk.now_ms += 45_000
    (verdict,) = desk.expire(0)
    assert verdict.facts["reason"] == "upload.open_too_long"


def test_time_that_the_job_stood_still_does_not_count_against_an_upload() -> None:
    chunks = make_chunks(DATA, 100)
    before = Desk(RebuildLimits(timeout_ms=60_000))
    before.batch(arrive(chunks[:5]))
    after = Desk(RebuildLimits(timeout_ms=60_000), starts_ms=(0, before.now_ms + 3_600_000))
    after.take_over(before)
    assert after.expire(3_601_000) == []
    (track,) = of_kind(after.batch(arrive(chunks[5:], first=10)), Kind.TRACK)
    assert track.data == DATA


def test_a_batch_done_again_after_a_restart_closes_what_it_closed_the_first_time() -> None:
    first = Desk(RebuildLimits(timeout_ms=60_000), starts_ms=(0,))
    first.batch(arrive(make_chunks(DATA, 100)[:5]))
    again = Desk(RebuildLimits(timeout_ms=60_000), starts_ms=(0, first.now_ms + 3_600_000))
    again.take_over(first)
    assert [row.facts for row in again.expire(61_000)] == [row.facts for row in first.expire(61_000)] != []


def test_too_many_bytes_are_refused_while_they_come_and_what_follows_is_late() -> None:
    chunks = make_chunks(DATA, 100, count_on_all=False)
    desk = Desk(RebuildLimits(max_upload_bytes=450))
    outcomes = desk.batch(arrive(chunks[:7]))
    (verdict,) = of_kind(outcomes, Kind.VERDICT)
    assert (verdict.facts["decision"], verdict.facts["reason"]) == ("reject", "upload.too_large")
    assert codes(outcomes) == ["chunk.late", "chunk.late"]
    assert desk.upload is None


def test_an_announced_length_over_the_cap_is_refused_at_once() -> None:
    desk = Desk(RebuildLimits(max_upload_bytes=1_000))
    (verdict,) = desk.batch(arrive(make_chunks(DATA, 100)[-1:]))
    assert verdict.facts["reason"] == "upload.too_large"


def test_too_many_chunks_are_refused() -> None:
    desk = Desk(RebuildLimits(max_chunks=5))
    (verdict,) = desk.batch(arrive(make_chunks(DATA, 100)[:1]))
    assert (verdict.facts["decision"], verdict.facts["reason"]) == ("reject", "upload.too_many_chunks")


def test_a_bomb_is_stopped_while_it_inflates() -> None:
    desk = Desk(RebuildLimits(max_upload_bytes=100_000))
    bomb = make_chunks(bytes(50_000_000), 50_000_000, compression=Compression.GZIP)
    (verdict,) = desk.batch(arrive([altered(bomb[0], track_bytes=10)]))
    assert (verdict.facts["decision"], verdict.facts["reason"]) == ("reject", "upload.too_large")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"track_sha256": sha256(b"other").hexdigest()}, "error.upload_digest"),
        ({"track_bytes": 7}, "error.upload_length"),
    ],
)
def test_a_track_that_is_not_the_announced_one_goes_to_a_person(changes: dict[str, object], reason: str) -> None:
    chunks = make_chunks(DATA, 100)
    (verdict,) = Desk().batch(arrive([*chunks[:-1], altered(chunks[-1], **changes)]))
    assert (verdict.facts["decision"], verdict.facts["reason"]) == ("review", reason)
    assert verdict.facts["missing"] == []


def test_payloads_that_do_not_inflate_go_to_a_person() -> None:
    chunks = make_chunks(DATA, 400, compression=Compression.GZIP)
    broken = altered(chunks[1], payload=b"no gzip at all")
    (verdict,) = Desk().batch(arrive([chunks[0], broken, *chunks[2:]]))
    assert (verdict.facts["decision"], verdict.facts["reason"]) == ("review", "error.upload_corrupt")


def test_a_record_that_cannot_be_parsed_is_one_rejection_and_changes_nothing() -> None:
    chunks = make_chunks(DATA, 100)
    desk = Desk(RebuildLimits(rejected_bytes=10))
    poison = b"neither format, and longer than ten bytes"
    outcomes = desk.batch(arrive([chunks[0], poison, *chunks[1:]]))
    assert of_kind(outcomes, Kind.TRACK)[0].data == DATA
    (rejection,) = of_kind(outcomes, Kind.REJECTION)
    assert rejection.data == poison[:10]
    assert rejection.facts["data_truncated"] is True
    assert rejection.facts["data_length"] == len(poison)
    assert rejection.facts["data_sha256"] == sha256(poison).hexdigest()


def test_a_chunk_that_conflicts_is_kept_with_as_many_bytes_and_told_with_all() -> None:
    chunks = make_chunks(DATA, 100)
    rival = encode_v1(altered(chunks[2], payload=b"other" * 50))
    (rejection,) = of_kind(Desk(RebuildLimits(rejected_bytes=10)).batch(arrive([chunks[2], rival])), Kind.REJECTION)
    assert (rejection.data, rejection.facts["data_truncated"]) == (rival[:10], True)
    assert rejection.facts["data_sha256"] == sha256(rival).hexdigest()


def test_provenance_is_that_of_the_first_and_last_record_by_arrival() -> None:
    arrivals = arrive(make_chunks(DATA, 100))
    desk = Desk()
    outcomes = [*desk.batch(arrivals[5:]), *desk.batch(arrivals[:5])]
    (track,) = of_kind(outcomes, Kind.TRACK)
    assert track.facts["first_sequence_number"] == arrivals[0].sequence_number
    assert track.facts["last_sequence_number"] == arrivals[-1].sequence_number
    assert (track.facts["first_arrival_us"], track.facts["last_arrival_us"]) == (1_001, 1_013)


def test_another_legacy_slice_0_opens_the_next_upload_under_the_same_key() -> None:
    first, second = make_legacy_slices(SAMPLES, 100), make_legacy_slices(SAMPLES[4:], 100)
    records = arrive([*first, *second])
    outcomes = Desk().batch(records)
    assert [track.data for track in of_kind(outcomes, Kind.TRACK)] == [SAMPLES, SAMPLES[4:]]
    ids = [track.facts["upload_id"] for track in of_kind(outcomes, Kind.TRACK)]
    assert ids == [legacy_upload_id(KEY, records[place].sequence_number) for place in (0, len(first))]


def test_late_legacy_duplicates_do_not_get_into_the_next_upload() -> None:
    first, second = make_legacy_slices(SAMPLES, 100), make_legacy_slices(SAMPLES[4:], 100)
    desk = Desk()
    desk.batch(arrive(first))
    outcomes = desk.batch(arrive([second[0], first[1], first[0], *second[1:]], first=50))
    assert codes(outcomes) == ["chunk.late", "chunk.late"]
    assert of_kind(outcomes, Kind.TRACK)[0].data == SAMPLES[4:]


def test_another_legacy_slice_0_of_an_upload_that_is_not_whole_is_a_conflict() -> None:
    first, second = make_legacy_slices(SAMPLES, 100), make_legacy_slices(SAMPLES[4:], 100)
    outcomes = Desk().batch(arrive([*first[:-1], second[0], first[-1]]))
    assert codes(outcomes) == ["chunk.conflict"]
    assert of_kind(outcomes, Kind.TRACK)[0].data == SAMPLES


def test_a_late_copy_of_an_earlier_legacy_upload_does_not_open_it_again() -> None:
    desk = Desk()
    uploads = [make_legacy_slices(SAMPLES[4 * skip :], 100) for skip in range(4)]
    tracks = [outcome for records in uploads for outcome in desk.batch(arrive(records))]
    assert len(of_kind(tracks, Kind.TRACK)) == 4
    for number, records in enumerate(uploads):
        assert codes(desk.batch(arrive(records[:1], first=1000 + number))) == ["chunk.late"]


def test_conflicting_legacy_slices_cannot_have_an_upload_inflated_again_and_again() -> None:
    stream = gzip.compress(base64.b64encode(bytes(3_000_000)))[:-40] + (4096).to_bytes(4, "little")
    desk = Desk()
    desk.batch(arrive([encode_legacy(0, "song", 44100, stream)]))
    for number in range(50):
        conflicting = encode_legacy(0, "song", 44100, b"%d" % number)
        assert codes(desk.batch(arrive([conflicting], first=100 + number))) == ["chunk.conflict"]
    assert desk.shelf.takes == 0


def test_a_legacy_upload_whose_every_slice_may_be_the_last_is_tried_few_times_and_whole_at_its_timeout() -> None:
    records = make_legacy_slices(SAMPLES, 3)  # too short to hold the length that a stream ends with
    assert len(records) > 2 * MOST_TRIES
    desk = Desk()
    outcomes = [outcome for record in enumerate(records, 1) for outcome in desk.batch(arrive([record[1]], record[0]))]
    assert [outcome.kind for outcome in outcomes] == [Kind.OPENED]
    assert desk.shelf.takes <= MOST_TRIES
    (track,) = of_kind(desk.expire(600_000), Kind.TRACK)
    assert track.data == SAMPLES


def test_a_legacy_upload_whose_bytes_are_lost_from_the_spool_goes_to_a_person() -> None:
    desk = Desk()
    records = arrive(make_legacy_slices(SAMPLES, 100))
    desk.batch(records[:-1])
    desk.place.files.clear()
    (verdict,) = of_kind(desk.batch(records[-1:]), Kind.VERDICT)
    assert (verdict.facts["decision"], verdict.facts["reason"]) == ("review", "error.upload_lost")


def test_the_first_announcement_of_the_track_stays() -> None:
    chunks = make_chunks(DATA, 500)
    lying = altered(chunks[-1], track_bytes=999)
    for order in ([chunks[-1], lying, *chunks[:-1]], [*chunks[1:], lying, chunks[0]]):
        outcomes = Desk().batch(arrive(order))
        assert [track.data for track in of_kind(outcomes, Kind.TRACK)] == [DATA]
        assert codes(outcomes) == ["chunk.mismatch"]


def test_legacy_slices_after_the_end_other_than_slice_0_are_late() -> None:
    desk = Desk()
    desk.batch(arrive(make_legacy_slices(SAMPLES, 100)))
    assert codes(desk.batch(arrive(make_legacy_slices(SAMPLES[4:], 100)[1:2], first=50))) == ["chunk.late"]


def test_a_legacy_upload_with_a_hole_is_incomplete() -> None:
    records = make_legacy_slices(SAMPLES, 100)
    assert len(records) > 4
    desk = Desk(RebuildLimits(timeout_ms=60_000))
    desk.batch(arrive([*records[:2], *records[3:]]))
    (verdict,) = desk.expire(60_000)
    assert verdict.facts["decision"] == "incomplete"
    assert verdict.facts["missing"][0] == {"first": 2, "last": 2}


def test_a_group_that_holds_only_poison_remembers_nothing() -> None:
    desk = Desk()
    assert codes(desk.batch(arrive([b"", b"{", b"SG"]))) == ["wire.unknown_format", "wire.json", "wire.unknown_format"]
    assert (desk.upload, desk.finished) == (None, None)


def test_what_is_remembered_of_an_upload_grows_by_twelve_bytes_a_chunk() -> None:
    sizes = []
    for number in (10, 110):
        desk = Desk()
        desk.batch(arrive(make_chunks(bytes(200), 1)[:number]))
        assert desk.upload is not None
        sizes.append(len(desk.upload))
    assert (sizes[1] - sizes[0]) / 100 <= 12 * 4 / 3 + 0.1


def test_state_of_another_version_is_refused_with_the_way_out() -> None:
    desk = Desk()
    desk.batch(arrive(make_chunks(DATA, 100)[:1]))
    assert desk.upload is not None
    desk.upload = json.dumps({**json.loads(desk.upload), "v": 99})
    with pytest.raises(ValueError, match="run --drain"):
        desk.batch(arrive(make_chunks(DATA, 100)[1:2]))


@given(st.data())
def test_every_record_has_exactly_one_outcome_whatever_it_claims(data: st.DataObject) -> None:
    honest = make_chunks(b"0123456789" * 3, 5)
    claims = st.fixed_dictionaries(
        {},
        optional={
            "index": st.integers(0, 9),
            "count": st.sampled_from([0, 1, 3, 6, 10]),
            "payload": st.binary(min_size=1, max_size=4),
            "compression": st.sampled_from(list(Compression)),
            "track_bytes": st.sampled_from([None, 0, 30, 10**9]),
            "track_sha256": st.sampled_from([None, honest[-1].track_sha256, "00" * 32]),
        },
    )
    lie = st.builds(lambda chunk, changes: altered(chunk, **changes), st.sampled_from(honest), claims)
    records = data.draw(st.lists(st.sampled_from(honest) | lie | st.binary(max_size=6), min_size=1, max_size=25))
    desk = Desk(RebuildLimits(max_upload_bytes=40, max_chunks=8))
    cuts = data.draw(st.lists(st.integers(0, len(records)), max_size=4))
    outcomes = [outcome for batch in split(arrive(records), cuts) if batch for outcome in desk.batch(batch)]
    outcomes += desk.expire(10**9)
    ended = [outcome for outcome in outcomes if outcome.kind in (Kind.TRACK, Kind.VERDICT)]
    assert len(ended) <= 1
    used = sum(outcome.facts["chunks_received"] + outcome.facts["chunks_duplicate"] for outcome in ended)
    assert used + len(codes(outcomes)) == len(records)
    assert desk.upload is None
    assert not desk.shelf.payloads


def test_an_identical_duplicate_of_a_shelved_chunk_is_counted_and_not_shelved_again() -> None:
    desk = Desk()
    chunks = make_chunks(DATA, 100)
    desk.batch(arrive(chunks[:2]))
    assert desk.batch(arrive(chunks[:1], first=20)) == []
    assert isinstance(desk.shelf, Shelf)
    assert desk.shelf.puts == 2
    (track,) = of_kind(desk.batch(arrive(chunks[2:], first=30)), Kind.TRACK)
    assert track.facts["chunks_duplicate"] == 1
