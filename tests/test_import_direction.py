"""Imports go one way, and most modules need no Spark: held by walking the syntax trees."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "udfs": {"udfs"},
    "references": {"references", "udfs"},
    "streaming": {"streaming", "references", "udfs"},
    "emr": {"emr", "streaming"},
}
OURS = {*MAY_IMPORT, "tests", "scripts"}
WITH_SPARK = {"udfs.classify_udf"}


@dataclass(frozen=True)
class Import:
    """One import statement: who imports what, and whether only when a function is called, or for its types."""

    module: str
    target: str
    line: int
    lazy: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports(path: Path) -> Iterator[Import]:
    module = module_name(path)

    def walk(node: ast.AST, lazy: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(module, alias.name, child.lineno, lazy)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{module}:{child.lineno}: write the whole name of what is imported"
                for alias in child.names:
                    yield Import(module, f"{child.module}.{alias.name}", child.lineno, lazy)
            called = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from walk(child, lazy or called or is_for_types_only(child))

    yield from walk(ast.parse(path.read_text(encoding="utf-8"), str(path)), False)


def is_command_line(module: str) -> bool:
    return module == "streaming.cli" or module.startswith("streaming.commands.emr")


def top(name: str) -> str:
    return name.partition(".")[0]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    assert modules(package)
    wrong = [
        str(found)
        for path in modules(package)
        for found in imports(path)
        if top(found.target) in OURS - MAY_IMPORT[package]
        and not (is_command_line(found.module) and top(found.target) == "emr" and found.lazy)
    ]
    assert not wrong


def without_spark() -> list[Path]:
    """Return the modules that the tests and ``soundgate scan`` can use where there is no JVM."""
    pure = [path for path in modules("udfs") + modules("references") if module_name(path) not in WITH_SPARK]
    return pure + [
        path
        for path in modules("streaming")
        if module_name(path) == "streaming.rebuild" or module_name(path).startswith("streaming.wire")
    ]


def test_only_the_udf_and_the_job_import_pyspark() -> None:
    assert len(without_spark()) > 20
    found = [found for path in without_spark() for found in imports(path)]
    assert not [str(one) for one in found if top(one.target) in {"pyspark", "delta", "py4j"}]


def test_what_needs_no_spark_does_not_load_it_by_a_detour_either() -> None:
    load = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
    names = [module_name(path) for path in without_spark()]
    done = subprocess.run(
        [sys.executable, "-c", f"{load}; print('pyspark' in sys.modules)", *names],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr


def test_the_command_line_starts_without_what_is_heavy() -> None:
    heavy = {"pyspark", "pandas", "pyarrow", "scipy", "numba", "librosa", "av", "boto3", "deltalake", "duckdb"}
    program = f"import sys, streaming.cli\nprint(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
