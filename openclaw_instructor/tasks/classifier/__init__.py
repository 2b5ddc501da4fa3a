"""Turn embeddings into probabilities of labels."""
