"""Arrays of a batch that are packed into few come back as they were, and those in parts are packed where they lie."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgd.core.packed import Packed

SHAPES = {"w": (4, 3), "v": (3, 4, 2), "odd": (3, 5), "scalar": (), "none": (0, 4)}


@pytest.mark.parametrize("devices", [1, 2, 4])
def test_arrays_come_back_from_one_for_each_dtype_and_way_of_being_cut(devices):
    tree = {
        name: jnp.arange(2 * np.prod(shape), dtype=jnp.float32).reshape(2, *shape) for name, shape in SHAPES.items()
    }
    tree |= {"half": jnp.ones((2, 4), jnp.bfloat16)}
    packed = Packed.of(tree, devices)
    assert len(packed.arrays) == 3
    for name, x in packed.tree().items():
        assert x.dtype == tree[name].dtype
        np.testing.assert_array_equal(x, tree[name], err_msg=name)


def test_a_part_holds_what_is_on_its_device():
    x = jnp.arange(24.0).reshape(1, 3, 8)
    packed = Packed.of([x, -x], 4).arrays[0]
    assert packed.shape == (1, 4, 12)
    np.testing.assert_array_equal(packed[0, 1], jnp.concatenate([x[0, :, 2:4].ravel(), -x[0, :, 2:4].ravel()]))


def test_what_is_alone_stays_as_it_is():
    x = jax.ShapeDtypeStruct((2, 4, 3), jnp.float32)
    assert jax.eval_shape(lambda x: Packed.of(x, 2).arrays[0], x).shape == x.shape
