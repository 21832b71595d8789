"""Make people known to the hub: reads JSON on standard input, and writes who is new, with the passwords it made.

Passwords of native users are made or taken here, kept as bcrypt hashes, and told once, to whoever ran this.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import urllib.error
import urllib.request
from typing import Any

HUB = os.environ.get("HUB_API", "http://127.0.0.1:8081/hub/api")


def ask(method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        f"{HUB}/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"token {os.environ['ENROL_TOKEN']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def main() -> None:
    told = json.load(sys.stdin)
    people: list[dict[str, str]] = told["people"]
    known = {user["name"] for user in ask("GET", "users?limit=10000")}
    new = [one["name"] for one in people if one["name"] not in known]
    for start in range(0, len(new), 100):
        ask("POST", "users", {"usernames": new[start : start + 100]})
    by_role: dict[bool, list[str]] = {True: [], False: []}
    for one in people:
        by_role[one["role"] == "instructor"].append(one["name"])
    group = set(ask("GET", "groups/instructors")["users"])
    if add := [name for name in by_role[True] if name not in group]:
        ask("POST", "groups/instructors/users", {"users": add})
    if gone := [name for name in by_role[False] if name in group]:
        ask("DELETE", "groups/instructors/users", {"users": gone})
    made = give_passwords(people) if told["native"] else {}
    json.dump({"new": new, "passwords": made}, sys.stdout)


def give_passwords(people: list[dict[str, str]]) -> dict[str, str]:
    import bcrypt
    from nativeauthenticator.orm import UserInfo
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    made = {}
    with Session(create_engine(os.environ["HUB_DATABASE"])) as session:
        have = {name for (name,) in session.query(UserInfo.username)}
        for one in people:
            if one["name"] in have and not one.get("password"):
                continue
            password = one.get("password") or secrets.token_urlsafe(12)
            if not one.get("password"):
                made[one["name"]] = password
            kept = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=10))
            if one["name"] in have:
                session.query(UserInfo).filter(UserInfo.username == one["name"]).update({"password": kept})
            else:
                session.add(UserInfo(username=one["name"], password=kept, is_authorized=True))
        session.commit()
    return made


main()
