"""A real classroom: everybody gets their own room, and nothing of anybody else's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from autograder.classroom.host import Host
from autograder.classroom.keeping import save
from autograder.classroom.opening import close_classroom, open_classroom, restore_classroom
from autograder.classroom.people import Person
from autograder.errors import ManyHandsError
from tests.classroom.conftest import ADDRESSES, PASSWORD, Classroom, Room, docker, wait_until

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.xdist_group("machine")]

REACHES = """
import json, socket
from concurrent.futures import ThreadPoolExecutor
def reach(place):
    try:
        socket.create_connection(place, timeout=10).close()
        return [place]
    except OSError:
        return []
with ThreadPoolExecutor(64) as pool:
    print(json.dumps(sum(pool.map(reach, {places!r}), [])))
"""
ASKS = """
import json, os, urllib.error, urllib.request
found = {{}}
for asked in {paths!r}:
    method, path = asked.split()
    mine = {{"Authorization": "token " + os.environ["JUPYTERHUB_API_TOKEN"]}}
    try:
        request = urllib.request.Request("http://hub:8000" + path, headers=mine, method=method)
        found[asked] = urllib.request.urlopen(request, timeout=30).status
    except urllib.error.HTTPError as error:
        found[asked] = error.code
print(json.dumps(found))
"""
GROUP = """
import os, sqlalchemy
query = "SELECT u.name FROM users u JOIN user_group_map m ON m.user_id = u.id JOIN groups g ON g.id = m.group_id"
with sqlalchemy.create_engine(os.environ["HUB_DATABASE"]).connect() as connection:
    print(*connection.execute(sqlalchemy.text(query)).scalars())
