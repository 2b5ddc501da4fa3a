"""Answer HTTP requests: each route reads a request, asks the Toolbox, and shapes the answer."""
