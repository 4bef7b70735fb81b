"""A record in a notebook: its numbers by name, nested, escaped, and no array whole."""

import jax.numpy as jnp

import jgd


def html(record):
    return record._repr_html_()


def test_an_optimizer_is_a_table_of_its_numbers():
    shown = html(jgd.chain(jgd.clip_by_global_norm(1.0), jgd.adamw(3e-3, weight_decay=0.1)))
    for text in ("ClipByGlobalNorm", "max_norm", "1.0", "ScaleByAdam", "b1", "0.9", "weight_decay", "0.1", "0.003"):
        assert f">{text}<" in shown, text


def test_a_solution_says_why_it_ended_and_a_number_on_the_device_is_a_number():
    found = jgd.minimize(lambda p: jnp.sum((p - 1) ** 2), "bfgs", jnp.zeros(3))
    assert "its threshold; nothing to do" in html(found)
    assert ">0.25<" in html(jgd.with_hyperparams(jgd.sgd(0.1), learning_rate=jnp.float32(0.25)))


def test_arrays_are_shapes_and_texts_are_escaped():
    assert "float32[3, 4]" in html(jgd.stack([jgd.sgd(jnp.ones(4))] * 3))
    task = jgd.Task(lambda key: jnp.zeros(2), lambda p, b: jnp.sum(p), jnp.ones((5, 2)))
    assert "float32[5, 2]" in html(task)
    assert "&lt;lambda&gt;" in html(task)
