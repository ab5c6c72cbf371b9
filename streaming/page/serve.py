"""Start the page's server: on this machine alone, telling nobody about it, asking nobody outside."""

from __future__ import annotations

import importlib
import ipaddress
import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

from streaming.errors import UserError
from streaming.signals import stop_signals

SCRIPT = Path(__file__).with_name("app.py")
PAGE = ("streaming.page.overview", "streaming.page.recordings", "streaming.page.upload", "streaming.page.upload_list")
GRACE_SECONDS = 3  # for visitors' connections to end, once it was told to stop
THEME = {
    "theme_base": "light",
    "theme_primaryColor": "#2f5d9b",
    "theme_textColor": "#1c2430",
    "theme_borderColor": "#dfe3ea",
}


def is_loopback(address: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def bind(address: str, port: int) -> socket.socket:
    """Take a port, or any free one for 0.

    The socket says that it speaks TCP. On one that does not, as Streamlit's own, asyncio leaves Nagle's algorithm on:
    each of the page's sixty files then waits 40 ms for the browser to acknowledge its head.

    Raises
    ------
    UserError
        When it is taken, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        taken = socket.socket(family, kind, protocol)
        try:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(place)
            taken.listen()  # who comes while the page is being loaded waits, and nobody else can take the port
        except OSError:
            taken.close()
            raise
        return taken
    except OSError as error:
        raise UserError(
            f"--address {address} --port {port}: {error.strerror}; give another (0: any free one)"
        ) from error


def options_of(address: str, port: int) -> dict[str, object]:
    """Give Streamlit's options, by its names with underscores.

    Beside address and port: no usage statistics, no file watching, no data export (a stranger's name may be a formula),
    no traces or help links on the page, and where it is bound to loopback no other name is served, so that no page
    elsewhere reaches it by a name of its own (DNS rebinding).
    """
    hosts = [address, "localhost", "127.0.0.1", "[::1]", "::1"] if is_loopback(address) else []
    return {
        "server_address": address,
        "server_port": port,
        "server_headless": True,
        "server_fileWatcherType": "none",
        "server_allowedHosts": hosts,
        "server_showEmailPrompt": False,
        "server_enableAgentApi": False,
        "browser_gatherUsageStats": False,
        "client_toolbarMode": "minimal",
        "client_disableDataExport": True,
        "client_showErrorDetails": "none",
        "client_showErrorLinks": False,
        "logger_hideWelcomeMessage": True,
        **THEME,
    }


def serve(arguments: list[str], address: str, listener: socket.socket) -> NoReturn:
    """Serve the page until it is told to stop, and end the process then; `arguments` are the script's."""
    import streamlit as st
    import uvicorn
    from streamlit.web import bootstrap

    with stop_signals() as asked:  # uvicorn has its own handlers while it serves, and then passes signals on
        for module in PAGE:  # some seconds of imports: before the first visit, not during it
            importlib.import_module(module)
        bootstrap.load_config_options(options_of(address, listener.getsockname()[1]))
        sys.argv = [str(SCRIPT), *arguments]
        served = uvicorn.Config(
            st.App(SCRIPT), log_level="warning", ws="websockets-sansio", timeout_graceful_shutdown=GRACE_SECONDS
        )
        if not asked.is_set():
            uvicorn.Server(served).run(sockets=[listener])
    _leave()


def _leave() -> NoReturn:
    """End the process as it is, with exit code 0.

    A visitor's query may be running in a thread of DuckDB's or Arrow's. Python's own ending stops threads that ask for
    its lock by unwinding them, which C++ answers by aborting: "terminate called without an active exception".
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
