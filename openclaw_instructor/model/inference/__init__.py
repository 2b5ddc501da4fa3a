"""How a network is run: number formats, compiled passes, batches and cores."""
