"""Serve the tools over MCP's streamable HTTP with the SDK's low-level server, mounted at /mcp on first use."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from openclaw_instructor import __version__
from openclaw_instructor.errors import InstructorError
from openclaw_instructor.server import mcp_app, mcp_content

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from mcp.server.session import ServerSession
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from mcp.server.subscriptions import InMemorySubscriptionBus

    from openclaw_instructor.registry.tool_spec import ToolSpec

logger = logging.getLogger(__name__)

_SESSIONS = 1_024

Run = Callable[[MutableMapping[str, Any], str, Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""Runs a tool for the caller of an ASGI scope."""


class McpEndpoint:
    """An ASGI application. The SDK takes most of a second to import, so that waits for the first request."""

    def __init__(
        self, specs: Callable[[], list[ToolSpec]], run: Run, collections: Callable[[], list[str]] = list
    ) -> None:
        self._specs = specs
        self._run = run
        self._collections = collections
        self._starting = asyncio.Lock()
        self._manager: StreamableHTTPSessionManager | None = None
        self._bus: InMemorySubscriptionBus | None = None
        self._sessions: OrderedDict[str, ServerSession] = OrderedDict()
        self._closing = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Handle a request of MCP over HTTP; the first one starts the session manager."""
        async with self._starting:
            if self._manager is None:
                await self._start()
        assert self._manager is not None
        await self._manager.handle_request(scope, receive, send)

    async def tools_changed(self) -> None:
        """Tell every connected client that the list has changed."""
        if self._bus is None:
            return
        from mcp.server.subscriptions import ToolsListChanged

        await self._bus.publish(ToolsListChanged())
        for session in list(self._sessions.values()):
            try:
                await session.send_tool_list_changed()
            except Exception as error:  # the session has ended meanwhile
                logger.info("a client was not told of the new tool list (%s)", type(error).__name__)

    async def close(self) -> None:
        """End every session."""
        self._closing.set()
        if self._keeper is not None:
            await self._keeper

    async def _start(self) -> None:
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await asyncio.to_thread(_import_sdk)
        self._keeper = asyncio.create_task(self._keep(ready))
        await ready

    async def _keep(self, ready: asyncio.Future[None]) -> None:
        """Keep the session manager open in one task, because its task group must be closed where it was opened."""
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        from openclaw_instructor.server.request_body import MAX_BODY

        try:
            manager = StreamableHTTPSessionManager(self._server(), max_request_body_size=MAX_BODY)
            async with manager.run():
                self._manager = manager
                ready.set_result(None)
                await self._closing.wait()
        except Exception as error:
            self._manager = None
            if ready.done():
                logger.exception("the MCP endpoint ended")
            else:
                ready.set_exception(error)

    def _remember(self, context: ServerRequestContext[Any]) -> None:
        """Keep the session of each client's latest request, through which notifications are sent."""
        name = context.request.headers.get("mcp-session-id") if context.request is not None else None
        if name:
            self._sessions[name] = context.session
            self._sessions.move_to_end(name)
            if len(self._sessions) > _SESSIONS:
                self._sessions.popitem(last=False)

    def _server(self) -> Any:
        import mcp_types as types
        from mcp.server.apps import client_supports_apps
        from mcp.server.context import ServerRequestContext
        from mcp.server.lowlevel import NotificationOptions, Server
        from mcp.server.models import InitializationOptions
        from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
        from mcp.shared.exceptions import MCPError

        Context = ServerRequestContext[Any]

        async def list_tools(context: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
            self._remember(context)
            specs = self._specs()
            tools = mcp_content.listing(specs, self._collections())
            if client_supports_apps(context):
                tools = mcp_app.with_views(tools, specs)
            return types.ListToolsResult.model_validate({"tools": tools})

        async def list_resources(
            context: Context, params: types.PaginatedRequestParams | None
        ) -> types.ListResourcesResult:
            return types.ListResourcesResult.model_validate({"resources": mcp_app.resources()})

        async def read_resource(context: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
            contents = mcp_app.contents(str(params.uri))
            if contents is None:
                raise MCPError(types.INVALID_PARAMS, "no such resource; resources/list names them")
            return types.ReadResourceResult.model_validate({"contents": contents})

        async def call_tool(context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
            self._remember(context)
            try:
                assert context.request is not None, "the HTTP transport has one"
                answer = mcp_content.success(
                    await self._run(context.request.scope, params.name, params.arguments or {})
                )
            except Exception as error:
                if not isinstance(error, InstructorError):
                    logger.exception("a tool failed")
                answer = mcp_content.failure(error)
            return types.CallToolResult.model_validate(answer)

        class ToolServer(Server[Any]):
            # The SDK's HTTP transport does not announce that the list of tools can change.
            def create_initialization_options(self, *args: Any, **options: Any) -> InitializationOptions:
                return super().create_initialization_options(NotificationOptions(tools_changed=True))

        self._bus = InMemorySubscriptionBus()
        return ToolServer(
            mcp_content.SERVER_NAME,
            version=__version__,
            instructions=mcp_content.guidance(self._specs()),
            on_list_tools=list_tools,
            on_call_tool=call_tool,
            on_list_resources=list_resources,
            on_read_resource=read_resource,
            on_subscriptions_listen=ListenHandler(self._bus),
        )


def _import_sdk() -> None:
    import mcp.server.lowlevel
    import mcp.server.streamable_http_manager
    import mcp.server.subscriptions  # noqa: F401
