"""The model of sweeps chosen by what they show: features, a shortlist, fits, and the choice in a sentence."""
