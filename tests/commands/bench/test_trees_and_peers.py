"""Parameter trees by name, and whether every peer of every case computes what we do."""

import sys
import types
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.commands.bench.cases import CASES, Case, Torch, load_cases
from jgd.commands.bench.peers import TOLERANCE, InJax, TorchSteps, check_same, difference, load_peers, peers_of
from jgd.commands.bench.trees import load_tree
from jgd.core import InputError

SMALL = {
    "h0": {"w": jax.ShapeDtypeStruct((40, 8), jnp.float32), "b": jax.ShapeDtypeStruct((8,), jnp.float32)},
    "wte": jax.ShapeDtypeStruct((300, 8), jnp.float32),
}


@pytest.mark.parametrize(
    ("name", "parameters", "leaves"),
    [
        ("gpt2-small", 124_439_808, 148),  # as Hugging Face counts it
        ("resnet50", 25_557_032, 161),  # as torchvision counts it
        ("mlp", 784 * 512 + 512 * 512 + 512 * 10 + 1034, 6),
        ("1e6", 1_000_000, 1),
        ("2097152x2", 2_097_152, 2),
        ("1e5x64", 64 * 1562, 64),
    ],
)
def test_trees_have_the_sizes_of_their_names(name, parameters, leaves):
    tree = load_tree(name)
    assert tree.parameters == parameters
    assert len(jax.tree.leaves(tree.params)) == leaves
    assert tree.as_json()["bytes"] == 4 * parameters


def test_large_leaves_are_matrices_so_that_muon_has_work():
    assert load_tree("2097152x2").params["leaf0"].shape == (1024, 1024)
    assert load_tree("1e6").params["leaf0"].shape == (1_000_000,)


def test_trees_and_optimizers_of_one_s_own(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "import jax.numpy as jnp, optax\nparams = {'a': jnp.ones((3, 2), jnp.bfloat16)}\ndef make(): return [params]\n"
        "optimizer = optax.sgd(0.1)\ndef made(): return optimizer\nints = jnp.ones(3, int)\nempty = {}\n"
    )
    monkeypatch.chdir(tmp_path)
    assert load_tree("mine.py:params").params["a"].dtype == jnp.bfloat16
    assert load_tree("mine.py:make").parameters == 6
    assert set(load_cases("adam, mine.py:optimizer,mine.py:made")) == {"adam", "mine.py:optimizer", "mine.py:made"}
    for name, words in (("ints", "has dtype int32"), ("empty", "has no parameters"), ("other", "unknown name 'other'")):
        with pytest.raises(InputError, match=words):
            load_tree(f"mine.py:{name}")


@pytest.mark.parametrize("name", CASES)
def test_optax_leads_where_we_lead(name):
    case = CASES[name]()
    apart = difference(InJax(case.ours), peers_of(case, ["optax"])["optax"], SMALL)
    assert apart < TOLERANCE
    check_same(name, "optax", apart)


@pytest.mark.parametrize(
    "other",
    [
        jgd.adam(1.01e-3),
        jgd.adam(1e-3, b1=0.89),
        jgd.adam(1e-3, b2=0.99),
        jgd.adam(1e-3, eps=1e-6),
        jgd.adam(1e-3, nesterov=True),
        jgd.adamw(1e-3, weight_decay=1e-3),
        jgd.chain(jgd.clip_by_global_norm(50.0), jgd.adam(1e-3)),
    ],
    ids=repr,
)
def test_another_algorithm_or_setting_is_seen(other):
    apart = difference(InJax(jgd.adam(1e-3)), InJax(other), SMALL)
    with pytest.raises(
        InputError, match=r"--peers optax: after 5 steps its adam is .* of the way from ours, above 0.0001"
    ):
        check_same("adam", "optax", apart)


class Tensor:
    """As much of a torch tensor as a step needs."""

    def __init__(self, array):
        self.array, self.grad = np.array(array), None

    def requires_grad_(self):
        return self

    detach = float = cpu = clone = requires_grad_

    def numpy(self):
        return self.array


def fake_torch(made):
    """Return a torch that has momentum alone; what its optimizer was made with goes into `made`."""

    class SGD:
        def __init__(self, params, lr, momentum=0.0, **kernel):
            self.params, self.lr, self.momentum = params, lr, momentum
            self.traces = [0.0 for _ in params]
            made.update(kernel, momentum=momentum)

        def step(self):
            for i, p in enumerate(self.params):
                self.traces[i] = p.grad.array + self.momentum * self.traces[i]
                p.array = p.array - self.lr * self.traces[i]

    def clip_grad_norm_(params, max_norm):
        norm = np.sqrt(sum(np.sum(p.grad.array**2) for p in params))
        for p in params:
            p.grad.array = p.grad.array * min(1.0, max_norm / norm)

    torch: Any = types.ModuleType("torch")
    torch.tensor = torch.from_dlpack = Tensor
    torch.optim = types.SimpleNamespace(SGD=SGD)
    torch.nn = types.SimpleNamespace(utils=types.SimpleNamespace(clip_grad_norm_=clip_grad_norm_))
    torch.cuda = types.SimpleNamespace(is_available=lambda: False)
    return torch


def test_torch_gets_the_same_work_by_the_kernel_that_was_asked_for(monkeypatch):
    made = {}
    monkeypatch.setitem(sys.modules, "torch", fake_torch(made))
    for names, kernel in ((["torch"], "fused"), (["torch-foreach"], "foreach")):
        (title, peer), case = *peers_of(CASES["heavy_ball"](), names).items(), CASES["heavy_ball"]()
        assert title == f"torch {kernel}"
        assert difference(InJax(case.ours), peer, SMALL) < TOLERANCE
        assert made.pop(kernel) is True
        assert made == {"momentum": 0.9}
    clipped = Case(jgd.chain(jgd.clip_by_global_norm(1.0), jgd.sgd(1e-3)), torch=Torch("SGD", {}, max_norm=1.0))
    assert difference(InJax(clipped.ours), peers_of(clipped, ["torch"])["torch fused"], SMALL) < TOLERANCE


def test_torch_s_fastest_kernel_is_named_once_and_what_it_lacks_is_left_out():
    assert list(peers_of(CASES["rmsprop"](), ["torch", "torch-foreach"])) == ["torch foreach"]
    assert list(peers_of(CASES["adam"](), ["torch", "torch-foreach"])) == ["torch fused", "torch foreach"]
    assert peers_of(CASES["lion"](), ["torch"]) == {}
    assert peers_of(Case(optax.sgd(0.1)), ["optax", "torch"]) == {}


def test_a_gpu_needs_a_torch_that_can_use_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", fake_torch({}))
    monkeypatch.setattr("jgd.commands.bench.peers.default_device", lambda: types.SimpleNamespace(platform="gpu"))
    with pytest.raises(InputError, match="install torch with CUDA, or leave it out"):
        TorchSteps(Torch("SGD", {}), "fused", [jnp.ones(2)], [jnp.ones(2)])


def test_peers_are_known_and_installed(monkeypatch):
    assert load_peers("optax, optax") == ["optax"]
    assert load_peers("") == []
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    with pytest.raises(InputError, match=r"--peers torch needs torch, which is not installed: pip install torch"):
        load_peers("torch")
    with pytest.raises(InputError, match=r"unknown name 'optx'\. Did you mean optax"):
        load_peers("optx")
