"""The list of reasons is whole: what the code can say is listed, and what is listed is documented."""

from __future__ import annotations

import re
from pathlib import Path

from udfs.reasons import REASONS, Effect, info

ROOT = Path(__file__).parents[2]
FORENSICS = ROOT / "udfs" / "forensics"


def test_every_code_that_the_examination_names_is_listed() -> None:
    named = set()
    for path in FORENSICS.glob("*.py"):
        first = "samples|mixture|stego|modem|container|metadata"
        named |= set(re.findall(rf'"((?:{first})\.[a-z_0-9]+)"', path.read_text()))
    named |= {f"modem.{kind}" for kind in ("fsk", "psk", "ook", "dtmf", "mfsk", "multitone")}
    assert len(named) > 15
    assert named - set(REASONS) == set()


def test_every_listed_code_is_documented_with_its_family() -> None:
    page = (ROOT / "docs" / "forensics.md").read_text()
    for code, known in REASONS.items():
        assert f"`{code}`" in page, code
        assert known.text.endswith(".")


def test_what_is_not_listed_goes_by_its_first_part() -> None:
    assert info("error.of_any_kind").effect is Effect.REVIEW
    assert info("decode.of_any_kind").effect is Effect.REFUSE
    assert info("undecided.samples_data").effect is Effect.REVIEW
    assert info("something.else").effect is Effect.NOTE
