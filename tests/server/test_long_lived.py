from __future__ import annotations

import gc
import weakref

from openclaw_instructor.server.long_lived import LongLived


class Cycle:
    def __init__(self) -> None:
        self.itself = self


def test_what_a_model_consists_of_is_looked_through_only_when_it_is_unloaded() -> None:
    assert gc.get_freeze_count() == 0
    long_lived, before = LongLived(), Cycle()
    try:
        long_lived.follow(False)
        assert gc.get_freeze_count() == 0
        long_lived.follow(True)
        assert gc.get_freeze_count() > 10_000
        known, later = weakref.ref(before), weakref.ref(Cycle())
        del before
        gc.collect()
        assert known() is not None
        assert later() is None
        frozen = gc.get_freeze_count()
        long_lived.follow(True)
        # What is set apart may still go when nothing refers to it, but nothing is added.
        assert gc.get_freeze_count() <= frozen
        long_lived.follow(False)
        assert gc.get_freeze_count() == 0
        assert known() is None
    finally:
        gc.unfreeze()
