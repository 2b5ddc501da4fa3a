"""Run a recipe's command so that a mistake in what it was given ends it with a message, not with a traceback."""

from __future__ import annotations

from typing import Any

import click

from openclaw_instructor.errors import UserError


class _Refused(click.ClickException):
    exit_code = UserError.exit_code


class RecipeCommand(click.Command):
    """A command that ends with the message of a UserError, and its exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises ClickException for a UserError."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            raise _Refused(error.message) from error
