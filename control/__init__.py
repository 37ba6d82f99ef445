"""The control plane: everything that people touch."""
