"""Storage: every dtype comes back as it was, and no damage passes unseen."""

import errno
import json
import os
import pathlib
import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgd.core import InputError, storage
from tests.fuzzing import mutated

DTYPES = [
    *("bool", "uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "bfloat16"),
    *("float32", "float64", "float8_e4m3fn", "float8_e5m2", "complex64", "complex128", "int4"),
]


def test_every_dtype_and_shape_comes_back(tmp_path):
    arrays = {
        f"{dtype} {shape}": np.asarray(np.arange(np.prod(shape)).reshape(shape) % 2).astype(jnp.dtype(dtype))
        for dtype in DTYPES
        for shape in [(), (3,), (2, 3), (0, 2)]
    }
    storage.save_arrays(tmp_path / "a", arrays, {"a": [1, {"b": None}], "text": "ü"})
    found, meta = storage.load_arrays(tmp_path / "a")
    assert meta == {"a": [1, {"b": None}], "text": "ü"}
    assert list(found) == sorted(arrays)
    for name, array in arrays.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found[name], array)


def test_trees_come_back_with_their_keys(tmp_path):
    tree = {"k": [jax.random.key(3), jax.random.key(1, impl="rbg")], "w": jnp.ones(2, jnp.bfloat16), "none": None}
    storage.save_arrays(tmp_path / "a", storage.named(tree, "tree"), {})
    found = storage.fill(tree, storage.load_arrays(tmp_path / "a")[0], "tree", place="here")
    assert jax.tree.structure(found) == jax.tree.structure(tree)
    assert [k.dtype for k in found["k"]] == [k.dtype for k in tree["k"]]
    assert jax.random.uniform(found["k"][0]) == jax.random.uniform(tree["k"][0])
    assert found["w"].dtype == jnp.bfloat16


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ({"w": jnp.ones(3)}, "here: it holds float32[2] at ['w'], expected float32[3]"),
        ({"w": jnp.ones(2, jnp.bfloat16)}, "it holds float32[2] at ['w'], expected bfloat16[2]"),
        ({"v": jnp.ones(2)}, "it holds nothing at ['v']"),
    ],
)
def test_another_tree_is_refused_with_the_path(template, words):
    with pytest.raises(InputError) as error:
        storage.fill(template, {"['w']": np.ones(2, np.float32)}, place="here")
    assert words in str(error.value)


def test_any_damage_is_seen(tmp_path):
    file = tmp_path / "a"
    storage.save_arrays(file, {"w": np.arange(5.0), "n": np.int32(3)}, {"a": 1})
    data = file.read_bytes()
    # Each byte in turn: cut there, then one bit of it changed, which bit varying with the place.
    for i in range(len(data)):
        for damaged in (data[:i], data[:i] + bytes([data[i] ^ (1 << i % 8)]) + data[i + 1 :]):
            file.write_bytes(damaged)
            with pytest.raises(InputError, match=r"the file is damaged .*; delete it to start afresh"):
                storage.load_arrays(file)
    file.write_bytes(data + b"\0")
    with pytest.raises(InputError, match="checksum"):
        storage.load_arrays(file)


