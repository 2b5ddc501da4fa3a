"""What the tools cost in a model's context: tokens of the tool list, and of five hits.

    npm install --prefix build/tokenizer gpt-tokenizer
    .venv/bin/python benchmarks/tokens.py

Counted with o200k as OpenAI-compatible hosts send them: each tool as a function, a result as the plugin fences it. The
documents are this project's own pages.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from openclaw_instructor.openclaw.tool_specs import tool_specs  # noqa: E402
from openclaw_instructor.server.mcp_content import fit, for_agents  # noqa: E402
from openclaw_instructor.service import Toolbox  # noqa: E402
from openclaw_instructor.untrusted import NOTICE  # noqa: E402

QUERIES = (
    "How do I restart the daemon?",
    "which files are left out of the index",
    "teach the classifier a label",
    "what does a call cost",
    "install into OpenClaw from a tarball",
    "how are scores computed",
)
FENCE = '{notice}\n<<<EXTERNAL_UNTRUSTED_CONTENT id="75419736027f04f2">>>\nSource: API\n---\n{text}\n'
FENCE += '<<<END_EXTERNAL_UNTRUSTED_CONTENT id="75419736027f04f2">>>'
COUNT = """
import { encode } from "gpt-tokenizer/encoding/o200k_base";
let given = "";
process.stdin.on("data", (part) => (given += part)).on("end", () => {
  console.log(JSON.stringify(JSON.parse(given).map((text) => encode(text).length)));
});
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as home, Toolbox(home) as toolbox:
        toolbox.index_add("docs", [ROOT / "docs"])
        toolbox.index_sync()
        tools = tool_specs(toolbox.registry.tasks, [], ["docs"])["tools"]
        answers = [fit(for_agents(toolbox.run("search_docs", {"query": query}))) for query in QUERIES]
    functions = [
        {"type": "function", "function": {"name": name, **{key: spec[key] for key in ("description", "parameters")}}}
        for name, spec in tools.items()
    ]
    texts = [json.dumps(functions, separators=(",", ":"), ensure_ascii=False)]
    texts += [FENCE.format(notice=NOTICE, text=answer) for answer in answers]
    listed, *hits = count(texts)
    print(f"tool list ({len(functions)} tools): {listed} tokens")
    print(f"five hits: median {statistics.median(hits):.0f}, from {min(hits)} to {max(hits)}")


def count(texts: list[str]) -> list[int]:
    """Count o200k tokens with npm's gpt-tokenizer."""
    folder = ROOT / "build" / "tokenizer"
    script = folder / "count.mjs"
    script.write_text(COUNT, encoding="utf-8")
    done = subprocess.run(["node", str(script)], input=json.dumps(texts), capture_output=True, text=True, check=True)
    counts: list[int] = json.loads(done.stdout)
    return counts


if __name__ == "__main__":
    main()
