"""What is searched, and with which sampler."""
