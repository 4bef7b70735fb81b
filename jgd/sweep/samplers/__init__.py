"""Samplers: they propose the points of a space."""
