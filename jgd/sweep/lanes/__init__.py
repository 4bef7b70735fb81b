"""Trials as lanes of compiled programs: plans, programs, chunks, records, and rules that end them."""
