"""Only `tui.platform` touches Textual's private parts: none is imported, read, replaced or overridden elsewhere."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import tui

ROOT = Path(tui.__file__).parent


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(tui.__path__, "tui."):
        if not found.name.startswith("tui.platform") and not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


@functools.cache
def parsed(code: type | ModuleType) -> ast.Module:
    lines = inspect.getsource(code).splitlines()
    return ast.parse("\n".join(line[len(lines[0]) - len(lines[0].lstrip()) :] for line in lines))


@functools.cache
def own(cls: type) -> frozenset[str]:
    """Private names that a class itself gives to something: in its body, or on `self`."""
    (definition,) = parsed(cls).body
    assert isinstance(definition, ast.ClassDef)
    in_body = {name for node in definition.body for name in defined(node)}
    on_self = {
        node.attr
        for node in ast.walk(definition)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        if isinstance(node.value, ast.Name) and node.value.id == "self"
    }
    return frozenset(filter(private, in_body | on_self))


def test_none_is_imported() -> None:
    for module in modules():
        for node in ast.walk(parsed(module)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not [n for n in names if n.startswith("textual") and "._" in n], module.__name__


def test_none_is_overridden_or_replaced() -> None:
    for module in modules():
        for cls in vars(module).values():
            if isinstance(cls, type) and cls.__module__ == module.__name__:
                theirs = {
                    name
                    for base in cls.__mro__
                    if base.__module__.startswith("textual.")
                    for name in own(base)
                }
                assert not own(cls) & theirs, cls


def test_none_is_read() -> None:
    ours = {name for module in modules() for node in ast.walk(parsed(module)) for name in defined(node)}
    for module in modules():
        for node in ast.walk(parsed(module)):
            if isinstance(node, ast.Attribute) and private(node.attr):
                assert node.attr in ours or ast.unparse(node) == "os._exit", (module.__name__, node.attr)


def defined(node: ast.AST) -> Iterator[str]:
    """The names that a statement gives to something."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.attr if isinstance(node, ast.Attribute) else node.id
