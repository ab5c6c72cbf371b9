"""The stable reason codes: what each says in one line, its family, and what the policy does with it.

Codes are a contract with readers of the tables: adding is allowed, renaming is not. Those of the stream
(``chunk.…``, ``wire.…``) are listed where they arise; these are the ones that judging a track gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """What one reason does to an upload."""

    REJECT = "reject"  # it is data: content mock
    REFUSE = "refuse"  # not to be let in, though nobody knows whether it is sound: content undecided
    REVIEW = "review"  # a person has to look
    NOTE = "note"  # for information


@dataclass(frozen=True, slots=True)
class ReasonInfo:
    """One line for people, what the policy does, and the family of docs/forensics.md ("" where there is none)."""

    text: str
    effect: Effect
    family: str = ""


REASONS: dict[str, ReasonInfo] = {
    # The samples are data, and were read out byte for byte.
    "samples.text": ReasonInfo("The sample values are the characters of a text.", Effect.REJECT, "a"),
    "samples.full_scale": ReasonInfo(
        "Every sample is the same non-zero value, as text written without scaling is after clipping.",
        Effect.REJECT,
        "a",
    ),
    "samples.payload": ReasonInfo("The samples, written as plain PCM, are a file or text.", Effect.REJECT, "b"),
    "samples.mapped_payload": ReasonInfo(
        "Scaled, shifted, de-interleaved, differenced or summed, the samples are a file or text.", Effect.REJECT, "c"
    ),
    "samples.tiled_payload": ReasonInfo("The samples are a file or text, over and over.", Effect.REJECT, "d"),
    "samples.symbols": ReasonInfo(
        "Held values, or a few bits a sample, are the symbols of a file or text.", Effect.REJECT, "e"
    ),
    "samples.float_bits": ReasonInfo(
        "Floating-point samples are NaNs or denormal numbers as data has them.", Effect.REJECT, "b"
    ),
    "mixture.payload_segment": ReasonInfo("A part of the track is a file or text.", Effect.REJECT, "l"),
    # The samples are data by their statistics; nothing known could be read out (encrypted, compressed).
    "samples.data": ReasonInfo("The samples have the statistics of plain bytes, not of sound.", Effect.REJECT, "b"),
    "samples.mapped_data": ReasonInfo("The samples have the statistics of scaled or mixed bytes.", Effect.REJECT, "c"),
    "samples.tiled_data": ReasonInfo("The samples are the same bytes over and over.", Effect.REJECT, "d"),
    "samples.symbol_data": ReasonInfo("The samples are symbols of a few levels in no order.", Effect.REJECT, "e"),
    "mixture.data_segment": ReasonInfo("A part of the track has the statistics of data.", Effect.REJECT, "l"),
    "mixture.payload_under": ReasonInfo(
        "Under the sound lies a steady layer with the statistics of data.", Effect.REJECT, "l"
    ),
    # Modems.
    "modem.fsk": ReasonInfo("A carrier jumps between two frequencies with the bits of data.", Effect.REJECT, "f"),
    "modem.psk": ReasonInfo("A carrier's phase jumps with the bits of data.", Effect.REJECT, "f"),
    "modem.ook": ReasonInfo("A carrier is keyed on and off with the bits of data.", Effect.REJECT, "e"),
    "modem.dtmf": ReasonInfo("Keypad tones spell data.", Effect.REJECT, "f"),
    "modem.mfsk": ReasonInfo("One of many evenly spaced tones at a time spells data.", Effect.REJECT, "f"),
    "modem.multitone": ReasonInfo("Evenly spaced tones are switched together to spell data.", Effect.REJECT, "f"),
    # Low bits.
    "stego.low_bits_payload": ReasonInfo("The low bits of the samples are a file or text.", Effect.REJECT, "k"),
    "stego.low_bits_floor": ReasonInfo(
        "The low bits are no part of the sound: others replaced them.", Effect.REJECT, "k"
    ),
    # The file is not what it says.
    "decode.not_audio": ReasonInfo("No audio container was recognised in the file.", Effect.REJECT, "j"),
    "decode.no_sound": ReasonInfo("The file is an audio container without a frame of sound.", Effect.REJECT, "j"),
    "container.trailing_bytes": ReasonInfo("Data lies behind the end of the audio.", Effect.REJECT, "g"),
    "container.leading_bytes": ReasonInfo("Data lies before the audio.", Effect.REJECT, "g"),
    "container.polyglot": ReasonInfo("The file is also something else that programs open.", Effect.REJECT, "i"),
    "container.lying_sizes": ReasonInfo(
        "The header's sizes contradict the file, in a file that holds data.", Effect.REJECT, "j"
    ),
    "metadata.payload": ReasonInfo("Data lies in a tag, a chunk or padding where none belongs.", Effect.REJECT, "h"),
    # The decoder was stopped: nobody knows what it is, and it must not be let in.
    "error.decode_deadline": ReasonInfo("The decoder did not finish in time.", Effect.REFUSE),
    "error.decoder_died": ReasonInfo("The decoder crashed on the file or hit its limits.", Effect.REFUSE),
    # Harmless by themselves.
    "container.truncated": ReasonInfo("The file ends early, as downloads that were cut short do.", Effect.NOTE),
    "container.starts_mid_frame": ReasonInfo("The stream was cut into amid a frame.", Effect.NOTE),
    "container.crc": ReasonInfo("A part does not match its checksum.", Effect.NOTE),
    "container.damaged": ReasonInfo("The stream is interrupted by bytes that are none of its own.", Effect.NOTE),
    "container.bytes_between": ReasonInfo(
        "More bytes lie amid the sound than damage leaves, and are nothing known.", Effect.REVIEW, "h"
    ),
    "container.not_walked": ReasonInfo(
        "The format plays, but what its bytes besides the sound are is not known.", Effect.REVIEW
    ),
    "container.too_many_parts": ReasonInfo("The file has more parts than are looked at.", Effect.REVIEW),
    "decode.damaged": ReasonInfo("A part of the sound could not be decoded.", Effect.NOTE),
    "decode.format_changes": ReasonInfo("Rate or channels change within the stream.", Effect.NOTE),
    "decode.not_finite": ReasonInfo("Some samples are NaN or infinite.", Effect.NOTE),
}


def info(code: str) -> ReasonInfo:
    """What is known of a code; a code of a family that is not listed one by one goes by its first part."""
    if code in REASONS:
        return REASONS[code]
    if code.startswith("undecided."):
        return ReasonInfo("Something speaks for data, not clearly enough to refuse it.", Effect.REVIEW)
    if code.startswith("error."):
        return ReasonInfo("The track could not be judged.", Effect.REVIEW)
    if code.startswith("decode."):
        return ReasonInfo("The decoder could not or must not decode the file.", Effect.REFUSE)
    return ReasonInfo("", Effect.NOTE)
