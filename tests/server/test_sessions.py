"""A link that works once, the session in a browser that it opens, and what other pages cannot do with it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from openclaw_instructor.server.security import AccessScope
from openclaw_instructor.server.sessions import IDLE_SECONDS, LINK_SECONDS, Sessions, set_cookie
from tests.server.serving import Answer, Local, ask

Serve = Callable[..., Local]


class Browser:
    """Keeps cookies and follows no redirects."""

    def __init__(self, url: str) -> None:
        self.netloc = urlsplit(url).netloc
        self.cookie = ""

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection(self.netloc, timeout=60)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie:
            sent.setdefault("Cookie", self.cookie)
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return Answer(response.status, json.loads(content) if content else None, dict(response.headers))

    def open(self, url: str) -> Answer:
        answer = self.ask("GET", urlsplit(url).path)
        self.cookie = answer.headers.get("set-cookie", "").partition(";")[0] or self.cookie
        return answer


@pytest.fixture
def local(serve: Serve) -> Local:
    return serve()


def link(local: Local, **body: str) -> str:
    answer = local.ask("/v1/session/link", body)
    assert answer.status == 200, answer.body
    assert answer.body["expires_in"] == LINK_SECONDS
    url: str = answer.body["url"]
    return url


@pytest.fixture
def browser(local: Local) -> Browser:
    opened = Browser(local.url)
    assert opened.open(link(local)).status == 303
    return opened


def csrf(browser: Browser) -> str:
    token: str = browser.ask("GET", "/v1/session").body["csrf"]
    return token


def test_a_link_opens_a_session_once(local: Local) -> None:
    url = link(local, page="/v1/tools")
    browser = Browser(local.url)
    answer = browser.open(url)
    assert (answer.status, answer.headers["location"]) == (303, "/v1/tools")
    cookie = answer.headers["set-cookie"]
    assert {part.strip() for part in cookie.split(";")[1:]} == {"Path=/", "HttpOnly", "SameSite=Strict"}
    assert answer.headers["cache-control"] == "no-store"
    assert browser.ask("GET", "/v1/tools").status == 200
    again = Browser(local.url).open(url)
    assert (again.status, again.body["error"]["code"]) == (403, "forbidden")
    assert "set-cookie" not in again.headers
    assert Browser(local.url).open(f"{local.url}/v1/session/open/guessed").status == 403


def test_a_person_with_a_spent_link_reads_what_to_type(local: Local) -> None:
    connection = http.client.HTTPConnection(urlsplit(local.url).netloc, timeout=60)
    connection.request("GET", "/v1/session/open/spent", headers={"Accept": "text/html,*/*;q=0.8"})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("content-type")) == (403, "text/html; charset=utf-8")
    assert "<code>openclaw-instructor studio</code>" in answer.read().decode()
    connection.close()


def test_only_the_owner_makes_links(local: Local) -> None:
    refused = ask(f"{local.url}/v1/session/link", {}, token=local.agent_token)
    assert (refused.status, refused.body["error"]["code"]) == (403, "forbidden")
    assert ask(f"{local.url}/v1/session/link", {}).status == 401


@pytest.mark.parametrize("page", ["//evil.example/", "https://evil.example", "/\\evil.example", "", "/a\r\nX: y"])
def test_a_link_leads_nowhere_else(local: Local, page: str) -> None:
    assert local.ask("/v1/session/link", {"page": page}).status == 400


def test_what_changes_something_needs_the_second_token(local: Local, browser: Browser) -> None:
    for given in ({}, {"X_CSRF_Token": "wrong"}, {"X_CSRF_Token": ""}):
        answer = browser.ask("POST", "/v1/index/sync", {}, **given)
        assert (answer.status, answer.body["error"]["code"]) == (403, "forbidden_csrf")
    assert browser.ask("POST", "/v1/index/sync", {}, X_CSRF_Token=csrf(browser)).status == 200


def test_a_session_may_do_no_more_than_its_link_said(local: Local, browser: Browser) -> None:
    token = csrf(browser)
    assert browser.ask("GET", "/v1/session").body["scope"] == "write"
    refused = browser.ask("POST", "/v1/index/remove", {"name": "docs"}, X_CSRF_Token=token)
    assert (refused.status, refused.body["error"]["code"]) == (403, "forbidden")
    admin = Browser(local.url)
    admin.open(link(local, scope="admin"))
    removed = admin.ask("POST", "/v1/index/remove", {"name": "docs"}, X_CSRF_Token=csrf(admin))
    assert removed.body["error"]["code"] == "unknown_collection"


def test_pages_from_elsewhere_cannot_use_it(local: Local, browser: Browser) -> None:
    token = csrf(browser)
    evil = browser.ask("POST", "/v1/index/sync", {}, X_CSRF_Token=token, Origin="http://evil.example")
    assert (evil.status, evil.body["error"]["code"]) == (403, "forbidden_origin")
    # Another port of this machine is the same site to a browser, and not the same page.
    neighbour = browser.ask("POST", "/v1/index/sync", {}, X_CSRF_Token=token, Origin="http://127.0.0.1:1")
    assert neighbour.status == 401
    own = browser.ask("POST", "/v1/index/sync", {}, X_CSRF_Token=token, Origin=local.url)
    assert own.status == 200
    rebound = browser.ask("GET", "/v1/session", Host="evil.example")
    assert (rebound.status, rebound.body["error"]["code"]) == (403, "forbidden_host")


def test_a_session_can_be_ended(local: Local, browser: Browser) -> None:
    assert browser.ask("DELETE", "/v1/session", X_CSRF_Token=csrf(browser)).body == {"ended": True}
    assert browser.ask("GET", "/v1/session").status == 401


def test_the_cookie_of_another_daemon_is_not_taken_for_ours(local: Local, browser: Browser) -> None:
    name, _, value = browser.cookie.partition("=")
    browser.cookie = f"{name}0=x; {name}={value}; other=y"
    assert browser.ask("GET", "/v1/session").status == 200
    browser.cookie = f"{name}0={value}"
    assert browser.ask("GET", "/v1/session").status == 401


def test_links_and_sessions_end_by_themselves() -> None:
    now = 0.0
    sessions = Sessions(lambda: now)
    late = sessions.new_link(AccessScope.READ, "/")
    now += LINK_SECONDS + 1
    assert sessions.open(late) is None
    opened = sessions.open(sessions.new_link(AccessScope.READ, "/"))
    assert opened is not None
    headers = {b"cookie": set_cookie(opened[0], 80).partition(";")[0]}
    now += IDLE_SECONDS - 1
    assert sessions.principal(headers, 80) is not None
    now += IDLE_SECONDS - 1
    assert sessions.principal(headers, 80) is not None
    now += IDLE_SECONDS + 1
    assert sessions.principal(headers, 80) is None
