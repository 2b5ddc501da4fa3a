"""Transformer networks on packed rows: layers and pooling, without a choice of kernels."""
