"""One step of a training, beside snnTorch and Spyx."""
