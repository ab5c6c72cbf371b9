"""Settings: who says a value, what is refused, what is hidden, and what names a verdict's settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from streaming.cli import app
from streaming.errors import UserError
from streaming.index_place import is_catalogue, place_of
from streaming.redaction import REDACTED, redact
from streaming.settings import Settings, list_settings, load_settings

NEEDED = {"source": "files:in", "lake": "lake", "checkpoint": "check", "index": "index"}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("SOUNDGATE_")]:
        monkeypatch.delenv(name)


def test_a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("timeout_seconds = 1\ntrigger_seconds = 1\nmarker_hours = 1\n")
    monkeypatch.setenv("SOUNDGATE_TIMEOUT_SECONDS", "2")
    monkeypatch.setenv("SOUNDGATE_TRIGGER_SECONDS", "2")
    settings = load_settings({**NEEDED, "timeout_seconds": 3.0}, config)
    said = (settings.timeout_seconds, settings.trigger_seconds, settings.marker_hours, settings.max_open_seconds)
    assert said == (3.0, 2.0, 1.0, 3600.0)


@pytest.mark.parametrize("index", ["delta:s3://bucket/known", "delta:/mnt/known", "folder"])
def test_a_catalogue_in_a_bucket_keeps_its_place(index: str) -> None:
    assert load_settings({**NEEDED, "index": index}).index == index
    assert load_settings({**NEEDED, "index": Path("/mnt/index")}).index == "/mnt/index"
    if is_catalogue(index):
        assert place_of(index) == index.removeprefix("delta:")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        load_settings(NEEDED).timeout_seconds = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"source": "ftp:x"}, "source.*files:DIR or kinesis:STREAM"),
        ({"source": "files:"}, "source 'files:'"),
        ({"lake": "hdfs://x/y"}, "lake.*a folder or s3://"),
        ({"lake": "s3://"}, "lake.*names no bucket"),
        ({"checkpoint": "s3:///prefix"}, "checkpoint.*names no bucket"),
        ({"timeout_secnds": 5}, "did you mean timeout_seconds"),
        ({"lake": ""}, "lake.*empty"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"max_upload_bytes": (1 << 30) + 1}, "max_upload_bytes"),
        ({"source": None}, "--source is needed"),
        ({"nonsense": 1}, "no setting 'nonsense'"),
        ({"trigger_seconds": float("inf")}, "trigger_seconds"),
        ({"timeout_seconds": float("nan")}, "timeout_seconds"),
        ({"marker_hours": 1e9}, "marker_hours"),
    ],
)
def test_what_is_not_possible_is_said_by_its_name(changes: dict[str, object], told: str) -> None:
    with pytest.raises(UserError, match=told):
        load_settings({**NEEDED, **changes})


@pytest.mark.parametrize("text", ["not toml [", None])
def test_a_config_file_that_cannot_be_read_is_said_so(tmp_path: Path, text: str | None) -> None:
    config = tmp_path / "settings.toml"
    if text is not None:
        config.write_text(text)
    with pytest.raises(UserError, match="--config"):
        load_settings(NEEDED, config)


def test_places_become_absolute_and_keep_no_slash_at_the_end() -> None:
    settings = load_settings({**NEEDED, "checkpoint": "s3://bucket/check/"})
    assert settings.checkpoint == "s3://bucket/check"
    assert settings.lake == str(Path("lake").absolute())


def test_the_settings_hash_changes_with_what_a_verdict_depends_on_and_with_nothing_else() -> None:
    base = load_settings(NEEDED)
    assert load_settings({**NEEDED, "lake": "elsewhere", "trigger_seconds": 9.0}).sha256 == base.sha256
    assert load_settings({**NEEDED, "max_upload_bytes": 1000}).sha256 != base.sha256
    assert load_settings({**NEEDED, "min_score": 0.5}).sha256 != base.sha256


def test_secrets_are_hidden() -> None:
    options = {"kinesis.awsSecretKey": "s", "kinesis.awsAccessKeyId": "k", "kinesis.region": "eu-west-1"}
    hidden = redact("kinesis_options", options)
    assert hidden == {
        "kinesis.awsSecretKey": REDACTED,
        "kinesis.awsAccessKeyId": REDACTED,
        "kinesis.region": "eu-west-1",
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://user:hunter2@host:1/hook?token=abc#x", f"https://{REDACTED}@host:1/hook?{REDACTED}"),
        ("pushgateway:http://u:pw@host:9091", f"pushgateway:http://{REDACTED}@host:9091"),
        ("sqs:https://queue/1/name", "sqs:https://queue/1/name"),
        ("https://u:pw@[::1/hook", REDACTED),
        ("log:/var/log/soundgate", "log:/var/log/soundgate"),
        (("https://u@h/", "s3://bucket/a"), (f"https://{REDACTED}@h/", "s3://bucket/a")),
    ],
)
def test_what_lets_into_a_url_is_hidden(value: object, shown: object) -> None:
    assert redact("publish", value) == shown


def test_a_misspelt_variable_is_refused_with_the_likely_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDGATE_TRIGER_SECONDS", "1")
    with pytest.raises(UserError, match="SOUNDGATE_TRIGER_SECONDS: did you mean SOUNDGATE_TRIGGER_SECONDS"):
        load_settings(NEEDED)


def test_a_variable_that_has_to_be_json_and_is_not_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDGATE_KINESIS_OPTIONS", "abc")
    with pytest.raises(UserError, match="kinesis_options"):
        load_settings(NEEDED)


def test_every_setting_is_listed_with_its_text_and_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDGATE_DRAIN", "true")
    listed = {each.name: each for each in list_settings()}
    assert set(listed) == set(Settings.model_fields)
    assert (listed["drain"].value, listed["drain"].origin) == (True, "environment SOUNDGATE_DRAIN")
    assert (listed["lake"].value, listed["lake"].origin) == (None, "not said")
    assert listed["timeout_seconds"].origin == "default"
    assert all(each.text for each in listed.values())


def test_the_settings_command_prints_json(tmp_path: Path) -> None:
    config = tmp_path / "s.toml"
    config.write_text('publish = ["https://gate:very-secret@host/hook"]\n')
    result = CliRunner().invoke(app, ["settings", "--config", str(config), "--json"])
    assert result.exit_code == 0
    assert "very-secret" not in result.output
    assert json.loads(result.output)["publish"] == {"value": [f"https://{REDACTED}@host/hook"], "from": str(config)}
