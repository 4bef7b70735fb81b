"""The colours of pictures and pages, on light and on dark."""

# Twelve colours that stay apart for most colour-blind people; the first eight are the strongest.
COLORS = (
    "#2a6fdb", "#d9730d", "#1f8a4c", "#c9353f", "#7c4dcc", "#8a5a2b", "#c2408f", "#0f8b99",
    "#7a7d1d", "#56657a", "#a3372f", "#3a3f8f",
)  # fmt: skip
DARK = (
    "#6ea8ff", "#ffa04d", "#54c982", "#ff8085", "#b593ff", "#cfa070", "#f48cc8", "#4cc9d8",
    "#c9cc62", "#a9b7c9", "#e58a82", "#9aa0f0",
)  # fmt: skip
INK, FAINT, GRID, WARN = "#333333", "#b9bec6", "#e6e8eb", "#8a5300"

# What stands for each colour of a picture inside a page.
VARIABLES = {color: f"var(--c{i})" for i, color in enumerate(COLORS)} | {
    INK: "var(--ink)",
    FAINT: "var(--faint)",
    GRID: "var(--grid)",
    WARN: "var(--warn)",
}
