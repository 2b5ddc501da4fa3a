"""What OpenClaw's own commands say of the packed plugin, from installing to uninstalling and back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.openclaw import manifest, package
from openclaw_instructor.openclaw.program import command_line
from openclaw_instructor.openclaw.skills import skill_names
from tests.openclaw.conftest import ROOT, Instructor
from tests.openclaw.examples import CRASH, TICKET
from tests.openclaw.llm_stub import LanguageModel
from tests.openclaw.openclaw_host import OpenClaw, Turn, unfenced

pytestmark = [pytest.mark.openclaw, pytest.mark.timeout(900)]

TOOLS = {"search_docs", "read_document", "list_documents", "classify_email", "semantic_match", "instructor_task"}


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
        tarball = package.pack(ROOT, root)
        host.run("plugins", "install", str(tarball), "--force", "--accept-capabilities")
        yield host
        host.stop()


def inspected(host: OpenClaw) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(
        host.run("plugins", "inspect", manifest.PLUGIN_ID, "--runtime", "--json").stdout
    )
    return report


def test_openclaw_loads_the_tarball_and_finds_nothing_to_object_to(openclaw: OpenClaw) -> None:
    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(inspected, openclaw)
        listing = pool.submit(openclaw.run, "skills", "list", "--json")
        auditing = pool.submit(openclaw.run, "security", "audit", "--deep", "--json")
    report = loading.result()
    assert report["plugin"]["status"] == "loaded"
    assert set(report["plugin"]["toolNames"]) == TOOLS
    assert report["diagnostics"] == []
    assert Path(report["plugin"]["rootDir"]).is_relative_to(openclaw.state)
    skills = {skill["name"]: skill for skill in json.loads(listing.result().stdout)["skills"]}
    assert set(skill_names()) <= set(skills)
    assert all(skills[name]["eligible"] for name in skill_names())
    findings = json.loads(auditing.result().stdout)["findings"]
    # These two are about any third-party plugin, whatever it does; they show that the audit saw ours.
    ours = [finding for finding in findings if finding["checkId"].startswith("plugins.")]
    general = {"plugins.extensions_no_allowlist", "plugins.tools_reachable_permissive_policy"}
    assert {finding["checkId"] for finding in ours} == general, ours
    assert not any(finding["severity"] == "critical" for finding in findings)


@pytest.mark.parametrize("skill", skill_names())
def test_skills_pass_openclaws_validator(binaries: Path, skill: str) -> None:
    installed = (binaries / "openclaw").resolve().parent
    validator = installed / "skills" / "skill-creator" / "scripts" / "quick_validate.py"
    done = subprocess.run(
        [sys.executable, str(validator), str(ROOT / "skills" / skill)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert "valid" in done.stdout


@pytest.fixture(scope="module")
def reinstalled(openclaw: OpenClaw, instructor: Instructor) -> OpenClaw:
    """Its Gateway runs, with the plugin uninstalled and installed again."""
    said = openclaw.run("plugins", "uninstall", manifest.PLUGIN_ID, "--force").stdout
    assert "Uninstalled plugin" in said
    instructor.environment |= openclaw.environment
    assert instructor.run("openclaw", "install", "--yes")["state"] == "saved"
    openclaw.start()
    return openclaw


def test_uninstalled_and_installed_again_it_works(reinstalled: OpenClaw) -> None:
    turn = reinstalled.turn([("search_docs", {"query": "How do I restart the Gateway?"})])
    assert "SIGUSR1" in turn.results[0]


def test_a_sync_waits_for_the_turn_that_is_running(reinstalled: OpenClaw, instructor: Instructor) -> None:
    openclaw = reinstalled
    instructor.define(classify_ticket=TICKET)
    model = openclaw.model
    model.holding.clear()
    model.release.clear()
    turns: list[Turn] = []
    held = threading.Thread(
        target=lambda: turns.append(openclaw.turn([("search_docs", {"query": "Gateway"})], session="held", hold=True))
    )
    held.start()
    try:
        assert model.holding.wait(60)
        pending = instructor.run("openclaw", "sync", "--yes", "--wait", "0", status=1)
        assert pending["state"] == "pending"
        assert "instructor_task" in pending["message"]
        reports: list[dict[str, Any]] = []
        sync = threading.Thread(
            target=lambda: reports.append(instructor.run("openclaw", "sync", "--yes", "--wait", "90"))
        )
        sync.start()
        sync.join(6)
        assert sync.is_alive(), "it keeps asking while the turn runs"
    finally:
        model.release.set()
        held.join()
    sync.join()
    assert unfenced(turns[0].results[0])["hits"], "the running turn was left in peace"
    assert reports[0]["state"] == "live"
    assert unfenced(openclaw.turn([("classify_ticket", CRASH)], session="held").results[0])["label"]


def test_uninstalled_from_a_running_gateway_the_tools_are_gone(reinstalled: OpenClaw) -> None:
    reinstalled.run("plugins", "uninstall", manifest.PLUGIN_ID, "--force")
    assert "search_docs" not in reinstalled.turn().offered
