"""What OpenClaw's own commands say of the packed plugin, from installing to uninstalling and back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Instructor
from llm_stub import LanguageModel
from openclaw_host import OpenClaw

from openclaw_instructor.openclaw import build
from openclaw_instructor.openclaw.sync import command_line

pytestmark = [pytest.mark.openclaw, pytest.mark.timeout(180)]

TOOLS = {"search_docs", "classify_email", "semantic_match", "instructor_task"}


@pytest.fixture(scope="module")
def openclaw(
    binaries: Path, language_model: LanguageModel, instructor: Instructor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenClaw]:
    """OpenClaw with the tarball installed. The program is on its PATH, as `uv tool install` leaves it."""
    root = tmp_path_factory.mktemp("openclaw")
    on_path = root / "bin"
    on_path.mkdir()
    program = on_path / "openclaw-instructor"
    program.write_text(f'#!/bin/sh\nexec {" ".join(command_line(instructor.settings))} "$@"\n')
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{on_path}{os.pathsep}{os.environ['PATH']}")
        host = OpenClaw(root, binaries, language_model)
        tarball = build.pack(ROOT, root)
        host.run("plugins", "install", str(tarball), "--force", "--accept-capabilities")
        yield host
        host.stop()


def inspected(host: OpenClaw) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(host.run("plugins", "inspect", build.PLUGIN_ID, "--runtime", "--json").stdout)
    return report


def test_openclaw_loads_the_tarball_and_finds_nothing_to_object_to(openclaw: OpenClaw) -> None:
    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(inspected, openclaw)
        listing = pool.submit(openclaw.run, "skills", "list", "--json")
        auditing = pool.submit(openclaw.run, "security", "audit", "--deep", "--json")
        entry = f"./{build.CODE_FOLDER}/plugin.js"
        validating = pool.submit(openclaw.run, "plugins", "validate", "--root", str(ROOT), "--entry", entry)
    report = loading.result()
    assert report["plugin"]["status"] == "loaded"
    assert set(report["plugin"]["toolNames"]) == TOOLS
    assert report["diagnostics"] == []
    assert Path(report["plugin"]["rootDir"]).is_relative_to(openclaw.state)
    skills = {skill["name"]: skill for skill in json.loads(listing.result().stdout)["skills"]}
    assert set(build.SKILLS) <= set(skills)
    assert all(skills[name]["eligible"] for name in build.SKILLS)
    findings = json.loads(auditing.result().stdout)["findings"]
    # These two are about any third-party plugin, whatever it does; they show that the audit saw ours.
    ours = [finding for finding in findings if finding["checkId"].startswith("plugins.")]
    general = {"plugins.extensions_no_allowlist", "plugins.tools_reachable_permissive_policy"}
    assert {finding["checkId"] for finding in ours} == general, ours
    assert not any(finding["severity"] == "critical" for finding in findings)
    assert "is valid" in validating.result().stdout


@pytest.mark.parametrize("skill", build.SKILLS)
def test_skills_pass_openclaws_validator(binaries: Path, skill: str) -> None:
    package = (binaries / "openclaw").resolve().parent
    validator = package / "skills" / "skill-creator" / "scripts" / "quick_validate.py"
    done = subprocess.run(
        [sys.executable, str(validator), str(ROOT / "skills" / skill)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert "valid" in done.stdout


def test_uninstalled_and_installed_again_it_works(openclaw: OpenClaw, instructor: Instructor) -> None:
    openclaw.run("plugins", "uninstall", build.PLUGIN_ID, "--force")
    assert openclaw.run("plugins", "inspect", build.PLUGIN_ID, check=False).returncode == 1
    instructor.environment |= openclaw.environment
    assert instructor.run("openclaw", "install", "--yes")["state"] == "saved"
    assert inspected(openclaw)["plugin"]["enabled"] is True
    openclaw.start()
    turn = openclaw.turn([("search_docs", {"query": "How do I restart the Gateway?"})])
    assert "SIGUSR1" in turn.results[0]
    openclaw.run("plugins", "uninstall", build.PLUGIN_ID, "--force")
    assert "search_docs" not in openclaw.turn().offered
