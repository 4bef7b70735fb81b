"""Spaces written as TOML: what they become, and errors that name the key and the nearest known one."""

import pytest

import jgd
from jgd.core import InputError
from jgd.sweep import choice, grid, integer, loguniform, normal, quantized, read_spaces, structural, uniform
from jgd.sweep.spaces.toml import parse_spaces

LINES = {
    "learning_rate = { loguniform = [1e-4, 1e-1] }": jgd.adam(loguniform(1e-4, 1e-1)),
    "learning_rate = 0.1\nb1 = { uniform = [0.8, 0.99], step = 0.01 }": jgd.adam(
        0.1, b1=quantized(uniform(0.8, 0.99), 0.01)
    ),
    "learning_rate = [0.1, 0.2]": jgd.adam(grid([0.1, 0.2])),
    "learning_rate = { grid = [0.1, 0.2] }\nnesterov = true": jgd.adam(grid([0.1, 0.2]), nesterov=True),
    "learning_rate = { normal = [0.1, 0.01] }": jgd.adam(normal(0.1, 0.01)),
    "learning_rate = { choice = [0.1, 0.3] }": jgd.adam(choice([0.1, 0.3])),
    'learning_rate = { schedule = "cosine_decay", init_value = 0.1, decay_steps = "steps" }': jgd.adam(
        jgd.cosine_decay_schedule(0.1, 300)
    ),
    'learning_rate.schedule = "linear_schedule"\nlearning_rate.init_value = 1\nlearning_rate.end_value = 0\n'
    "learning_rate.transition_steps = { integer = [5, 9] }": jgd.adam(jgd.linear_schedule(1, 0, integer(5, 9))),
    'learning_rate.schedule = "warmup_constant"\nlearning_rate.init_value = 0\nlearning_rate.peak_value = 1\n'
    "learning_rate.warmup_steps = { steps = 0.1 }": jgd.adam(jgd.warmup_constant_schedule(0, 1, 30)),
}


@pytest.mark.parametrize("lines", LINES)
def test_each_form_becomes_what_python_would_say(lines):
    made = parse_spaces(f"[adam]\n{lines}\n", "space.toml", 300)
    assert repr(made) == repr({"adam": LINES[lines]})


def test_chains_and_choices_of_parts_nest(tmp_path):
    (tmp_path / "space.toml").write_text("""
["clipped, either"]
chain = [
  { transform = "clip_by_global_norm", max_norm = [0.1, 1.0] },
  { choice = { a = { optimizer = "sgd", learning_rate = 0.1 }, b = { optimizer = "lion", learning_rate = 0.01 } } },
]
[slow]
optimizer = "nesterov"
[slow.learning_rate]
loguniform = [1e-3, 1]
""")
    spaces = read_spaces(tmp_path / "space.toml")
    either = choice({"a": jgd.sgd(0.1), "b": jgd.lion(0.01)})
    assert repr(spaces["clipped, either"]) == repr(jgd.chain(jgd.clip_by_global_norm(grid([0.1, 1.0])), either))
    assert repr(spaces["slow"]) == repr(jgd.nesterov(loguniform(1e-3, 1)))


