"""Train checkpoints: contrastively on instruction data, or on a user's own rows for a task."""
