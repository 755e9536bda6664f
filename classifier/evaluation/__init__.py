"""How good a model is, measured on posts that were in no training."""
