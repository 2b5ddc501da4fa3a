"""OpenClaw's own memory on the daemon: the block, its merging, and real indexing and searching."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.doctor import memory
from openclaw_instructor.openclaw import manifest
from openclaw_instructor.openclaw.host import Host, remembered
from openclaw_instructor.openclaw.linking import install_plugin
from openclaw_instructor.openclaw.memory_search import block, removal
from openclaw_instructor.settings import Settings
from tests.openclaw.conftest import Instructor
from tests.openclaw.llm_stub import LanguageModel
from tests.openclaw.openclaw_host import OpenClaw
from tests.openclaw.stand_in import StandIn, agree


def test_the_block_names_role_address_and_key(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, checkpoint="hkunlp/instructor-base")
    search = block(settings, "the-token", 8737, autostart=False)["memory"]["search"]
    assert search == {
        "provider": "openai-compatible",
        "model": "hkunlp/instructor-base",
        "queryInputType": "query",
        "documentInputType": "passage",
        "remote": {"baseUrl": "http://127.0.0.1:8737/v1", "apiKey": "the-token"},
    }


def test_autostart_runs_this_installation_on_this_home(tmp_path: Path) -> None:
    patch = block(Settings(home=tmp_path), "the-token", 8737, autostart=True)
    [(name, provider)] = patch["models"]["providers"].items()
    assert patch["memory"]["search"]["provider"] == name
    service = provider["localService"]
    assert Path(service["command"]).is_absolute()
    assert service["args"][-5:] == ["daemon", "run", "--foreground", "--port", "8737"]
    assert str(tmp_path) in service["args"]
    assert service["healthUrl"] == "http://127.0.0.1:8737/v1/models"


def test_through_the_plugin_only_names_stand_in_the_configuration(
    settings: Settings, host: StandIn, command: Callable[..., Any]
) -> None:
    home = ("--home", str(settings.home), "openclaw", "memory", "--native")
    ours = {"provider": manifest.PLUGIN_ID, "model": "mini"}
    assert command(*home).json == {"memory": {"search": ours}}
    assert command(*home, "--autostart").status == 2
    refused = command(*home, "--apply")
    assert refused.status == 1
    assert "openclaw install" in refused.err
    install_plugin(settings, confirm=agree)
    earlier = {"provider": "openai-compatible", "remote": {"apiKey": "k"}, "queryInputType": "query"}
    host.set(config={"memory": {"search": earlier}})
    assert command(*home, "--apply").status == 0
    assert host.get("config")["memory"]["search"] == ours, "nothing of the earlier provider stays"
    other = settings.model_copy(update={"checkpoint": "hkunlp/instructor-base"})
    [finding] = memory.findings(other, Host.find(other), host.get("config")["memory"], {})
    assert "set up with mini" in finding.message
    assert "memory --apply --native" in finding.fix
    assert remembered(settings, "memory_options") == ["--native"], "`model use` names the same way again"
    assert removal(settings, host.get("config")["memory"], {}) == {"memory": {"search": None}}


@pytest.mark.mini
@pytest.mark.openclaw
@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", ["", "--autostart", "--native"])
def test_openclaw_indexes_and_searches_its_memory_here(
    tmp_path: Path,
    binaries: Path,
    language_model: LanguageModel,
    instructor: Instructor,
    free_port: Callable[[], int],
    way: str,
) -> None:
    openclaw = OpenClaw(tmp_path / "openclaw", binaries, language_model)
    before = openclaw.config.read_text()
    (openclaw.workspace / "MEMORY.md").write_text("# Memory\n\nAnna likes mirabelle jam on her toast.\n")
    settings = Settings.load(instructor.settings.home, port=free_port())
    lifecycle.stop(settings)
    environment = instructor.environment
    instructor.environment = environment | openclaw.environment
    program = ["--openclaw", str(binaries / "openclaw")]
    if way == "--native":
        instructor.run("openclaw", "install", "--yes", *program)
        before = openclaw.config.read_text()
    flags = [way] if way else []
    port = [] if way == "--native" else ["--port", str(settings.port)]
    applied = instructor.run("openclaw", "memory", "--apply", *flags, *port, *program)
    instructor.environment = environment
    assert Path(applied["backup"]).read_text() == before
    assert stat.S_IMODE(Path(applied["backup"]).stat().st_mode) == 0o600
    assert json.loads(openclaw.config.read_text())["gateway"]["port"] == openclaw.port
    if not way:
        lifecycle.ensure(Settings.load(instructor.settings.home))
    indexed = openclaw.run("memory", "index", "--force", "--agent", "main", timeout=250)
    assert "1 file indexed" in indexed.stdout
    found = openclaw.run("memory", "search", "--agent", "main", "--min-score", "0", "who likes jam?", timeout=250)
    assert "mirabelle" in found.stdout
    # OpenClaw ends what it has started itself.
    assert (lifecycle.running(settings) is None) is (way == "--autostart")
    lifecycle.stop(settings)
