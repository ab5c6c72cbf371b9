"""A bundle holds what EMR lacks, for EMR's machines, and starts where nothing else helps it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import struct
import tarfile
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emr.bundle import EMR_PYTHON, PLATFORM, Architecture, build_bundle, check_environment, pack_data, point_at
from emr.check import PYTHON, check_data, check_files, judge_probe, unpack
from emr.elf import counted, machine_of, survey
from emr.lockfile import BROUGHT_BY_EMR, lines_for_emr, parse_lock
from emr.manifest import DATA, ENTRY, ENVIRONMENT, Manifest, Part, measure, parse_manifest, verify_parts
from emr.state_schema import describe_state
from streaming.cli import app
from streaming.demo_uploads import DEMONSTRATIONS
from streaming.errors import UserError

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"


def elf(machine: int, order: str = "<") -> bytes:
    return b"\x7fELF\x02" + (b"\x01" if order == "<" else b"\x02") + bytes(12) + struct.pack(f"{order}H", machine)


def manifest(**changes: object) -> Manifest:
    values = {
        "version": "0.1.0",
        "architecture": "x86_64",
        "python": "3.11",
        "lock_sha256": "0" * 64,
        "state_schema": {"upload": "value(x)"},
        "parts": {ENTRY: Part(1, "0" * 64)},
        "data": {},
    }
    return Manifest(**{**values, **changes})  # type: ignore[arg-type]


# --------------------------------------------------------------------------------------------------------------- ELF


@pytest.mark.parametrize(
    ("header", "machine"),
    [
        (elf(0x3E), "x86_64"),
        (elf(0xB7), "aarch64"),
        (elf(0xB7, ">"), "aarch64"),
        (elf(0x28), "machine 0x28"),
        (b"\x7fELF", None),
        (b"#!/usr/bin/python3\n....", None),
        (b"", None),
    ],
)
def test_a_files_machine_is_in_its_header(header: bytes, machine: str | None) -> None:
    assert machine_of(header) == machine


def test_every_elf_file_is_found_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/module.so").write_bytes(elf(0xB7) + b"x" * 100)
    (tmp_path / "deep/program").write_bytes(elf(0x3E))
    (tmp_path / "deep/text.so").write_text("INPUT(libm.so.6)")
    (tmp_path / "link.so").symlink_to(tmp_path / "deep/program")
    assert counted(survey(tmp_path)) == {"aarch64": 1, "x86_64": 1}


def test_this_machines_own_python_is_of_this_machine() -> None:
    with Path(os.path.realpath("/proc/self/exe")).open("rb") as file:
        assert machine_of(file.read(20)) == platform.machine()


# -------------------------------------------------------------------------------------------------------------- lock


def test_the_lock_is_read_whole_with_its_hashes() -> None:
    entries = parse_lock(LOCK.read_text(encoding="utf-8"))
    assert len(entries) > 60
    for name, lines in entries.items():
        for line in lines:
            assert "--hash=sha256:" in line, name


def test_a_name_may_have_an_entry_for_each_platform() -> None:
    text = (
        "a==1 ; x\n    --hash=sha256:0\n# comment\nA_b==2 ; y \\\n    --hash=sha256:1\na==2 ; y\n    --hash=sha256:2\n"
    )
    entries = parse_lock(text)
    assert list(entries) == ["a", "a-b"]
    assert [entry.splitlines()[0] for entry in entries["a"]] == ["a==1 ; x", "a==2 ; y"]


def test_what_emr_brings_is_left_out() -> None:
    lock = parse_lock(LOCK.read_text(encoding="utf-8"))
    text = lines_for_emr(lock, ["pyspark", "py4j", "NumPy", "delta_spark"])
    assert sorted(parse_lock(text)) == ["delta-spark", "numpy"]
    assert {"pyspark", "py4j"} == BROUGHT_BY_EMR


def test_what_is_not_locked_does_not_go_in() -> None:
    with pytest.raises(UserError, match="no left-pad"):
        lines_for_emr({"numpy": ["numpy==1"]}, ["numpy", "left-pad"])


@pytest.mark.parametrize("line", ["numpy>=1", "git+https://x", "    --hash=sha256:0"])
def test_a_lock_with_something_else_in_it_is_refused(line: str) -> None:
    with pytest.raises(UserError, match="not understood"):
        parse_lock(line)


# ------------------------------------------------------------------------------------------------------- environment


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment as `install` leaves it, with one native module."""
    root = tmp_path / "environment"
    site_packages = root / "lib/python3.11/site-packages"
    (root / "bin").mkdir(parents=True)
    (site_packages / "numpy-2.0.dist-info").mkdir(parents=True)
    (site_packages / "native.so").write_bytes(elf(0x3E))
    (root / "bin/python").symlink_to("/somewhere/else/python3.11")
    point_at(root, EMR_PYTHON)
    return root


