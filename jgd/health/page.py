"""The page of a check-up: the verdict first, then the findings, the pictures that they rest on, and every layer."""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jgd.core.finding import BROKEN, SLOW, Finding
from jgd.health.layers import slope, unrolled
from jgd.health.measured import Measured
from jgd.health.table import HEAD, LayerRow, layer_cells
from jgd.health.trials import FACTORS
from jgd.pages.figure import literal, new_figure, style
from jgd.pages.page import facts, figure, notes, page, table
from jgd.pages.palette import COLORS, FAINT, INK, VARIABLES
from jgd.pages.svg import to_svg
from jgd.pages.text import count
from jgd.pages.ticks import log_ticks

SEVERITIES = {BROKEN: "Broken", SLOW: "Slow"}
SHARES = ("zero", "dead")
SHADED = ("output", *SHARES, "signal", "gradient")  # columns of the table that are a map of heat
DEEPEST = 45  # per cent of a colour in a cell
NAMED = 24  # layers of which a picture has room for the names
MEANING = (
    "Layers in the order in which they are computed. Output: deviation of what a layer puts out; zero: share of its "
    "zeros; dead: share of its units that are zero on every example; signal: root mean square of the derivative of the "
    "loss by its output; gradient: that of the derivative by its parameters; |u|/|theta|: norm of a step over that of "
    "the parameters; rank of u: effective rank of a step. Of attention, the logits that enter its softmax, masked ones "
    "left out. Of several layers in one row, from the least to the largest. "
    "More colour is more within a column: shares from 0% to 100%, the others by logarithms, over two decades or more."
)


def checkup_page(
    name: str,
    verdict: str,
    findings: Sequence[Finding],
    shown: Mapping[str, str],
    rows: Sequence[LayerRow],
    measured: Measured,
) -> str:
    """Make the whole page."""
    title = f"Health of {name}"
    tone = ' class="lead warn"' if findings else ' class="lead"'
    examples, taken = count(measured.examples, "example"), count(measured.taken, "step")
    size = f"{examples}, batches of {measured.batch_size:,}, after {taken}"
    body = [
        f"<h1>{html.escape(title)}</h1>",
        f'<p class="soft">{html.escape(size)}</p>',
        f"<p{tone}>{html.escape(verdict)}</p>",
        facts({key: html.escape(value) for key, value in shown.items()}),
    ]
    if findings:
        body.append(notes("Findings, causes first", [_item(finding) for finding in findings]))
    body += _pictures(measured)
    lines = _lines(rows)
    body.append(f"<section><h2>Layers</h2>{table(HEAD, lines, MEANING, ranked=False)}</section>")
    return page(title, body)


def _item(finding: Finding) -> str:
    severity = SEVERITIES.get(finding.severity, "Watch")
    tone = ' class="warn"' if finding.severity == BROKEN else ""
    return f"<b{tone}>{severity}.</b> {html.escape(str(finding))}"


def _lines(rows: Sequence[LayerRow]) -> list[list[tuple[str, float | str]]]:
    """Return the cells of the table; those of outputs, shares, signals and gradients are a map of heat as well."""
    lines = [[(html.escape(text), _key(text)) for text in layer_cells(row)] for row in rows]
    for name in SHADED:
        column = HEAD.index(name)
        for line, shade in zip(lines, shades([getattr(row, name)[1] for row in rows], name in SHARES), strict=True):
            text, key = line[column]
            line[column] = (f'<span class="shade" style="--shade: {DEEPEST * shade:.0f}%">{text}</span>', key)
    return lines


def shades(values: Sequence[float], is_share: bool) -> np.ndarray:
    """Place a column's values from 0 to 1: shares as they are, others by logarithms over two decades at least."""
    found = np.asarray(values, float)
    if not is_share:
        found = np.log10(found, out=np.full_like(found, np.nan), where=(found > 0) & np.isfinite(found))
        seen = found[~np.isnan(found)]
        found = (found - seen.min()) / max(2.0, np.ptp(seen)) if seen.size else found
    return np.nan_to_num(found)


