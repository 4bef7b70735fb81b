"""numpyro's variational inference, which asks for optax's class, on jgd's optimizers."""

import jax
import jax.numpy as jnp
import pytest

import jgd
from jgd.interop import optax as dropin

numpyro = pytest.importorskip("numpyro")


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: jgd.adam(0.1),
        lambda: dropin.chain(dropin.adam(0.1), dropin.contrib.reduce_on_plateau(0.5, patience=50)),
    ],
    ids=["adam", "plateau"],
)
def test_variational_inference_finds_the_mean(optimizer):
    def model(data):
        mean = numpyro.sample("mean", numpyro.distributions.Normal(0.0, 10.0))
        numpyro.sample("data", numpyro.distributions.Normal(mean, 1.0), obs=data)

    def guide(data):
        centre, width = numpyro.param("centre", 0.0), numpyro.param("width", 0.0)
        numpyro.sample("mean", numpyro.distributions.Normal(centre, jnp.exp(width)))

    with jax.numpy_rank_promotion("allow"):  # numpyro broadcasts
        data = 3.0 + jax.random.normal(jax.random.key(0), (50,))
        svi = numpyro.infer.SVI(model, guide, optimizer(), numpyro.infer.Trace_ELBO())
        params = svi.run(jax.random.key(1), 200, data, progress_bar=False).params
    # The posterior's standard deviation is 0.14; the last steps of a noisy descent lie well within two of them.
    assert abs(float(params["centre"]) - float(data.mean())) < 0.3