def test_python_is_emrs_own(environment: Path) -> None:
    # venv-pack's own option would make /usr/bin/python3.113.11 of such a link.
    for name in ("python", "python3", "python3.11"):
        assert (environment / "bin" / name).readlink() == Path("/usr/bin/python3.11")
    assert "home = /usr/bin\n" in (environment / "pyvenv.cfg").read_text()


def test_a_good_environment_has_no_findings(environment: Path) -> None:
    check_environment(environment, "x86_64")
    assert check_files(environment, manifest(), survey(environment)) == []


def test_native_code_for_another_machine_is_found(environment: Path) -> None:
    with pytest.raises(UserError, match=r"not all native code is for aarch64.*native\.so"):
        check_environment(environment, "aarch64")
    assert check_files(environment, manifest(architecture="aarch64"), survey(environment))


def test_a_second_spark_is_found(environment: Path) -> None:
    site_packages = environment / "lib/python3.11/site-packages"
    (site_packages / "pyspark-4.1.1.dist-info").mkdir()
    (site_packages / "pyspark").mkdir()
    with pytest.raises(UserError, match="pyspark, which EMR brings"):
        check_environment(environment, "x86_64")
    assert "pyspark of its own" in check_files(environment, manifest(), survey(environment))[0]


def test_a_python_of_the_building_machine_is_found(environment: Path) -> None:
    (environment / "bin/python").unlink()
    (environment / "bin/python").symlink_to("/opt/elsewhere/bin/python3.11")
    assert "bin/python does not point to" in check_files(environment, manifest(), survey(environment))[0]


# -------------------------------------------------------------------------------------------------------------- data


@pytest.fixture
def index(tmp_path: Path) -> Path:
    folder = tmp_path / "index"
    (folder / "generations").mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    (folder / "generations/1.bin").write_bytes(b"\x01" * 1000)
    return folder


def test_index_and_settings_go_along_with_their_digests(tmp_path: Path, index: Path) -> None:
    settings = tmp_path / "gate.toml"
    settings.write_text("timeout_seconds = 5\n")
    digests = pack_data(tmp_path / DATA, index, settings)
    assert digests["settings.toml"] == hashlib.sha256(settings.read_bytes()).hexdigest()
    assert sorted(digests) == ["index/generations/1.bin", "index/manifest.json", "settings.toml"]
    unpack(tmp_path / DATA, tmp_path / "data")
    assert check_data(tmp_path / "data", manifest(data=digests)) == []
    (tmp_path / "data/index/generations/1.bin").write_bytes(b"\x02" * 1000)
    assert check_data(tmp_path / "data", manifest(data=digests)) == [
        "data/index/generations/1.bin is not the file that the manifest describes"
    ]


def test_the_same_data_gives_the_same_archive(tmp_path: Path, index: Path) -> None:
    pack_data(tmp_path / "first.tar.gz", index, None)
    os.utime(index / "manifest.json", (1, 1))
    pack_data(tmp_path / "second.tar.gz", index, None)
    assert (tmp_path / "first.tar.gz").read_bytes() == (tmp_path / "second.tar.gz").read_bytes()


