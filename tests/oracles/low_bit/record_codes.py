"""Records the code books and the codes of torchao and bitsandbytes: `python -m tests.oracles.low_bit.record_codes`.

Needs torch, torchao 0.18.0 and bitsandbytes 0.50.2, with TORCHDYNAMO_DISABLE=1.
"""

import pathlib
from typing import Any

import bitsandbytes.functional as bnb
import numpy as np
import torch
import torchao
from torchao.optim.quant_utils import create_dynamic_map, quantize_8bit_with_qmap, scale_tensor

BLOCK = 256


def recorded():
    """Books f32[256], and for arrays f32[16, 256] over ten decades the codes and scales of each block."""
    rng = np.random.default_rng(0)
    found = {
        "versions": np.array([f"torch {torch.__version__}", f"torchao {torchao.__version__}", "bitsandbytes 0.50.2"])
    }
    for name, signed in (("signed", True), ("unsigned", False)):
        book = torch.tensor(create_dynamic_map(signed))
        x = (
            rng.normal(size=(16, BLOCK))
            * 10.0 ** rng.uniform(-8, 2, size=(16, 1))
            * np.exp(rng.normal(size=(16, BLOCK)))
        )
        x = x.astype(np.float32) if signed else (x**2).astype(np.float32)
        scaled, scale = scale_tensor(torch.tensor(x), BLOCK)
        found |= {
            f"{name}_torchao": book.numpy(),
            f"{name}_bitsandbytes": bnb.create_dynamic_map(signed).numpy(),
            f"{name}_x": x,
            f"{name}_codes": quantize_8bit_with_qmap(scaled, book).numpy(),
            f"{name}_scales": scale.numpy(),
        }
    return found


if __name__ == "__main__":
    found: Any = recorded()
    np.savez_compressed(pathlib.Path(__file__).with_name("codes.npz"), **found)
