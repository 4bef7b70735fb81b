"""The look of a report: one page that loads nothing, in light and dark, whose tables sort by a click or a key."""

import html
import json
from collections.abc import Mapping, Sequence

from jgd.pages.palette import COLORS, DARK

PAGE = 100  # rows of a table that are shown at a time
Cell = tuple[str, float | str]  # its HTML, and what it sorts by


def page(title: str, body: Sequence[str]) -> str:
    """Return a whole HTML document."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>",
            *body,
            f"</main>\n<script>{_SCRIPT}</script>\n</body>\n</html>\n",
        ]
    )


def table(head: Sequence[str], rows: Sequence[Sequence[Cell]], caption: str, *, ranked: bool = True) -> str:
    """Return a sortable table. `ranked` rows begin with a rank, and the first is the winner; others begin with a name.

    The page has an element for each of the first `PAGE` rows. Further ones are data, of which a script shows as many at
    a time: thousands sort at once.
    """
    heads = "".join(f'<th scope="col"><button type="button">{name}</button></th>' for name in head)
    first = " class=winner" if ranked else ""
    body = "".join(f"<tr{first if i == 0 else ''}>{_cells(row)}</tr>" for i, row in enumerate(rows[:PAGE]))
    data, turning = "", ""
    if len(rows) > PAGE:
        # A "<" would end the script early if it stood in a name.
        cells = [[[shown, str(key)] for shown, key in row] for row in rows]
        text = json.dumps(cells, separators=(",", ":")).replace("<", r"\u003c")
        data = f'<script type="application/json">{text}</script>'
        arrows = (("-1", "previous"), ("1", "next"))
        buttons = "".join(f'<button type="button" data-turn="{by}">{name}</button>' for by, name in arrows)
        turning = f'<p class="turning soft" hidden>{buttons}<span></span></p>'
    kind = "sortable" if ranked else "sortable named"
    return (
        f'<div class="scroll"><table class="{kind}"><caption>{caption}</caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table>{data}</div>{turning}"
    )


def _cells(row: Sequence[Cell]) -> str:
    return "".join(f'<td data-key="{html.escape(str(key))}">{shown}</td>' for shown, key in row)


def facts(values: Mapping[str, str]) -> str:
    """Return a row of figures, each with what it counts below it; the values are HTML."""
    return '<dl class="facts">' + "".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in values.items()) + "</dl>"


def figure(title: str, svg: str, caption: str) -> str:
    """Return a section with one picture; the caption is HTML."""
    return f"<section><h2>{html.escape(title)}</h2><figure>{svg}<figcaption>{caption}</figcaption></figure></section>"


def notes(title: str, items: Sequence[str]) -> str:
    """Return a section with a list of remarks, which are HTML."""
    return f"<section><h2>{html.escape(title)}</h2><ul>{''.join(f'<li>{item}</li>' for item in items)}</ul></section>"


def whisker(value: float, low: float, high: float, ends: tuple[float, float], color: str) -> str:
    """Return a dot with its interval, on a scale that all rows share."""
    left, right = ends
    span = right - left or 1.0
    x, a, b = (6 + 108 * min(max((v - left) / span, 0.0), 1.0) for v in (value, low, high))
    return (
        '<svg class="whisker" viewBox="0 0 120 14" aria-hidden="true">'
        '<line x1="6" x2="114" y1="7" y2="7" stroke="var(--grid)"/>'
        f'<line x1="{a:.1f}" x2="{b:.1f}" y1="7" y2="7" stroke="{color}" stroke-width="3" stroke-linecap="round"/>'
        f'<circle cx="{x:.1f}" cy="7" r="4.2" fill="{color}"/></svg>'
    )


def _colors(values: Sequence[str]) -> str:
    return "".join(f"--c{i}:{value};" for i, value in enumerate(values))


_STYLE = f"""
:root {{ color-scheme: light dark; --font: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  --page: #f6f7f9; --card: #ffffff; --ink: #1f2430; --soft: #5c6470; --faint: #b9bec6; --grid: #e6e8eb;
  --line: #dfe2e7; --win: #eef6ee; --warn: #8a5300; {_colors(COLORS)} }}
@media (prefers-color-scheme: dark) {{ :root {{ --page: #14161a; --card: #1c1f25; --ink: #e6e8ec; --soft: #9aa3af;
  --faint: #59616d; --grid: #2c3038; --line: #30353e; --win: #1d2b22; --warn: #f0b45c; {_colors(DARK)} }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 var(--font); }}
main {{ max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }}
h1 {{ font-size: 26px; line-height: 1.25; margin: 0 0 4px; letter-spacing: -0.01em; }}
h2 {{ font-size: 17px; margin: 0 0 2px; }}
p {{ margin: 0 0 10px; }} .soft, figcaption, caption {{ color: var(--soft); font-size: 13.5px; }}
.warn {{ color: var(--warn); }}
section {{ background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 18px 20px; margin-top: 18px; }}
.lead {{ font-size: 18px; margin-top: 12px; }}
.facts {{ display: flex; flex-wrap: wrap; gap: 8px 28px; margin: 14px 0 0; }}
.facts div {{ display: flex; flex-direction: column; }} .facts dt {{ color: var(--soft); font-size: 12.5px; order: 2; }}
.facts dd {{ margin: 0; font-size: 19px; font-variant-numeric: tabular-nums; }}
.scroll {{ overflow-x: auto; container-type: inline-size; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; white-space: nowrap; }}
caption {{ caption-side: bottom; text-align: left; padding-top: 10px; white-space: normal;
  max-width: 100cqw; }}
td, th {{ padding: 7px 10px; text-align: right; border-bottom: 1px solid var(--line); }}
td:nth-child(2), th:nth-child(2), .named td:first-child, .named th:first-child {{ text-align: left; }}
th {{ padding: 0; vertical-align: bottom; }}
th button {{ all: unset; cursor: pointer; padding: 4px 10px 6px; color: var(--soft);
  font-size: 12.5px; white-space: pre-line; }}
th button:hover, th button:focus-visible {{ color: var(--ink); text-decoration: underline; }}
th[aria-sort="ascending"] button::after {{ content: " \\2191"; }}
th[aria-sort="descending"] button::after {{ content: " \\2193"; }}
.winner td {{ background: var(--win); font-weight: 600; }}
.turning button {{ font: inherit; color: var(--ink); background: var(--page); border: 1px solid var(--line);
  border-radius: 6px; padding: 2px 12px; margin-right: 8px; cursor: pointer; }}
.turning button:disabled {{ color: var(--faint); cursor: default; }} .turning {{ margin: 10px 0 0; }}
.wrapped {{ display: inline-block; white-space: normal; text-align: left; min-width: 220px; }}
.dot {{ display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 8px; }}
.shade {{ display: block; margin: -7px -10px; padding: 7px 10px;
  background: color-mix(in srgb, var(--c0) var(--shade), transparent); }}
.whisker {{ width: 120px; height: 14px; vertical-align: middle; }}
figure {{ margin: 10px 0 0; overflow-x: auto; }}
figure svg {{ width: 100%; min-width: 520px; height: auto; display: block; }}
code {{ background: var(--page); border-radius: 4px; padding: 1px 5px; font-size: 13px; }}
li {{ margin-bottom: 6px; }} ul {{ margin: 8px 0 0; padding-left: 20px; }}
"""

# A click on a heading sorts by it, a second click turns the order; what is not a number sorts last. Rows that are data
# become elements when they are shown.
_SCRIPT = """
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0], size = SIZE;
  const data = table.parentNode.querySelector("script"), turning = table.parentNode.nextElementSibling;
  const made = keys => {
    const row = document.createElement("tr");
    row.innerHTML = keys.map(([shown]) => `<td>${shown}</td>`).join("");
    return row;
  };
  const rows = data
    ? JSON.parse(data.textContent).map((cells, i) => ({keys: cells.map(cell => cell[1]), cells, best: i === 0}))
    : [...body.rows].map(row => ({keys: [...row.cells].map(cell => cell.dataset.key), row}));
  let first = 0;
  const show = () => {
    body.replaceChildren(...rows.slice(first, data ? first + size : rows.length).map(one => {
      if (!one.row) { one.row = made(one.cells); one.row.className = one.best ? "winner" : ""; }
      return one.row;
    }));
    if (!data) return;
    turning.querySelector("span").textContent =
      `${first + 1} to ${Math.min(first + size, rows.length)} of ${rows.length.toLocaleString("en")}`;
    const [back, on] = turning.querySelectorAll("button");
    back.disabled = first === 0;
    on.disabled = first + size >= rows.length;
  };
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending", sign = down ? -1 : 1;
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    rows.sort((a, b) => {
      const [s, t] = [a.keys[column], b.keys[column]], x = Number(s || NaN), y = Number(t || NaN);
      if (isNaN(x) && isNaN(y)) return sign * s.localeCompare(t);
      return isNaN(x) ? 1 : isNaN(y) ? -1 : sign * (x - y);
    });
    first = 0;
    show();
  }));
  if (data) {
    turning.hidden = false;
    for (const button of turning.querySelectorAll("button"))
      button.addEventListener("click", () => { first += size * Number(button.dataset.turn); show(); });
    show();
  }
}
""".replace("SIZE", str(PAGE))
