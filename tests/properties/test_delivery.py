"""However a stream delivers records, each has one outcome, and the tracks that come out are those that went in.

What a stream may do: any order between shards and across a reshard, any split into batches, copies under new sequence
numbers at any time. What a job may do: do its newest batch again. Pure: the rebuild of many uploads, each group's
state kept as the state store keeps it; the real query is in tests/faults.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from rebuilding import Desk, Record, make_chunks, make_legacy_slices, split

from streaming.chunk import Compression
from streaming.outcomes import Kind, Outcome
from streaming.rebuild import RebuildLimits
from streaming.wire import route
from streaming.wire_v1 import encode_v1

TIMEOUT_MS = 60_000


@dataclass
class Job:
    """All groups of a job, as the state store keeps them."""

    desks: dict[tuple[str, str], Desk] = field(default_factory=dict)
    now_ms: int = 1_000_000

    def batch(self, arrivals: Iterable[tuple[str, Record]]) -> list[Outcome]:
        """Take a batch of (partition key, record)."""
        self.now_ms += 1_000
        groups: dict[tuple[str, str], list[Record]] = {}
        for key, arrival in arrivals:
            groups.setdefault((key, route(arrival.data)), []).append(arrival)
        return [outcome for name, rows in groups.items() for outcome in self._desk(name).batch(rows)]

    def end(self) -> list[Outcome]:
        """Let every upload's time pass."""
        self.now_ms += 2 * TIMEOUT_MS
        return [outcome for desk in self.desks.values() for outcome in desk.expire(2 * TIMEOUT_MS)]

    def _desk(self, name: tuple[str, str]) -> Desk:
        desk = self.desks.setdefault(name, Desk(RebuildLimits(timeout_ms=TIMEOUT_MS), key=name[0]))
        desk.now_ms = self.now_ms - 1_000
        return desk


@dataclass(frozen=True)
class Delivery:
    """Records in the order that they come, the batches' cuts, and what was sent."""

    arrivals: list[tuple[str, Record]]
    cuts: list[int]
    tracks: dict[tuple[str, str], bytes]
    torn: set[tuple[str, str]]


@st.composite
def deliveries(draw: st.DrawFn) -> Delivery:
    """Draw uploads of a few users over a few shards, some of which lack a chunk."""
    records: list[tuple[str, bytes]] = []
    tracks: dict[tuple[str, str], bytes] = {}
    torn = set()
    for number in range(draw(st.integers(1, 5))):
        key = f"user/{draw(st.integers(0, 2))}"
        upload_id = f"00000000-0000-4000-8000-{number:012d}"
        data = draw(st.binary(min_size=4, max_size=60))
        compression = draw(st.sampled_from(Compression))
        chunks = make_chunks(data, draw(st.integers(3, 30)), upload_id, compression, draw(st.booleans()))
        tracks[key, upload_id] = data
        if draw(st.integers(0, 4)) == 0:
            del chunks[draw(st.integers(0, len(chunks) - 1))]
            torn.add((key, upload_id))
        records += [(key, encode_v1(chunk)) for chunk in chunks]
    if draw(st.booleans()):
        samples = draw(st.binary(min_size=4, max_size=40).map(lambda data: data[: len(data) // 4 * 4]))
        records += [("user/legacy", piece) for piece in make_legacy_slices(samples, 20)]
        tracks["user/legacy", ""] = samples
    copies = draw(st.lists(st.sampled_from(records), max_size=8)) if records else []
    order = [*records, *copies]
    draw(st.randoms(use_true_random=False)).shuffle(order)
    # A child shard's numbers are higher than its parent's, and it may be read first: neither order nor time is given.
    shards = {shard: draw(st.integers(0, 10_000)) for shard in range(3)}
    arrivals = []
    for place, (key, data) in enumerate(order):
        shard = draw(st.integers(0, 2))
        number = f"{shard}{shards[shard] + place:055d}"
        arrivals.append((key, Record(data, number, draw(st.integers(0, 50)))))
    return Delivery(arrivals, draw(st.lists(st.integers(0, len(arrivals)), max_size=6)), tracks, torn)


def play(delivery: Delivery, cuts: list[int], replays: random.Random | None = None) -> list[Outcome]:
    """Run the deliveries through a job; with `replays`, batches are now and then done again from the state before."""
    job, outcomes = Job(), []
    for batch in split(delivery.arrivals, cuts):
        before = copy.deepcopy(job)
        found = job.batch(batch)
        if replays is not None and replays.random() < 0.5:
            again = before.batch(batch)
            assert [(each.kind, each.data, each.facts) for each in again] == [
                (each.kind, each.data, each.facts) for each in found
            ]
            job = before
        outcomes += found
    return outcomes + job.end()


@settings(deadline=None)
@given(deliveries())
def test_each_upload_ends_once_with_its_own_bytes_and_each_record_is_counted_once(delivery: Delivery) -> None:
    outcomes = play(delivery, delivery.cuts)
    ended = [each for each in outcomes if each.kind in (Kind.TRACK, Kind.VERDICT)]
    rejected = [each for each in outcomes if each.kind is Kind.REJECTION]
    names = [each.facts["upload_id"] for each in ended]
    assert len(set(names)) == len(names)
    counted = sum(each.facts["chunks_received"] + each.facts["chunks_duplicate"] for each in ended)
    assert counted + len(rejected) == len(delivery.arrivals)
    sent = {name: data for (_, name), data in delivery.tracks.items() if name}
    for each in ended:
        name = each.facts["upload_id"]
        if each.kind is Kind.TRACK:
            assert each.data == sent.get(name, delivery.tracks.get(("user/legacy", "")))
        else:
            assert each.facts["decision"] == "incomplete"
            assert any(name == torn for _, torn in delivery.torn)
    assert {each.facts["reason"] for each in rejected} <= {"chunk.late"}


@settings(deadline=None)
@given(deliveries(), st.randoms(use_true_random=False))
def test_a_batch_done_again_from_the_state_before_gives_the_same_rows(
    delivery: Delivery, replays: random.Random
) -> None:
    play(delivery, delivery.cuts, replays)


@settings(deadline=None)
@given(deliveries())
def test_how_the_records_are_split_into_batches_decides_no_upload(delivery: Delivery) -> None:
    def decided(cuts: list[int]) -> dict[str, tuple[object, ...]]:
        return {
            each.facts["upload_id"] if (each.facts["upload_id"] in sent) else "legacy": (
                each.kind,
                each.data,
                each.facts.get("missing"),
                each.facts["chunks_received"],
            )
            for each in play(delivery, cuts)
            if each.kind in (Kind.TRACK, Kind.VERDICT)
        }

    sent = {name for _, name in delivery.tracks}
    assert decided([]) == decided(delivery.cuts) == decided(list(range(len(delivery.arrivals))))
