"""The sections of a run on a device, in order of worth, with their seconds and their cases."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from bench.cases import Case, Chart


class Section(NamedTuple):
    """Cases that share a process and a part of the time."""

    title: str
    seconds: float  # of eight minutes; other times are shared out in proportion
    cases: dict[str, Case]
    environment: Mapping[str, str] = MappingProxyType({})


NAMES = "adamw,sgd,lion,adamw_clipped,heavy_ball,adam"  # in order of worth
LITTLE_MEMORY = {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.08"}  # so that running out of it is quick, and disturbs nobody

SECTIONS: dict[str, Section] = {
    "there": Section("What is there", 25, {
        "facts": Case("bench.device.hardware:facts", "Device, memory, driver and versions", 3),
        "copy": Case("bench.device.hardware:copies", "Bandwidth of a copy", 8),
        "products": Case(
            "bench.device.hardware:products", "Products of square matrices", 12,
            chart=Chart("size", ("TFLOP_per_second",), "numbers"),
        ),
    }),
    "elementwise": Section("Steps of elementwise optimizers", 100, {
        "tree": Case("bench.scaling:trees", "A step on the tree of GPT-2 small", 35, options={"block_seconds": 0.02}),
        "parameters": Case(
            "bench.scaling:parameters", "A step against the number of parameters, in one leaf", 60,
            chart=Chart("parameters", ("GB_per_second", "ratio"), "side", "optimizer"),
            options={"least": 1e6, "names": NAMES, "peers": "torch,torch-foreach", "block_seconds": 0.02},
        ),
    }),
    "muon": Section("Muon beside AdamW and a training step", 70, {
        "share": Case("bench.training_step:share", "The optimizer's share of a step of GPT-2 small", 45),
        "per_leaf": Case("bench.training_step:per_leaf", "Newton-Schulz leaf by leaf, and by others", 25),
    }),
    "sweeps": Section("Sweeps", 130, {
        "lane_memory": Case(
            "bench.lanes:lane_memory", "Memory against lanes, and the plan's word on it", 20, ("sklearn",),
            Chart("lanes", ("predicted_bytes", "peak_bytes"), "network"),
        ),
        "lanes": Case(
            "bench.lanes:lanes", "Trials a second against lanes side by side", 60, ("sklearn",),
            Chart("lanes", ("trials_per_second",), "network"),
            options={"networks": "tiny,digits,convolution,transformer"},
        ),
        "digits": Case(
            "bench.digits:digits", "A sweep of 256 learning rates on digits", 30, ("sklearn",),
            options={"repeats": 2, "compiled_once": True},
        ),
        "cold_and_warm": Case(
            "bench.compiling:cold_and_warm", "Compiling a sweep, and reading its programs", 20, ("sklearn",),
        ),
    }),
    "recovery": Section("Out of memory, divergence, replay, kill and resume", 45, {
        "divergence": Case("bench.recovery:divergence", "A lane that diverges, and replays of the others", 10),
        "kill": Case(
            "bench.crash_recovery:kills", "A sweep killed and continued", 20,
            options={"count": 1, "only": "all to the end"},
        ),
        # Last, as on a CPU it limits the memory of its process.
        "out_of_memory": Case("bench.recovery:out_of_memory", "A sweep whose lanes do not fit", 15),
    }, LITTLE_MEMORY),
    "tests": Section("The core of the tests", 60, {
        "core": Case("bench.device.core_tests:core_tests", "Tests that fail on this device", 60, ("pytest", "chex")),
    }),
    "race": Section("The race", 50, {
        "jgd_race": Case("bench.device.race:race", "jgd race", 50, ("sklearn", "matplotlib")),
    }),
}  # fmt: skip
