"""Captions of a sweep's pictures, which speak of what is in them alone."""

import numpy as np

from jgd.sweep.results.outcomes import Outcomes

FIXED = {
    "parallel": "Each line is a trial, the stronger the better; the best is thick. Dotted lines pass the axes of parts "
    "that a trial did not choose.",
    "best_of_k": "What so many trials of random search would have ended in: the median and the quartiles over all ways "
    "to draw them. A curve that still improves at its right end asks for more trials. Samplers that learn have no such "
    "curve.",
    "best_so_far": "Points are trials in the order in which they were proposed; the line is the best until then.",
    "importance": "How much of the trials' ranking over the whole space each hyperparameter decides (a functional "
    "analysis of variance over a forest of small trees). It says little of what matters near the best.",
}


def caption_of(result: Outcomes, kind: str) -> str:
    """Say what a picture of this kind shows of this result."""
    made = {"curves": _curves, "isolation": _isolation, "sensitivity": _sensitivity}
    return made[kind](result) if kind in made else FIXED[kind]


def _curves(result: Outcomes) -> str:
    said = "The median over seeds and the range of all of them." if _many(result) else "Of the one seed."
    if result.settings.target is None:
        return said
    reached = len(result.spaces) > 1 and any(np.isfinite(row.steps_to_target) for row in result.standings())
    return f"{said} The dashed line is the target{', the ring where it was reached' if reached else ''}."


def _isolation(result: Outcomes) -> str:
    trial = "Each small point is a trial, its median over seeds." if _many(result) else "Each small point is a trial."
    seeds = ", with the range of its seeds" if _many(result) else ""
    return (
        f"{trial} The line joins the best trial of each part of the range{seeds}: where it is flat, the others make up "
        "for this hyperparameter. What is far worse lies at the frame's edge."
    )


def _sensitivity(result: Outcomes) -> str:
    seeds = ": the median over seeds, with the range of all of them" if _many(result) else ""
    cross = ", a cross a trial of which a seed diverged" if (result.status == "diverged").any() else ""
    grey = " The other spaces are grey." if len(result.spaces) > 1 else ""
    return f"Each point is a trial{seeds}. The ring is the best{cross}.{grey} A broad plateau is easy to tune."


def _many(result: Outcomes) -> bool:
    return len(result.settings.seeds) > 1
