"""Assign rows to columns one to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def assign(gains: NDArray[np.floating]) -> list[tuple[int, int]]:
    """Return the (row, column) pairs whose gains are greatest in sum; the shorter side is used up.

    By shortest augmenting paths (Jonker and Volgenant), as scipy does it. At worst the time grows with the cube of
    the shorter side.
    """
    if gains.shape[0] > gains.shape[1]:
        return sorted((row, column) for column, row in assign(gains.T))
    costs = -gains
    rows, columns = costs.shape
    potentials = np.zeros(rows), np.zeros(columns)
    column_of, row_of = np.full(rows, -1), np.full(columns, -1)
    for row in range(rows):
        _augment(row, costs, potentials, column_of, row_of)
    return [(row, int(column)) for row, column in enumerate(column_of)]


def _augment(
    start: int,
    costs: NDArray[np.floating],
    potentials: tuple[NDArray[np.float64], NDArray[np.float64]],
    column_of: NDArray[np.int_],
    row_of: NDArray[np.int_],
) -> None:
    """Give one more row a column, along the path of least reduced cost to a free one."""
    of_rows, of_columns = potentials
    distance, before = np.full(len(row_of), np.inf), np.full(len(row_of), -1)
    done = np.zeros(len(row_of), dtype=bool)
    row, reached, visited = start, 0.0, []
    while True:
        visited.append(row)
        length = reached + costs[row] - of_rows[row] - of_columns
        shorter = ~done & (length < distance)
        distance[shorter], before[shorter] = length[shorter], row
        open_distance = np.where(done, np.inf, distance)
        reached = float(open_distance.min())
        # Of several that are as near, a free one ends the path.
        nearest = np.flatnonzero(open_distance == reached)
        column = int(nearest[np.argmin(row_of[nearest])])
        done[column] = True
        if row_of[column] < 0:
            break
        row = int(row_of[column])
    of_rows[start] += reached
    others = visited[1:]
    of_rows[others] += reached - distance[column_of[others]]
    of_columns[done] -= reached - distance[done]
    while True:
        row = int(before[column])
        row_of[column] = row
        column_of[row], column = column, int(column_of[row])
        if row == start:
            return
