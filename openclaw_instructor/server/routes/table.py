"""List all routes."""

from __future__ import annotations

from openclaw_instructor.server.routes import (
    checkpoints,
    corrections,
    decisions,
    embeddings,
    indexing,
    maintenance,
    maps,
    messages,
    reranking,
    sessions,
    state,
    tasks,
    tools,
    tuning,
)
from openclaw_instructor.server.routes.context import Context
from openclaw_instructor.server.routes.route import ApiRoute
from openclaw_instructor.server.studio import pages


def routes(context: Context) -> list[ApiRoute]:
    """Return every route; the router looks from the top, so what is asked most stands first."""
    table = [
        *embeddings.routes(context),
        *tools.routes(context),
        *tasks.routes(context),
        *messages.routes(context),
        *tuning.routes(context),
        *maps.routes(context),
        *checkpoints.routes(context),
        *reranking.routes(context),
        *decisions.routes(context),
        *indexing.routes(context),
        *maintenance.routes(context),
        *corrections.routes(context),
        *sessions.routes(context),
        *pages.routes(),
    ]
    return [*table, *state.routes(context, table)]
