"""Describes the device, its memory and driver, and measures what a copy and matrix products reach on it."""

import os
import platform
import subprocess
from importlib.util import find_spec

import jax
import jax.numpy as jnp
import numpy as np

from bench.machine import describe
from bench.rows import Row, Yields, timed, without_ratio
from jgd.measure import Copy, Program, Timing, cores, free_bytes, interleave, random_like

SMI = "name,driver_version,memory.total,memory.used,clocks.sm,clocks.mem,power.limit,mig.mode.current"
SETTINGS = ("XLA_", "JAX_", "CUDA_VISIBLE")  # of the environment
MEBI = 1 << 20
# Operands' dtype, and the precision that JAX is asked for.
PRODUCTS = {
    "float32": (jnp.float32, jax.lax.Precision.HIGHEST),
    "tf32": (jnp.float32, jax.lax.DotAlgorithmPreset.TF32_TF32_F32),
    "bfloat16": (jnp.bfloat16, jax.lax.Precision.DEFAULT),
}


def facts(quick: bool = False) -> Yields:
    """Yield the device and its host, a fact in each row."""
    device, machine = jax.local_devices()[0], describe()
    stats = device.memory_stats() or {}
    found = {
        "device": f"{jax.local_device_count()} x {machine['device']}",
        "platform": f"{device.platform}, {device.client.platform_version}".replace("\n", " "),
        "free bytes for JAX": free_bytes(device),
        "limit of JAX, bytes": stats.get("bytes_limit"),
        "cores of the host": cores(),
        "system": f"{platform.platform()}, Python {platform.python_version()}",
        **{f"version of {name}": version for name, version in machine["versions"].items()},
        **{name: value for name, value in os.environ.items() if name.startswith(SETTINGS) and "CACHE" not in name},
        **_smi(),
        "torch": _torch(),
    }
    for name, value in found.items():
        if value not in (None, ""):
            yield {"fact": name, "value": str(value)}


def copies(quick: bool = False) -> Yields:
    """`x * a` in place over arrays of 1 MiB to above the last cache: bytes read and written a second."""
    sizes = {f"{size} MiB": size * MEBI for size in ((1, 16) if quick else (1, 16, 256))}
    sides = {name: _copy(size) for name, size in sizes.items()}
    if not quick:
        sides["above the cache"] = whole = Copy()
        sizes["above the cache"] = whole.moved // 2
    for name, timing in interleave(sides, blocks=3 if quick else 7, block_seconds=0.05).items():
        rate = 2 * sizes[name] / timing.median / 1e9
        yield {"array": name, **_spread(timing), "GB_per_second": rate}


def products(quick: bool = False) -> Yields:
    """Products of square matrices in float32, with tf32's operands, and in bfloat16, in turn."""
    on_cpu = jax.default_backend() == "cpu"
    for size in (256,) if quick else (512, 1024) if on_cpu else (1024, 4096, 8192):
        programs, seen = {}, {}
        for name, (dtype, precision) in PRODUCTS.items():
            try:
                programs[name] = _product(size, dtype, precision)
                programs[name].run(1)
            except Exception as error:  # a precision that this backend does not have
                programs.pop(name, None)
                seen[name] = str(error).splitlines()[0][:120]
        times = interleave(programs, blocks=3 if quick else 5, block_seconds=0.03)
        for name, timing in times.items():
            rate = 2 * size**3 / timing.median / 1e12
            yield {"numbers": name, "size": size, **_spread(timing), "TFLOP_per_second": rate}
        for name, error in seen.items():
            yield {"numbers": name, "size": size, "note": error, "unmeasured": f"{name} of {size}: {error}"}


def _copy(size: int) -> Program:
    return Program(lambda x, a: x * a, jnp.ones(size // 4, jnp.float32), jnp.float32(1), carry=1, own=True)


def _product(size: int, dtype: np.dtype, precision: jax.lax.PrecisionLike) -> Program:
    # Scaled so that products of products neither overflow nor vanish.
    a = (random_like(jax.ShapeDtypeStruct((size, size), jnp.float32), 0) * size**-0.5).astype(dtype)
    return Program(lambda x, a: jnp.matmul(x, a, precision=precision).astype(dtype), a, a, carry=1)


def _spread(timing: Timing) -> Row:
    return without_ratio(timed(timing.seconds, timing.seconds))


def _smi() -> dict[str, str]:
    """Ask nvidia-smi, where it is; it only reads."""
    command = ["nvidia-smi", f"--query-gpu={SMI}", "--format=csv,noheader"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    values = [part.strip() for part in said.splitlines()[0].split(",")]
    return {f"nvidia-smi {name}": value for name, value in zip(SMI.split(","), values, strict=False)}


def _torch() -> str:
    """Tell whether torch is there and sees the same device; it is not imported, which takes seconds."""
    return "installed" if find_spec("torch") else "not installed: its rows are missing"
