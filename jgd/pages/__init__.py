"""What reports are made of: one look, tables, pictures as SVG, and words. Pages load nothing."""
