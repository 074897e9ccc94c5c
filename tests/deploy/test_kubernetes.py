"""Manifests for Kubernetes are what its API takes, and say what image, commands and each other say."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from sakuin.cli.main import cli

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy" / "kubernetes"
MANIFESTS = sorted(FOLDER.glob("*.yaml"))
VERSION = "1.37"

Object = dict[str, Any]


def objects(path: Path) -> list[Object]:
    """All objects of a file, its anchors resolved."""
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]


def pods(value: Any) -> Iterator[Object]:
    """The pods in an object, wherever it has templates of them."""
    if isinstance(value, dict):
        if "containers" in value.get("spec", {}):
            yield value
        for inner in value.values():
            yield from pods(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from pods(inner)


def names_of(every: Sequence[tuple[str, Object]]) -> list[str]:
    """What tests call objects."""
    return [f"{name}, {one['kind']} {one['metadata']['name']}" for name, one in every]


EVERY = [(path.name, one) for path in MANIFESTS for one in objects(path)]
RAY = [one for _, one in EVERY if one["apiVersion"].startswith("ray.io/")]
# Objects whose pods run this software's own image, and the others of Kubernetes itself.
OWN = [(name, one) for name, one in EVERY if name == "index.yaml"]
OTHERS = [(name, one) for name, one in EVERY if name != "index.yaml" and one not in RAY]

# The fields of ray.io/v1 that the manifest has, by their names and types in KubeRay's API: no package has its schema.
SPEC = {"rayVersion": str, "headGroupSpec": dict, "workerGroupSpecs": list}
HEAD = {"rayStartParams": dict, "template": dict}
WORKERS = HEAD | {"groupName": str, "replicas": int, "minReplicas": int, "maxReplicas": int}


def validated(thing: Object) -> None:
    """Fails where a field is unknown, missing or of another type."""
    validate = pytest.importorskip("kubernetes_validate", reason="pip install '.[kubernetes]'")
    # A copy: anchors make parts of one object the same.
    validate.validate(json.loads(json.dumps(thing)), VERSION, strict=True)


@pytest.mark.parametrize(("_", "thing"), [*OWN, *OTHERS], ids=names_of([*OWN, *OTHERS]))
def test_an_object_is_as_its_schema_says(_: str, thing: Object) -> None:
    validated(thing)


def test_the_schema_refuses_what_is_none() -> None:
    (deployment,) = [one for _, one in EVERY if one["kind"] == "Deployment"]
    wrong = json.loads(json.dumps(deployment))
    wrong["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(Exception, match="readinesProbe"):
        validated(wrong)


def test_all_pods_of_ray_may_write_to_their_volumes_as_the_group_of_rays_image() -> None:
    every = [pod["spec"] for thing in RAY for pod in pods(thing)]
    assert len(every) == 3
    # The user `ray` of rayproject/ray is 1000, of the group `users`, 100.
    assert [spec.get("securityContext", {}).get("fsGroup") for spec in every] == [100] * 3


@pytest.mark.parametrize(("_", "thing"), OWN, ids=names_of(OWN))
def test_pods_run_as_the_images_user_with_no_rights_and_only_paths_they_may_write(_: str, thing: Object) -> None:
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    user = int(re.findall(r"^USER (\d+)", image, re.MULTILINE)[0])
    for pod in pods(thing):
        spec = pod["spec"]
        assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["fsGroup"] == user
        volumes = {volume["name"] for volume in spec["volumes"]}
        for container in spec["containers"]:
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"]
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert not own["allowPrivilegeEscalation"]
            mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
            assert volumes >= set(mounts.values())
            # The index's default folder, temporary files, and the cache in the user's home.
            assert mounts.keys() >= {"/data", "/tmp", "/home/sakuin"}
            assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize(("_", "thing"), OWN, ids=names_of(OWN))
def test_commands_are_understood_and_probes_find_their_programs(_: str, thing: Object) -> None:
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for pod in pods(thing):
        for container in pod["spec"]["containers"]:
            if "args" not in container:
                continue
            name, *rest = container["args"]
            params = cli.commands[name].make_context(name, list(rest)).params
            if name == "serve":
                port = container["ports"][0]["containerPort"]
                assert params["port"] == port
                (mounted,) = [m["mountPath"] for m in container["volumeMounts"] if m["name"] == "key"]
                assert params["key_file"].parent == Path(mounted)
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                if probe in container:
                    python, program, url, key = container[probe]["exec"]["command"]
                    assert all(f'"{word}"' in image for word in (python, program))
                    assert url == f"http://127.0.0.1:{port}/health"
                    assert Path(key) == params["key_file"]


def has_fields(value: Object, fields: Mapping[str, type]) -> None:
    """Fails where a field is missing, unknown, or of another type."""
    assert {name: type(inner) for name, inner in value.items()} == fields


def test_a_ray_cluster_has_the_fields_that_kuberay_reads() -> None:
    (cluster,) = RAY
    assert (cluster["apiVersion"], cluster["kind"]) == ("ray.io/v1", "RayCluster")
    has_fields(cluster, {"apiVersion": str, "kind": str, "metadata": dict, "spec": dict})
    spec = cluster["spec"]
    has_fields(spec, SPEC)
    has_fields(spec["headGroupSpec"], HEAD)
    for group in spec["workerGroupSpecs"]:
        has_fields(group, WORKERS)
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    for group in groups:
        # KubeRay writes them behind `ray start` as they are.
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        template = group["template"]
        validated(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "pod", **template["metadata"]},
                "spec": template["spec"],
            }
        )
        (container,) = template["spec"]["containers"]
        assert cluster["metadata"]["annotations"]["ray.io/overwrite-container-cmd"] == "true"
        assert "$KUBERAY_GEN_RAY_START_CMD" in container["args"][0]
    assert len({pod["spec"]["containers"][0]["image"] for pod in pods(cluster)}) == 1


def test_a_router_is_a_machine_without_processors_and_answers_what_its_service_asks() -> None:
    (cluster,) = RAY
    (router,) = [group for group in cluster["spec"]["workerGroupSpecs"] if group["groupName"] == "router"]
    # Replicas of shards are started where there are processors.
    for group in (router, cluster["spec"]["headGroupSpec"]):
        assert group["rayStartParams"]["num-cpus"] == "0"
    (container,) = router["template"]["spec"]["containers"]
    name, group, command, *rest = shlex.split(container["args"][0].rpartition("exec ")[2])
    assert (name, group) == ("index", "cluster")
    commands = cli.commands["cluster"].commands  # type: ignore[attr-defined]
    params = commands[command].make_context(command, rest).params
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {str(params["copies"]), str(params["key_file"].parent), str(Path(params["place"]).parent)} <= mounts
    assert params["port"] == container["ports"][0]["containerPort"]
    for probe in ("startupProbe", "readinessProbe"):
        program, script, url, key = shlex.split(container[probe]["exec"]["command"][-1])
        assert program == "python"
        assert (ROOT / Path(script).relative_to("/src")).exists()
        assert url == f"http://127.0.0.1:{params['port']}/health"
        assert Path(key) == params["key_file"]


def test_the_image_of_a_cluster_has_its_version_of_ray_and_extras_that_there_are() -> None:
    (cluster,) = RAY
    image = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    assert f"FROM rayproject/ray:{cluster['spec']['rayVersion']}-" in image
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    (named,) = re.findall(r"/src\[([a-z,]+)\]", image)
    assert set(named.split(",")) <= extras.keys()


def test_services_find_their_pods_and_volumes_their_claims() -> None:
    for path in MANIFESTS:
        own = objects(path)
        labels = [pod["metadata"].get("labels", {}) for one in own for pod in pods(one)]
        claims = {one["metadata"]["name"] for one in own if one["kind"] == "PersistentVolumeClaim"}
        for one in own:
            if one["kind"] == "Service":
                ports = {port.get("name") for other in own for pod in pods(other) for port in ports_of(pod)}
                assert {port["targetPort"] for port in one["spec"]["ports"]} <= ports
                assert any(one["spec"]["selector"].items() <= given.items() for given in labels)
            if one["kind"] == "Deployment":
                template = one["spec"]["template"]["metadata"]["labels"]
                assert one["spec"]["selector"]["matchLabels"].items() <= template.items()
            for pod in pods(one):
                named = [
                    volume["persistentVolumeClaim"]
                    for volume in pod["spec"]["volumes"]
                    if "persistentVolumeClaim" in volume
                ]
                # Where documents come from is everybody's own; docs/kubernetes.md says so.
                assert {each["claimName"] for each in named if each} <= claims | {"sakuin-documents"}


def ports_of(pod: Object) -> list[Object]:
    """The ports of a pod's containers."""
    return [port for container in pod["spec"]["containers"] for port in container.get("ports", [])]


def test_the_page_names_every_manifest() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    assert MANIFESTS
    assert all(f"deploy/kubernetes/{path.name}" in page for path in [*MANIFESTS, FOLDER / "Dockerfile"])
