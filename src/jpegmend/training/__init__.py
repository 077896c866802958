"""Training: a recipe, one readable loop, checkpoints, release."""
