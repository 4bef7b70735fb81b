"""Trials as lanes of compiled programs: groups, layouts, programs, chunks and curves."""
