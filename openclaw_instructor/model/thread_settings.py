"""Set what the libraries of products read of the environment when they are loaded: how their threads work together.

Both libraries have threads that wait awake. On a machine whose cores are busy elsewhere, or whose kernel puts waking
threads on one core, the waiting threads hold the core that the others need: with OpenMP, which torch's operations use,
a query of 6 ms took 420 ms; with OpenBLAS, which numpy's use, 1,400 examples were fitted in 4 s instead of 0.8.
"""

from __future__ import annotations

import os

# OpenMP: the variables of GNU's library, of all libraries, and of Intel's and LLVM's.
SLEEPING = {"GOMP_SPINCOUNT": "0", "OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
# OpenBLAS can only be told to have no further threads. What we leave to numpy takes one core less than a second.
ALONE = {"OPENBLAS_NUM_THREADS": "1"}


def let_threads_sleep() -> None:
    """Set the variables that OpenMP reads when torch is imported, unless they are set. Later it has no effect."""
    _set(SLEEPING)


def keep_numpy_on_one_thread() -> None:
    """Set the variable that OpenBLAS reads when numpy is imported, unless it is set.

    It counts for all of a process, so it is for our own, and for those that they start.
    """
    _set(ALONE)


def _set(variables: dict[str, str]) -> None:
    for name, value in variables.items():
        os.environ.setdefault(name, value)
