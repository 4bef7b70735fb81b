"""Optimizers: recipes in lower case that return chains of transforms. The names are optax's where optax has them."""

from jgd.optimizers.adaptive import adagrad as adagrad
from jgd.optimizers.adaptive import adam as adam
from jgd.optimizers.adaptive import adamw as adamw
from jgd.optimizers.adaptive import amsgrad as amsgrad
from jgd.optimizers.adaptive import nadam as nadam
from jgd.optimizers.adaptive import nadamw as nadamw
from jgd.optimizers.adaptive import rmsprop as rmsprop
from jgd.optimizers.first_order import gradient_descent as gradient_descent
from jgd.optimizers.first_order import heavy_ball as heavy_ball
from jgd.optimizers.first_order import nesterov as nesterov
from jgd.optimizers.first_order import sgd as sgd
from jgd.optimizers.matrix import muon as muon
from jgd.optimizers.matrix import muon_labels as muon_labels
from jgd.optimizers.sign import lion as lion
