"""From the corpus to a model. Needs the extra `train`."""
