"""Look after the index: verify and repair it, back it up, carry it to another machine."""
