"""Measure what the score is fitted to, and what its promise is held against: unknown queries of several corpora.

    apt-get download PACKAGE… && dpkg -x … FOLDER/PACKAGE   (those below, and the voices)
    python tests/bench/fingerprint_calibration.py FOLDER && python -m references.calibrate

Writes references/calibration.csv and tests/references/held_out.csv. Each corpus is indexed and asked for by itself,
half of it known. `chorales` are no package: 24 of Bach's from one sampler (music21's corpus, FluidSynth, TimGM6mb).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fingerprint import Row, _recordings, _voices, measure, report, write_rows

ROOT = Path(__file__).parents[2]
FITTED, HELD = ROOT / "references" / "calibration.csv", ROOT / "tests" / "references" / "held_out.csv"
COLUMNS = ["corpus", "recording", "condition", "seconds", "known", "right", "evidence", "frames"]
LENGTHS = [3, 5, 10, 20]
VOICES = ("ktuberling-data", "codec2-examples", "pocketsphinx-testdata")  # none that is in a corpus: it would be known
CORPORA = {
    "games": (
        *("drascula-music", "flare-game", "marsshooter-data", "megaglest-data", "naev-data", "redeclipse-data"),
        *("supertuxkart-data", "torcs-data", "unknown-horizons", "widelands-data", "xmoto-data"),
    ),
    "loops": (
        *("ufoai-music", "trackballs-data", "enigma-data", "glob2-data", "caveexpress-data", "pathological"),
        *("freeorion-data", "pink-pony-data", "krank", "plee-the-bear-data"),
    ),
    "songs": (
        *("amoebax-data", "btanks-data", "davegnukem-data", "lordsawar-data", "openclonk-data", "pushover-data"),
        *("planetblupi-music-ogg", "scorched3d-data", "warmux-data", "wizznic-data"),
    ),
    "one sampler": ("chorales",),
}
HELD_OUT = {
    "shooters and tales": (
        *("a7xpg-data", "abe-data", "adonthell-data", "alienblaster-data", "angrydd", "ardentryst", "crrcsim-data"),
        *("freedink-data", "funnyboat", "gunroar-data", "hex-a-hop-data", "holotz-castle-data", "mu-cade-data"),
        *("noiz2sa-data", "parsec47-data", "pinball-data", "powermanga-data", "rrootage-data", "titanion-data"),
        *("torus-trooper-data", "tumiki-fighters-data"),
    ),
}


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("packages", type=Path, help="the folder that the packages are unpacked in, each in its own")
    options.add_argument("--queries", type=int, default=4, help="unknown ones a condition and length")
    chosen = options.parse_args()
    speech = _voices([chosen.packages / name for name in VOICES])
    write_rows(FITTED, ask(CORPORA, chosen.packages, speech, 0, chosen.queries), COLUMNS)
    held_out = ask(HELD_OUT, chosen.packages, speech, chosen.queries, chosen.queries)
    write_rows(HELD, held_out, COLUMNS)
    report(held_out)


def ask(corpora: dict[str, tuple[str, ...]], packages: Path, speech: object, known: int, unknown: int) -> list[Row]:
    """Measure each corpus; a package that is not there ends the run."""
    if missing := [name for names in corpora.values() for name in names if not (packages / name).is_dir()]:
        raise SystemExit(f"not in {packages}: {', '.join(missing)}")
    rows: list[Row] = []
    for corpus, names in corpora.items():
        paths = _recordings([packages / name for name in names])
        rows += measure(corpus, paths, speech, LENGTHS, known, unknown)
    return rows


if __name__ == "__main__":
    main()
