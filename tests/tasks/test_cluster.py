"""Kind cluster: groups, their number, their names, and the picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from openclaw_instructor import Toolbox
from openclaw_instructor.errors import InvalidArguments, MissingExtra, UnknownTask
from openclaw_instructor.tasks.cluster import plot
from openclaw_instructor.tasks.clustering import cluster, components, find_clusters
from openclaw_instructor.testing import WordEngine

TOPICS = [["rose", "tulip", "garden"], ["engine", "brake", "tyre"], ["bread", "butter", "cheese"], ["violin", "cello"]]
SHOW = "tasks: {cluster_texts: {enabled: true}}\n"


def texts(each: int = 8, topics: int = 4) -> list[str]:
    """Texts of topics in turn, each of all words of its topic and one of its own."""
    return [f"the {' '.join(TOPICS[n % topics])} number{n}" for n in range(each * topics)]


@pytest.fixture
def toolbox(home: Path) -> Iterator[Toolbox]:
    (home / "instructions.yaml").write_text(SHOW)
    with Toolbox(engine=WordEngine()) as toolbox:
        yield toolbox


def test_topics_are_found_and_named(toolbox: Toolbox) -> None:
    result = toolbox.run("cluster_texts", {"texts": texts(), "points": True, "members": 2})
    assert (result["count"], result["texts"]) == (4, 32)
    assert [len({result["assigned"][n] for n in range(topic, 32, 4)}) for topic in range(4)] == [1] * 4
    assert sorted(each["words"][0] for each in result["clusters"]) == ["brake", "bread", "cello", "garden"]
    for each in result["clusters"]:
        assert "the" not in each["words"]
        assert each["name"].startswith(each["words"][0])
        assert each["medoid"] == {key: value for key, value in each["members"][0].items() if key != "score"}
        assert (each["size"], len(each["members"])) == (8, 2)
    assert result["silhouette"] > 0.5
    assert result["notes"] == []


def test_as_many_as_are_asked_for_the_largest_first(toolbox: Toolbox) -> None:
    given = [{"id": f"t{number}", "text": text} for number, text in enumerate(texts(topics=2)) if number % 4 != 1]
    result = toolbox.run("cluster_texts", {"texts": given, "k": 2})
    assert [each["size"] for each in result["clusters"]] == [8, 4]
    assert result["clusters"][0]["medoid"]["id"].startswith("t")


def test_the_same_texts_give_the_same_clusters(toolbox: Toolbox) -> None:
    asked = {"texts": texts(3), "points": True}
    assert toolbox.run("cluster_texts", asked) == toolbox.run("cluster_texts", asked)


def test_fewer_different_texts_than_clusters(toolbox: Toolbox) -> None:
    result = toolbox.run("cluster_texts", {"texts": ["roses", "roses", "engines"], "k": 3})
    assert [each["size"] for each in result["clusters"]] == [2, 1]
    assert "do not part into more" in result["notes"][0]


@pytest.mark.parametrize(("given", "count"), [(["roses"], 1), (["roses", "", "engines"], 1), ([" "], 0)], ids=str)
def test_too_few_to_find_clusters(toolbox: Toolbox, given: list[str], count: int) -> None:
    result = toolbox.run("cluster_texts", {"texts": given, "points": True})
    assert result["count"] == count
    if count:
        assert any("too few to find clusters" in note for note in result["notes"])
        assert [number for number, text in zip(result["assigned"], given, strict=True) if text] == [1] * (
            len(given) - given.count("")
        )


def test_equal_texts_alone(toolbox: Toolbox) -> None:
    assert toolbox.run("cluster_texts", {"texts": ["roses"] * 9})["count"] == 1


def test_rows_in_a_few_directions() -> None:
    random = np.random.default_rng(3)
    middle = np.linalg.qr(random.normal(size=(40, 6)))[0].T
    truth = np.repeat(np.arange(6), 50)
    vectors = (middle[truth] + random.normal(scale=0.1, size=(300, 40))).astype(np.float32)
    found = find_clusters(components(vectors), 30)
    assert found.count == 6
    assert len({(int(a), int(b)) for a, b in zip(found.labels, truth, strict=True)}) == 6
    assert cluster(components(vectors), 1).silhouette == 0


def test_it_is_hidden_and_says_how_to_show_it(home: Path) -> None:
    with (
        Toolbox(engine=WordEngine()) as toolbox,
        pytest.raises(UnknownTask, match=r"`cluster_texts: \{enabled: true\}`"),
    ):
        toolbox.run("cluster_texts", {"texts": ["a"]})


def test_arguments_are_checked(toolbox: Toolbox) -> None:
    with pytest.raises(InvalidArguments, match="`k` is 101; give at most 100"):
        toolbox.run("cluster_texts", {"texts": ["a"], "k": 101})


def test_a_picture(toolbox: Toolbox, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    given = [*texts(), "", "the price is $5 and $6_x"]
    plot(toolbox.run("cluster_texts", {"texts": given, "points": True}), tmp_path / "picture")
    assert (tmp_path / "picture").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_way_is_said(toolbox: Toolbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = toolbox.run("cluster_texts", {"texts": texts(), "points": True})
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"openclaw-instructor\[plot\]"):
        plot(result, tmp_path / "picture")


def test_more_clusters_than_colours_are_drawn(toolbox: Toolbox, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    given = [f"word{number}" for number in range(45)]
    result = toolbox.run("cluster_texts", {"texts": given, "points": True, "k": 40})
    assert result["count"] > 30
    plot(result, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
