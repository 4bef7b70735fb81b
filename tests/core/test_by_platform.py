"""Hold that a choice by platform falls when a program is lowered, and once."""

import jax
import jax.numpy as jnp
import pytest

from jgd.core.by_platform import by_platform


def test_a_choice_within_a_choice_is_known():
    def inner(x):
        return by_platform(jnp.sin, jnp.cos, x)

    function = jax.jit(lambda x: by_platform(lambda x: inner(x) + 1, lambda x: inner(x) + 2, x))
    traced = function.trace(1.0)
    assert str(traced.jaxpr).count("platform_index") == 1
    assert "cosine" not in traced.lower().as_text()
    assert "sine" not in traced.lower(lowering_platforms=("cuda",)).as_text().replace("cosine", "")
    assert function(1.0) == jnp.sin(1.0) + 1


def test_a_choice_that_fails_leaves_nothing_behind():
    with pytest.raises(AttributeError):
        jax.jit(lambda x: by_platform(lambda x: x.missing, jnp.cos, x)).trace(1.0)
    traced = jax.jit(lambda x: by_platform(jnp.sin, jnp.cos, x)).trace(1.0)
    assert str(traced.jaxpr).count("platform_index") == 1
