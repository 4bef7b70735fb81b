"""Numbers and names as a person writes them."""

from collections.abc import Sequence


def count(number: int, what: str) -> str:
    """Write a number with what it counts, as in `1 seed` and `1,000 steps`."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def label_of(metric: str) -> str:
    """Return a metric's name: RMSE, bits per character."""
    return metric.upper() if metric in ("rmse", "mse", "mae", "auc") else metric.replace("_", " ")


def capital(text: str) -> str:
    """Write a text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def plain_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Write columns as wide as they need to be, the first `left` flush left and the others flush right."""
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(padded).rstrip()

    return "\n".join([line(header), "  ".join("-" * width for width in widths), *map(line, rows)])
