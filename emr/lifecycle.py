"""Stop a running job gracefully, and put a new version in its place on the same checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from emr.job import INDEX, SETTINGS, option_of
from emr.run_state import RunState
from emr.state_schema import compare_state
from streaming.errors import UserError
from streaming.places import Place, open_place
from streaming.stop_request import REQUEST, withdraw

CANCEL_SECONDS = 300  # what a platform may take to end a job that it was told to cancel


class Running(Protocol):
    """What stopping needs of a platform."""

    def describe(self) -> RunState:
        """Ask for the job's state."""

    def cancel(self, grace_seconds: int) -> None:
        """Tell the platform to end the job."""


@dataclass(frozen=True)
class Clock:
    """Time that a test can replace."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def checkpoint_of(state: RunState) -> str:
    """Give the checkpoint that a job was started with; raises `UserError` when its arguments do not say."""
    checkpoint = option_of(state.arguments, "--checkpoint")
    if not checkpoint:
        raise UserError(
            f"{state.handle} was not started by `soundgate emr submit -- … --checkpoint …`: stop it by hand"
        )
    return checkpoint


def run_options_of(state: RunState) -> list[str]:
    """Give the options that a job was started with, less those that its bundle added: the next one adds its own."""
    options = list(state.arguments[1:] if state.arguments[:1] == ("run",) else state.arguments)
    for option, value in (("--config", SETTINGS), ("--index", INDEX)):
        for position in range(len(options) - 1):
            if options[position : position + 2] == [option, value]:
                del options[position : position + 2]
                break
    return options


def stop(
    running: Running,
    wait_seconds: float,
    grace_seconds: int,
    say: Callable[[str], None],
    clock: Clock | None = None,
    place: Place | None = None,
    poll_seconds: float = 10.0,
) -> RunState:
    """Stop a job: 1. leave the stop file, 2. wait for the batch to end, 3. cancel what still runs, 4. take it away.

    Parameters
    ----------
    wait_seconds
        How long the job has to notice the file and to finish its batch.
    grace_seconds
        How long it has after that, once it is cancelled, where the platform knows such a thing.
    """
    clock = clock or Clock()
    state = running.describe()
    if state.ended:
        say(f"{state.handle} has ended already: {state.state}")
        return state
    place = place or open_place(checkpoint_of(state))
    place.write(REQUEST, b"")
    try:
        say(f"asked {state.handle} to stop after its batch; waiting up to {wait_seconds:.0f} s")
        state = wait_for_end(running, wait_seconds, clock, poll_seconds)
        if not state.ended:
            say(f"it still runs: cancelling it, {grace_seconds} s of grace")
            running.cancel(grace_seconds)
            state = wait_for_end(running, grace_seconds + CANCEL_SECONDS, clock, poll_seconds)
        if not state.ended:
            raise UserError(f"{state.handle} is still {state.state} after it was cancelled: look at its console")
    finally:
        withdraw(place)
    say(f"{state.handle} has ended: {state.state}")
    return state


def wait_for_end(running: Running, seconds: float, clock: Clock, poll_seconds: float) -> RunState:
    """Ask again and again until the job has ended or the time is over; gives the last answer."""
    deadline = clock.now() + seconds
    while not (state := running.describe()).ended and clock.now() < deadline:
        clock.sleep(poll_seconds)
    return state


def check_upgrade(running: Mapping[str, str], new: Mapping[str, str], job: str) -> None:
    """Refuse an upgrade whose state the new version cannot take over, before the running job is touched."""
    differences = compare_state(running, new)
    if differences:
        raise UserError(
            f"the new version keeps other state than {job} has in its checkpoint, and is not started on it:\n  "
            + "\n  ".join(differences)
            + "\nLet the old version drain (--drain), then start the new one with a new checkpoint and --adopt-lake.",
            exit_code=1,
        )
