"""The sections of a run on a device, in order of worth, with their seconds and their cases."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from bench.cases import Case, Chart


class Section(NamedTuple):
    """Cases that share a process and a part of the time: their seconds are of eight minutes, and divide any other."""

    title: str
    cases: dict[str, Case]
    environment: Mapping[str, str] = MappingProxyType({})

    @property
    def seconds(self) -> float:
        """Those of its cases."""
        return sum(case.seconds for case in self.cases.values())


NAMES = "adamw,sgd,lion,adamw_clipped,heavy_ball,adam"  # in order of worth
# Products by cuBLAS alone, which takes no time to choose: XLA's own compile dozens of kernels for each shape.
LIBRARY = {"XLA_FLAGS": "--xla_gpu_enable_triton_gemm=false"}
UNTUNED = {"XLA_FLAGS": "--xla_gpu_enable_triton_gemm=false --xla_gpu_autotune_level=0"}
LITTLE_MEMORY = {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.03"}  # so that running out of it is quick, and disturbs nobody

SECTIONS: dict[str, Section] = {
    "there": Section("What is there", {
        "facts": Case("bench.device.hardware:facts", "Device, memory, driver and versions", 2),
        "copy": Case("bench.device.hardware:copies", "Bandwidth of a copy", 5),
        "products": Case(
            "bench.device.hardware:products", "Products of square matrices", 15,
            chart=Chart("size", ("TFLOP_per_second",), "numbers"),
        ),
    }, LIBRARY),
    "elementwise": Section("Steps of elementwise optimizers", {
        "tree": Case(
            "bench.scaling:trees", "A step on the tree of GPT-2 small", 30,
            options={"names": "adamw", "peers": "torch", "block_seconds": 0.02, "together": 10},
        ),
        "parameters": Case(
            "bench.scaling:parameters", "A step against the number of parameters, in one leaf", 20,
            chart=Chart("parameters", ("GB_per_second", "ratio"), "side", "optimizer"),
            options={"least": 1e6, "names": NAMES, "peers": "torch,torch-foreach", "block_seconds": 0.02},
        ),
    }),
    "muon": Section("Muon beside AdamW and a training step", {
        "share": Case("bench.training_step:share", "The optimizer's share of a step of GPT-2 small", 40),
        "per_leaf": Case("bench.training_step:per_leaf", "Newton-Schulz leaf by leaf, and by others", 40),
    }, LIBRARY),
    "memory": Section("Moments in few bits, and batches in parts", {
        "few_bits": Case("bench.few_bits:few_bits", "A step of GPT-2 small with moments in 8 and 4 bits", 45),
        "microbatches": Case(
            "bench.microbatches:microbatches", "GPT-2 small by the size of its micro-batches", 40,
        ),
    }, LIBRARY),
    "matrices": Section("SOAP and Shampoo", {
        "of_a_model": Case("bench.training_step:preconditioned", "SOAP and Shampoo beside a step of GPT-2 small", 40),
        "preconditioned": Case("bench.preconditioned:preconditioned", "48 matrices and a large one", 20),
    }, LIBRARY),
    "sweeps": Section("Sweeps", {
        "digits": Case(
            "bench.digits:digits", "A sweep of 256 learning rates on digits", 30, ("sklearn",),
            options={"repeats": 2, "compiled_once": True},
        ),
        "lane_memory": Case(
            "bench.lanes:lane_memory", "Memory against lanes, and the plan's word on it", 15, ("sklearn",),
            Chart("lanes", ("predicted_bytes", "peak_bytes"), "network"),
        ),
        "lanes": Case(
            "bench.lanes:lanes", "Trials a second against lanes side by side", 20, ("sklearn",),
            Chart("lanes", ("trials_per_second",), "network"),
            options={"networks": "tiny,digits,convolution,transformer"},
        ),
        "cold_and_warm": Case(
            "bench.compiling:cold_and_warm", "Compiling a sweep, and reading its programs", 18, ("sklearn",),
        ),
    }),
    "recovery": Section("Out of memory, divergence, replay, kill and resume", {
        "divergence": Case("bench.recovery:divergence", "A lane that diverges, and replays of the others", 5),
        "kill": Case(
            "bench.crash_recovery:every_kind", "A sweep killed and continued", 20,
            options={"count": 1, "only": "all to the end", "steps": 480},
        ),
        # Last, as on a CPU it limits the memory of its process.
        "out_of_memory": Case(
            "bench.recovery:out_of_memory", "A sweep whose lanes do not fit", 15,
            options={"times": 0.5},  # an allocation that fails may wait ten seconds for memory: the fewer of them
        ),
    }, {**LITTLE_MEMORY, **UNTUNED}),
    "tests": Section("The core of the tests", {
        "core": Case("bench.device.core_tests:core_tests", "Tests that fail on this device", 50, ("pytest", "chex")),
    }, UNTUNED),
    "race": Section("The race", {
        "jgd_race": Case("bench.device.race:race", "jgd race", 10, ("sklearn", "matplotlib")),
    }),
}  # fmt: skip


def chosen(names: Sequence[str]) -> dict[str, Section]:
    """Find sections in the order of their names; `sweeps.digits` is a section of that case alone.

    Without names they are all. A name that is none raises KeyError.
    """
    found: dict[str, Section] = {}
    for name in names or SECTIONS:
        section, _, case = name.partition(".")
        whole = SECTIONS[section]
        cases = {case: whole.cases[case]} if case else whole.cases
        before = found[section].cases if section in found else {}
        found[section] = whole._replace(cases={**before, **cases})
    return found
