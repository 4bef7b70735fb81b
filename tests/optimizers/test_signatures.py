"""The names, the order and the defaults that people have written down: another breaks their programs.

`lr` stands for `learning_rate` and `wd` for `weight_decay=0.0, mask=None`; what follows `*` is passed by name. A
function may have further arguments at the end, with defaults.
"""

import inspect
import re
from typing import Any

import pytest

import jgd

STANDARD = (3.4445, -4.7750, 2.0315)  # Muon's coefficients
ANY: Any = ...  # a default that is compared with nothing
FIXED = """
soap(lr=3e-3, b1=.95, b2=.95, shampoo_beta=None, eps=1e-8, weight_decay=.01, mask=None, *,
    precondition_frequency=10, max_precondition_dim=10000, merge_dims=False, precondition_1d=False,
    normalize_grads=False, bias_correction=True)
shampoo(lr, b1=.9, b2=.999, matrix_eps=1e-6, wd, *, precondition_frequency=10, start_preconditioning_step=1,
    block_size=1024, merge_dims=True, grafting="adam", grafting_eps=1e-10)
kl_shampoo(lr, b1=.95, b2=.95, eps=1e-8, init_factor=.1, wd, *, precondition_frequency=10, block_size=1024)
psgd_kron(lr, b1=.9, wd, *, preconditioner_update_probability=None, max_size_triangular=8192, min_ndim_triangular=2,
    memory_save_mode=None, preconditioner_lr=.1, preconditioner_init_scale=1., key=0)
splus(lr=.1, b1=.9, b2=.999, weight_decay=.01, mask=None, *, precondition_frequency=100, nonstandard_constant=1e-3,
    max_precondition_dim=10000, ema_rate=.999)
normuon(lr, ns_coeffs=STANDARD, ns_steps=5, beta=.95, b2=.95, eps=1e-8, weight_decay=0., weight_decay_mask=None, *,
    nesterov=True, consistent_rms=.2)
adamuon(lr, ns_coeffs=STANDARD, ns_steps=5, beta=.95, b2=.95, eps=1e-8, weight_decay=0., weight_decay_mask=None, *,
    sign_stabilized=True, consistent_rms=.2)
qk_clip(q_kernel, k_kernel, max_logits, threshold=100., alpha=.5)
dion(lr, beta=.95, rank_fraction=.25, weight_decay=0., weight_decay_mask=None, *, key=0)
scion(lr, beta=.9, radius=1., norm="auto", *, constrained=True, weight_decay=0., ns_coeffs=STANDARD, ns_steps=5)
hyperball(inner, lr, eps=1e-8)
cautious(inner, eps=1e-3)
add_cautious_decayed_weights(weight_decay, mask=None)
mars(lr=3e-3, b1=.95, b2=.99, eps=1e-8, gamma=.025, wd, *, max_norm=1., base="adamw")
laprop(lr=4e-4, b1=.9, b2=.999, eps=1e-15, wd)
stable_adamw(lr, b1=.9, b2=.99, eps=1e-6, weight_decay=.01, mask=None)
adam_atan2(lr=1e-4, b1=.9, b2=.99, a=1.27, b=1., wd)
scale_by_adam_atan2(b1=.9, b2=.99, a=1.27, b=1.)
came(lr, b1=.9, b2=.999, b3=.9999, eps1=1e-30, eps2=1e-16, clip_threshold=1., wd)
adam_mini(lr, b1=.9, b2=.999, eps=1e-8, wd, *, blocks=None)
galore_adamw(lr, rank=128, update_proj_gap=200, scale=.25, b1=.9, b2=.999, eps=1e-6, wd)
fira(lr, rank=128, update_proj_gap=200, scale=1., b1=.9, b2=.999, eps=1e-6, wd)
apollo(lr, rank=128, update_proj_gap=200, scale=1., projection="random", scale_type="channel", b1=.9, b2=.999,
    eps=1e-6, wd, *, key=0)
primal_averaging(inner, mu_x=.9, mu_y=.8)
polynomial_average(inner, gamma=8.)
ema_params(inner, decay=.999, debias=False)
swa(inner, start=0, period=1)
lawa(inner, window, period)
ldog(lr=1., reps_rel=1e-6, eps=1e-8, init_eta=None, wd)
schedule_free_radam(lr=2.5e-3, b1=.9, b2=.999, eps=1e-8, weight_decay=0., r=0., weight_lr_power=2.,
    silent_sgd_phase=True)
ftrl(lr, beta=0., l1=0., l2=0.)
dadapt_sgd(lr=1., momentum=0., estim_lr0=1e-6)
dadapt_lion(lr=1., b1=.9, b2=.99, estim_lr0=1e-6, weight_decay=0.)
dadapt_adagrad(lr=1., momentum=0., eps=0., estim_lr0=1e-6)
hypergradient_descent(lr, hyper_learning_rate=1e-4)
extragradient(inner)
asam(optimizer, rho=.5, eta=0.)
adahessian(lr=.1, b1=.9, b2=.999, eps=1e-16, hessian_power=1., wd, *, spatial_average=True, hessian_diagonal_fn=ANY)
orthogonalize_gradients(eps=1e-30)
grokfast_ema(alpha=.98, lamb=2.)
adagc(decay=.98, clip_absolute=1., clip_relative=1.05, warmup_steps=100)
zclip(alpha=.97, z_threshold=2.5, warmup_steps=25, max_norm=1., eps=1e-6, clip_factor=1.)
qhadam(lr, b1=.995, b2=.999, nu1=.7, nu2=1., eps=1e-8)
qhm(lr, b1=.999, nu=.7)
aggmo(lr, betas=(0., .9, .99))
padam(lr=.1, b1=.9, b2=.999, partial=.25, eps=1e-8)
adabound(lr, b1=.9, b2=.999, final_learning_rate=.1, gamma=1e-3, eps=1e-8, amsgrad=False)
adamod(lr, b1=.9, b2=.999, b3=.999, eps=1e-8)
diffgrad(lr, b1=.9, b2=.999, eps=1e-8)
adamp(lr, b1=.9, b2=.999, eps=1e-8, weight_decay=0., delta=.1, weight_decay_ratio=.1, nesterov=False)
sgdp(lr, momentum=0., dampening=0., weight_decay=0., delta=.1, weight_decay_ratio=.1, nesterov=False, eps=1e-8)
pid(lr, momentum=.9, integral=5., derivative=10.)
accsgd(lr, kappa=1000., xi=10., small_const=.7)
a2grad(beta=10., lips=10., rho=.5, variant="uni")
kate(lr, delta=0., eps=1e-8)
tiger(lr, b1=.965, wd)
gravity(lr, beta=.9, alpha=0.)
amos(lr, beta=.999, momentum=0., extra_l2=0., c_coef=.25, d_coef=.25, eps=1e-18)
pnm(lr, b1=.9, b2=1., wd)
adai(lr, b1=.1, b2=.99, eps=1e-3)
ano(lr=1e-4, b1=.92, b2=.99, eps=1e-8, wd)
exadam(lr, b1=.9, b2=.999, eps=1e-8, wd)
tam(lr, momentum=.9, decay_rate=.9, eps=1e-8)
msvag(lr, beta=.9)
grams(lr, b1=.9, b2=.999, eps=1e-6, wd)
racs(lr, beta=.9, alpha=.05, gamma=1.01, eps=1e-8)
sgd_sai(lr, momentum=.9, eps=1e-8, wd)
kl_soap(lr=3e-3, b1=.95, b2=.95, shampoo_beta=None, eps=1e-8, weight_decay=.01, mask=None, *,
    precondition_frequency=10, max_precondition_dim=10000, merge_dims=False, precondition_1d=False,
    normalize_grads=False, bias_correction=True, init_factor=.1)
mup(optimizer, base_shapes)
"""
ROWS = re.findall(r"(\w+)\((.*?)\)(?=\n\w|\Z)", FIXED.strip(), re.DOTALL)


