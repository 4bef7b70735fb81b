"""Numbers and names as a person writes them."""


def count(number: int, what: str) -> str:
    """As in `1 seed` and `1,000 steps`."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def label_of(metric: str) -> str:
    """A metric's name: RMSE, bits per character."""
    return metric.upper() if metric in ("rmse", "mse", "mae", "auc") else metric.replace("_", " ")


def capital(text: str) -> str:
    """With a capital at its beginning."""
    return text[:1].upper() + text[1:]
