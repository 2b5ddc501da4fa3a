"""`doctor`: check the installation and say how to fix what is wrong."""

from __future__ import annotations

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import for_home, json_option, print_json, print_table, say


@click.command()
@json_option
@click.pass_obj
def doctor(connection: Connection, as_json: bool) -> int:
    """Check the installation and say how to fix what is wrong.

    Exit status 1 when something does not work.
    """
    from openclaw_instructor.doctor.installation import examine

    findings = examine(connection.settings)
    failed = any(finding.level == "fail" for finding in findings)
    if as_json:
        print_json({"ok": not failed, "findings": [finding.as_dict() for finding in findings]})
        return int(failed)
    print_table(("check", "status", "detail"), [(f.check, f.level, for_home(f.message)) for f in findings])
    for finding in findings:
        if finding.fix:
            say(f"{finding.check}: {finding.fix}")
    return int(failed)
