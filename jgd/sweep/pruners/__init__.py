"""Rules that end trials early, and populations whose trials go on from better ones."""
