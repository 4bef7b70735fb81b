"""The outcomes of trials: their curves, statistics over seeds, and exports."""
