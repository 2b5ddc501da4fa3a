"""Read each format in a module of its own, whose `FORMATS` are found by `formats.py`."""
