"""The files for a cluster: only keys that the charts know, the rights that the engine needs, the numbers of the plan.

No cluster and no helm is here. What the charts know was read, key by key, in the schemas that they publish:
jupyterhub/values.schema.yaml of zero-to-jupyterhub-k8s at 02dd73df, values.schema.yaml of dask-gateway at 100259f8.
Both refuse what they do not know, and so does this.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from autograder.classroom.kubernetes import FILES, render, write
from autograder.classroom.plan import Cost, plan
from autograder.classroom.settings import Quota, Settings, SignIn
from autograder.errors import ManyHandsError

ROOT = Path(__file__).resolve().parents[2]
OIDC = Settings(address="https://hands.example.org", sign_in=SignIn("oidc", {"client_secret": "s: 'x' \"$y\""}))
ANY: dict[str, Any] = {}
TEXT, NUMBER, WHOLE, FLAG, LIST = ({"type": kind} for kind in ("string", "number", "integer", "boolean", "array"))
MAP = {"type": "object"}


def known(**keys: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": keys}


IMAGE = {**known(name=TEXT, tag=TEXT, pullPolicy={"enum": ["IfNotPresent"]}), "required": ["name", "tag"]}
RULES = known(cloudMetadataServer=FLAG, nonPrivateIPs=FLAG, privateIPs=FLAG)
POLICY = known(enabled=FLAG, egressAllowRules=RULES)
FILE = {**known(mountPath=TEXT, stringData=TEXT), "required": ["mountPath", "stringData"]}
CHART = known(
    hub=known(
        activeServerLimit=WHOLE,
        concurrentSpawnLimit=WHOLE,
        db=known(type={"enum": ["sqlite-pvc", "postgres"]}, url={"type": ["string", "null"]}),
        existingSecret={"type": ["string", "null"]},
        resources=MAP,
        networkPolicy=POLICY,
        extraFiles={"type": "object", "additionalProperties": FILE},
        extraEnv=MAP,
        extraVolumes=LIST,
        extraVolumeMounts=LIST,
        services=MAP,
        loadRoles=MAP,
        config=MAP,
        extraConfig=MAP,
    ),
    custom=MAP,
    proxy=known(service=known(type={"enum": ["ClusterIP"]}), chp=known(resources=MAP)),
    singleuser=known(
        image=IMAGE,
        cmd=LIST,
        defaultUrl=TEXT,
        startTimeout=WHOLE,
        uid=WHOLE,
        fsGid=WHOLE,
        allowPrivilegeEscalation=FLAG,
        cpu=known(limit=NUMBER, guarantee=NUMBER),
        memory=known(limit=TEXT, guarantee=TEXT),
        storage={
            **known(
                type={"enum": ["dynamic"]},
                capacity=TEXT,
                homeMountPath=TEXT,
                extraVolumes=LIST,
                extraVolumeMounts=LIST,
            ),
            "required": ["type", "homeMountPath"],
        },
        extraEnv=MAP,
        extraPodConfig=MAP,
        cloudMetadata={**known(blockWithIptables=FLAG, ip=TEXT), "required": ["blockWithIptables", "ip"]},
        networkPolicy=POLICY,
    ),
    scheduling=known(
        userScheduler=known(enabled=FLAG),
        userPlaceholder=known(enabled=FLAG, replicas=WHOLE),
        podPriority=known(enabled=FLAG),
    ),
    prePuller=known(hook=known(enabled=FLAG), continuous=known(enabled=FLAG)),
    cull=known(enabled=FLAG, timeout=WHOLE, every=WHOLE),
)
SHARE = known(request=ANY, limit=ANY)
GATEWAY = known(
    gateway=known(
        auth=known(type={"enum": ["jupyterhub"]}),
        backend=known(
            image=IMAGE,
            scheduler=known(cores=SHARE, memory=SHARE, extraPodConfig=MAP),
            worker=known(cores=SHARE, memory=SHARE, threads=WHOLE, extraPodConfig=MAP, extraContainerConfig=MAP),
        ),
        extraConfig=MAP,
    )
)
ENGINE = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "procMount": "Unmasked",
    "seccompProfile": {"type": "Localhost", "localhostProfile": "manyhands.json"},
    "appArmorProfile": {"type": "Unconfined"},
}
"""What docker/desk gives, in Kubernetes' words."""


