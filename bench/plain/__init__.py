"""The projects of `examples/` as they are written without jgd: loops by hand, optax and Optuna.

Each does what its example does, and no less: evaluation, checkpoints that survive a kill, the same decisions. What is
the problem's (the model, the loss, the data) is imported from the example.
"""
