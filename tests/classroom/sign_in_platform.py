"""A small learning platform on loopback: it launches tools (LTI 1.3), and has a gradebook (its grade services, AGS).

It believes as little as a real one: who asks for a token signs it with a key that was registered, once, for this
address; scores need the right to write them, the right kind of content, and a time later than the last.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import flask
import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

CLIENT: Final = "10000000000001"
LTI: Final = "https://purl.imsglobal.org/spec/lti/claim/"
AGS: Final = "https://purl.imsglobal.org/spec/lti-ags/"
ISSUER: Final = "https://canvas.example.org"
ITEM: Final = "application/vnd.ims.lis.v2.lineitem+json"
ITEMS: Final = "application/vnd.ims.lis.v2.lineitemcontainer+json"
SCORE: Final = "application/vnd.ims.lis.v1.score+json"


@cache
def _key() -> RSAKey:
    """One for all platforms of a run: making it is slow."""
    return RSAKey.generate_key(2048, {"kid": "platform"})


def clicked(target: str, hint: str = "7") -> dict[str, str]:
    """What the platform's page posts to the tool when somebody clicks a link that leads to ``target``."""
    return {"iss": ISSUER, "login_hint": hint, "target_link_uri": target, "client_id": CLIENT}


@dataclass(frozen=True)
class Asked:
    """What the tool asks the platform for then, by way of the browser."""

    nonce: str
    state: str
    redirect_uri: str
    response_mode: str
    prompt: str

    @classmethod
    def of(cls, answer: httpx.Response) -> Asked:
        assert answer.status_code == 302, answer.text
        said = {key: value[0] for key, value in parse_qs(urlsplit(answer.headers["location"]).query).items()}
        return cls(**{each.name: said[each.name] for each in fields(cls)})


@dataclass
class Platform:
    """Its key, its gradebook, and what was asked of it. ``address`` is set when it is served."""

    address: str = ""
    tools: Mapping[str, Any] = field(default_factory=dict)
    """The registered keys of the tool, as JWKS."""
    key: RSAKey = field(default_factory=lambda: _key())
    tokens: dict[str, set[str]] = field(default_factory=dict)
    """Access token → scopes."""
    items: list[dict[str, Any]] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    """What was written, with ``item``, in order."""
    ill: list[int] = field(default_factory=list)
    """Statuses that the next requests for scores are answered with instead."""
    page: int = 0
    """How many line items are listed at a time; 0 for all."""
    asked: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def claims(self, account: str, nonce: str, **other: Any) -> dict[str, Any]:
        """What an honest launch of the course's link says."""
        now = int(time.time())
        return {
            "iss": ISSUER,
            "aud": CLIENT,
            "sub": f"id-{account}",
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            "email": f"{account}@example.org",
            LTI + "version": "1.3.0",
            LTI + "message_type": "LtiResourceLinkRequest",
            LTI + "deployment_id": "1",
            LTI + "target_link_uri": "https://hands.example.org/hub/home",
            LTI + "resource_link": {"id": "link"},
            LTI + "roles": ["http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"],
            LTI + "context": {"id": "course-7", "label": "NET1", "title": "Networks"},
            AGS + "claim/endpoint": {
                "scope": [AGS + "scope/lineitem", AGS + "scope/score"],
                "lineitems": f"{self.address}/courses/7/items?kind=tool",
            },
            **other,
        }

    def sign(self, claims: Mapping[str, Any], key: RSAKey | None = None) -> str:
        return jwt.encode({"alg": "RS256", "kid": "platform"}, dict(claims), key or self.key)

    def app(self) -> flask.Flask:
        app = flask.Flask("platform")

        @app.before_request
        def note() -> None:
            self.asked.append(f"{flask.request.method} {flask.request.path}")

        @app.get("/jwks")
        def jwks() -> Any:
            return KeySet([self.key]).as_dict(private=False)

        @app.post("/token")
        def token() -> Any:
            return self._token(flask.request.form)

        @app.get("/courses/7/items")
        def items() -> Any:
            if refused := self._refuse(AGS + "scope/lineitem", flask.request.headers.get("Accept"), ITEMS):
                return refused
            first = int(flask.request.args.get("from", 0))
            last = first + self.page if self.page else len(self.items)
            answer = flask.jsonify(self.items[first:last])
            answer.headers["Content-Type"] = ITEMS
            if last < len(self.items):
                answer.headers["Link"] = f'<{self.address}/courses/7/items?kind=tool&from={last}>; rel="next"'
            return answer

        @app.post("/courses/7/items")
        def new_item() -> Any:
            if refused := self._refuse(AGS + "scope/lineitem", flask.request.content_type, ITEM):
                return refused
            made = {**flask.request.get_json(force=True), "id": f"{self.address}/items/{len(self.items)}?kind=tool"}
            self.items.append(made)
            return made, 201

        @app.post("/items/<int:number>/scores")
        def score(number: int) -> Any:
            if self.ill:
                status = self.ill.pop(0)
                return {"error": "try again"}, status, {"Retry-After": "0"} if status == 429 else {}
            if refused := self._refuse(AGS + "scope/score", flask.request.content_type, SCORE):
                return refused
            return self._score(number, flask.request.get_json(force=True))

        return app

    def _token(self, form: Mapping[str, str]) -> Any:
        if form.get("grant_type") != "client_credentials":
            return {"error": "unsupported_grant_type"}, 400
        if form.get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer":
            return {"error": "invalid_request"}, 400
        try:
            said = jwt.decode(form["client_assertion"], KeySet.import_key_set(dict(self.tools)), algorithms=["RS256"])
        except (JoseError, ValueError) as error:
            return {"error": "invalid_client", "error_description": str(error)}, 401
        claims = said.claims
        now = time.time()
        wrong = [
            *(["iss"] if claims["iss"] != CLIENT or claims["sub"] != CLIENT else []),
            *(["aud"] if claims["aud"] != f"{self.address}/token" else []),
            *(["exp"] if not now < claims["exp"] < now + 3600 or claims["iat"] > now + 5 else []),
            *(["jti"] if claims["jti"] in self._seen else []),
        ]
        if wrong:
            return {"error": "invalid_client", "error_description": f"wrong: {wrong}"}, 401
        self._seen.add(claims["jti"])
        name = f"token-{len(self.tokens)}"
        self.tokens[name] = set(form["scope"].split())
        return {"access_token": name, "token_type": "Bearer", "expires_in": 3600, "scope": form["scope"]}

    def _refuse(self, scope: str, kind: str | None, right: str) -> Any:
        mine = self.tokens.get(flask.request.headers.get("Authorization", "").removeprefix("Bearer "))
        if mine is None:
            return {"error": "who asks?"}, 401
        if scope not in mine:
            return {"error": f"not {scope}"}, 403
        return None if kind == right else ({"error": f"{kind} is not {right}"}, 415)

    def _score(self, number: int, said: dict[str, Any]) -> Any:
        if number >= len(self.items):
            return {"error": "no such item"}, 404
        at = datetime.fromisoformat(said["timestamp"])
        before = [one for one in self.scores if (one["item"], one["userId"]) == (number, said["userId"])]
        if at.tzinfo is None or not at.microsecond:
            return {"error": "timestamp"}, 400
        if before and datetime.fromisoformat(before[-1]["timestamp"]) >= at:
            return {"error": "older than what is here"}, 409
        self.scores.append({**said, "item": number})
        return "", 204