def rendered(learners: int, settings: Settings = OIDC) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    files = render(plan(learners), settings, Cost())
    assert tuple(files) == FILES
    values, manifests, gateway = (list(yaml.safe_load_all(text)) for text in files.values())
    return values[0], manifests, gateway[0]


def pods(manifests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in manifests if one["kind"] == "Deployment"
    }


@pytest.mark.parametrize("learners", [1, 30, 300, 3000, 20_000])
def test_the_charts_know_every_key(learners: int) -> None:
    values, _, gateway = rendered(learners)
    jsonschema.validate(values, CHART)
    jsonschema.validate(gateway, GATEWAY)


def test_a_key_that_no_chart_knows_would_be_seen() -> None:
    values, _, _ = rendered(30)
    values["singleuser"]["memroy"] = {}
    with pytest.raises(jsonschema.ValidationError, match="memroy"):
        jsonschema.validate(values, CHART)


def test_numbers_are_the_plan_s() -> None:
    for learners in (30, 300, 3000):
        made = plan(learners)
        values, manifests, gateway = rendered(learners)
        hub, room = values["hub"], values["singleuser"]
        assert (hub["activeServerLimit"], hub["concurrentSpawnLimit"]) == (made.rooms, made.concurrent_spawns)
        assert made.rooms * room["cpu"]["guarantee"] == pytest.approx(made.processors, rel=0.05)
        (grader,) = (
            one for one in manifests if one["metadata"]["name"] == "manyhands-grader" and "replicas" in one["spec"]
        )
        assert grader["spec"]["replicas"] == made.graders
        assert f"cluster_max_workers = {made.graders}\n" in gateway["gateway"]["extraConfig"]["limits"]
        assert values["scheduling"]["userPlaceholder"]["enabled"] is bool(made.nodes)
        assert hub["db"]["type"] == ("postgres" if learners > 300 else "sqlite-pvc")


def test_quotas_are_the_settings_s() -> None:
    quota = Quota(cpus=2.0, memory="2g", scratch="256m", idle_minutes=10)
    values, _, _ = rendered(30, Settings(sign_in=OIDC.sign_in, quota=quota))
    room = values["singleuser"]
    assert (room["cpu"]["limit"], room["memory"]["limit"]) == (2, "2G")
    assert room["storage"]["extraVolumes"][0]["emptyDir"] == {"medium": "Memory", "sizeLimit": "256Mi"}
    assert values["cull"] == {"enabled": True, "timeout": 600, "every": 150}


def test_what_runs_stacks_has_the_engine_s_rights_and_no_more() -> None:
    """An uncovered /proc goes with a user namespace of the pod's own, or Kubernetes refuses it."""
    values, manifests, gateway = rendered(300)
    worker = gateway["gateway"]["backend"]["worker"]
    grader, spawner = pods(manifests)["manyhands-grader"], values["hub"]["config"]["KubeSpawner"]
    found = {
        "room": (spawner["container_security_context"], values["singleuser"]["extraPodConfig"]),
        "grader": (grader["containers"][0]["securityContext"], grader),
        "gateway's": (worker["extraContainerConfig"]["securityContext"], worker["extraPodConfig"]),
    }
    for who, (context, pod) in found.items():
        assert ENGINE.items() <= context.items(), who
        assert context.keys() - ENGINE.keys() <= {"runAsUser", "readOnlyRootFilesystem"}, who
        assert (pod["hostUsers"], pod["automountServiceAccountToken"]) == (False, False), who
    assert (ROOT / "docker" / "desk" / "seccomp.json").is_file()


