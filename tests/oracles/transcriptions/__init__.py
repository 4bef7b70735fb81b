"""Papers' algorithms in plain numpy, written from the papers alone, for what no package is an oracle of.

Each is a function of parameters and of an iterable of their gradients, which yields the parameters after each step.
Matrices are (out, in), as in the papers.
"""

import itertools


class Transcribed:
    """Runs a transcription on tensors of torch, in the place of an optimizer of torch."""

    def __init__(self, tensors, algorithm, **settings):
        self.tensors = tensors
        gradients = ([t.grad.numpy().copy() for t in tensors] for _ in itertools.count())
        self.path = algorithm([t.detach().numpy().copy() for t in tensors], gradients, **settings)

    def step(self):
        """Take one step of each tensor, in place."""
        for tensor, new in zip(self.tensors, next(self.path), strict=True):
            tensor.data.copy_(tensor.new_tensor(new))