def written(text):
    """Yield the parameters of a row: name, default or `empty`, and whether it is passed by name."""
    by_name = False
    for part in re.findall(r"\*|\w+(?:=(?:\([^)]*\)|[^,\s]+))?", text):
        name, _, default = part.partition("=")
        if part == "*":
            by_name = True
        elif part == "wd":
            yield from (("weight_decay", 0.0, by_name), ("mask", None, by_name))
        else:
            names = {"inf": float("inf"), "STANDARD": STANDARD, "ANY": ANY}
            value = eval(default, names) if default else inspect.Parameter.empty
            yield {"lr": "learning_rate"}.get(name, name), value, by_name


@pytest.mark.parametrize(("name", "text"), ROWS, ids=[name for name, _ in ROWS])
def test_its_names_order_and_defaults_are_those_written_down(name, text):
    parameters = inspect.signature(getattr(jgd, name)).parameters.values()
    found = [(p.name, p.default, p.kind is p.KEYWORD_ONLY) for p in parameters]
    expected = list(written(text))
    for position in (False, True):
        ours = [row for row in found if row[2] is position]
        theirs = [row for row in expected if row[2] is position]
        assert [row[0] for row in ours[: len(theirs)]] == [row[0] for row in theirs]
        for (_, default, _), (_, wanted, _) in zip(ours, theirs, strict=False):
            assert wanted is ANY or default == wanted
        assert all(default is not inspect.Parameter.empty for _, default, _ in ours[len(theirs) :])