def test_nothing_else_has_any_rights() -> None:
    _, manifests, _ = rendered(300)
    for name, pod in pods(manifests).items():
        assert pod["automountServiceAccountToken"] is False
        assert pod.keys().isdisjoint({"hostNetwork", "hostPID", "hostIPC"})
        for container in pod["containers"]:
            context = {**pod.get("securityContext", {}), **container["securityContext"]}
            assert context["runAsNonRoot"], name
            assert not context["allowPrivilegeEscalation"], name
            assert context["readOnlyRootFilesystem"], name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert (context.get("procMount") == "Unmasked") == (name == "manyhands-grader")
            assert not any("hostPath" in volume for volume in pod["volumes"])


def test_a_room_reaches_no_network_beyond_the_hub() -> None:
    values, manifests, _ = rendered(300)
    policy = values["singleuser"]["networkPolicy"]
    assert policy["enabled"] is True
    assert not any(policy["egressAllowRules"].values())
    assert policy["egressAllowRules"].keys() == {"cloudMetadataServer", "nonPrivateIPs", "privateIPs"}
    covered = {
        one["spec"]["podSelector"]["matchLabels"].get("app") for one in manifests if one["kind"] == "NetworkPolicy"
    }
    assert set(pods(manifests)) <= covered


def test_what_is_mounted_is_there_and_what_is_asked_for_answers() -> None:
    values, manifests, _ = rendered(300)
    claims = {one["metadata"]["name"] for one in manifests if one["kind"] == "PersistentVolumeClaim"}
    asked = {volume["persistentVolumeClaim"]["claimName"] for volume in values["hub"]["extraVolumes"]}
    asked |= {
        volume["persistentVolumeClaim"]["claimName"]
        for pod in pods(manifests).values()
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert asked <= claims == {"manyhands-class", "manyhands-exchange", "manyhands-launches"}
    services = {
        one["metadata"]["name"]: one["spec"]["ports"][0]["port"] for one in manifests if one["kind"] == "Service"
    }
    assert values["hub"]["services"]["exchange"]["url"] == f"http://manyhands-exchange:{services['manyhands-exchange']}"
    scheduler = f"tcp://manyhands-scheduler:{services['manyhands-scheduler']}"
    assert scheduler in pods(manifests)["manyhands-grader"]["containers"][0]["args"]


def test_python_in_the_values_is_python() -> None:
    values, _, gateway = rendered(300)
    for name, code in {**values["hub"]["extraConfig"], **gateway["gateway"]["extraConfig"]}.items():
        compile(code, name, "exec")


def test_roles_are_those_of_the_classroom_on_one_host() -> None:
    """The scopes in the hub's own settings, less those of services that the chart has itself."""
    tree = ast.parse((ROOT / "docker/classroom/inside/jupyterhub_config.py").read_text())
    told = {ast.unparse(node.targets[0]): node.value for node in tree.body if isinstance(node, ast.Assign)}
    source = ast.unparse(told["c.JupyterHub.load_roles"]).replace("EXCHANGE", ast.unparse(told["EXCHANGE"]))
    roles = {role["name"]: role["scopes"] for role in ast.literal_eval(source)}
    values, _, _ = rendered(30)
    ours = {name: role["scopes"] for name, role in values["hub"]["loadRoles"].items()}
    assert ours == {name: roles[name] for name in ("user", "server", "instructor", "enrol")}


def test_sign_in_goes_in_as_it_is_and_the_file_is_its_owner_s(tmp_path: Path) -> None:
    values, _, _ = rendered(30)
    assert values["custom"]["sign_in"] == {"kind": "oidc", "options": {"client_secret": "s: 'x' \"$y\""}}
    write(render(plan(30), OIDC, Cost()), tmp_path / "cluster")
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "cluster").iterdir()} == {0o600}


def test_passwords_of_our_own_are_for_one_machine() -> None:
    with pytest.raises(ManyHandsError, match="is for one machine"):
        render(plan(30), Settings(), Cost())


def test_the_command_writes_the_files(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "autograder", "classroom", "plan", "--learners", "300"]
    command += ["--settings", str(ROOT / "docker/classroom/examples/oidc.toml"), "--values", str(tmp_path / "c")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in (tmp_path / "c").iterdir()) == sorted(FILES)
    assert "300 learners" in (tmp_path / "c" / "values.yaml").read_text()
