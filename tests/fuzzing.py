"""Wrong content for the readers of files: values at random places of what JSON holds, replaced or left out."""

import copy

from jgd.core import InputError

WRONG = (None, True, -1, 10**30, 1.5, float("inf"), "", "x", "\0", [], [[]], {}, {"a": 1}, [1, "a"])


def _places(node, path=()):
    yield path
    if isinstance(node, (dict, list)):
        for key, child in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _places(child, (*path, key))


def mutated(content, rng):
    """Return a copy of `content` with something wrong at one place."""
    content = copy.deepcopy(content)
    *path, last = rng.choice([path for path in _places(content) if path])
    node = content
    for key in path:
        node = node[key]
    if rng.random() < 0.3:
        del node[last]
    elif isinstance(node, list) and rng.random() < 0.3:
        node.insert(last, copy.deepcopy(node[last]))
    else:
        node[last] = rng.choice(WRONG)
    return content


def refusal(call):
    """Return what an `InputError` of the call says, or None where it is taken."""
    try:
        call()
    except InputError as error:
        return str(error)
    return None
