"""Count what optimizers cost on 8 devices: collectives, bytes and operations a device, in the compiled programs.

Counts, and no clocks: the devices are parts of this machine's processor. `update` is the optimizer's step alone, of
gradients that lie as the parameters do; `step` has the loss and its gradients too.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

import jgd
from bench.rows import Claim, Row, Yields, alone
from jgd.distributed import shard_state, split_specs, state_specs
from jgd.measure import program_work

LAYOUTS = ("data parallel", "FSDP", "ZeRO-1")
DEVICES = 8


def sharded(quick: bool = False) -> Yields:
    """AdamW, Muon and SOAP on square layers with biases: whole on each device, split, or with the state alone split."""
    jax.config.update("jax_num_cpu_devices", DEVICES)
    layers, width, batch = (3, 64, 64) if quick else (8, 512, 1024)
    mesh = jax.make_mesh((DEVICES,), ("data",), axis_types=(AxisType.Auto,))
    alone_on = jax.make_mesh((1,), ("data",), axis_types=(AxisType.Auto,), devices=jax.devices()[:1])
    for name, optimizer in optimizers().items():
        whole = counted(optimizer, alone_on, LAYOUTS[0], layers, width, batch, "update")
        for layout in LAYOUTS:
            for program in ("update", "step"):
                row = counted(optimizer, mesh, layout, layers, width, batch, program)
                yield {"optimizer": name, "layout": layout, "program": program, **row}
                if name == "muon" and layout == "FSDP" and program == "update":
                    yield from claims(row, whole)
                if layout == "ZeRO-1" and program == "update":
                    yield Claim(
                        f"collectives of {name}'s update under ZeRO-1", row["collectives"], 4, at_least=False, unit=""
                    )


def optimizers() -> dict[str, Any]:
    """Return the optimizers by name."""
    return {
        "adamw": jgd.adamw(1e-3),
        "muon": jgd.muon(1e-2, param_labels=labels),
        "soap": jgd.soap(1e-3),
    }


def labels(params: Any) -> Any:
    """Label matrices for Muon, biases for AdamW."""
    return jax.tree.map(lambda p: "muon" if p.ndim == 2 else "adam", params)


def claims(row: Row, whole: Row) -> Yields:
    """Yield the goals of Muon's step of parameters that lie in parts."""
    yield Claim("collectives of Muon's update under FSDP", row["collectives"], 4, at_least=False, unit="")
    yield Claim("of them within its iteration", row["in_loops"], 0, at_least=False, unit="")
    part = whole["product_flops"] / row["product_flops"]
    yield Claim("devices that share Muon's products", part, DEVICES, unit="", why="3 matrices on 8 devices, if quick")


def counted(optimizer: Any, mesh: Mesh, layout: str, layers: int, width: int, batch: int, program: str) -> Row:
    """Return the counts of an optimizer's compiled program on a mesh."""
    optimizer = shard_state(optimizer, mesh) if layout == "ZeRO-1" else optimizer
    shapes = {
        f"layer_{i}": {"kernel": jax.ShapeDtypeStruct((width, width), jnp.float32),
                       "bias": jax.ShapeDtypeStruct((width,), jnp.float32)}
        for i in range(layers)
    }  # fmt: skip
    specs = split_specs(shapes, mesh) if layout == "FSDP" else jax.tree.map(lambda _: PartitionSpec(), shapes)
    of_state = state_specs(optimizer, shapes, specs)
    params = placed(shapes, specs, mesh)
    state = placed(jax.eval_shape(optimizer.init, shapes), of_state, mesh)
    examples = jax.ShapeDtypeStruct((batch, width), jnp.float32, sharding=NamedSharding(mesh, PartitionSpec("data")))
    function = update if program == "update" else step
    given = params if program == "update" else examples
    where = jax.tree.map(lambda x: x.sharding, (params, state))
    with jax.set_mesh(mesh):
        compiled = jax.jit(
            functools.partial(function, optimizer), out_shardings=where, donate_argnums=(0, 1)
        ).lower(params, state, given).compile()  # fmt: skip
    memory: Any = compiled.memory_analysis()
    found = program_work(compiled.as_text() or "")
    return {
        "collectives": found.count,
        "in_loops": found.repeated,
        **{
            kind.replace("-", "_"): found.collectives.get(kind, 0)
            for kind in ("all-reduce", "all-gather", "all-to-all")
        },
        "moved_bytes": found.bytes,
        "product_flops": found.flops,
        "held_bytes": memory.argument_size_in_bytes,
        "temporary_bytes": memory.temp_size_in_bytes,
    }


def placed(shapes: Any, specs: Any, mesh: Mesh) -> Any:
    """Return shapes with their places."""
    return jax.tree.map(
        lambda x, spec: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=NamedSharding(mesh, spec)), shapes, specs
    )


def update(optimizer: Any, params: Any, state: Any, grads: Any) -> tuple[Any, Any]:
    """Return the optimizer's step."""
    updates, state = optimizer.update(grads, state, params)
    return jgd.apply_updates(params, updates), state


def step(optimizer: Any, params: Any, state: Any, batch: jax.Array) -> tuple[Any, Any]:
    """Return a step of training on a batch."""

    def loss(params: Any) -> jax.Array:
        x = batch
        for layer in params.values():
            x = jnp.tanh(x @ layer["kernel"] + layer["bias"][None])
        return jnp.mean(x**2)

    return update(optimizer, params, state, jax.grad(loss)(params))


if __name__ == "__main__":
    alone(sharded)
