"""The page of a file of results: claims first, then every table with its picture. It loads nothing."""

import html
from typing import Any

from bench.shown import cell, claim_text, columns, heading
from jgd.pages.page import facts, page, table
from jgd.pages.palette import COLORS, FAINT, GRID, INK, VARIABLES
from jgd.pages.svg import to_svg


def render(results: dict[str, Any]) -> str:
    """The HTML document."""
    machine, cases = results["machine"], results["cases"]
    title = f"jgd's benchmarks on {machine['device']}"
    claims = [(name, claim) for name, case in cases.items() for claim in case["claims"]]
    return page(title, [_head(title, results, claims), _claims(claims), *(_case(*item) for item in cases.items())])


def _head(title: str, results: dict[str, Any], claims: list[Any]) -> str:
    machine = results["machine"]
    met = sum(claim["met"] for _, claim in claims)
    shown = {
        "device": html.escape(f"{machine['devices']} x {machine['device']}"),
        "cores": str(machine["cores"]),
        "goals met": f"{met} of {len(claims)}",
        "date": machine["date"][:10],
        "commit": f"{(machine['commit'] or 'none')[:10]}{' and changes' if machine['changed'] else ''}",
        "minutes": f"{results['seconds'] / 60:.1f}",
    }
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    quick = '<p class="warn">A quick run: small sizes, so its figures mean little.</p>' if results["quick"] else ""
    return (
        f"<h1>{html.escape(title)}</h1><p class=soft>{html.escape(versions)}. Sides of a case run in turn; a ratio is "
        "how many times as long as the first side, a median with its 95% bootstrap interval; a time stands with its "
        f"interquartile range.</p>{quick}{facts(shown)}"
    )


def _claims(claims: list[Any]) -> str:
    if not claims:
        return ""
    head, rows = ["", "case", "figure", "found", "goal", "what bounds it"], []
    for name, claim in claims:
        found, goal = claim_text(claim).split(", goal ")
        sign = '<b style="color:var(--c2)">met</b>' if claim["met"] else '<b style="color:var(--c3)">missed</b>'
        texts = [
            sign,
            f'<a href="#{name}">{name}</a>',
            *map(html.escape, (claim["text"], found, goal.rpartition(":")[0])),
        ]
        keys = ["met" if claim["met"] else "missed", name, claim["text"], claim["value"], claim["goal"], claim["why"]]
        rows.append(list(zip([*texts, html.escape(claim["why"])], keys, strict=True)))
    return f"<section class=bench><h2>Goals</h2>{table(head, rows, '')}</section>{_STYLE}"


def _case(name: str, case: dict[str, Any]) -> str:
    body = ""
    if case["status"] != "done":
        body += f'<p class="warn">{case["status"]}: <code>{html.escape(case.get("error", ""))}</code></p>'
    if case["chart"] and case["rows"]:
        body += f"<figure>{_chart(name, case['chart'], case['rows'])}</figure>"
    if case["rows"]:
        names = columns(case["rows"])
        rows = [[(html.escape(cell(x, row)), row.get(x, "")) for x in names] for row in case["rows"]]
        seconds = f"{case['seconds']:.0f} s in all: <code>{html.escape(case['command'])}</code>"
        body += table([heading(x) for x in names], rows, seconds)
    said = [f"{html.escape(claim['text'])}: {html.escape(claim_text(claim))}" for claim in case["claims"]]
    body += f"<ul>{''.join(f'<li>{item}</li>' for item in said)}</ul>" if said else ""
    return f'<section class=bench id="{name}"><h2>{html.escape(case["title"])}</h2>{body}</section>'


def _chart(name: str, chart: dict[str, str], rows: list[dict[str, Any]]) -> str:
    """Lines on logarithmic axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots()
    groups = dict.fromkeys(row[chart["by"]] for row in rows if chart["by"] in row)
    for color, group in zip(COLORS, groups, strict=False):
        known = [row for row in rows if row.get(chart["by"]) == group and chart["x"] in row and chart["y"] in row]
        points = sorted((row[chart["x"]], row[chart["y"]]) for row in known)
        axes.plot(*zip(*points, strict=True), color=color, marker="o", markersize=4, label=str(group))
    axes.set(xscale="log", yscale="log", xlabel=heading(chart["x"]), ylabel=heading(chart["y"]))
    axes.grid(color=GRID)
    axes.tick_params(colors=INK, which="both")
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(FAINT)
    axes.legend(frameon=False, labelcolor=INK)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    return to_svg(figure, name, VARIABLES, f"{heading(chart['y'])} over {heading(chart['x'])}")


# Texts of tables stand left, and no row is a winner.
_STYLE = """<style>.bench td, .bench th { text-align: left; white-space: normal; }
.bench .winner td { background: none; font-weight: inherit; }</style>"""