def test_an_empty_index_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    with pytest.raises(UserError, match="holds no index"):
        pack_data(tmp_path / DATA, tmp_path / "index", None)


# --------------------------------------------------------------------------------------------------------- unpacking


def write_tar(path: Path, *members: tuple[str, bytes | str]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                tar.addfile(entry)
            else:
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    "member", [("../outside", b"x"), ("/etc/outside", b"x"), ("link", "/etc/passwd"), ("link", "../../outside")]
)
def test_nothing_is_unpacked_outside_its_folder(tmp_path: Path, member: tuple[str, bytes | str]) -> None:
    archive = write_tar(tmp_path / "x.tar.gz", member)
    folder = tmp_path / "deep/folder"
    try:
        unpack(archive, folder)
    except tarfile.FilterError:
        pass
    else:  # an absolute name is unpacked below the folder, without its root
        assert (folder / "etc/outside").is_file()
    assert not (tmp_path / "deep/outside").exists()
    assert not list(folder.glob("link"))


def test_a_link_to_emrs_python_is_kept(tmp_path: Path) -> None:
    unpack(write_tar(tmp_path / "x.tar.gz", ("bin/python", str(PYTHON))), tmp_path / "new")
    assert (tmp_path / "new/bin/python").readlink() == PYTHON


# ---------------------------------------------------------------------------------------------------------- manifest


def test_a_manifest_comes_back_as_it_was_written() -> None:
    one = manifest(data={"settings.toml": "1" * 64})
    assert parse_manifest(one.to_json(), "x") == one


def test_bundles_that_differ_in_anything_have_names_that_differ() -> None:
    names = {
        manifest(**changes).identity
        for changes in (
            {},
            {"version": "0.2.0"},
            {"architecture": "aarch64"},
            {"state_schema": {}},
            {"parts": {ENTRY: Part(2, "0" * 64)}},
            {"data": {"settings.toml": "1" * 64}},
        )
    }
    assert len(names) == 6


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 2}', '{"format": 1, "parts": 3}'])
def test_what_is_no_manifest_is_said_to_be_none(text: str) -> None:
    with pytest.raises(UserError, match=r"manifest\.json|another version"):
        parse_manifest(text, "manifest.json")


def test_a_changed_or_missing_part_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / ENTRY).write_bytes(b"main()")
    one = manifest(parts={ENTRY: measure(tmp_path / ENTRY)})
    (tmp_path / "manifest.json").write_text(one.to_json())
    assert verify_parts(tmp_path) == one
    (tmp_path / ENTRY).write_bytes(b"evil()")
    with pytest.raises(UserError, match="SHA-256 differs") as changed:
        verify_parts(tmp_path)
    (tmp_path / ENTRY).unlink()
    with pytest.raises(UserError, match="lacks") as missing:
        verify_parts(tmp_path)
    assert changed.value.exit_code == missing.value.exit_code == 1


# -------------------------------------------------------------------------------------------------------------- probe


def view(place: Path, **changes: object) -> dict[str, object]:
    here = str(place / "environment")
    return {"prefix": here, "packages": {"udfs": f"{here}/udfs.py"}, "pyspark": "/spark/x", "failures": {}, **changes}


def test_a_probe_that_saw_only_the_bundle_has_no_findings(tmp_path: Path) -> None:
    assert judge_probe({"driver": view(tmp_path), "executors": [view(tmp_path)], "changed": {}}, tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"failures": {"udfs.decode": "ImportError: x"}}, "executor: import udfs.decode fails: ImportError: x"),
        ({"prefix": "/usr"}, "executor: Python is not the bundle's but /usr"),
        ({"packages": {"udfs": "/work/udfs/__init__.py"}}, "executor: udfs comes from /work/udfs/__init__.py"),
    ],
)
def test_what_came_from_elsewhere_is_a_finding(tmp_path: Path, changes: dict[str, object], finding: str) -> None:
    probe = {"driver": view(tmp_path), "executors": [view(tmp_path, **changes)], "changed": {}}
    findings = judge_probe(probe, tmp_path)
    assert finding in findings[0]


