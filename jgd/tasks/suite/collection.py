"""All problems by name."""

from jgd.tasks.suite import data, functions, gradients, landscapes, networks

PROBLEMS = {
    problem.name: problem
    for family in (functions, landscapes, gradients, networks, data)
    for problem in family.PROBLEMS
}
