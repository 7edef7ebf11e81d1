"""The Kubernetes manifests, as far as they can be checked without a cluster."""

import re
from typing import Any

import pytest
import yaml

from app.cli.entry import fluxgate
from app.settings import PREFIX, Settings
from tests.architecture.source import ROOT, app_modules

HOME = ROOT / "deploy" / "kubernetes"
MANIFESTS = {file.name: list(yaml.safe_load_all(file.read_text())) for file in sorted(HOME.glob("*.yaml"))}
[KUSTOMIZATION] = MANIFESTS["kustomization.yaml"]
THINGS = [
    thing for name, things in MANIFESTS.items() if name != "kustomization.yaml" for thing in things if thing
]
PODS = {
    thing["metadata"]["name"]: thing["spec"]["template"]
    for thing in THINGS
    if thing["kind"] in ("Deployment", "Job")
}
SECRET_NAMES = re.findall(r"^(\w+)=$", (HOME / "secret.env.example").read_text(), re.MULTILINE)
STOP_SECONDS = 25
ROUTES = "".join(module.text for module in app_modules() if "dialects" in module.path)


def things(kind: str) -> list[dict[str, Any]]:
    return [thing for thing in THINGS if thing["kind"] == kind]


def container(pod: str) -> dict[str, Any]:
    [found] = PODS[pod]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def test_every_manifest_is_applied() -> None:
    assert {*KUSTOMIZATION["resources"], "kustomization.yaml"} == MANIFESTS.keys()
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert [image["newTag"] for image in KUSTOMIZATION["images"]] == [version[1]]


@pytest.mark.parametrize("pod", sorted(PODS))
def test_each_container_is_a_command_with_few_rights(pod: str) -> None:
    name, *arguments = container(pod)["args"]
    with fluxgate.commands[name].make_context(name, list(arguments)):
        pass
    context = container(pod)["securityContext"]
    assert (context["readOnlyRootFilesystem"], context["allowPrivilegeEscalation"]) == (True, False)
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert PODS[pod]["spec"]["securityContext"]["runAsNonRoot"] is True
    assert PODS[pod]["spec"]["automountServiceAccountToken"] is False
    assert container(pod)["resources"]["limits"].keys() == {"memory"}, "a limit of CPU stalls the event loop"


@pytest.mark.parametrize("pod", sorted(PODS))
def test_each_process_gets_settings_that_hold_together(pod: str, monkeypatch: pytest.MonkeyPatch) -> None:
    [plain, secret] = container(pod)["envFrom"]
    assert plain["configMapRef"] == secret["secretRef"] == {"name": "fluxgate"}
    [settings] = things("ConfigMap")
    secrets = {name: "postgresql://a/b" if "DATABASE" in name else "redis://a" for name in SECRET_NAMES}
    given = settings["data"] | secrets
    assert given.keys() <= {PREFIX + name.upper() for name in Settings.model_fields}
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    read = Settings(_env_file=None)
    assert None not in (read.database_url, read.redis_url, read.upstream_key, read.key_pepper, read.admin_key)
    assert read.migrate_on_start is False


def test_the_bodies_that_one_process_takes_fit_into_its_memory() -> None:
    """Reading a large body takes four times as much, beside what a process needs in any case."""
    [settings] = things("ConfigMap")
    bodies = int(settings["data"]["FLUXGATE_BODIES_LIMIT_BYTES"])
    limit = container("fluxgate-api")["resources"]["limits"]["memory"]
    assert 4 * bodies + 200_000_000 <= int(limit.removesuffix("Mi")) * 2**20


def test_the_results_that_one_process_reads_and_delivers_fit_into_its_memory() -> None:
    """Those that it reads take up to five times as much, those that it delivers three times."""
    read = Settings.model_fields["upstream_results_limit_bytes"].default
    delivered = Settings.model_fields["webhook_results_limit_bytes"].default
    limit = container("fluxgate-worker")["resources"]["limits"]["memory"]
    assert 5 * read + 3 * delivered + 200_000_000 <= int(limit.removesuffix("Mi")) * 2**20


def test_no_manifest_holds_a_secret() -> None:
    assert not things("Secret")
    [settings] = things("ConfigMap")
    assert not settings["data"].keys() & set(SECRET_NAMES)
    assert len(SECRET_NAMES) == 5


@pytest.mark.parametrize("pod", ["fluxgate-api", "fluxgate-worker"])
def test_probes_ask_routes_that_there_are(pod: str) -> None:
    found = container(pod)
    ports = {port["name"] for port in found["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = found[probe]["httpGet"]
        assert asked["port"] in ports
        assert f'"{asked["path"]}"' in ROUTES
    # Whoever is started anew because PostgreSQL is away makes it worse.
    assert found["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert PODS[pod]["spec"]["terminationGracePeriodSeconds"] > STOP_SECONDS


def test_whoever_may_be_evicted_leaves_one_behind_and_is_scaled() -> None:
    deployments = {thing["metadata"]["name"]: thing["spec"] for thing in things("Deployment")}
    budgets = {thing["metadata"]["name"]: thing["spec"] for thing in things("PodDisruptionBudget")}
    scalers = {thing["metadata"]["name"]: thing["spec"] for thing in things("HorizontalPodAutoscaler")}
    assert deployments.keys() == budgets.keys() == scalers.keys()
    for name, deployment in deployments.items():
        labels = deployment["selector"]["matchLabels"]
        assert (
            deployment["template"]["metadata"]["labels"] == labels == budgets[name]["selector"]["matchLabels"]
        )
        assert scalers[name]["scaleTargetRef"]["name"] == name
        assert deployment["replicas"] >= scalers[name]["minReplicas"] > budgets[name]["minAvailable"]
    assert "--no-worker" in container("fluxgate-api")["args"]


def test_workers_are_scaled_by_a_metric_that_there_is() -> None:
    metrics = (ROOT / "app" / "operations" / "metrics.py").read_text()
    [scaler] = [one for one in things("HorizontalPodAutoscaler") if "worker" in one["metadata"]["name"]]
    [external] = [one["external"] for one in scaler["spec"]["metrics"] if one["type"] == "External"]
    assert f'"{external["metric"]["name"]}"' in metrics


def test_the_service_finds_the_api() -> None:
    [service] = things("Service")
    assert service["spec"]["selector"] == PODS["fluxgate-api"]["metadata"]["labels"]
    [port] = service["spec"]["ports"]
    assert port["targetPort"] in {one["name"] for one in container("fluxgate-api")["ports"]}
