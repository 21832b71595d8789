"""A small OpenID provider on loopback, of Authlib's parts: accounts, one client, codes bound to a browser by PKCE."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import flask
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from werkzeug.serving import make_server

CLIENT, SECRET = "many-hands", "a secret of hub and provider"


@contextmanager
def on_loopback(app: flask.Flask, at: str = "127.0.0.1") -> Iterator[str]:
    """A server for ``app``, or at another of this machine's own addresses; its URL."""
    server = make_server(at, 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{at}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class _User:
    claims: Mapping[str, str]

    def get_user_id(self) -> str:
        return self.claims["sub"]


@dataclass(frozen=True)
class _Client(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    callback: str

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> str:
        return self.callback

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self.callback

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass(frozen=True)
class _Code(AuthorizationCodeMixin):  # type: ignore[misc]
    user: _User
    redirect_uri: str
    scope: str
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass
class Accounts:
    """Who may sign in: account → claims; and what was asked of the provider."""

    people: Mapping[str, Mapping[str, str]]
    callback: str
    codes: dict[str, _Code] = field(default_factory=dict)
    tokens: dict[str, _User] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    """Errors that the token endpoint answered with."""

    def app(self) -> flask.Flask:
        app = flask.Flask("accounts")
        server = AuthorizationServer(
            app, query_client=lambda name: _Client(self.callback) if name == CLIENT else None, save_token=self._keep
        )
        server.register_grant(_grant(self), [CodeChallenge(required=True)])

        @app.get("/authorize")
        def authorize() -> Any:
            """The account is chosen in the address, as a form would say it."""
            user = _User(self.people[flask.request.args["account"]])
            return server.create_authorization_response(grant_user=user)

        @app.post("/token")
        def token() -> Any:
            answer = server.create_token_response()
            if answer.status_code != 200:
                self.refused.append(answer.get_json()["error"])
            return answer

        @app.get("/userinfo")
        def userinfo() -> Any:
            user = self.tokens.get(flask.request.headers.get("Authorization", "").removeprefix("Bearer "))
            return flask.jsonify(dict(user.claims)) if user else ("who asks?", 401)

        return app

    def _keep(self, token: dict[str, Any], request: Any) -> None:
        self.tokens[token["access_token"]] = request.user


def _grant(accounts: Accounts) -> type[Any]:
    class Grant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

        def save_authorization_code(self, code: str, request: Any) -> None:
            asked = request.payload.data
            accounts.codes[code] = _Code(
                *(request.user, request.payload.redirect_uri, request.payload.scope),
                *(asked.get("code_challenge", ""), asked.get("code_challenge_method", "")),
            )

        def query_authorization_code(self, code: str, _client: Any) -> _Code | None:
            return accounts.codes.get(code)

        def delete_authorization_code(self, authorization_code: _Code) -> None:
            for code in [code for code, known in accounts.codes.items() if known is authorization_code]:
                del accounts.codes[code]

        def authenticate_user(self, authorization_code: _Code) -> _User:
            return authorization_code.user

    return Grant
