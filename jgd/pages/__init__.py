"""The parts of a report: one look, tables, pictures as SVG, and words. Pages load nothing."""