def test_a_crash_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "a"
    storage.save_arrays(file, {"w": np.zeros(3)}, {"version": 1})

    def crash(*_):
        raise OSError("no space left on device")

    for step in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(storage.os, step, crash)
            with pytest.raises(OSError, match="no space"):
                storage.save_arrays(file, {"w": np.ones(3)}, {"version": 2})
        assert storage.load_arrays(file)[1] == {"version": 1}
    storage.save_arrays(file, {"w": np.ones(3)}, {"version": 3})
    assert storage.load_arrays(file)[1] == {"version": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["a"], "the temporary file is taken over"


def test_the_format_is_safetensors(tmp_path):
    # https://github.com/huggingface/safetensors: u64 length, JSON header, then the arrays without gaps.
    storage.save_arrays(tmp_path / "a", {"x": np.array([1, 2], np.float32), "y": np.ones(3, jnp.bfloat16)}, {})
    data = (tmp_path / "a").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    assert header["x"] == {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    assert header["y"] == {"dtype": "BF16", "shape": [3], "data_offsets": [8, 14]}
    assert all(isinstance(value, str) for value in header["__metadata__"].values())
    assert len(data) == 8 + size + 14
    assert (8 + size) % 8 == 0


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    storage.save_arrays(tmp_path / "a", {"x": np.arange(3)}, {})

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        storage.save_arrays(tmp_path / "a", {"x": np.arange(4)}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    np.testing.assert_array_equal(storage.load_arrays(tmp_path / "a")[0]["x"], np.arange(3))


def test_a_link_stays_one_and_a_pipe_gets_the_bytes(tmp_path):
    (tmp_path / "link").symlink_to("file")
    for text in (b"one", b"two"):
        storage.write_whole(tmp_path / "link", [text])
        assert (tmp_path / "file").read_bytes() == text
    assert (tmp_path / "link").is_symlink()
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    storage.write_whole(tmp_path / "pipe", [b"a", b"b"])
    assert os.read(reading, 9) == b"ab"
    os.close(reading)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link", "pipe"]


@pytest.mark.parametrize("folder", ["absent", "a"])
def test_a_file_in_no_folder_is_told_by_its_own_name(tmp_path, folder):
    (tmp_path / "a").touch()
    path = tmp_path / folder / "report.html"
    with pytest.raises(OSError, match=rf"make the folder .*{folder}, or name a file elsewhere: '.*report.html'$"):
        storage.write_whole(path, [b"page"])


@pytest.mark.parametrize(
    ("dir", "expected"),
    [
        (3, r"run\(dir=3\): dir must be the path of a folder"),
        ("", r"run\(dir=''\): dir must be the path of a folder"),
        (b"runs", r"dir must be the path"),
        ("a\0b", r"dir must be the path"),
        ("gs://bucket/run", r"run\(dir='gs://bucket/run'\): dir must .* an address is none"),
        (pathlib.Path("s3://bucket/run"), r"run\(dir=PosixPath\(.s3:/bucket/run.\)\): dir must .* an address is none"),
        ("~nobody-of-this-name/x", r"write the path in full"),
    ],
)
def test_what_is_no_folder_is_refused(dir, expected):
    with pytest.raises(InputError, match=expected):
        storage.folder_path("run", dir)


def test_a_tilde_is_the_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    for dir in ("~/runs", pathlib.Path("~/runs")):
        assert storage.folder_path("run", dir) == pathlib.Path("/home/somebody/runs")
    assert storage.folder_path("run", "a/~b:c") == pathlib.Path("a/~b:c")


def test_wrong_content_under_a_valid_checksum_is_damaged(tmp_path):
    file, rng = tmp_path / "a.safetensors", random.Random(0)
    blocks = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([1], "datetime64[s]")}
    storage.save_arrays(file, blocks, {"point": 3})
    data = file.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header, payload = json.loads(data[8 : 8 + size]), data[8 + size :]
    refused = 0
    for _ in range(300):
        wrong = mutated(header, rng)
        if isinstance(metadata := wrong.get("__metadata__"), dict):
            metadata.pop("sha256", None)
            metadata["sha256"] = storage._digest(wrong, [memoryview(payload)])
        text = json.dumps(wrong).encode()
        file.write_bytes(len(text).to_bytes(8, "little") + text + payload)
        try:
            arrays, meta = storage.load_arrays(file)
            assert all(isinstance(x, np.ndarray) for x in arrays.values())
            assert isinstance(meta, dict)
        except InputError:
            refused += 1
        assert isinstance(storage.read_metadata(file), dict)
    assert refused > 150


def test_a_header_of_brackets_is_damaged(tmp_path):
    file = tmp_path / "a.safetensors"
    file.write_bytes((100_000).to_bytes(8, "little") + b"[" * 100_000)
    with pytest.raises(InputError, match=r"a.safetensors: the file is damaged \(RecursionError"):
        storage.load_arrays(file)
    assert storage.read_metadata(file) == {}
