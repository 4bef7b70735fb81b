"""The page of the solvers' benchmark: tables, performance profiles and data profiles of each kind. It loads nothing."""

import html
import math
from typing import Any

import numpy as np

from jgd.pages.figure import new_figure, style
from jgd.pages.page import facts, figure, notes, page, table
from jgd.pages.palette import COLORS, INK, VARIABLES
from jgd.pages.svg import to_svg
from jgd.pages.ticks import log_ticks
from jgd.sweep import profile_figure

Document = dict[str, Any]
TAU = 10.0
TO = {"passes_0.001": "to 1e-3", "passes_1e-07": "to 1e-7"}  # of the data profiles
PEERS = ("optimistix", "jaxopt")
TITLES = {"smooth": "Smooth problems", "squares": "Least squares", "bounded": "Problems with bounds"}


def render(kinds: Document) -> str:
    """Return the HTML document."""
    shown = {TITLES[kind].lower(): how_many(found) for kind, found in kinds.items()}
    shown |= {"minutes": f"{sum(found['seconds'] for found in kinds.values()) / 60:.1f}"}
    machine = next(iter(kinds.values()))["machine"]
    versions = machine.get("versions", {})
    shown |= {name: html.escape(versions[name]) for name in ("jgd", "jax", "scipy", *PEERS) if name in versions}
    shown |= {"date": html.escape(machine.get("date", "")[:10])}
    body = ["<h1>Deterministic solvers, by passes</h1>", facts(shown)]
    for kind, found in kinds.items():
        body += section(found, kind)
    return page("Deterministic solvers, by passes", [*body, notes("How it was measured", NOTES), STYLE])


def how_many(found: Document) -> str:
    """Return how many problems were run, and of how many where these are not all."""
    done, whole = found["done"], len(found["problems"])
    return str(whole) if done == whole else f"the first {done} of {whole}"


STYLE = """<style>td:last-child, th:last-child { text-align: left; white-space: normal; }</style>"""
NOTES = (
    "A pass is one run of the function: a value, with or without its gradient, a residual with or without its "
    "Jacobian, or a Hessian. Nobody gets more than 2,000; tolerances ask for all that the arithmetic gives.",
    "Solved: the point that is returned has a known minimum to 1e-7 of it, or a slope of at most 1e-6 max(1, |f|). "
    "Strict: a known minimum to 1e-10 of it.",
    "Passes: the median to a known minimum to 1e-7 of it, over the problems where the method comes there. Data "
    "profiles ask for f - f* of at most so much of f_0 - f*.",
    "Wrong: the method says that it has converged at a point that is not solved. In rows of float32 a "
    "point is solved, too, where its gap to a known minimum, or what Newton's step over the parameters that no bound "
    "holds promises, is no more than ten rounding units of the value (1.2e-6 of it) or than values of float32 around "
    "it are off by: 1e-7 is below the rounding of that dtype, and sums that cancel round to less. Points and values "
    "are judged in float64.",
)


def section(found: Document, kind: str) -> list[str]:
    """Return the table and the two pictures of a kind."""
    problems = found["problems"][: found["done"]]
    runs = {name: some for name, some in found["runs"].items() if some["problems"]}
    whole = {name: some for name, some in runs.items() if some["problems"] == problems}
    costs = {name: costs_of(some, "passes") for name, some in whole.items()}
    profile = to_svg(profile_figure(costs, TAU), f"{kind}-performance", VARIABLES, f"Performance profiles, {kind}")
    sizes = found["n"][: found["done"]]
    data = to_svg(data_figure(whole, sizes), f"{kind}-data", VARIABLES, f"Data profiles, {kind}")
    title = TITLES[kind] if problems == found["problems"] else f"{TITLES[kind]}: {how_many(found)}"
    title += f" (only {' and '.join(found['only'])})" if found["only"] else ""
    return [
        standings(title, runs),
        figure(
            f"{title}: performance profiles",
            profile,
            "Problems solved within so many times the fewest passes that anyone needed.",
        ),
        figure(f"{title}: data profiles", data, "Problems solved within so many times n + 1 passes."),
    ]


def standings(title: str, runs: Document) -> str:
    """Return the table of a kind's methods."""
    lines = []
    for name, some in runs.items():
        median, wrong = median_passes(some), times_wrong(some)
        cells = [(html.escape(name), name), (f"{sum(some['solved'])} of {len(some['solved'])}", sum(some["solved"]))]
        cells += [(str(sum(some["strict"])), sum(some["strict"])), (f"{median:g}", median), (str(wrong), wrong)]
        missed = [p for p, solved in zip(some["problems"], some["solved"], strict=True) if not solved]
        lines.append([*cells, (html.escape(", ".join(missed)), len(missed))])
    head = ["method", "solved", "strict", "passes", "wrong", "not solved"]
    return f"<section><h2>{html.escape(title)}</h2>{table(head, lines, '', ranked=False)}</section>"


def median_passes(some: Document) -> float:
    """Return the median of the passes of a method where it reached the minimum; infinity where it never did."""
    passes = [count for count in some["passes"] if count is not None]
    return float(np.median(passes)) if passes else math.inf


def times_wrong(some: Document) -> int:
    """Count how often a method says that it has converged where it is not solved."""
    return sum(said and not solved for said, solved in zip(some["said"], some["solved"], strict=True))


def costs_of(some: Document, column: str) -> list[float]:
    """Return the passes of a method, infinity for a miss."""
    return [math.inf if count is None else float(count) for count in some[column]]


def data_figure(runs: Document, sizes: list[int]) -> Any:
    """Draw the share of problems solved within k (n + 1) passes (Moré & Wild 2009), to 1e-3 and to 1e-7."""
    drawn = new_figure(9.0, 4.2, "the page of the solvers")
    panels = drawn.subplots(1, 2, sharey=True)
    simplices = np.array(sizes) + 1.0
    for panel, (column, title) in zip(panels, TO.items(), strict=True):
        for i, (name, some) in enumerate(runs.items()):
            spent = np.sort(np.array(costs_of(some, column)) / simplices)
            spent = spent[np.isfinite(spent)]
            share = 100 * np.arange(1, len(spent) + 1) / len(sizes)
            stroke = ("-", "--", ":")[i // len(COLORS) % 3]
            panel.step(spent, share, where="post", color=COLORS[i % len(COLORS)], linestyle=stroke, label=name)
        panel.set(xscale="log", ylim=(0, 102))
        log_ticks(panel.xaxis)
        panel.set_xlabel("passes / (n + 1)")
        panel.set_title(title, color=INK, loc="left", fontsize=10, fontweight="bold")
        style(panel)
    panels[0].set_ylabel("problems, %")
    drawn.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=8,
        labelcolor=INK,
    )  # fmt: skip
    return drawn
