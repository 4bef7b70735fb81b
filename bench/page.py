"""The page of a file of results: claims first, then every table with its picture. It loads nothing."""

import html
import itertools
from importlib.util import find_spec
from typing import Any

from bench.format import cell, claim_text, columns, heading
from jgd.pages.page import facts, page, table
from jgd.pages.palette import COLORS, FAINT, GRID, INK, VARIABLES
from jgd.pages.svg import to_svg


def render(results: dict[str, Any]) -> str:
    """Return the HTML document."""
    machine, cases = results["machine"], results["cases"]
    title = f"{title_of(cases)}, on {machine['device']}"
    claims = [(name, claim) for name, case in cases.items() for claim in case["claims"]]
    parts = [_head(title, results, claims), _sections(results), _claims(claims)]
    return page(title, [*parts, *(_case(*item) for item in cases.items()), _STYLE])


def title_of(cases: dict[str, Any]) -> str:
    """Return the titles of a few cases, or how many there are."""
    named = "; ".join(case["title"] for case in cases.values())
    return named if len(cases) <= 2 else f"jgd's benchmarks, {len(cases)} cases"


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
        "how many times as long as the first side, a median with the sign test's interval: of at least 95% from six "
        "repeats on, and below the range, whose level is 50, 75, 87.5 and 93.75% for two to five. A time stands with "
        f"its interquartile range.</p>{quick}{facts(shown)}"
    )


def _sections(results: dict[str, Any]) -> str:
    """Return of a run on a device what is unmeasured, and its sections with their time; nothing of other results."""
    if "sections" not in results:
        return ""
    rows = []
    for name, one in results["sections"].items():
        cases = {case: results["cases"][case]["status"] for case in one["cases"]}
        links = ", ".join(f'<a href="#{case}">{case}</a>{_status(status)}' for case, status in cases.items())
        took = f"{one['seconds']:.0f} of {one['budget']:.0f} s"
        texts = [name, html.escape(one["title"]), html.escape(one["status"]), took, links]
        rows.append(list(zip(texts, [name, one["title"], one["status"], one["seconds"], links], strict=True)))
    head = ["section", "", "cases", "time", ""]
    caption = "Sections run in order of worth, each within its part of the time; what one leaves goes to the next."
    open_ = "".join(f"<li>{html.escape(line)}</li>" for line in results["unmeasured"])
    return (
        f"<section class=bench><h2>Unmeasured</h2><ul>{open_ or '<li>Nothing.</li>'}</ul></section>"
        f"<section class=bench><h2>Sections</h2>{table(head, rows, caption)}</section>"
    )


def _status(status: str) -> str:
    return "" if status == "done" else f' <span class="warn">({html.escape(status)})</span>'


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
            html.escape(claim["text"]),
            *(f"<span class=number>{html.escape(said)}</span>" for said in (found, goal.rpartition(":")[0])),
        ]
        keys = ["met" if claim["met"] else "missed", name, claim["text"], claim["value"], claim["goal"], claim["why"]]
        rows.append(list(zip([*texts, html.escape(claim["why"])], keys, strict=True)))
    return f"<section class=bench><h2>Goals</h2>{table(head, rows, '')}</section>"


def _case(name: str, case: dict[str, Any]) -> str:
    body = ""
    if case["status"] != "done":
        body += f'<p class="warn">{case["status"]}: <code class="error">{html.escape(case.get("error", ""))}</code></p>'
    body += _picture(name, case)
    if case["rows"]:
        names = columns(case["rows"])
        rows = [[(_cell(x, row), row.get(x, "")) for x in names] for row in case["rows"]]
        when = f" on {case['date'][:10]} at {(case['commit'] or 'no commit')[:10]}" if case.get("date") else ""
        seconds = f"{case['seconds']:.0f} s in all{when}: <code>{html.escape(case['command'])}</code>"
        body += table([heading(x) for x in names], rows, seconds)
    said = [f"{html.escape(claim['text'])}: {html.escape(claim_text(claim))}" for claim in case["claims"]]
    body += f"<ul>{''.join(f'<li>{item}</li>' for item in said)}</ul>" if said else ""
    return f'<section class=bench id="{name}"><h2>{html.escape(case["title"])}</h2>{body}</section>'


