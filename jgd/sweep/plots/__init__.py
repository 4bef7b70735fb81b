"""Pictures of a sweep as matplotlib figures; `accessor.py` lists them."""
