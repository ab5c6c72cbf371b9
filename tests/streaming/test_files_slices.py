"""Stored files are dealt out by their bytes: a huge one does not hold up the small ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streaming.files.slices import FILE_COST, LEAST_TASK, TASKS_A_CORE, cut, deal
from streaming.files.stored_file import StoredFile

MIB = 1 << 20


def file(number: int, size: int) -> StoredFile:
    return StoredFile("/srv", f"{number}.wav", size, 0, "")


def test_one_huge_file_is_a_task_by_itself_and_is_begun_first() -> None:
    files = [file(number, 100_000) for number in range(3_000)] + [file(9_999, 900 * MIB)]
    tasks = deal(files, cores=2)
    assert [each.name for each in tasks[0]] == ["9999.wav"]
    assert len(tasks) == 2 * TASKS_A_CORE
    loads = [sum(each.size + FILE_COST for each in task) for task in tasks[1:]]
    assert max(loads) - min(loads) <= 100_000 + FILE_COST


def test_a_few_small_files_use_every_core_and_no_more_tasks_than_they_are_worth() -> None:
    assert [len(task) for task in deal([file(n, 1_000) for n in range(4)], cores=2)] == [2, 2]
    assert [len(task) for task in deal([file(0, 1_000)], cores=16)] == [1]


@given(st.lists(st.integers(0, 300 * MIB), min_size=1, max_size=60), st.integers(1, 8))
def test_every_file_is_in_exactly_one_task(sizes: list[int], cores: int) -> None:
    files = [file(number, size) for number, size in enumerate(sizes)]
    tasks = deal(files, cores)
    assert sorted((each for task in tasks for each in task), key=lambda each: int(each.name[:-4])) == files
    assert all(tasks)
    # Graham's bound: no task is longer than the mean and one file more.
    loads = [sum(each.size + FILE_COST for each in task) for task in tasks]
    assert max(loads) <= sum(loads) / len(loads) + max(sizes) + FILE_COST
    assert len(tasks) <= max(cores, sum(loads) // LEAST_TASK + 1)


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 100), st.integers(1, 10))
def test_slices_are_the_listing_in_its_order(sizes: list[int], most_bytes: int, most_files: int) -> None:
    files = [file(number, size) for number, size in enumerate(sizes)]
    slices = list(cut(iter(files), most_bytes, most_files))
    assert [each for part in slices for each in part] == files
    for part in slices:
        assert 0 < len(part) <= most_files
        assert sum(each.size for each in part[:-1]) < most_bytes
