"""Manifests for Kubernetes are what its API takes, and say what image, commands and each other say."""

import json
import re
from collections.abc import Iterator
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


EVERY = [(path.name, one) for path in MANIFESTS for one in objects(path)]
NAMES = [f"{name}, {one['kind']} {one['metadata']['name']}" for name, one in EVERY]


def validated(thing: Object) -> None:
    """Fails where a field is unknown, missing or of another type."""
    validate = pytest.importorskip("kubernetes_validate", reason="pip install '.[kubernetes]'")
    # A copy: anchors make parts of one object the same.
    validate.validate(json.loads(json.dumps(thing)), VERSION, strict=True)


@pytest.mark.parametrize(("_", "thing"), EVERY, ids=NAMES)
def test_an_object_is_as_its_schema_says(_: str, thing: Object) -> None:
    if thing["apiVersion"].startswith("ray.io/"):
        pytest.skip("no schema of KubeRay's objects is packaged: see the tests of their fields below")
    validated(thing)


def test_the_schema_refuses_what_is_none() -> None:
    (deployment,) = [one for _, one in EVERY if one["kind"] == "Deployment"]
    wrong = json.loads(json.dumps(deployment))
    wrong["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(Exception, match="readinesProbe"):
        validated(wrong)


@pytest.mark.parametrize(("_", "thing"), EVERY, ids=NAMES)
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


@pytest.mark.parametrize(("_", "thing"), EVERY, ids=NAMES)
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
    assert all(f"deploy/kubernetes/{path.name}" in page for path in MANIFESTS)
