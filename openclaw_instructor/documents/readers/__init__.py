"""One module for each format: its `FORMATS` are found by `formats.py`, its parser is imported on first use."""
