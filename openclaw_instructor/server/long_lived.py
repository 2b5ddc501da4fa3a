"""Leave out of Python's search for garbage what lives as long as the model: a search of all stops every thread."""

from __future__ import annotations

import gc


class LongLived:
    """Everything that is there once the model is loaded: modules, classes, weights.

    Python looks through all objects for those that only refer to one another whenever a quarter more have been made.
    With the libraries of a model that takes a tenth of a second, in which no request is answered.
    """

    def __init__(self) -> None:
        self._loaded = False

    def follow(self, loaded: bool) -> None:
        """Set what there is apart when the model was loaded, and look through all of it once it was unloaded."""
        if loaded == self._loaded:
            return
        self._loaded = loaded
        if loaded:
            # The young ones only, which takes no time to speak of.
            gc.collect(1)
            gc.freeze()
        else:
            gc.unfreeze()
            gc.collect()
