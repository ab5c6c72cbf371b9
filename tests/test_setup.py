"""The set-up says in one line what it cannot do, and keeps no jar but those of the lock."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def load_fetch_jars() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fetch_jars", ROOT / "scripts" / "fetch_jars.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fetch_jars"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


fetch_jars = load_fetch_jars()


def call(function: str, path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Call one function of setup.sh with nothing on PATH but what `path` holds and a few of the shell's helpers."""
    for tool in ("bash", "id", "sed", "head", "grep", "dirname"):
        (path / tool).symlink_to(shutil.which(tool) or tool)
    script = f"source '{ROOT / 'scripts' / 'setup.sh'}'; {function}"
    environment = {"PATH": str(path), "HOME": str(path), **variables}
    return subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=False, cwd=path
    )


def put_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{shutil.which('sh')}\n{text}\n")
    path.chmod(0o755)


def test_a_java_of_another_version_is_named_with_what_to_do(tmp_path: Path) -> None:
    put_program(tmp_path / "jdk" / "bin" / "java", "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2")
    done = call("ensure_java", tmp_path, JAVA_HOME=str(tmp_path / "jdk"))
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "setup: Java 17 or 21 is needed (found: 11): apt-get install openjdk-17-jre-headless, or set JAVA_HOME to one"
    ]


def test_a_java_home_that_points_nowhere_is_named(tmp_path: Path) -> None:
    put_program(tmp_path / "java", "echo 'openjdk version \"17.0.2\" 2022-01-15' >&2")
    done = call("ensure_java", tmp_path, JAVA_HOME=str(tmp_path / "gone"))
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"setup: there is no Java in JAVA_HOME={tmp_path / 'gone'}: unset it, or set it to a Java 17 or 21"
    ]


@pytest.mark.parametrize(("options", "taken"), [("--build-constraints", True), ("--hashes", False)])
def test_a_uv_that_is_too_old_is_not_used(tmp_path: Path, options: str, taken: bool) -> None:
    put_program(tmp_path / "uv", f"echo 'Options: {options} FILE'")
    done = call(f"knows_our_options '{tmp_path / 'uv'}'", tmp_path)
    assert (done.returncode == 0) is taken


