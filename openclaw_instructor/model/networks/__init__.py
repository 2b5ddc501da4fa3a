"""Define transformer networks on packed batches: layers and pooling, without a choice of kernels."""
