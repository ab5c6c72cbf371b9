"""Runs inside an unpacked bundle, started by spark-submit: does everything import, on the driver and on executors?

It writes what it found to the file that its only argument names. It stands alone: nothing of this project is imported
before it is looked at.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import pkgutil
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("streaming", "udfs", "references", "emr")
# What needs an extra that is not in the bundle: building bundles and functions, and looking at the lake.
NOT_NEEDED = ("emr.bundle", "emr.lambda_folder", "streaming.page", "streaming.pictures")


def look_around() -> dict[str, Any]:
    """Import every module of the four packages here; say where they, Python and Spark came from."""
    failures = {}
    for name in modules():
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever it is, it is the finding
            failures[name] = f"{type(error).__name__}: {error}"
    pyspark = importlib.util.find_spec("pyspark")
    return {
        "python": sys.version.split()[0],
        "prefix": str(Path(sys.prefix).resolve()),
        "base": str(Path(sys.base_prefix).resolve()),
        "pyspark": str(pyspark.origin) if pyspark else None,
        "packages": {name: str(sys.modules[name].__file__) for name in PACKAGES if name in sys.modules},
        "modules": sum(1 for _ in modules()),
        "failures": failures,
    }


def modules() -> list[str]:
    """List the modules of the four packages, found on the path, not named here."""
    found = []
    for package in PACKAGES:
        found.append(package)
        spec = importlib.util.find_spec(package)
        locations = list(spec.submodule_search_locations or []) if spec else []
        found += [m.name for m in pkgutil.walk_packages(locations, f"{package}.") if not m.name.endswith("__main__")]
    return [name for name in found if not any(name == one or name.startswith(f"{one}.") for one in NOT_NEEDED)]


def look_on_executor(_: object) -> list[dict[str, Any]]:
    """Look around in a Python worker."""
    return [look_around()]


def changed(submitted: dict[str, str], spark: Any) -> dict[str, str]:
    """Give the SQL properties that are not what they were submitted as."""
    sql = {key: value for key, value in submitted.items() if key.startswith("spark.sql.")}
    return {key: spark.conf.get(key, None) for key, value in sql.items() if spark.conf.get(key, None) != value}


def main() -> None:
    """Look on the driver, then in one task for each of two partitions."""
    from pyspark import SparkConf
    from pyspark.sql import SparkSession

    submitted, driver = dict(SparkConf().getAll()), look_around()
    try:
        from streaming.session import start_session  # as the job starts it
    except ImportError:  # that is a finding of the driver's already
        spark = SparkSession.builder.getOrCreate()
    else:
        spark = start_session()
    try:
        # Sent by value: on the executors this script is no module that could be imported.
        import pyspark.cloudpickle as cloudpickle

        cloudpickle.register_pickle_by_value(sys.modules[__name__])  # type: ignore[no-untyped-call]
        executors = spark.sparkContext.parallelize(range(2), 2).mapPartitions(look_on_executor).collect()
        found = {"driver": driver, "executors": executors, "spark": spark.version, "changed": changed(submitted, spark)}
    finally:
        spark.stop()
    Path(sys.argv[1]).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
