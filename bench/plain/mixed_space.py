"""The mixed space by Optuna: a conditional space in code, TPE, halving, and a loop that reports and may be pruned."""

from typing import Any

import jax
import numpy as np
import optax
import optuna

from examples.mixed_space import evaluate, init, label, loss, x


def optimizer_of(trial: Any) -> tuple[str, Any]:
    """Make the optimizer that the trial proposes: the kind and its numbers."""
    kind = trial.suggest_categorical("kind", ["adam", "nesterov"])
    if kind == "adam":
        return kind, {"rate": trial.suggest_float("adam_rate", 1e-4, 0.3, log=True)}
    rate = trial.suggest_float("nesterov_rate", 1e-3, 3.0, log=True)
    return kind, {"rate": rate, "momentum": trial.suggest_float("momentum", 0.5, 0.99)}


def programs() -> Any:
    """Return a compiled step for each kind and number of accumulated batches; the other numbers are arguments."""

    def made(kind: str, every: int) -> Any:
        def transform(numbers: Any) -> Any:
            rule = (
                optax.adam(numbers["rate"])
                if kind == "adam"
                else optax.sgd(numbers["rate"], numbers["momentum"], nesterov=True)
            )
            return optax.MultiSteps(rule, every)

        @jax.jit
        def step(numbers: Any, smoothing: Any, params: Any, state: Any, rows: Any) -> Any:
            grads = jax.grad(loss, argnums=1)(smoothing, params, (x[rows], label[rows]))
            updates, state = transform(numbers).update(grads, state, params)
            return optax.apply_updates(params, updates), state

        return lambda numbers, params: transform(numbers).init(params), step

    return {(kind, every): made(kind, every) for kind in ("adam", "nesterov") for every in range(1, 5)}


def study(num_trials: int = 8, steps: int = 160, eval_every: int = 40) -> Any:
    """Make Optuna's study."""
    compiled, accuracy = programs(), jax.jit(lambda params: evaluate(params)["accuracy"])

    def objective(trial: Any) -> float:
        smoothing = trial.suggest_float("smoothing", 0.0, 0.3, step=0.05)
        kind, numbers = optimizer_of(trial)
        start, step = compiled[kind, trial.suggest_int("every", 1, 4)]
        rng, params = np.random.default_rng(0), init(jax.random.key(0))
        state, value = start(numbers, params), 0.0
        for number in range(steps):
            if number % 8 == 0:
                order = rng.permutation(256).reshape(8, 32)
            params, state = step(numbers, smoothing, params, state, order[number % 8])
            if (number + 1) % eval_every == 0:
                value = float(accuracy(params))
                trial.report(value, number + 1)
                if trial.should_prune():
                    raise optuna.TrialPruned
        return value

    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=eval_every, reduction_factor=2)
    sampler = optuna.samplers.TPESampler(seed=0, n_startup_trials=4)
    found = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    found.optimize(objective, n_trials=num_trials)
    print(found.trials_dataframe())
    print(found.best_value, found.best_params)
    return found
