"""The published log: its keys, its sealing, its tiles, and proofs to take away."""
