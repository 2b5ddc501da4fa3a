"""Keep the vectors of the index in Milvus: a derived index beside the store, rebuilt from it when it is lost."""
