"""The control plane: everything that people touch."""

__version__ = "0.1.0"