def _key(text: str) -> float | str:
    """Sort by the first number of a cell."""
    first = text.split(" - ")[-1].replace(",", "").rstrip("%")
    try:
        return float(first)
    except ValueError:
        return text


def _pictures(m: Measured) -> list[str]:
    drawn = []
    layers = m.looked.products()
    if len(layers) > 2:
        fall, seen = slope(layers)
        sloped = f" The slope of the signal is {fall:+.2f} per layer over {count(seen, 'layer')}."
        told = sloped if math.isfinite(fall) else ""
        caption = (
            "From the input on the left to the loss on the right. A signal that falls towards the left vanishes on its "
            f"way back; one that rises explodes.{told}"
        )
        drawn.append(("depth", "Outputs and signals along the depth", _depth(m), caption))
    if m.trials is not None:
        caption = (
            f"The loss before and after {m.span}, with the updates of the optimizer times 0.01, 0.1, 1 and 10, "
            "on examples that were trained on and on held-out ones. About right is a rate at which the loss falls "
            "far, and ten times of which gain little more. What is not finite is not drawn."
        )
        drawn.append(("rates", "What the rate is worth", _rates(m), caption))
    return [
        figure(title, to_svg(picture, kind, VARIABLES, title), html.escape(caption))
        for kind, title, picture, caption in drawn
    ]


def _depth(m: Measured) -> Any:
    """Draw two curves over the layers, on a logarithmic scale."""
    layers = list(unrolled(m.looked.products()))
    labels = [layer.tap.name for layer in layers]
    picture = new_figure(10.4, 3.6, "the page of a check-up")
    axes = picture.subplots()
    for color, name, values in (
        (COLORS[0], "output, deviation", [layer.deviation for layer in layers]),
        (COLORS[1], "signal that comes back, root mean square", [layer.signal for layer in layers]),
    ):
        flat = np.array(values, float)
        flat[~(flat > 0) | ~np.isfinite(flat)] = np.nan
        axes.plot(range(len(flat)), flat, marker="o", color=color, label=name)
    axes.set_yscale("log")
    log_ticks(axes.yaxis)
    if len(labels) <= NAMED:
        long = max(map(len, labels)) > 12 or len(labels) > 10
        axes.set_xticks(
            range(len(labels)),
            [literal(x) for x in labels],
            rotation=30 if long else 0,
            ha="right" if long else "center",
        )
    else:
        axes.set_xlabel("layer")
    _quiet(axes)
    return picture


def _rates(m: Measured) -> Any:
    """Draw the losses after the trials against the factor of the updates."""
    assert m.trials is not None
    picture = new_figure(10.4, 3.4, "the page of a check-up")
    axes = picture.subplots()
    for color, name, values in (
        (COLORS[0], "trained on", m.trials.after),
        (COLORS[1], "held out", m.trials.held_after),
    ):
        axes.plot(FACTORS, np.where(np.isfinite(values), values, np.nan), marker="o", color=color, label=name)
    axes.axhline(m.trials.before, color=FAINT, linestyle="--", label="before")
    axes.axvline(1.0, color=FAINT, linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(FACTORS[0] / 1.5, FACTORS[-1] * 1.5)
    finite = m.trials.after[np.isfinite(m.trials.after)]
    if len(finite) and finite.min() > 0 and max(finite.max(), m.trials.before) > 20 * finite.min():
        axes.set_yscale("log")
        log_ticks(axes.yaxis)
    log_ticks(axes.xaxis)
    axes.set_xlabel("rate, as a multiple of the optimizer's")
    axes.set_ylabel("loss")
    _quiet(axes)
    return picture


def _quiet(axes: Any) -> None:
    """Draw the axes in colours that the page has a dark one for."""
    style(axes)
    axes.figure.legend(loc="outside upper left", ncols=3, frameon=False, labelcolor=INK)
