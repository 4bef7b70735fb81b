"""Random bits on the host are those of JAX."""

import jax
import numpy as np
import pytest

from jgd.core.threefry import fold_in, key_from_words, words_of


@pytest.mark.parametrize("seed", [0, 3 * 2**32 + 5, 2**64 - 1])
def test_a_key_folded_on_the_host_is_the_key_that_jax_folds(seed):
    key = key_from_words(divmod(seed, 2**32))
    for number in (0, 2, 2**32 - 1):
        found = np.concatenate(fold_in(words_of(key), number))
        np.testing.assert_array_equal(found, words_of(jax.random.fold_in(key, np.uint32(number))))


def test_words_are_known_where_a_function_is_traced():
    key = jax.random.key(7, impl="threefry2x32")
    seen = []
    jax.eval_shape(lambda: seen.append(words_of(key)))
    np.testing.assert_array_equal(seen, [[0, 7]])
