"""The HTTP routes: each reads a request, asks the Toolbox, and shapes the answer."""
