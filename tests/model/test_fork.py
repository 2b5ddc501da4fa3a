"""A forked process answers or raises at once; it never waits for threads that stayed in its parent."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SETUP = """
import os, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
"""
IN_CHILD = """
child = os.fork()
if not child:
    os._exit(check())
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
MODEL = """
from openclaw_instructor import INSTRUCTOR
model = INSTRUCTOR("mini", "cpu")
texts = ["a letter", *(f"{n} " + "the boats leave at nine " * 20 for n in range(20))]
before = model.encode(texts)
def check():
    return 0 if (model.encode(texts) * before).sum(1).min() > 0.99 else 1
"""
ENGINE = """
from openclaw_instructor.engine import Engine
from openclaw_instructor.errors import ServiceError
from openclaw_instructor.settings import Settings
engine = Engine(Settings.load(), )
engine.embed(["a letter"], timeout=60)
def check():
    try:
        engine.embed(["another letter"])
    except ServiceError as error:
        if "forked" not in error.message:
            return 1
    engine.close()
    return 0
"""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@pytest.mark.parametrize("program", [MODEL, ENGINE], ids=["model", "engine"])
def test_a_forked_process_does_not_hang(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SETUP + program + IN_CHILD], capture_output=True, text=True, timeout=110, check=False
    )
    assert done.stdout == "0\n", done.stderr
