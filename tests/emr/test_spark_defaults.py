"""Every property has a reason beside it, and Spark 4.1.1 knows it."""

from __future__ import annotations

import re
import zipfile
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from emr.spark_defaults import PATH, job_properties, parse_properties
from streaming.errors import UserError

PROPERTIES = parse_properties(PATH.read_text(encoding="utf-8"))
ROCKSDB = "spark.sql.streaming.stateStore.rocksdb."
# Names that Spark does not list: it passes on whatever follows the prefix.
OPEN_PREFIXES = ("spark.executorEnv.", "spark.sql.catalog.")


@cache
def names_spark_knows() -> frozenset[str]:
    """Collect the string constants of the classes in which Spark declares its settings."""
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    declaring = re.compile(r"(SQLConf|SqlApiConf|RocksDBConf|internal/config/|deploy/yarn/config/).*\.class$")
    names: set[str] = set()
    for jar in (Path(spec.origin).parent / "jars").glob("spark-*.jar"):
        with zipfile.ZipFile(jar) as archive:
            for entry in archive.namelist():
                if declaring.search(entry):
                    names.update(utf8_constants(archive.read(entry)))
    return frozenset(names)


def utf8_constants(class_file: bytes) -> set[str]:
    """Read the strings of a class file's constant pool (JVM specification, section 4.4)."""
    sizes = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}
    count = int.from_bytes(class_file[8:10], "big")
    strings, position, index = set(), 10, 1
    while index < count:
        tag = class_file[position]
        if tag == 1:
            length = int.from_bytes(class_file[position + 1 : position + 3], "big")
            strings.add(class_file[position + 3 : position + 3 + length].decode("utf-8", "replace"))
            position += 3 + length
        else:
            position += 1 + sizes[tag]
        index += 2 if tag in (5, 6) else 1
    return strings


@pytest.mark.parametrize("name", sorted(PROPERTIES))
def test_spark_knows_the_property(name: str) -> None:
    known = names_spark_knows()
    if name.startswith(OPEN_PREFIXES):
        return
    if name.startswith(ROCKSDB):
        suffix = name.removeprefix(ROCKSDB)
        assert suffix in known, f"RocksDBConf has no {suffix}"
    else:
        assert name in known, f"Spark 4.1.1 declares no {name}"


def test_a_property_that_spark_does_not_have_would_be_noticed() -> None:
    assert "spark.sql.shuffle.partition" not in names_spark_knows()
    assert "spark.sql.shuffle.partitions" in names_spark_knows()


def test_each_property_has_its_reason_on_the_line_above() -> None:
    lines = PATH.read_text(encoding="utf-8").splitlines()
    for above, line in pairwise(lines):
        if line and not line.startswith("#"):
            assert above.startswith("# "), f"no reason above: {line}"
            assert not above.startswith("# ---"), f"no reason above: {line}"


def test_two_executors_and_the_driver_fit_a_node() -> None:
    # YARN hands out 24 GiB of an m8g.2xlarge (32 GiB).
    gib = {
        key: int(PROPERTIES[f"spark.{key}"].removesuffix("g"))
        for key in ("executor.memory", "executor.memoryOverhead", "driver.memory", "driver.memoryOverhead")
    }
    used = (
        2 * (gib["executor.memory"] + gib["executor.memoryOverhead"])
        + gib["driver.memory"]
        + gib["driver.memoryOverhead"]
    )
    assert used <= 24
    assert int(PROPERTIES[f"{ROCKSDB}maxMemoryUsageMB"]) < gib["executor.memoryOverhead"] * 1024


def test_an_override_replaces_a_line_and_serverless_has_no_yarn() -> None:
    cluster = job_properties("cluster", ["spark.executor.memory=9g"])
    serverless = job_properties("serverless")
    assert cluster["spark.executor.memory"] == "9g"
    assert "spark.yarn.maxAppAttempts" in cluster
    assert not [key for key in serverless if "yarn" in key]


@pytest.mark.parametrize("override", ["spark.executor.memory", "executor.memory=9g", ""])
def test_an_override_that_is_none_is_refused(override: str) -> None:
    with pytest.raises(UserError, match="KEY=VALUE"):
        job_properties("cluster", [override])


@pytest.mark.parametrize("text", ["spark.a", "spark.a 1\nspark.a 2"])
def test_a_line_without_value_and_a_line_twice_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="line"):
        parse_properties(text)
