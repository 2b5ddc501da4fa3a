"""Offer the model to other frameworks: one module for each, which needs that framework installed."""
