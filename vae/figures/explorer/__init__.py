"""The latent explorer: one page on which a run's decoder draws, in any browser, what lies under the pointer."""
