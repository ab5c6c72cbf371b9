"""Start the page's server: on this machine alone, telling nobody about it, asking nobody outside."""

from __future__ import annotations

import importlib
import ipaddress
import socket
from pathlib import Path

from streaming.errors import UserError

SCRIPT = Path(__file__).with_name("app.py")
PAGE = ("streaming.page.overview", "streaming.page.recordings", "streaming.page.upload", "streaming.page.upload_list")
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


def free_port(address: str, port: int) -> int:
    """Give the port if it is free, or any free one for 0.

    Raises
    ------
    UserError
        When it is taken, or the address is not this machine's.
    """
    try:
        family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
            return int(probe.getsockname()[1])
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


def serve(arguments: list[str], address: str, port: int) -> None:
    """Serve the page until it is told to stop; `arguments` are the script's."""
    from streamlit.web import bootstrap

    for module in PAGE:  # some seconds of imports: before the first visit, not during it
        importlib.import_module(module)
    options = options_of(address, port)
    bootstrap.load_config_options(options)
    bootstrap.run(str(SCRIPT), False, arguments, options)
