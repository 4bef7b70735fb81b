"""Every optimizer on every problem of `jgd.tasks.suite`, equally tuned: `python -m bench leaderboard`.

It writes bench/results/leaderboard.json, its page, leaderboard.html, and a table, leaderboard.md, unless it is quick.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from bench.contest import RATES, SEEDS, Solved, chosen, document, solve_all
from bench.leaderboard_page import Document, render
from bench.leaderboard_text import markdown, verdict
from bench.machine import describe
from bench.rows import Claim, Yields, alone

RESULTS = Path(__file__).parent / "results"


def leaderboard(quick: bool = False, whole: bool = False) -> Yields:
    """Yield a row for each optimizer, from the best; `quick`: of few on few problems; `whole`: on the whole suite."""
    compile_quickly()
    problems, names = chosen(quick, whole)
    rates, seeds = (3, 2) if quick else (RATES, SEEDS)
    clock = time.perf_counter()
    solved = solve_all(problems, names, rates=rates, seeds=seeds, told=tell)
    found = document(solved, names, describe(), time.perf_counter() - clock)
    if not quick:
        write(found)
    for rank, row in enumerate(found["standings"], 1):
        setting = row["setting"]
        yield {
            "rank": rank,
            "optimizer": row["solver"],
            "score": row["score"],
            "low": row["low"],
            "high": row["high"],
            "behind": row["behind"],
            "behind_low": row["behind_low"],
            f"than_{found['against']}": verdict(row["all"]),
            "solved_percent": 100 * row["solved"],
            "one_setting_percent": 100 * row["one_setting"],
            "its_rate": setting["rate"],
        }
    if not quick:
        yield from claims(found)


def tell(solved: Solved) -> None:
    """Tell that a problem is done."""
    print(f"{solved.problem.name}: {solved.seconds:.1f} s", file=sys.stderr, flush=True)


def compile_quickly() -> None:
    """Ask XLA for as little optimisation as it offers: hundreds of tiny programs, of which steps are counted."""
    flags = ["--xla_backend_optimization_level=0"]
    if version("jaxlib").startswith("0.10."):
        flags.append("--xla_cpu_use_fusion_emitters=false")  # jaxlib 0.11 has dropped the slow emitters' flag
    os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *flags]).strip()


def claims(found: Document) -> Sequence[Claim]:
    """Claim that every problem was won by somebody."""
    lost = [row["name"] for row in found["problems"] if all(cost is None for cost in row["costs"].values())]
    return [
        Claim("problems that no optimizer solves", len(lost), 0, at_least=False, unit="", why=", ".join(lost)),
    ]


def write(found: Document) -> None:
    """Write the document, its page and its table."""
    (RESULTS / "leaderboard.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "leaderboard.html").write_text(render(found))
    (RESULTS / "leaderboard.md").write_text(markdown(found))


if __name__ == "__main__":
    alone(leaderboard)
