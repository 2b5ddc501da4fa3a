"""Run a network fast: number formats, kernels, batches and cores."""
