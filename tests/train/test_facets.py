from __future__ import annotations

import pytest
import torch

from openclaw_instructor.train.facets import agreement_loss, facet_instructions, facet_texts


def test_every_text_is_new_and_has_a_label_in_both_facets() -> None:
    instructions = facet_instructions()
    for source in facet_texts(500):
        assert len(set(source.texts)) == 500
        assert len(source.labels) == 2
        for facet, labels in source.labels.items():
            assert len(labels) == 500
            assert len(set(labels)) >= 3
            assert instructions[facet]
    assert not any("{" in text for source in facet_texts(500) for text in source.texts)
    assert facet_texts(50) == facet_texts(50)
    assert facet_texts(50) != facet_texts(50, seed=1)


def test_the_loss_falls_as_texts_of_one_label_come_together() -> None:
    apart = torch.nn.functional.normalize(torch.eye(4) + 0.01, dim=1)
    together = apart[[0, 0, 1, 1]]
    labels = ["a", "a", "b", "b"]
    assert agreement_loss(together, labels, 0.05) < 0.1 < agreement_loss(apart, labels, 0.05)
    # A text that has no other of its label says nothing.
    alone = agreement_loss(together[:3], ["a", "a", "c"], 0.05)
    assert alone == pytest.approx(float(agreement_loss(together[:2], ["a", "a"], 0.05)), abs=1e-3)
