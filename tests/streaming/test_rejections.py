"""Every rejection code has its sentence, and the documentation says the same."""

from __future__ import annotations

import re
from pathlib import Path

from streaming.chunk import DEFAULT_LIMITS
from streaming.rebuild import RebuildLimits
from streaming.rejections import TEXTS, Code, reject

PAGE = (Path(__file__).parents[2] / "docs" / "records.md").read_text(encoding="utf-8")


def test_every_code_has_a_sentence_and_is_of_one_of_two_kinds():
    assert set(TEXTS) == set(Code)
    assert all(re.fullmatch(r"(wire|chunk)\.[a-z0-9_]+", code) for code in Code)
    assert all(text.endswith(".") and text.isprintable() for text in TEXTS.values())


def test_the_documentation_lists_every_code_with_its_sentence():
    assert re.findall(r"^\| `([a-z0-9_.]+)` \| (.+) \|$", PAGE, re.MULTILINE) == [
        (code.value, text) for code, text in TEXTS.items()
    ]


def test_the_documentation_names_the_limits_that_hold():
    assert f"at most {RebuildLimits().max_chunks:,} chunks" in PAGE
    assert f"up to {DEFAULT_LIMITS.max_chunks:,}" in PAGE
    assert f"largest payload is {DEFAULT_LIMITS.max_payload_bytes >> 20} MiB" in PAGE
    assert f"at most {DEFAULT_LIMITS.max_legacy_record_bytes >> 20} MiB)" in PAGE
    assert f"at most {DEFAULT_LIMITS.max_key_characters} characters" in PAGE


def test_a_rejection_says_what_was_seen_after_what_is_wrong():
    rejection = reject(Code.INDEX, "It is -1.", "id")
    assert (rejection.code, rejection.upload_id) == ("wire.index", "id")
    assert rejection.message == f"{TEXTS[Code.INDEX]} It is -1."
    assert reject(Code.JSON).message == TEXTS[Code.JSON]
