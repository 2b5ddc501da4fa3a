from __future__ import annotations

import numpy as np

from openclaw_instructor.train.distill.facets import facet_instructions, facet_targets, facet_texts


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


def test_a_target_comes_nearer_to_its_label_and_away_from_the_other_facet_s() -> None:
    random = np.random.default_rng(0)
    labels = {"topic": list("aabb" * 30), "intent": list("xyxy" * 30)}
    vectors = random.normal(size=(120, 16)).astype(np.float16)
    vectors[:, 0] += np.where(np.array(labels["topic"]) == "a", 1, -1)
    vectors[:, 1] += np.where(np.array(labels["intent"]) == "x", 1, -1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    targets = facet_targets(vectors, labels)

    def spread(facet: str, axis: int) -> float:
        """How far apart the two labels of an axis lie when `facet` is asked for, of how far they lay before."""
        before, after = (np.abs(each[::4] - each[3::4]).mean(axis=0)[axis] for each in (vectors, targets[facet]))
        return float(after / before)

    assert spread("topic", 0) > 1.1 > 0.9 > spread("topic", 1)
    assert spread("intent", 1) > 1.1 > 0.9 > spread("intent", 0)
    for target in targets.values():
        np.testing.assert_allclose(np.linalg.norm(target, axis=1), 1, rtol=1e-5)
        assert (target * vectors).sum(axis=1).mean() > 0.8, "the rest of the teacher's vector stays"


def test_one_facet_alone_has_nothing_to_move_away_from() -> None:
    vectors = np.eye(4, dtype=np.float32)
    targets = facet_targets(vectors, {"topic": list("aabb")})
    assert list(targets) == ["topic"]
    assert targets["topic"][0] @ targets["topic"][1] > 0 > targets["topic"][0] @ targets["topic"][2]
