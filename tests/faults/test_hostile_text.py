"""Strangers' text through every surface that shows or stores it; secrets; what is never unpickled; the audit's rules.

Through Delta and file names it goes in test_one_outcome.py, to webhooks and queues in test_publisher.py.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from typer.testing import CliRunner

from references.build import build_index
from streaming.cli import app, main
from streaming.commands.scan import scan  # noqa: F401 - its command is `app`'s
from streaming.errors import UserError
from streaming.scan_report import Scanned, to_row
from streaming.settings import list_settings, load_settings
from streaming.telling import tell

ROOT = Path(__file__).parents[2]
PACKAGES = ("streaming", "udfs", "references", "emr", "scripts")
HOSTILE = (
    "../../../etc/passwd",
    "=cmd|'/c calc'!A1",
    "@SUM(1+1)*cmd",
    "+1-2",
    "'; DROP TABLE verdicts; --",
    "<script>alert(1)</script>",
    "\x1b]0;title\x07\x1b[2J\x1b[31mred",
    "\u202egnp.exe\u2066\u2069",
    'quote" comma, new\r\nline\ttab',
    "nul\0 and del\x7f and c1 \x9b31m",
    "${jndi:ldap://x/a} %s %n {0}",
)
UPLOAD_ID = "00000000-0000-4000-8000-000000000001"


def shows_only_text(shown: str) -> bool:
    """Whether a terminal would act on nothing in it but the end of a line."""
    return all(character.isprintable() or character in "\n\t" for character in shown) and "\x1b" not in shown


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Write a lake that is hostile wherever strangers can write."""
    text = " | ".join(HOSTILE)
    evidence = json.dumps({"reasons": [{"code": "tags.odd", "detail": text}], "numbers": {}})
    verdict = {
        "upload_id": UPLOAD_ID,
        "partition_key": text,
        "user_id": text,
        "track_name": text,
        "title": text,
        "decision": "accept",
        "reasons": ["tags.odd"],
        "evidence": evidence,
        "decided_at": datetime.now(UTC),
    }
    rejection = {
        "upload_id": UPLOAD_ID,
        "partition_key": text,
        "reason": "chunk.late",
        "message": text,
        "stream": text,
        "sequence_number": text,
        "data_length": 1,
        "data_sha256": "0",
        "arrived_at": datetime.now(UTC),
        "rejected_at": datetime.now(UTC),
    }
    write_deltalake(tmp_path / "lake" / "verdicts", pa.Table.from_pylist([verdict]))
    write_deltalake(tmp_path / "lake" / "rejections", pa.Table.from_pylist([rejection]))
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "soundgate.json").write_text("{}")
    return tmp_path / "lake"


@pytest.mark.parametrize("extra", [[], ["--json"]])
@pytest.mark.parametrize("command", ["explain", "status"])
def test_commands_show_hostile_text_as_text(lake: Path, tmp_path: Path, command: str, extra: list[str]) -> None:
    line = [command, "--lake", str(lake), *extra]
    line += [UPLOAD_ID] if command == "explain" else ["--checkpoint", str(tmp_path / "checkpoint")]
    shown = CliRunner().invoke(app, line)
    assert shown.exit_code == 0, shown.output
    assert shows_only_text(shown.output)
    if extra:
        found = json.loads(shown.output)
        assert command == "status" or found["verdict"]["partition_key"] == " | ".join(HOSTILE)
        assert shown.output.isascii()