def _cell(column: str, row: dict[str, Any]) -> str:
    """Return a value as HTML; only texts may be broken over lines."""
    shown = html.escape(cell(column, row))
    return shown if isinstance(row.get(column), str) else f"<span class=number>{shown}</span>"


def _picture(name: str, case: dict[str, Any]) -> str:
    """Return the chart of a case that has points for one, where it can be drawn."""
    chart = case["chart"]
    ys = [y for y in chart["ys"] if any(chart["x"] in row and y in row for row in case["rows"])] if chart else []
    if not ys:
        return ""
    if not find_spec("matplotlib"):
        return '<p class="soft">Without matplotlib there is no picture.</p>'
    return f"<figure>{_chart(name, {**chart, 'ys': ys}, case['rows'])}</figure>"


def _chart(name: str, chart: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Draw lines on logarithmic axes, with one legend for all panels; a line keeps its colour."""
    from matplotlib.figure import Figure

    x, ys, by, per = chart["x"], chart["ys"], chart["by"], chart["per"] or ""
    groups = dict.fromkeys(row[by] for row in rows if by in row)
    colors = dict(zip(groups, itertools.cycle(COLORS), strict=False))
    parts: list[Any] = list(dict.fromkeys(row[per] for row in rows if per in row)) if per else [None]
    shape = (len(ys), len(parts)) if per else (1, len(ys))
    figure = Figure(figsize=(9, 1.1 + 2.5 * shape[0]), layout="constrained")
    panels = figure.subplots(*shape, squeeze=False, sharex=True, sharey="row" if per else False)
    pairs = [(column, part) for column in ys for part in parts]
    for axes, (column, part) in zip(panels.flat, pairs, strict=True):
        for group, color in colors.items():
            known = [row for row in rows if row.get(by) == group and x in row and column in row]
            points = sorted((row[x], row[column]) for row in known if part in (None, row.get(per)))
            if points:
                axes.plot(*zip(*points, strict=True), color=color, marker="o", markersize=4, label=str(group))
        _dress(axes)
    for axes, column in zip(panels.flat if not per else panels[:, 0], ys, strict=True):
        axes.set_ylabel(_axis(column), color=INK)
    for axes in panels[-1]:
        axes.set_xlabel(_axis(x), color=INK)
    for axes, part in zip(panels[0], parts if per else (), strict=False):
        axes.set_title(part, color=INK, loc="left", fontsize=10, fontweight="bold")
    lines = {line.get_label(): line for axes in panels.flat for line in axes.get_lines()}
    place: dict[str, Any] = {"loc": "outside lower center", "ncols": 4, "frameon": False, "fontsize": 9}
    figure.legend(list(lines.values()), list(lines), labelcolor=INK, **place)
    figure.patch.set_alpha(0)
    return to_svg(figure, name, VARIABLES, f"{', '.join(map(heading, ys))} over {heading(x)}")


def _axis(column: str) -> str:
    """Return a column's name with the unit of its numbers."""
    units = {"seconds": "s", "bytes": "bytes", "percent": "%"}
    unit = next((shown for end, shown in units.items() if column.endswith(end)), "")
    return f"{heading(column)}, {unit}" if unit else heading(column)


def _dress(axes: Any) -> None:
    """Set the scales, the grid and the colours of a panel."""
    from matplotlib.ticker import MaxNLocator, NullLocator

    axes.set(xscale="log", yscale="log")
    low, high = axes.get_ylim()
    if high < 10 * low:  # between powers of ten there would be no numbers
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.yaxis.set_minor_locator(NullLocator())
    if high < 1e4 and low > 1e-3:
        axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(color=GRID)
    axes.tick_params(colors=INK, which="both")
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(FAINT)
    axes.patch.set_alpha(0)


# Texts of tables stand left, and no row is a winner.
_STYLE = """<style>.bench td, .bench th { text-align: left; white-space: normal; }
.bench .number { white-space: nowrap; }
.bench .error { white-space: pre-wrap; }
.bench .winner td { background: none; font-weight: inherit; }</style>"""
