"""Refusals: errors of bad input, each of which is one sentence."""

from collections.abc import Callable
from typing import Any

import pytest

import jgd


def refused(call: Callable[[], Any], message: str) -> None:
    """Require that a call is refused in one sentence, which begins with `message`."""
    with pytest.raises(jgd.InputError) as error:
        call()
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
