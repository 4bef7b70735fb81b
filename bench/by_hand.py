"""The examples' projects beside plain versions of them: lines of code, and figures that agree.

A line counts that holds code: no comment, docstring, import, print or assertion. What a plain version imports from its
example is the problem itself (the model, the loss, the data), with all that it rests on, and counts on neither side;
nor do an example's functions that only stage a kill and compare.
"""

import ast
import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import geometric_mean
from typing import Any

from bench.rows import Claim, Yields, alone
from jgd.measure import cores

ROOT = pathlib.Path(__file__).parent.parent
STAGED = {"eight_devices": {"main", "go_on", "die"}, "streaming_keep_best": {"write_shards"}}
PROJECTS = {
    "nano_gpt": "nanoGPT in nnx: accumulation, EMA, resume",
    "cnn_batch_norm_sweep": "A CNN with batch norm in a sweep",
    "ppo_sweep": "A sweep of PPO",
    "pinn": "A PINN: Adam, then L-BFGS",
    "hypergradient": "A hypergradient",
    "mixed_space": "A mixed space in a notebook",
    "groups_and_unfreezing": "Groups and unfreezing",
    "streaming_keep_best": "A stream, the best kept",
    "eight_devices": "Eight devices, resume",
}


def by_hand(quick: bool = False, only: str = "") -> Yields:
    """Nine projects with jgd and without: lines of code, and figures that must agree."""
    names = [only] if only else ["pinn", "hypergradient"] if quick else list(PROJECTS)
    shares = []
    with ThreadPoolExecutor(cores()) as pool:  # nothing is timed
        for name, figures in zip(names, pool.map(agreed, names), strict=True):
            ours, plain = lines(name)
            shares.append(ours / plain)
            row = {"project": PROJECTS[name], "jgd_lines": ours, "plain_lines": plain}
            for figure in figures:
                yield {**row, **{key: figure[key] for key in ("what", "jgd", "plain")}, "agree": figure["met"]}
            yield Claim(f"{name}: figures that agree", sum(f["met"] for f in figures) / len(figures), 1.0)
    yield Claim("lines with jgd, of those without, geometric mean", geometric_mean(shares), 0.5, at_least=False)


def agreed(name: str) -> list[dict[str, Any]]:
    """Return the figures of both versions."""
    return json.loads(printed(name)[-1])


def printed(name: str, *options: str) -> list[str]:
    """Return what both versions print in a process of Python's with these options: the last line has the figures."""
    code = (
        "import json, sys; from bench.plain.agreement import agreement; found = agreement(sys.argv[1]); "
        "print(json.dumps([{**f._asdict(), 'met': f.met} for f in found]))"
    )
    command = [sys.executable, *options, "-c", code, name]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"{name}: " + "\n".join(run.stderr.splitlines()[-8:]))
    return run.stdout.splitlines()


def lines(name: str) -> tuple[int, int]:
    """Count lines of code of an example and of its plain version, without what they share."""
    example, plain = (ast.parse((ROOT / part / f"{name}.py").read_text()) for part in ("examples", "bench/plain"))
    return counted(example, shared(example, plain, name) | STAGED.get(name, set())), counted(plain, set())


def shared(example: ast.Module, plain: ast.Module, name: str) -> set[str]:
    """Return the names that the plain version imports from its example, and those of the example that they use."""
    made = {name: node for node in example.body for name in named(node)}
    left = [
        alias.name
        for node in plain.body
        if isinstance(node, ast.ImportFrom) and node.module == f"examples.{name}"
        for alias in node.names
    ]
    found: set[str] = set()
    while left:
        one = left.pop()
        if one in made and one not in found:
            found.add(one)
            left.extend(node.id for node in ast.walk(made[one]) if isinstance(node, ast.Name))
    return found


def named(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of a module makes."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (one.id for target in node.targets for one in ast.walk(target) if isinstance(one, ast.Name))


def counted(module: ast.Module, left_out: set[str]) -> int:
    """Count lines of a module that hold code, without the statements that make the names that are left out."""
    found: set[int] = set()
    for node in module.body:
        if not (left_out & set(named(node))) and not _is_main(node):
            found |= spanned(node)
    return len(found)


def spanned(node: ast.AST) -> set[int]:
    """Return the lines of a statement and those below it that count."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Assert):
        return set()
    if isinstance(node, ast.Expr) and (isinstance(node.value, ast.Constant) or _is_print(node.value)):
        return set()
    blocks = [part for name in ("body", "orelse", "handlers", "finalbody") for part in getattr(node, name, [])]
    if not isinstance(node, ast.stmt | ast.ExceptHandler) or not blocks:
        return set(range(node.lineno, node.end_lineno + 1))  # type: ignore[attr-defined]
    inside = [one for part in ast.iter_child_nodes(node) if part not in blocks for one in ast.walk(part)]
    head = [line for one in inside if hasattr(one, "lineno") for line in (one.lineno, one.end_lineno)]  # type: ignore
    found = set(range(min([node.lineno, *head]), max([node.lineno, *head]) + 1))
    return found.union(*map(spanned, blocks))


def _is_print(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def _is_main(node: ast.stmt) -> bool:
    """Tell whether it only calls `main()` where the file is run."""
    return isinstance(node, ast.If) and [ast.unparse(one) for one in node.body] == ["main()"]


if __name__ == "__main__":
    alone(by_hand)
