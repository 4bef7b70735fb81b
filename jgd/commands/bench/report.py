"""The report of a bench: how near each step is to its floor, who is faster, and by how much."""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from jgd.commands.bench.peers import NARROW, STEPS, TOLERANCE
from jgd.commands.bench.pictures import color_of, roofline_figure, times_figure, who
from jgd.commands.bench.rows import HEADER, Row, cells
from jgd.core.median import level_text, median_ranks
from jgd.measure.units import bytes_text
from jgd.pages.page import facts, figure, notes, page, table, whisker
from jgd.pages.palette import VARIABLES
from jgd.pages.svg import to_svg


def bench_report(document: Mapping[str, Any], rows: Sequence[Row], remarks: Sequence[str], command: str) -> str:
    """Return the whole page."""
    params, machine = document["params"], document["machine"]
    title = f"Optimizer steps on {params['name']}"
    roof = roofline_figure(rows, document["copy_bandwidth"], document["product_flops"])
    body = [
        f"<h1>{html.escape(title)}</h1>",
        f'<p class="soft">{html.escape(machine["device"])}, {machine["cores"]} cores, {machine["platform"]}</p>',
        f'<p class="lead">{_verdict(rows)}</p>',
        facts(
            {
                "parameters": f"{params['parameters']:,}",
                "leaves": f"{params['leaves']:,}",
                "bytes of parameters": bytes_text(params["bytes"]),
                "a copy": f"{bytes_text(document['copy_bandwidth'])}/s",
                "products in float32": f"{document['product_flops'] / 1e9:,.0f} GFLOP/s",
            }
        ),
        f"<section><h2>Steps</h2>{_table(rows)}{''.join(map(_remark, remarks))}</section>",
        figure("Time of a step", to_svg(times_figure(rows), "times", VARIABLES, "Time of a step"), TIMES),
        figure("Roofline", to_svg(roof, "roof", VARIABLES, "Roofline"), ROOF),
        notes("How it was measured", _notes(document, rows, command)),
    ]
    return page(title, body)


TIMES = (
    "The dot is the median over blocks, the bar through it the quartiles. The grey bar is the floor: the least bytes "
    "at the bandwidth of the copy that ran in turn with the step."
)
ROOF = (
    "No step can lie above the roof, except one whose parameters and state fit into the cache. On its slope memory is "
    "the limit, on its flat part the arithmetic. The distance to it is the share of the floor. Operations are the "
    "compiler's count for our step, and the same for all."
)


def _verdict(rows: Sequence[Row]) -> str:
    """Tell who is nearest to the floor and farthest from it, and how often peers are slower."""
    ours = {row.optimizer: row.share.percent for row in rows if row.by == "jgd" and row.share is not None}
    said = []
    if ours:
        best, worst = (pick(ours, key=ours.__getitem__) for pick in (max, min))
        said.append(f"<b>{html.escape(best)}</b> runs at {ours[best]:.0f}% of the floor")
        if worst != best:
            said[-1] += f", <b>{html.escape(worst)}</b> at {ours[worst]:.0f}%"
    for by in who(rows)[1:]:
        ratios = [row.ratio for row in rows if row.by == by and row.ratio is not None]
        middle = math.exp(sum(math.log(ratio.ratio) for ratio in ratios) / len(ratios))
        verdicts = [row.verdict for row in rows if row.by == by]
        slower, faster = verdicts.count("slower"), verdicts.count("faster")
        said.append(
            f"{by} takes {middle:.2f} times as long as jgd, slower in {slower} of {len(ratios)} and faster in {faster}"
        )
    return "; ".join(said) + "." if said else "Everything fits into the cache, so memory sets no floor."


def _table(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        text = [html.escape(cell) for cell in cells(row)]
        color = VARIABLES[color_of(rows, row.by)]
        text[1] = f'<span class="dot" style="background:{color}"></span>{text[1]}'
        drawn = "" if row.share is None else whisker(*row.share[:3], (0.0, 100.0), color)
        low, high = row.timing.quartiles
        compilation = row.timing.compilation
        keys = [
            row.optimizer,
            row.by,
            row.timing.median,
            (high - low) / row.timing.median,
            row.bandwidth,
            math.nan if row.share is None else row.share.percent,
            math.nan if row.ratio is None else row.ratio.ratio,
            row.state_bytes / row.parameters,
            math.nan if compilation is None else compilation.seconds,
            math.nan if row.memory is None else row.memory.temporaries,
        ]
        lines.append(list(zip([*text[:6], drawn, *text[6:]], [*keys[:6], keys[5], *keys[6:]], strict=True)))
    heads = [html.escape(name) for name in [*HEADER[:6], "0 to 100%", *HEADER[6:]]]
    caption = (
        "Medians over blocks; IQR is the distance of the quartiles in percent of the median. GB/s counts the least "
        f"bytes. The bar is the share of the floor with its interval over blocks ({_level(rows)}). A ratio to ours "
        "with a tilde may be chance; it is ~1x where blocks in pairs and the medians disagree."
    )
    return table(heads, lines, caption, ranked=False)


def _notes(document: Mapping[str, Any], rows: Sequence[Row], command: str) -> list[str]:
    timing, apart = rows[0].timing, [row.difference for row in rows if row.difference is not None]
    found = [
        "A step is an update and its application, on random parameters and one random gradient; parameters and state "
        "are donated and passed from step to step. Nothing else is in it: no loss, no schedule.",
        f"Blocks of at least 0.1 s, {len(timing.seconds)} of each, in turn in one process, with a block of a copy: "
        "<code>x * a</code> in place, over an array far above the last cache.",
        "The least bytes: the gradient read, parameters and state read and written once, and what a transform declares "
        "beyond them, such as the second pass over the gradients of a clip by their norm.",
        "Compiling is tracing, lowering and compiling together; temporaries are the compiler's account.",
    ]
    if apart:
        found.append(
            f"Peers were timed after {STEPS} of their steps, on gradients of sizes 0.0001 to 10 and axes of at most "
            f"{NARROW}, had led where ours lead: to {max(apart):.1g} of the way at most ({TOLERANCE:g} is allowed). "
            f"Ratios are of paired blocks; one counts as slower or faster where its interval ({_level(rows)}) leaves "
            "out 1 and the medians agree."
        )
    versions = ", ".join(f"{name} {number}" for name, number in document["versions"].items())
    return [*found, f"Versions: {html.escape(versions)}.", f"Run again: <code>{html.escape(command)}</code>"]


def _level(rows: Sequence[Row]) -> str:
    """Write the probability with which an interval over so many blocks holds the truth."""
    return level_text(median_ranks(len(rows[0].timing.seconds))[1])


def _remark(line: str) -> str:
    return f'<p class="soft">{html.escape(line)}</p>'