@pytest.mark.parametrize("text", HOSTILE)
def test_an_errors_text_is_escaped_before_a_terminal_sees_it(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise UserError(f"this track: {text}")

    monkeypatch.setattr("streaming.cli.app", fail)
    monkeypatch.setattr(sys, "argv", ["soundgate"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert shows_only_text(capsys.readouterr().err)
    tell(text)
    told = capsys.readouterr().err
    assert shows_only_text(told)
    assert told.count("\n") == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_of_the_scans_csv_is_a_formula_and_the_path_still_leads_to_the_file(text: str, tmp_path: Path) -> None:
    stream = io.StringIO()
    csv.writer(stream).writerow(to_row(Scanned(text, "mock", 1.0, f"tags.odd: {text}")))
    (row,) = csv.reader(io.StringIO(stream.getvalue(), newline=""))
    assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]
    assert (tmp_path / row[0].replace("\0", "")).resolve() == (tmp_path / text.replace("\0", "")).resolve()


def test_hostile_file_names_go_through_produce_and_scan(tmp_path: Path, demo_sound: bytes) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    for number, text in enumerate(HOSTILE):
        name = f"{text.replace('/', '').replace(chr(0), '')}{number}.wav"
        (folder / name).write_bytes(demo_sound)
    produced = CliRunner().invoke(app, ["produce", str(folder), "--to", f"files:{tmp_path / 'records'}"])
    assert produced.exit_code == 0, produced.output
    assert shows_only_text(produced.output)
    scanned = CliRunner().invoke(app, ["scan", str(folder), "--csv", str(tmp_path / "scan.csv")])
    assert scanned.exit_code in (0, 1), scanned.output
    assert shows_only_text(scanned.output)
    with (tmp_path / "scan.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(HOSTILE)
    assert {Path(row["path"]).parent for row in rows} == {folder}


def test_hostile_titles_of_references_are_listed_as_text(tmp_path: Path, demo_sound: bytes) -> None:
    (tmp_path / "song.wav").write_bytes(demo_sound)
    row = {"file": "song.wav", "title": "".join(HOSTILE), "artist": HOSTILE[6]}
    (tmp_path / "metadata.json").write_text(json.dumps([row]), encoding="utf-8")
    build_index([tmp_path / "song.wav"], tmp_path / "index")
    shown = CliRunner().invoke(app, ["index", "list", "--index", str(tmp_path / "index")])
    assert shown.exit_code == 0, shown.output
    assert "script" in shown.output
    assert shows_only_text(shown.output)


@pytest.fixture(scope="module")
def demo_sound() -> bytes:
    """Six seconds of a melody."""
    from job_rig import write_wave

    return write_wave(3, 3.0)


# --------------------------------------------------------------------------------------------------------- secrets


def base(tmp_path: Path) -> dict[str, Any]:
    return {"source": f"files:{tmp_path}", "lake": str(tmp_path), "checkpoint": str(tmp_path), "index": tmp_path}


@pytest.mark.parametrize("name", ["kinesis.awsAccessKeyId", "kinesis.awsSecretKey", "kinesis.sessionToken"])
def test_keys_as_options_are_refused_in_favour_of_roles_and_not_repeated(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="role") as refused:
        load_settings({**base(tmp_path), "kinesis_options": {name: "AKIAVERYSECRET"}})
    assert "AKIAVERYSECRET" not in str(refused.value)


def test_printed_settings_hold_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDGATE_WEBHOOK_SECRET", "VERYSECRET")
    monkeypatch.setenv("SOUNDGATE_PUBLISH", '["https://user:VERYSECRET@hooks.example/x?token=VERYSECRET"]')
    assert "VERYSECRET" not in "".join(f"{each.value}" for each in list_settings())
    shown = CliRunner().invoke(app, ["settings"])
    assert shown.exit_code == 0, shown.output
    assert "hooks.example" in shown.output
    assert "VERYSECRET" not in shown.output


# ------------------------------------------------------------------------------------------- what code may never do


def calls_of(path: Path) -> list[tuple[str, ast.Call | ast.stmt]]:
    """List what a module imports and calls, by dotted name."""
    found: list[tuple[str, ast.Call | ast.stmt]] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(f"import {name.name}", node) for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((f"import {node.module}", node))
        elif isinstance(node, ast.Call):
            found.append((ast.unparse(node.func), node))
    return found


def test_nothing_is_unpickled_from_a_store_or_run_from_text() -> None:
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert len(modules) > 100
    loaders = {f"import {name}" for name in ("pickle", "dill", "joblib", "shelve", "marshal", "cPickle")}
    for path in modules:
        for name, node in calls_of(path):
            assert name not in loaders, (path, name)
            assert name not in ("eval", "exec", "pd.read_pickle", "torch.load", "yaml.load", "os.system"), (path, name)
            if name in ("np.load", "numpy.load"):
                said = {word.arg: ast.unparse(word.value) for word in node.keywords}  # type: ignore[union-attr]
                assert said.get("allow_pickle") == "False", path
            if name == "subprocess.run" or name == "subprocess.Popen":
                said = {word.arg: ast.unparse(word.value) for word in node.keywords}  # type: ignore[union-attr]
                assert said.get("shell", "False") == "False", path


def test_every_locked_dependency_has_hashes() -> None:
    entries = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    locked = [line for line in entries if line and not line.startswith("#")]
    assert len(locked) > 50
    assert not [line for line in locked if "==" not in line or "--hash=sha256:" not in line]


def test_the_audit_fails_for_what_is_new_and_for_a_review_of_nothing() -> None:
    sys.path.append(str(ROOT / "scripts"))
    import audit

    found = [{"filename": "./streaming/a.py", "test_id": "B608", "line_number": 3, "issue_text": "SQL"}]
    assert audit.bandit_problems(found, {("streaming/a.py", "B608"): "ours"}) == []
    assert audit.bandit_problems(found, {}) == ["bandit B608: streaming/a.py:3: SQL"]
    assert audit.bandit_problems([], {("streaming/a.py", "B608"): "ours"})
    vulnerable = {"name": "x", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
    assert audit.dependency_problems([vulnerable, {"name": "y", "skip_reason": "unknown"}]) == [
        "x 1: CVE-1, fixed in 2"
    ]


def test_bandit_finds_nothing_in_our_code_that_nobody_has_reviewed() -> None:
    sys.path.append(str(ROOT / "scripts"))
    import audit

    assert audit.bandit_problems(audit.run_bandit(), audit.REVIEWED) == []