WRONG = {
    "[adam": "s.toml: it is not TOML: Expected ']'",
    "": "s.toml: there is no space in it; each space is a table",
    "x = 1": "s.toml: x stands outside of a table",
    "[adan]\nlearning_rate = 1": "s.toml: adan: unknown name 'adan'. Did you mean adam",
    "[a]\noptimizer = 'adm'": "s.toml: a.optimizer: unknown name 'adm'. Did you mean adam",
    "[adam]\nlearning_rat = 1": "optimizer adam: unknown name 'learning_rat'. Did you mean learning_rate",
    "[adam]\nb1 = 0.5": "s.toml: adam: optimizer adam needs learning_rate",
    "[adam]\nlearning_rate = { logunifrom = [1, 2] }": "unknown name 'logunifrom'. Did you mean loguniform",
    "[adam]\nlearning_rate = { loguniform = [2, 1] }": "learning_rate.loguniform: loguniform(low=2, high=1): low",
    "[adam]\nlearning_rate = { loguniform = 2 }": "expected two numbers, { loguniform = [low, high] }.",
    "[adam]\nlearning_rate = { uniform = [0, 1], stp = 1 }": "beside uniform: unknown name 'stp'. Did you mean step",
    "[adam]\nlearning_rate = { schedule = 'cosine' }": "unknown name 'cosine'. Did you mean cosine_decay",
    "[adam]\nlearning_rate = { choice = [1], x = 2 }": "choice stands alone, but 'x' is beside it",
    "[adam]\nlearning_rate = { choice = 3 }": "choice = 3: expected a list of options",
    "[adam]\nlearning_rate = 'x'": "learning_rate must be a number in [0, inf), not str.",
    "[adam]\nlearning_rate = 0.1\nb1 = 1.5": "s.toml: adam: adam(b1=1.5): b1 must lie in [0, 1).",
    "[adam]\nlearning_rate = 'steps'": "how many steps the sweep has is not known here",
    "[a]\nchain = [1]": "a.chain: expected a list of tables",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_named_in_one_sentence(text):
    with pytest.raises(InputError) as caught:
        parse_spaces(text, "s.toml")
    assert WRONG[text] in str(caught.value)
    assert str(caught.value).startswith("s.toml: ")
    assert "\n" not in str(caught.value)


OF_FUNCTIONS = """
[small]
rate = { loguniform = [1e-3, 1.0] }
width = { choice = [8, 16] }
steps = 20

[large]
rate = 0.1
activation = { choice = ["relu", "tanh"] }
"""


def test_the_spaces_of_a_function_hold_numbers_by_name():
    made = parse_spaces(OF_FUNCTIONS, "s.toml", closed=True)
    small = {"rate": loguniform(1e-3, 1.0), "width": choice([8, 16]), "steps": 20}
    assert repr(dict(made)) == repr({"small": small, "large": {"rate": 0.1, "activation": choice(["relu", "tanh"])}})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rate = 0.1", "s.toml: rate stands outside of a table; each space is a table, such as [train] with rate"),
        ("rate = { loguniform = [1, 2] }", "s.toml: rate reads as a distribution, as it has 'loguniform'; each space"),
        ("[a]\nrate = { logunifrom = [1, 2] }", "s.toml: a.rate: unknown name 'logunifrom'. Did you mean loguniform"),
        ("[a]\nrate = { uniform = [2, 1] }", "s.toml: a.rate.uniform: uniform(low=2, high=1): low must be below"),
    ],
)
def test_what_is_wrong_in_those_is_named_too(text, words):
    with pytest.raises(InputError) as caught:
        parse_spaces(text, "s.toml", closed=True)
    assert words in str(caught.value)


def test_shares_of_steps_lie_between_none_and_all():
    text = "[adam]\nlearning_rate = { schedule = 'constant', value = { steps = 2 } }"
    with pytest.raises(InputError, match=r"expected a share of the sweep's steps, from 0 to 1"):
        parse_spaces(text, "s.toml", 300)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot read it"):
        read_spaces(tmp_path / "none.toml")


def test_sizes_and_factors_of_whole_numbers_are_read():
    text = """
    [train]
    width = { structural = [16, 32] }
    depth = { integer = [1, 8], log = true }
    batch = { integer = [8, 64], log = true, step = 8 }
    """
    (space,) = parse_spaces(text, "spaces.toml", closed=True).values()
    assert repr(space["width"]) == repr(structural([16, 32]))
    assert repr(space["depth"]) == repr(integer(1, 8, log=True))
    assert repr(space["batch"]) == repr(quantized(integer(8, 64, log=True), 8))
    with pytest.raises(InputError, match=r"beside uniform.*'log'"):
        parse_spaces("[train]\nrate = { uniform = [1, 2], log = true }", "spaces.toml", closed=True)
    with pytest.raises(InputError, match=r"spaces.toml: train.width.structural: structural.*0.5 is no whole number"):
        parse_spaces("[train]\nwidth = { structural = [1, 0.5] }", "spaces.toml", closed=True)
