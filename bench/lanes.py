"""Trials a second against lanes side by side, by `jgd.sweep.run(lanes=)`: the scaling curve of a device; and memory.

One lane is a loop: trials follow one another on each device. On an accelerator lanes fill it; on a CPU they gain only
while a step is so small that its instructions are mostly dispatch, and lose when their states outgrow the cache.
"""

import tempfile
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

import jgd
from bench.compiling import keep_in
from bench.networks import NETWORKS
from bench.rows import Claim, Row, Yields, alone, in_turn, timed

MOST_ON_CPU = {"tiny": 4096, "digits": 64}  # lanes on a device; beyond, a curve only falls further
TURNS = 64  # of its lanes that a width takes at most, so that one lane alone is not measured for minutes
WIDTHS = (512, 4096)  # on an accelerator, where libraries take 150 MB for themselves, as much as 512 lanes of digits
OFF = 25  # percent by which a plan's bytes may differ from those that the device counts


def lanes(quick: bool = False, repeats: int = 2, steps: int = 60, networks: str = "tiny,digits") -> Yields:
    """Networks with 1 to 4096 lanes on each device, and with jgd's own choice; the time is that of a trial."""
    keep_in(tempfile.mkdtemp())
    on_cpu = jax.default_backend() == "cpu"
    for network in networks.split(",")[: 1 if quick else None]:
        task, most = NETWORKS[network](), MOST_ON_CPU.get(network, 16) if on_cpu else 4096
        most = 4 if quick else most
        trials = most * jax.local_device_count() * (1 if network == "tiny" else 2)
        chosen = seconds_of(task, trials, steps, None)[1]
        widths = sorted({chosen, *(4**i for i in range(7) if 4**i <= most)})
        counts = {width: min(trials, TURNS * width * jax.local_device_count()) for width in widths}
        sides = {str(width): partial(seconds_of, task, counts[width], steps, width) for width in widths}
        found = in_turn(sides, 1 if quick else repeats)
        rates: dict[int, float] = {}
        one = [seconds / counts[widths[0]] for seconds, _ in found[str(widths[0])]]
        for width, turns in zip(widths, found.values(), strict=True):
            spread = timed([seconds / counts[width] for seconds, _ in turns], one)
            rates[width] = 1 / spread["seconds"]
            row: Row = {"network": network, "lanes": width, "choice": "jgd's" if width == chosen else ""}
            if (ran := turns[0][1]) != width:
                row["note"] = f"memory held {ran}"
            yield {**row, "trials": counts[width], **spread, "trials_per_second": rates[width]}
        text = f"{network}: throughput with the lanes that jgd chose, {chosen}, of the best width's"
        yield Claim(text, 100 * rates[chosen] / max(rates.values()), 90, unit="%")


def lane_memory(quick: bool = False, steps: int = 20, networks: str = "digits,transformer") -> Yields:
    """Measure the bytes on each device by the plan, and by the device's own count, for more and more lanes.

    A device counts its peak since the process began, what libraries take for themselves included: a width that stays
    below those before it has none, and the plan's word is judged by the most lanes.
    """
    device, on_cpu = jax.local_devices()[0], jax.default_backend() == "cpu"
    if "peak_bytes_in_use" not in (device.memory_stats() or {}):
        yield {
            "network": "",
            "note": "no count",
            "unmeasured": f"the memory of {device.device_kind}, which counts none",
        }
    for network in ["tiny"] if quick else networks.split(","):
        task, last = NETWORKS[network](), 0.0
        for width in (2,) if quick else (1, 8, 64) if on_cpu else WIDTHS:
            arguments = _arguments(task, width * jax.local_device_count(), steps, width)
            before = device.memory_stats() or {}
            result = jgd.sweep.run(**arguments)
            after = (device.memory_stats() or {}).get("peak_bytes_in_use", 0)
            predicted = jgd.sweep.plan(**arguments).resident_bytes
            row: Row = {"network": network, "lanes": width, "predicted_bytes": predicted}
            if after > before.get("peak_bytes_in_use", 0):
                row["peak_bytes"] = after - before["bytes_in_use"]
                row["predicted_percent"] = 100 * predicted / row["peak_bytes"]
                last = abs(row["predicted_percent"] - 100)
            yield {**row, "ran": result.groups[0].layout.width}
        if last:
            text = f"{network}: the plan's bytes off the device's count, for the most lanes"
            yield Claim(text, last, OFF, at_least=False, unit="%")


def seconds_of(task: jgd.Task, trials: int, steps: int, width: int | None) -> tuple[float, int]:
    """Return the seconds that a sweep's programs run, and the lanes side by side on a device.

    Making trials, the same for all widths, is left out: one in two or three sweeps of 8,192 meets a garbage collection
    of 80 ms there.
    """
    result = jgd.sweep.run(**_arguments(task, trials, steps, width))
    return result.run_seconds, result.groups[0].layout.width


def _arguments(task: jgd.Task, trials: int, steps: int, width: int | None) -> dict[str, Any]:
    rates = jgd.adam(jnp.geomspace(1e-4, 1e-1, trials))
    options = {"num_trials": trials, "sampler": "grid", "steps": steps, "eval_every": steps}
    return {"task": task, "spaces": rates, "lanes": width, "progress": False, **options}


if __name__ == "__main__":
    alone(lanes, lane_memory)