def test_a_pyspark_out_of_the_bundle_is_a_finding(tmp_path: Path) -> None:
    own = view(tmp_path, pyspark=f"{tmp_path}/environment/lib/pyspark/__init__.py")
    probe = {"driver": own, "executors": [], "changed": {}}
    assert "pyspark comes from the bundle" in judge_probe(probe, tmp_path)[0]


def test_a_property_that_the_job_sets_over_what_was_submitted_is_a_finding(tmp_path: Path) -> None:
    probe = {"driver": view(tmp_path), "executors": [], "changed": {"spark.sql.shuffle.partitions": "8"}}
    assert judge_probe(probe, tmp_path) == ["spark.sql.shuffle.partitions is not what was submitted but 8"]


# --------------------------------------------------------------------------------------------------------- for real


def test_every_file_that_code_reads_goes_into_the_wheel() -> None:
    # A file beside a module that is not named here is there in a checkout and missing on EMR.
    named = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    patterns = [f"{package.replace('.', '/')}/{glob}" for package, globs in named.items() for glob in globs]
    forgotten = [
        name
        for package in ("streaming", "udfs", "emr")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc", ".md")
        for name in [path.relative_to(ROOT).as_posix()]
        if not any(fnmatch(name, pattern) for pattern in patterns)
    ]
    assert forgotten == []


def test_a_bundle_is_not_built_over_another_or_without_a_checkout(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old/manifest.json").touch()
    with pytest.raises(UserError, match="not empty"):
        build_bundle(ROOT, tmp_path / "old", "x86_64", state_schema={})
    with pytest.raises(UserError, match="cannot be made: File exists"):
        build_bundle(ROOT, tmp_path / "old/manifest.json", "x86_64", state_schema={})
    with pytest.raises(UserError, match="not a checkout"):
        build_bundle(tmp_path, tmp_path / "new", "x86_64", state_schema={})


HERE: Architecture = "x86_64" if platform.machine() == "x86_64" else "aarch64"


@pytest.mark.spark
@pytest.mark.timeout(1200)
def test_a_bundle_of_this_machine_starts_with_only_what_emr_provides(tmp_path: Path) -> None:
    build(tmp_path / "bundle", HERE)
    result = CliRunner().invoke(app, ["emr", "check", str(tmp_path / "bundle"), "--json"])
    report = json.loads(result.stdout)
    assert report["findings"] == []
    assert report["started"] is True
    assert report["spark"] == "4.1.1"
    assert report["modules"] > 80
    assert set(report["native_files"]) == {platform.machine()}
    assert result.exit_code == 0


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.timeout(1200)
def test_the_demo_is_judged_out_of_a_bundle(demo_folder: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    build(bundle, HERE, demo_folder / "index")
    result = CliRunner().invoke(app, ["emr", "check", str(bundle), "--records", str(demo_folder / "records"), "--json"])
    report = json.loads(result.stdout)
    assert report["findings"] == []
    assert report["verdicts"] == len(DEMONSTRATIONS)
    assert result.exit_code == 0


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_bundle_of_the_other_machine_has_its_native_code_and_is_not_started(tmp_path: Path) -> None:
    other: Architecture = "aarch64" if platform.machine() == "x86_64" else "x86_64"
    build(tmp_path / "bundle", other)
    result = CliRunner().invoke(app, ["emr", "check", str(tmp_path / "bundle"), "--json"])
    report = json.loads(result.stdout)
    assert report["findings"] == []
    assert report["started"] is False
    assert set(report["native_files"]) == {other}
    assert report["native_files"][other] > 200


def build(folder: Path, architecture: Architecture, index: Path | None = None) -> None:
    assert architecture in PLATFORM
    # Packed without squeezing: it is unpacked three times and thrown away.
    build_bundle(ROOT, folder, architecture, index=index, state_schema=describe_state(), compress_level=0)
    assert (folder / ENVIRONMENT).stat().st_size > 1e8
