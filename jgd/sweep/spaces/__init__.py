"""Distributions, spaces of them, and the axes that a space has."""
