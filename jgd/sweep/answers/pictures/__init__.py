"""Pictures of a sweep as matplotlib figures; `plots.py` lists them."""
