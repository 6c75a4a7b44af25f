"""What burnish is made of: every package pinned, none loaded that merely comes along, and no code made from data."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.engine.tasks.harness import MISSING as HARNESS_MISSING
from tests.openai.real import MISSING
from tests.ray.nodes import MISSING as RAY_MISSING
from tests.trial_environment import HERE

ROOT = Path(__file__).parent.parent.parent
SOURCES = sorted(path for package in ("tui", "engine", "models") for path in (ROOT / package).rglob("*.py"))

RUNS_DATA = {
    "pickle",
    "_pickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "joblib",
    "code",
    "runpy",
    "pty",
}
"""Modules that make code or objects of what they read."""
MAKES_CODE = {"eval", "exec", "compile", "__import__"}
STARTS_A_SHELL = {
    *("system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell", "spawnlp", "spawnvp"),
    *("startfile",),
}
COME_ALONG = {"llm", "openai", "sqlite_utils", "diskcache", "condense_json"}
"""Dependencies of dependencies that burnish has no use for: the demo's model is found and not imported, and llama.cpp's
binding, which brings diskcache and with that pickle, is loaded by the child alone, and its cache never used."""
NOT_HERE = {
    name
    for name, here in {
        "openai-server": not MISSING,
        "trial": HERE,
        "ray": not RAY_MISSING,
        "tasks": not HARNESS_MISSING,
    }.items()
    if not here
}
"""The groups and extras that this environment has not."""
OUR_OWN_TEMPLATES = {"tui/report/html.py"}
"""The call that fills burnish's own templates; a model's own go through Jinja's sandbox."""


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    assert all(re.fullmatch(r"[a-z0-9-]+==[^=\s]+", line) for line in lines)
    pins = dict(line.split("==") for line in lines)
    assert list(pins) == sorted(pins)
    assert len(pins) == len(lines)
    return pins


def wanted() -> list[Requirement]:
    """The requirements in pyproject.toml: to run, of every extra that is installed here, and to develop."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    optional = project["project"]["optional-dependencies"] | project["dependency-groups"]
    here = [lines for name, lines in optional.items() if name not in NOT_HERE]
    every = [*project["project"]["dependencies"], *(line for lines in here for line in lines)]
    return [one for line in every if (one := Requirement(line)).name != "burnish"]


def closure(requirements: list[Requirement]) -> Iterator[Requirement]:
    """These, and all that the installed packages ask for in turn on this platform."""
    waiting, seen = list(requirements), set[tuple[str, tuple[str, ...]]]()
    while waiting:
        one = waiting.pop()
        yield one
        key = canonicalize_name(one.name), tuple(sorted(one.extras))
        if key in seen:
            continue
        seen.add(key)
        for line in distribution(one.name).requires or ():
            inner = Requirement(line)
            extras = one.extras or {""}
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(inner)


def test_every_package_of_every_extra_here_is_pinned_at_a_version_that_all_who_need_it_take() -> None:
    pins, needed = pinned(), set[str]()
    for one in closure(wanted()):
        name = canonicalize_name(one.name)
        needed.add(name)
        assert name in pins, f"{name} is not in constraints.txt"
        assert one.specifier.contains(pins[name], prereleases=True), f"{name}=={pins[name]}: {one}"
    # The rest is for another platform, or an interpreter that lacks what it brings. Ray brings copies of its own along.
    path = [folder for folder in sys.path if Path(folder).name != "thirdparty_files"]
    assert not {rest for rest in pins.keys() - needed if any(distributions(name=rest, path=path))}


def test_every_package_says_in_a_comment_what_it_is_for() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    project = tomllib.loads(text)["project"]
    direct = [
        *project["dependencies"],
        *(d for extra in project["optional-dependencies"].values() for d in extra),
    ]
    for dependency in direct:
        (line,) = [line for line in text.splitlines() if f'"{dependency}"' in line]
        assert re.search(r"# \w", line), line


def test_no_code_is_made_from_data_and_no_shell_is_started() -> None:
    assert SOURCES
    for path in SOURCES:
        allowed = {"Environment"} if str(path.relative_to(ROOT)) in OUR_OWN_TEMPLATES else set()
        assert set(offences(ast.parse(path.read_bytes()))) <= allowed, path


def offences(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names if name.name.partition(".")[0] in RUNS_DATA)
            case ast.ImportFrom(module=str(module), names=names):
                yield from {module.partition(".")[0]} & RUNS_DATA
                yield from {name.name for name in names} & (
                    STARTS_A_SHELL if module in ("os", "subprocess") else set()
                )
            case ast.Call(func=ast.Name(id=name)) if name in MAKES_CODE:
                yield name
            case ast.Attribute(
                value=ast.Name(id="os" | "subprocess" | "asyncio" | "builtins" as module), attr=name
            ):
                if name in STARTS_A_SHELL | MAKES_CODE or (module == "os" and name.startswith("exec")):
                    yield f"{module}.{name}"
            case ast.keyword(arg="shell" | "allow_pickle" as name):
                yield f"{name}="
            case ast.Name(id="Environment" | "NativeEnvironment" as name):  # Jinja's outside its sandbox
                yield name


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import pickle", "pickle"),
        ("from pickle import loads", "pickle"),
        ("eval('1')", "eval"),
        ("import os; os.system('ls')", "os.system"),
        ("import subprocess; subprocess.run('ls', shell=True)", "shell="),
        ("from subprocess import getoutput", "getoutput"),
        ("np.load(path, allow_pickle=True)", "allow_pickle="),
        ("asyncio.create_subprocess_shell('ls')", "asyncio.create_subprocess_shell"),
        ("jinja2.sandbox; Environment().from_string(text)", "Environment"),
    ],
)
def test_what_is_looked_for_is_found(source: str, expected: str) -> None:
    assert expected in offences(ast.parse(source))


def test_packages_that_merely_come_along_are_not_loaded() -> None:
    in_the_child = {"bindings", "gelu", "prefixes", "scorer", "child_commands", "generator"}
    in_the_child |= {"lora", "gguf_adapter", "model"}
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in SOURCES
        if path.stem != "__main__"
        and not (path.parent.name in ("llamacpp", "training", "tasks") and path.stem in in_the_child)
    ]
    script = (
        "import importlib, json, sys\n"
        "for name in json.loads(sys.argv[1]): importlib.import_module(name)\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script, json.dumps(modules)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    loaded = set(json.loads(finished.stdout))
    assert {"tui", "engine", "models", "textual", "httpx"} <= loaded
    assert not loaded & (COME_ALONG | {"llama_cpp"})
