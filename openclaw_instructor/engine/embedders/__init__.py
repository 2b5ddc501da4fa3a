"""Sources of embeddings behind one protocol: a local checkpoint on our encoder, other libraries, remote endpoints."""
