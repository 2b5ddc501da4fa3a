"""Running a network fast: number formats, kernels, batches and cores."""