def test_no_java_where_none_can_be_installed_is_said_in_one_line(tmp_path: Path) -> None:
    done = call("ensure_java", tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("setup: Java 17 or 21 is needed (found: none): apt-get install")
    assert len(done.stderr.splitlines()) == 1


def test_no_chromium_where_none_can_be_installed_is_said_in_one_line_and_stops_nothing(tmp_path: Path) -> None:
    done = call("ensure_chromium", tmp_path)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "setup: there is no Chromium, so the tests of soundgate browse will be skipped: apt-get install chromium"
    ]
    put_program(tmp_path / "chromium", "exit 1")
    again = subprocess.run(
        ["bash", "-c", f"source '{ROOT / 'scripts' / 'setup.sh'}'; ensure_chromium"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert (again.returncode, again.stderr) == (0, b"")


@pytest.mark.parametrize("version", ["17.0.15", "21.0.2"])
def test_a_java_that_spark_runs_on_is_taken_as_it_is(tmp_path: Path, version: str) -> None:
    put_program(tmp_path / "java", f"echo 'openjdk version \"{version}\"' >&2")
    assert call("ensure_java", tmp_path).returncode == 0


def test_a_machine_without_a_python_of_the_lock_is_told_so(tmp_path: Path) -> None:
    put_program(tmp_path / "python3", "exit 1")
    done = call("find_python", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")


def test_the_jars_in_use_are_those_of_the_lock() -> None:
    jars = fetch_jars.parse_lock((ROOT / "jars.lock").read_text(encoding="utf-8"))
    assert "io.delta:delta-spark_4.1_2.13:4.2.0" in {jar.coordinate for jar in jars}
    assert {path.name for path in fetch_jars.FOLDER.glob("*.jar")} == {jar.name for jar in jars}
    assert all(jar.is_file(fetch_jars.FOLDER / jar.name) for jar in jars)


@pytest.mark.parametrize("line", ["io.delta:delta-storage:4.2.0", "io.delta:delta-storage sha256:" + "0" * 64, "x"])
def test_a_lock_line_without_version_or_hash_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"jars\.lock"):
        fetch_jars.parse_lock(line)


def test_a_jar_with_another_hash_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = fetch_jars.Jar("a", "good", "1", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
    bad = fetch_jars.Jar("a", "bad", "1", "0" * 64)

    def resolve(jars: object, ivy: Path) -> None:
        (ivy / "jars").mkdir()
        for jar in (good, bad):
            (ivy / "jars" / f"a_{jar.name}").write_bytes(b"hello")

    monkeypatch.setattr(fetch_jars, "resolve", resolve)
    monkeypatch.setattr(fetch_jars, "FOLDER", tmp_path / "jars")
    (tmp_path / "jars").mkdir()
    with pytest.raises(SystemExit, match=r"a:bad:1"):
        fetch_jars.fetch([good, bad])
    assert not list((tmp_path / "jars").iterdir())


def test_a_failed_attempt_leaves_nothing_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    homes: list[Path] = []

    def resolve(jars: object, ivy: Path) -> None:
        assert not list(ivy.iterdir())
        (ivy / "half").touch()
        homes.append(ivy)
        if len(homes) < 2:
            raise subprocess.CalledProcessError(1, "spark-submit", "out", "err")

    monkeypatch.setattr(fetch_jars, "resolve", resolve)
    assert fetch_jars.resolve_patiently([], tmp_path) == homes[1]
    homes.clear()
    monkeypatch.setattr(fetch_jars, "TRIES", 1)
    (tmp_path / "again").mkdir()
    with pytest.raises(SystemExit, match="Maven repository"):
        fetch_jars.resolve_patiently([], tmp_path / "again")


def test_a_second_set_up_changes_nothing_and_needs_no_network(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "setup.sh"
    current = subprocess.run(["bash", "-c", f"source '{script}'; environment_is_current"], check=False, cwd=tmp_path)
    if current.returncode != 0:
        pytest.skip("this environment is not what make setup would make of the lock")
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "https_proxy", "http_proxy"), "http://127.0.0.1:9")
    stamp = ROOT / ".venv" / ".soundgate-setup"
    before = stamp.stat().st_mtime_ns
    done = subprocess.run(
        ["bash", str(script)],
        env=os.environ | nowhere,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert stamp.stat().st_mtime_ns == before


def test_without_a_compiler_the_set_up_succeeds_and_says_once_what_is_missing(tmp_path: Path) -> None:
    put_program(tmp_path / ".venv" / "bin" / "python", "exit 1")
    done = call('cd "$HOME"; ensure_pesq; ensure_pesq', tmp_path)
    assert (done.returncode, done.stderr) == (0, "setup: without gcc there is no PESQ; all else is there\n")


def test_a_package_that_cannot_be_built_is_tried_once_and_stops_nothing(tmp_path: Path) -> None:
    for tool in ("cat", "sha256sum"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    put_program(tmp_path / ".venv" / "bin" / "python", "exit 1")
    put_program(tmp_path / "gcc", "exit 1")
    put_program(
        tmp_path / "uv", 'case "$*" in *--help) echo --build-constraints;; *) echo no compiler >&2; exit 1;; esac'
    )
    inputs = ("requirements.lock", "pyproject.toml", "scripts/setup.sh", "scripts/pesq-requirements.lock")
    for name in inputs:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / ".cache").mkdir()
    done = call('cd "$HOME"; here=$HOME; ensure_pesq; ensure_pesq', tmp_path)
    assert (done.returncode, done.stderr.splitlines()) == (
        0,
        ["setup: PESQ, by gcc", "setup: PESQ could not be built (.cache/pesq.log says why); all else is there"],
    )
    assert "no compiler" in (tmp_path / ".cache" / "pesq.log").read_text()
