"""The layout of a sweep that several processes share: chunks small enough that each gets some."""

import math

from jgd.sweep.lanes.layout import Layout

CHUNKS = 4  # for each process where lanes run one by one, so that a quick process can take more than a slow one


def spread(layout: Layout, lanes: int, devices: int, workers: int) -> Layout:
    """The layout for these lanes on `workers` processes with so many devices each: one that runs alone is as it was."""
    if workers == 1:
        return layout
    width = min(layout.width, math.ceil(lanes / (devices * workers)))
    units = math.ceil(lanes / (width * devices))
    chunks = min(units, max(math.ceil(lanes / layout.chunk), CHUNKS * workers))
    chunk = math.ceil(units / chunks) * width * devices
    return Layout(width, chunk, math.ceil(lanes / chunk))