"""
HANDS_IN = """
import io, json, tarfile
from autograder.classroom.fetching import ask
packed = io.BytesIO()
with tarfile.open(fileobj=packed, mode="w") as archive:
    for name, data in (("spread-the-load.ipynb", b"{}"), ("student_id.txt", b"alan")):
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
print(ask("submissions/spread-the-load?student=alan&user=alan", packed.getvalue()).decode())
"""


def test_people_were_made_known_once(classroom: Classroom) -> None:
    assert sorted(classroom.opened.new) == ["ada", "alan", "grace"]
    assert sorted(classroom.opened.passwords) == ["alan", "grace"]  # ada brought hers
    for name, password in (("ada", "wrong"), ("nobody", PASSWORD), ("alan", PASSWORD)):
        browser = classroom.sign_in(name, password)
        assert browser.get("hub/home").url.path == "/hub/login"
    assert classroom.browser().get("hub/signup").status_code in (403, 404)


def test_a_room_has_the_labs_and_a_sandbox_and_no_rights(ada: Room) -> None:
    assert ada.browser.get("user/ada/api/contents/labs/spread-the-load?content=0").json()["type"] == "directory"
    rights = docker("exec", ada.container, "cat", "/proc/self/status")
    assert re.search(r"^CapBnd:\s+0+$", rights, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s+1", rights, re.MULTILINE)
    assert re.search(r"^Uid:\s+1000\s", rights, re.MULTILINE)
    told = json.loads(docker("inspect", ada.container))[0]
    assert [mount["Destination"] for mount in told["Mounts"]] == ["/home/jovyan/work"]
    assert told["HostConfig"]["ReadonlyRootfs"]
    assert (told["HostConfig"]["PidsLimit"], told["HostConfig"]["CpuQuota"]) == (512, 100_000)
    assert told["HostConfig"]["Memory"] == told["HostConfig"]["MemorySwap"] == 1536 * 2**20
    found = json.loads(docker("exec", ada.container, "manyhands", "doctor", "--json"))["findings"]
    assert {one["name"]: one["works"] for one in found}["sandbox"]


def test_a_room_reaches_the_hub_and_nothing_else(classroom: Classroom, ada: Room, alan: Room) -> None:
    places = [("hub", 8000), ("hub", 8081)]
    kept = [("hub", 8001), (alan.address(), 8888), ("database", 5432), ("exchange", 9000), ("prometheus", 9090)]
    for service in ("database", "exchange", "prometheus", "front"):
        addresses = docker("inspect", "--format", ADDRESSES, classroom.container(service))
        kept += [(address, port) for address in addresses.split() for port in (5432, 9000, 9090, 8443)]
    kept += [(docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", "bridge"), 22)]
    found = ada.run(REACHES.format(places=places + kept))
    assert found == [list(place) for place in places]


def test_a_room_s_token_is_good_for_its_owner_only(ada: Room, alan: Room) -> None:
    allowed = ["GET /hub/api/user", "GET /user/ada/api/status", "GET /services/exchange/labs"]
    refused = [
        *("GET /hub/api/users", "GET /hub/api/users/alan", "DELETE /hub/api/users/alan/server", "GET /hub/api/groups"),
        *("GET /hub/api/proxy", "GET /hub/api/services", "GET /hub/metrics", "POST /hub/api/users/alan/tokens"),
        *("GET /user/alan/api/status", "GET /user/alan/api/contents/labs", "POST /hub/api/shutdown"),
        *("GET /services/exchange/labs/no-such-lab", "GET /services/exchange/feedback/" + "a" * 64),
    ]
    found = ada.run(ASKS.format(paths=allowed + refused))
    assert [found[path] for path in allowed] == [200, 200, 200]
    assert {path for path in refused if found[path] not in (403, 404)} == set()
    assert ada.browser.get("user/alan/api/contents/labs").status_code in (403, 404)
    assert alan.browser.get("user/alan/api/contents/labs").status_code == 200


def test_whoever_hands_in_hands_in_for_themselves(classroom: Classroom, ada: Room) -> None:
    look = ("exec", classroom.container("exchange"), "ls", "/srv/exchange/many-hands/inbound")
    before = docker(*look, check=False).splitlines()
    assert "timestamp" in ada.run(HANDS_IN)
    (new,) = set(docker(*look).splitlines()) - set(before)
    assert new.split("+")[:2] == ["ada", "spread-the-load"]


def test_nbgrader_s_own_submit_goes_over_the_exchange(classroom: Classroom, alan: Room) -> None:
    docker("exec", alan.container, "manyhands", "nbgrader", "submit", "spread-the-load")
    exchange = classroom.container("exchange")
    kept = docker("exec", exchange, "sh", "-c", "ls -d /srv/exchange/many-hands/inbound/alan+spread-the-load+*")
    files = docker("exec", exchange, "ls", kept.splitlines()[-1]).split()
    assert "spread-the-load.ipynb" in files
    assert "timestamp.txt" in files


def test_a_third_room_is_refused_politely(classroom: Classroom, ada: Room, alan: Room) -> None:
    assert {ada.name, alan.name} == {"ada", "alan"}
    browser = classroom.sign_in("grace", classroom.opened.passwords["grace"])
    answer = browser.get("hub/spawn/grace")
    assert answer.status_code == 429
    assert "Every room is taken" in answer.text


def test_work_goes_on_while_the_hub_is_restarted(classroom: Classroom, ada: Room) -> None:
    before = docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", ada.container)
    kept = {"type": "file", "format": "text", "content": "mine"}
    headers = {"Authorization": f"token {ada.token()}"}
    ada.browser.put("user/ada/api/contents/labs/kept.txt", json=kept, headers=headers).raise_for_status()
    hub = classroom.container("hub")
    docker("stop", "--time", "30", hub)
    read = ada.browser.get("user/ada/api/contents/labs/kept.txt")
    assert read.json()["content"] == "mine"  # through the proxy, with no hub at all
    docker("start", hub)
    wait_until(lambda: classroom.browser().get("hub/health").status_code == 200, "the hub")
    wait_until(lambda: ada.browser.get("user/ada/api/status").status_code == 200, "the room")
    assert docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", ada.container) == before


def test_a_classroom_that_was_lost_comes_back(classroom: Classroom, ada: Room, tmp_path: Path) -> None:
    """The drill: save, lose everything, put it back, open."""
    settings, file = classroom.settings, tmp_path / "class.tar"
    ada.run(HANDS_IN)
    docker("exec", ada.container, "sh", "-c", "echo mine > /home/jovyan/work/labs/saved.txt")
    inbound = ("exec", classroom.container("exchange"), "ls", "/srv/exchange/many-hands/inbound")
    handed_in = docker(*inbound)
    volumes = save(Host(settings.name), file, print)
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(ManyHandsError, match="is open"):
        restore_classroom(settings, file, print)
    close_classroom(settings.name, delete_work=True)
    assert Host(settings.name).volumes() == []

    assert restore_classroom(settings, file, print) == volumes
    opened = open_classroom(settings, [Person("ada")], print, grading=False, site=False)
    assert (list(opened.new), dict(opened.passwords)) == ([], {})
    assert classroom.sign_in("ada", PASSWORD).get("hub/home").url.path == "/hub/home"
    work = f"{settings.name}-work-ada:/work:ro"
    image = docker("inspect", "--format", "{{.Config.Image}}", classroom.container("hub"))
    kept = docker("run", "--rm", "--network", "none", "--volume", work, image, "cat", "/work/labs/saved.txt")
    assert kept == "mine"
    assert docker("exec", classroom.container("exchange"), *inbound[2:]) == handed_in != ""
    groups = docker("exec", classroom.container("hub"), "python", "-c", GROUP)
    assert groups.split() == ["grace"]
