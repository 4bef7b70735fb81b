"""What trials came to: their curves, statistics over seeds, and exports."""
