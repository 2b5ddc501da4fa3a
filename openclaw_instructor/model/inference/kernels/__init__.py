"""Run compiled kernels."""
