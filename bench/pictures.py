"""The pictures of a race and of a study in the README and the guide: `python -m bench.pictures` draws them anew."""

import sys
from pathlib import Path

import jgd
from jgd.sweep import loguniform

FOLDER = Path(jgd.__file__).parent / "guide" / "pictures"
RACERS = ("sgd", "heavy_ball", "nesterov", "adagrad", "rmsprop", "adam", "lion", "muon")


def main() -> int:
    """Run both and write `race.png` and `study.png`."""
    FOLDER.mkdir(exist_ok=True)
    task = jgd.tasks.digits()
    make = {name: getattr(jgd, name)(loguniform(1e-4, 1.0)) for name in RACERS}
    race = jgd.sweep.run(task, make, num_trials=12, seeds=3, steps=150, sampler="grid", metric="accuracy", mode="max")
    race.plot.sensitivity("learning_rate").savefig(FOLDER / "race.png", dpi=100, facecolor="white")
    space = jgd.adamw(loguniform(1e-4, 1e-1), weight_decay=loguniform(1e-4, 1.0))
    study = jgd.sweep.run(task, space, num_trials=48, steps=150, sampler="tpe", metric="accuracy", mode="max")
    study.plot.axis("learning_rate", "weight_decay").savefig(FOLDER / "study.png", dpi=100, facecolor="white")
    print(f"wrote {FOLDER}/race.png and study.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
