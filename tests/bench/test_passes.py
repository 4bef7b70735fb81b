"""Passes over memory, read from programs as XLA prints them."""

import types
from typing import Any

import pytest

from bench.loops import loop_bytes
from bench.passes import likeness, passes

PROGRAM = """HloModule jit_step, is_scheduled=true

%fused (p0: f32[4096], p1: f32[4096], p2: f32[]) -> f32[4096] {
  %p0 = f32[4096]{0} parameter(0)
  %p2 = f32[] parameter(2)
  %negated = f32[] negate(%p2)
  %rate = f32[4096]{0} broadcast(%negated), dimensions={}
  %p1 = f32[4096]{0} parameter(1)
  %scaled = f32[4096]{0} multiply(%rate, %p1), metadata={op_name="mul(x)"}
  ROOT %sum = f32[4096]{0} add(%p0, %scaled)
}

ENTRY %main (params: f32[4096], grads: f32[4096], rate.1: f32[]) -> (f32[4096], s32[]) {
  %params = f32[4096]{0} parameter(0)
  %grads = f32[4096]{0} parameter(1)
  %rate.1 = f32[] parameter(2)
  %count = s32[] add(%rate.1, %rate.1)
  %next = f32[4096]{0} fusion(%params, %grads, /*index=2*/%rate.1), kind=kLoop, calls=%fused, metadata={op_name="x"}
  ROOT %out = (f32[4096]{0}, s32[]) tuple(%next, %count)
}
"""
CONSTANT = PROGRAM.replace("%negated = f32[] negate(%p2)", "%negated = f32[] constant(-0.001)")
COPYING = PROGRAM.replace("  %next", "  %copied = f32[4096]{0} copy(%params)\n  %next")
ADDING = PROGRAM.replace("  ROOT %sum", "  %more = f32[4096]{0} add(%scaled, %rate)\n  ROOT %sum")

GRAPH = (
    PROGRAM.replace("ENTRY %main", "%command_buffer").replace("ROOT %out", "ROOT %inner")
    + """
ENTRY %main.2 (params: f32[4096], grads: f32[4096], rate.1: f32[]) -> (f32[4096], s32[]) {
  %params = f32[4096]{0} parameter(0)
  %grads = f32[4096]{0} parameter(1)
  %rate.1 = f32[] parameter(2)
  ROOT %out = (f32[4096]{0}, s32[]) call(%params, %grads, %rate.1), to_apply=%command_buffer
}
"""
)


def read(text):
    """Return the passes of a program with this text."""
    program: Any = types.SimpleNamespace(text=text)
    return passes(program)


def test_a_pass_counts_what_it_moves_and_what_it_does():
    (one,) = read(PROGRAM)
    assert one.moved == 3 * 4 * 4096  # what is scalar does not count
    assert one.work == ("add", "multiply")


def test_a_graph_of_a_gpu_counts_by_its_parts():
    assert read(GRAPH) == read(PROGRAM)


def test_where_numbers_come_from_makes_no_difference_and_work_and_copies_do():
    ours = read(PROGRAM)
    assert likeness(ours, read(CONSTANT)) == "the same"
    assert likeness(ours, read(ADDING)) == "the same passes"
    assert likeness(ours, read(COPYING)) == ""
    assert sum(one.moved for one in read(COPYING)) == 5 * 4 * 4096


LOOP = """HloModule jit_loop, is_scheduled=true

%rare (a: f32[4096]) -> f32[4096] {
  %a = f32[4096]{0} parameter(0)
  ROOT %twice = f32[4096]{0} negate(%a)
}

%usual (b: f32[4096]) -> f32[4096] {
  ROOT %b = f32[4096]{0} parameter(0)
}

%body (c: f32[4096]) -> f32[4096] {
  %c = f32[4096]{0} parameter(0)
  %due = pred[] constant(true)
  %copied = f32[4096]{0} copy(%c)
  ROOT %seen = f32[4096]{0} conditional(%due, %copied, %copied), branch_computations={%usual, %rare}
}

%condition (d: f32[4096]) -> pred[] {
  %d = f32[4096]{0} parameter(0)
  ROOT %more = pred[] constant(true)
}

ENTRY %main (x: f32[4096]) -> f32[4096] {
  %x = f32[4096]{0} parameter(0)
  ROOT %loop = f32[4096]{0} while(%x), condition=%condition, body=%body
}
"""


def test_a_loop_moves_what_its_passes_and_the_dearer_branch_do():
    """A copy reads and writes 16 KiB, and so does the dearer branch."""
    assert loop_bytes(LOOP) == [4 << 14]


@pytest.mark.parametrize(
    ("size", "slices", "read"), [("16384", "[0:16384:4]", 4 << 14), ("16,1024", "[0:16:4], [0:1024]", 1 << 14)]
)
def test_of_slices_the_lines_of_the_cache_count(size, slices, read):
    """Every fourth entry of 64 KiB lies in each line, and every fourth row in a fourth of them; 16 KiB are written."""
    body = f"%c = f32[{size}] parameter(0)\n  ROOT %seen = f32[4096]{{0}} slice(%c), slice={{{slices}}}\n"
    begin, end = LOOP.index("%c = "), LOOP.index("}\n\n%condition")
    assert loop_bytes(LOOP[:begin] + body + LOOP[end:]) == [read + (1 << 14)]
