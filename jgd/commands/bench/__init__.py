"""`jgd bench` and `jgd compare`: what steps cost on this device, by us and by peers, now and before."""

from jgd.commands.bench.against import add_compare as add_compare
from jgd.commands.bench.command import add_bench as add_bench
