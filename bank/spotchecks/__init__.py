"""Random checks: a share of what was posted, drawn by a published seed and looked at by somebody uninvolved."""
