"""The hub of a classroom. Read inside the hub's container; what differs between classrooms is in hub.json."""

import json
import os
import sys

import sign_in
from room_spawner import RoomSpawner

told = json.loads((sign_in.TOLD / "hub.json").read_text())
c = get_config()  # noqa: F821 - traitlets puts it there

# --- where things are. The proxy is another container in the same network, and outlives this one.
c.JupyterHub.db_url = os.environ["HUB_DATABASE"]
c.JupyterHub.hub_ip = "0.0.0.0"
# Proxy and hub talk on loopback. "hub" is an address in every room's network as well, and goes when that room closes:
# whatever the proxy asked the hub on it, for anybody, would hang.
c.JupyterHub.hub_connect_ip = "127.0.0.1"
c.Spawner.hub_connect_url = "http://hub:8081"
c.JupyterHub.bind_url = "http://0.0.0.0:8000/"
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:8001"
c.JupyterHub.cleanup_servers = False
c.JupyterHub.cleanup_proxy = False
c.JupyterHub.cookie_secret_file = "/srv/hub/cookie_secret"
c.JupyterHub.template_vars = {
    "rooms_at_once": told["rooms"]["at_once"],
    "idle_minutes": told["quota"]["idle_minutes"],
    **({"announcement": told["announcement"]} if told["announcement"] else {}),
}
c.JupyterHub.template_paths = ["/opt/manyhands/classroom/templates"]

# --- rooms
c.JupyterHub.spawner_class = RoomSpawner
c.RoomSpawner.image = os.environ["LEARNER_IMAGE"]
c.RoomSpawner.classroom = os.environ["CLASSROOM"]
c.RoomSpawner.name_template = os.environ["CLASSROOM"] + "-room-{username}"
c.RoomSpawner.addresses = told["rooms"]["addresses"]
c.RoomSpawner.gradebook = os.environ["GRADEBOOK"]
c.RoomSpawner.cpu_limit = told["quota"]["cpus"]
c.RoomSpawner.mem_limit = told["quota"]["memory"].upper()  # as the hub writes it
c.RoomSpawner.processes = told["quota"]["processes"]
c.RoomSpawner.disk_limit = told["quota"]["disk"].upper()
c.RoomSpawner.scratch = told["quota"]["scratch"]
c.RoomSpawner.site = told["address"]
c.JupyterHub.active_server_limit = told["rooms"]["at_once"]
# The hub would turn away whoever comes while others' rooms start. A class comes all at once: let them wait in line.
c.JupyterHub.concurrent_spawn_limit = 0
c.RoomSpawner.starting = told["rooms"]["starting"]
c.Spawner.start_timeout = 3600  # the wait in line is part of it; RoomSpawner bounds the start itself
c.Spawner.http_timeout = 300
c.Spawner.default_url = "/lab/tree/labs.md"

# --- who may what
c.JupyterHub.load_groups = {"instructors": {"users": []}}
EXCHANGE = "access:services!service=exchange"
c.JupyterHub.load_roles = [
    {"name": "user", "scopes": ["self", EXCHANGE]},
    # what a room's own token may do: tell that it is in use, let its owner in, and hand in for its owner
    {"name": "server", "scopes": ["users:activity!user", "access:servers!server", EXCHANGE]},
    {"name": "instructor", "scopes": ["admin-ui", "list:users", "read:users", "servers"], "groups": ["instructors"]},
    {"name": "enrol", "scopes": ["admin:users", "admin:groups"], "services": ["enrol"]},
    {"name": "metrics", "scopes": ["read:metrics"], "services": ["metrics"]},
    {
        "name": "cull",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["cull"],
    },
]
idle = 60 * told["quota"]["idle_minutes"]
# Who is at work is told often enough that nobody is taken for idle who is not.
c.JupyterHub.last_activity_interval = min(300, idle // 4)
c.Spawner.environment = {"JUPYTERHUB_ACTIVITY_INTERVAL": str(min(300, idle // 4))}
c.JupyterHub.services = [
    {
        "name": "exchange",
        "url": "http://exchange:9000",
        "api_token": os.environ["EXCHANGE_TOKEN"],
        "display": False,
        "oauth_no_confirm": True,
    },
    {"name": "enrol", "api_token": os.environ["ENROL_TOKEN"], "display": False},
    {"name": "metrics", "api_token": os.environ["METRICS_TOKEN"], "display": False},
    {
        "name": "cull",
        "command": [
            sys.executable,
            "-m",
            "jupyterhub_idle_culler",
            f"--timeout={idle}",
            f"--cull-every={max(10, idle // 4)}",
        ],
        "display": False,
    },
]

# --- signing in
sign_in.configure(c, told["sign_in"])
