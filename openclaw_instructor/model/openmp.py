"""Make the threads of OpenMP, which torch's operations use, sleep while they wait for each other.

By default they wait awake at the end of every operation. On a machine whose cores are busy elsewhere, or whose kernel
puts waking threads on one core, the waiting threads hold the core that the others need: a query of 6 ms took 420 ms.
"""

from __future__ import annotations

import os

# The variables of GNU's library, of all libraries, and of Intel's and LLVM's.
VARIABLES = {"GOMP_SPINCOUNT": "0", "OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}


def let_threads_sleep() -> None:
    """Set the variables that OpenMP reads when torch is imported, unless they are set. Later it has no effect."""
    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)
