"""The one exception that a user is meant to see."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can put right: shown as its message alone, without a stack trace unless ``--debug``.

    The message says what is wrong and what to do about it. `exit_code` is 2 (could not run) unless a check found
    something (1).
    """

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code
