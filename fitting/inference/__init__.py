"""What a fit knows: combinations that are determined, profiles, draws from the posterior, populations."""
