"""What tests of several folders share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the demo once; return the folder that it ran in, named .demo as in a project's folder."""
    import io

    from rich.console import Console

    from streaming.demo import run_demo

    folder = tmp_path_factory.mktemp("project") / ".demo"
    run_demo(folder, Console(file=io.StringIO()))
    return folder


@pytest.hookimpl(tryfirst=True)  # before the one that makes groups of these marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests in one process, and all that look at the demo in one, so that each set-up happens once."""
    for item in items:
        group = "demo" if "demo_folder" in getattr(item, "fixturenames", ()) else item.path.name
        item.add_marker(pytest.mark.xdist_group(group))
