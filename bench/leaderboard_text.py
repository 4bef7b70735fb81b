"""Say the leaderboard in words and as a table of text: who wins, who ties, and what cannot be compared."""

from collections import Counter
from typing import Any

Document = dict[str, Any]


def verdict(score: Document) -> str:
    """Return whether a score is `more` or `less` than another's in 97.5% of resamples, or a `tie`."""
    if score["behind_high"] < 0:
        return "more"
    return "less" if score["behind_low"] > 0 else "tie"


def summary(found: Document) -> list[str]:
    """Return who wins and who ties with it, and how many do better and worse than the one they are compared with."""
    best, *others = found["standings"]
    ties = [row["solver"] for row in others if verdict(row) == "tie"]
    said = [
        f"{best['solver']} scores highest, {best['score']:.2f}; {_with(ties)}, and it beats {len(others) - len(ties)}."
    ]
    for label, where in (("all", "all problems"), ("matrices", "the problems with matrices")):
        rows = [row for row in found["standings"] if label in row and row["solver"] != found["against"]]
        if rows:
            number = Counter(verdict(row[label]) for row in rows)
            more = [row["solver"] for row in rows if verdict(row[label]) == "more"]
            named = f" ({', '.join(more)})" if more else ""
            said.append(
                f"On {where} {number['more']} of {len(rows)} score more than {found['against']} by more than "
                f"chance{named}, {number['tie']} tie with it and {number['less']} score less."
            )
    return said


WEAK = {
    "scion": "scion, whose weights a ball of radius 1 keeps too small (of radius 10 it learns digits)",
    "kate": "kate, whose first steps are about 1 / g (its authors take 1e-3 for eps on CIFAR-10)",
    "acprop": "acprop, which has no momentum in its direction",
    "dadapt_lion": "dadapt_lion, which finds too large a rate (0.2 to 0.5 of it learns digits)",
}
"""Why some are last that agree with their references, step by step."""


def limits(found: Document) -> list[str]:
    """Return what the figures do not say."""
    count = len(found["standings"])
    ends = sum(best["at_end"] for row in found["problems"] for best in row["best"].values() if best)
    won = sum(best is not None for row in found["problems"] for best in row["best"].values())
    names = {row["solver"] for row in found["standings"]}
    return [
        *(f"Equal to its reference step by step, and yet weak: {why}." for name, why in WEAK.items() if name in names),
        "Steps are counted, not seconds: a step of SOAP or Shampoo costs several of Adam's, which the case "
        "preconditioned measures.",
        "All problems are small and run on a CPU, with vectors of 8 to 64 entries and matrices of 4 to 32 a side: what "
        "holds there need not hold for a large model.",
        "Low-rank methods keep every direction of matrices so small, and preconditioners are renewed a few times only.",
        "Only the learning rate is tuned and whether it decays; all else has its default, which suits long runs: "
        "averages over 1,000 steps do little in 300.",
        f"Intervals resample {len(found['problems'])} problems and {found['budget']['seeds']} seeds, which is few: a "
        "tie means that these cannot tell, not that two are equal.",
        f"With {count} optimizers the first is partly lucky, and {count / 40:.0f} or so would score more than "
        f"{found['against']} by more than chance if all were equal.",
        f"Of {won} best settings {ends} lie at an end of their range of rates, so these might do better beyond it.",
        "What is no matrix a matrix method treats as Adam or another fallback does; on vectors they tie with it.",
        f"Not in it, since they take more than one gradient a step: {', '.join(found['left_out'])}.",
    ]


def markdown(found: Document) -> str:
    """Return the standings as a table in Markdown, with what they say and what they do not."""
    machine, against = found["machine"], found["against"]
    head = ["", "optimizer", "score", "95%", "than the first", f"than {against}", "with matrices", f"than {against}"]
    head += ["solved", "one setting"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for rank, row in enumerate(found["standings"], 1):
        matrices = row.get("matrices")
        cells = [
            str(rank),
            f"`{row['solver']}`",
            f"{row['score']:.3f}",
            f"{row['low']:.2f} to {row['high']:.2f}",
            verdict(row) if rank > 1 else "",
            verdict(row["all"]) if row["solver"] != against else "",
            f"{matrices['score']:.3f}" if matrices else "",
            verdict(matrices) if matrices and row["solver"] != against else "",
            f"{row['solved']:.0%}",
            f"{row['one_setting']:.0%}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    versions = ", ".join(f"{name} {version}" for name, version in machine.get("versions", {}).items())
    return "\n".join(
        [
            "# Optimizers on problems that can be won",
            "",
            f"{machine.get('device', '')}, {machine.get('cores', '')} cores, {machine.get('date', '')[:10]}; "
            f"{versions}.",
            f"{found['budget']['settings']} settings each under {found['budget']['seeds']} seeds on "
            f"{len(found['problems'])} problems: {', '.join(row['name'] for row in found['problems'])}.",
            "",
            *summary(found),
            "",
            *lines,
            "",
            f"Score: 1 for the fewest steps on every problem, 0 for {found['tau']:g} times as many or a miss. One "
            "setting: the share of problems that the best single rate and schedule solves.",
            "",
            *(f"- {line}" for line in limits(found)),
            "",
        ]
    )


def _with(names: list[str]) -> str:
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return f"{len(names)} tie with it ({shown})" if names else "none ties with it"
