"""Random bits on the host, those of `jax.random`'s threefry2x32: for what would else be a program that runs once."""

from typing import Any

import jax
import numpy as np

ROTATIONS = (13, 15, 26, 6), (17, 29, 16, 24)
Words = tuple[np.ndarray, np.ndarray]  # the two words of a key or of a draw, u32


def threefry(key: Any, high: np.ndarray, low: np.ndarray) -> Words:
    """Hash pairs of words with a key (Salmon et al. 2011), 20 rounds."""
    words = key[0], key[1], key[0] ^ key[1] ^ np.uint32(0x1BD11BDA)
    x, y = high + words[0], low + words[1]
    for i in range(5):
        for by in ROTATIONS[i % 2]:
            x = x + y
            y = (y << np.uint32(by) | y >> np.uint32(32 - by)) ^ x
        x, y = x + words[(i + 1) % 3], y + words[(i + 2) % 3] + np.uint32(i + 1)
    return x, y


def fold_in(key: Any, number: int) -> Words:
    """Return the words of `jax.random.fold_in(key, number)`, u32[1] each, from those of the key."""
    return threefry(key, np.zeros(1, np.uint32), np.array([number], np.uint32))


def words_of(key: jax.Array) -> np.ndarray:
    """Return the words of a key that is no tracer, u32[2]; also where a function is being traced."""
    with jax.ensure_compile_time_eval():
        return np.asarray(jax.random.key_data(key))


def folded(key: jax.Array, number: int) -> jax.Array:
    """Return `jax.random.fold_in(key, number)` of a threefry key that is no tracer, without a program."""
    return key_from_words(np.concatenate(fold_in(words_of(key), number)))


def key_from_words(words: Any) -> jax.Array:
    """Return the key of two words, or an array of keys of u32[n, 2]."""
    return jax.random.wrap_key_data(jax.device_put(np.asarray(words, np.uint32)), impl="threefry2x32")
