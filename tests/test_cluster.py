"""The files in cluster/: KubeRay's own schemas, Ray's own validator, and the code they are meant to run."""

import copy
import gzip
import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml

from tdm_ray.config import RayConfig
from tdm_ray.run import layout as layout_module
from tdm_ray.run.layout import layout

ROOT = Path(__file__).parents[1]
CLUSTER = ROOT / "cluster"
CRDS = ROOT.parent / "shared" / "data" / "kuberay-crds"
KUBERAY = CLUSTER / "kuberay"
UNITS = {"m": 1e-3, "": 1, "Mi": 2**20, "Gi": 2**30}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
IMAGE = f"{PYPROJECT['name']}:{PYPROJECT['version']}"
# What a pod of each Kubernetes kind here must have besides apiVersion, kind and a name.
PLAIN = {
    ("v1", "Namespace"): (),
    ("v1", "ServiceAccount"): (),
    ("v1", "ConfigMap"): ("data",),
    ("batch/v1", "CronJob"): ("spec",),
    ("networking.k8s.io/v1", "NetworkPolicy"): ("spec",),
    ("rbac.authorization.k8s.io/v1", "Role"): ("rules",),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): ("roleRef", "subjects"),
}
TOP = {"apiVersion", "kind", "metadata"}
# README, Measured: what a driver, a preparing actor and a model actor take, in GB; CUDA and its kernels come
# on top.
DRIVER = 0.8
PREPARER = 0.7
MODEL = 1.3
CUDA = 4.0
OBJECTS = 0.3  # the share of a node's memory that Ray keeps for objects
OTHERS = 2  # CPUs to read, write and resume with


def documents(path):
    return [d for d in yaml.safe_load_all(path.read_text()) if d is not None]


def night():
    """The RayJob that the ConfigMap of nightly.yaml holds, as the CronJob's pod would make it."""
    (text,) = [
        d["data"]["rayjob.yaml"] for d in documents(KUBERAY / "nightly.yaml") if d["kind"] == "ConfigMap"
    ]
    text = text.replace("NIGHT_UID", "00000000-0000-0000-0000-000000000000").replace(
        "NIGHT", "tdm-nightly-29387461"
    )
    return yaml.safe_load(text)


def everything():
    """(where it stands, document) of every Kubernetes object, the one inside the ConfigMap included."""
    found = [
        (f"{path.name}: {d.get('kind')}", d)
        for path in sorted(KUBERAY.glob("*.yaml"))
        for d in documents(path)
    ]
    return [*found, ("nightly.yaml: embedded RayJob", night())]


def objects(kind):
    return [d for _, d in everything() if d["kind"] == kind]


def ray_objects():
    return [pytest.param(d, id=where) for where, d in everything() if d["apiVersion"].startswith("ray.io/")]


def clusters():
    """(name, RayCluster spec) of every cluster."""
    return [
        ("raycluster", documents(KUBERAY / "raycluster.yaml")[0]["spec"]),
        ("nightly", night()["spec"]["rayClusterSpec"]),
        ("raycronjob", objects("RayCronJob")[0]["spec"]["jobTemplate"]["rayClusterSpec"]),
    ]


def groups():
    return [
        pytest.param(group, id=f"{name}-{group['groupName']}")
        for name, spec in clusters()
        for group in spec["workerGroupSpecs"]
    ]


def pods():
    """(where, pod spec) of every pod that these files lead to."""
    found = []
    for where, document in everything():
        for path, node in walk(document):
            if isinstance(node, dict) and "containers" in node:
                found.append(pytest.param(node, id=f"{where} {path}"))
    return found


def walk(node, path=""):
    yield path, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from walk(child, f"{path}/{key}")


def amount(quantity):
    number, unit = re.fullmatch(r"([\d.]+)(\w*)", str(quantity)).groups()
    return float(number) * UNITS[unit]


def strict(schema):
    """A CRD's structural schema as JSON schema: the API server prunes what it does not know, here it is an
    error."""
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    kept = {
        k: v
        for k, v in schema.items()
        if k
        in ("type", "required", "enum", "pattern", "minimum", "maximum", "minItems", "maxItems", "minLength")
    }
    if schema.get("nullable"):
        kept["type"] = [schema["type"], "null"]
    if "items" in schema:
        kept["items"] = strict(schema["items"])
    if "properties" in schema:
        kept["properties"] = {k: strict(v) for k, v in schema["properties"].items()}
    if isinstance(schema.get("additionalProperties"), dict):
        kept["additionalProperties"] = strict(schema["additionalProperties"])
    elif schema.get("type") == "object" and not schema.get("x-kubernetes-preserve-unknown-fields"):
        kept["additionalProperties"] = bool(schema.get("additionalProperties", False))
    return kept


@pytest.fixture(scope="session")
def crds():
    if not CRDS.is_dir():
        pytest.skip("KubeRay's CRDs (../shared/data/kuberay-crds) are not on this machine")
    found = {}
    for path in CRDS.glob("*.yaml.gz"):
        definition = yaml.load(gzip.decompress(path.read_bytes()), yaml.CSafeLoader)["spec"]
        for version in definition["versions"]:
            key = f"{definition['group']}/{version['name']}", definition["names"]["kind"]
            schema = strict(version["schema"]["openAPIV3Schema"])
            # The API server checks an object's own metadata, which a CRD leaves open.
            schema["properties"]["metadata"] = {"type": "object", "required": ["name"]}
            found[key] = jsonschema.Draft202012Validator(schema)
    return found


def complaints(crds, document):
    validator = crds[document["apiVersion"], document["kind"]]
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


@pytest.mark.parametrize("document", ray_objects())
def test_kuberay_knows_every_field(crds, document):
    assert complaints(crds, document) == []


@pytest.mark.parametrize("document", ray_objects())
def test_a_misspelt_field_would_be_seen(crds, document):
    """Each field in turn, at every depth, but below what KubeRay leaves open (names of labels, resources,
    ...)."""
    free = {"labels", "annotations", "nodeSelector", "requests", "limits", "rayStartParams", "metadata"}
    paths = [p for p, n in walk(document["spec"]) if isinstance(n, dict) and not free & set(p.split("/"))]
    assert len(paths) > 20
    for path in paths:
        wrong = copy.deepcopy(document)
        node = wrong["spec"]
        for key in path.split("/")[1:]:
            node = node[int(key) if isinstance(node, list) else key]
        node["missspelt"] = 1
        assert any("missspelt" in c for c in complaints(crds, wrong)), path


def test_only_known_kinds_with_what_they_need():
    for where, document in everything():
        if document["apiVersion"].startswith("ray.io/"):
            continue
        needs = PLAIN[document["apiVersion"], document["kind"]]
        assert set(needs) <= set(document) <= TOP | set(needs) | {"automountServiceAccountToken"}, where
        assert document["kind"] == "Namespace" or document["metadata"]["namespace"] == "tdm-ray", where


# The fields of the plain kinds, outside pods and rules: enough for what is written here, and for a typo to be
# seen.
CRON = {"schedule", "timeZone", "concurrencyPolicy", "startingDeadlineSeconds", "suspend", "jobTemplate"} | {
    "successfulJobsHistoryLimit",
    "failedJobsHistoryLimit",
}
JOB = {"activeDeadlineSeconds", "backoffLimit", "podFailurePolicy", "template", "ttlSecondsAfterFinished"}


def test_plain_kinds_have_no_misspelt_fields(crds):
    """KubeRay's CRDs hold Kubernetes' own schemas of pods and of a network policy's rules."""
    (cron,) = objects("CronJob")
    (policy,) = objects("NetworkPolicy")
    job = cron["spec"]["jobTemplate"]["spec"]
    assert set(cron["spec"]) <= CRON
    assert set(job) <= JOB
    ray_job, cluster = (
        crds["ray.io/v1", kind].schema["properties"]["spec"]["properties"]
        for kind in ("RayJob", "RayCluster")
    )
    pod = jsonschema.Draft202012Validator(ray_job["submitterPodTemplate"])
    assert [e.message for e in pod.iter_errors(job["template"])] == []
    assert not pod.is_valid({"spec": {**job["template"]["spec"], "restartPolice": "Never"}})
    rules = cluster["networkPolicy"]["properties"]["head"]["properties"]
    assert set(policy["spec"]) == {"podSelector", "policyTypes", "ingress", "egress"}
    for name in ("ingress", "egress"):
        validator = jsonschema.Draft202012Validator(rules[f"{name}Rules"])
        assert [e.message for e in validator.iter_errors(policy["spec"][name])] == []


def test_one_object_a_name():
    names = [(d["kind"], d["metadata"]["name"]) for _, d in everything()]
    assert len(set(names)) == len(names)


def test_the_nights_do_not_overlap_and_a_failed_one_fails_its_job():
    (cron,) = objects("CronJob")
    spec = cron["spec"]
    job = cron["spec"]["jobTemplate"]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    ray_job = night()["spec"]
    tries = ray_job["backoffLimit"] + 1
    assert job["activeDeadlineSeconds"] > tries * ray_job["activeDeadlineSeconds"]
    assert job["activeDeadlineSeconds"] < 24 * 3600
    assert ray_job["shutdownAfterJobFinishes"] is True
    (container,) = job["template"]["spec"]["containers"]
    exits = job["podFailurePolicy"]["rules"][0]["onExitCodes"]
    assert job["template"]["spec"]["restartPolicy"] == "Never"  # what a podFailurePolicy asks for
    assert exits["containerName"] == container["name"]
    assert f"exit {exits['values'][0]}" in container["args"][0]
    # KubeRay submits by a Job of the RayJob's own name, which must not be the night's Job; and names are
    # short.
    name = night()["metadata"]["name"]
    owner = night()["metadata"]["ownerReferences"][0]
    assert name == f"{owner['name']}-ray"
    assert 'night="$JOB-ray"' in container["args"][0]
    assert len(name) <= 47


def test_the_pod_that_starts_a_night_may_do_that_and_no_more():
    (cron,), (role,), (binding,) = (objects(kind) for kind in ("CronJob", "Role", "RoleBinding"))
    account = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]["serviceAccountName"]
    assert [s["name"] for s in binding["subjects"]] == [account]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert role["rules"] == [{"apiGroups": ["ray.io"], "resources": ["rayjobs"], "verbs": ["create", "get"]}]
    accounts = {d["metadata"]["name"] for d in objects("ServiceAccount")}
    used = {p.values[0].get("serviceAccountName") for p in pods()} - {None}
    assert used <= accounts


def test_both_ways_of_running_a_night_run_the_same_job():
    (cron,) = objects("RayCronJob")
    (plain,) = objects("CronJob")
    assert cron["spec"]["jobTemplate"] == night()["spec"]
    assert cron["spec"]["schedule"] == plain["spec"]["schedule"]


def test_entrypoint_is_a_job_of_ours():
    script = night()["spec"]["entrypoint"].split()[1]
    assert script.startswith("/app/jobs/")
    assert (ROOT / script.removeprefix("/app/")).is_file()


@pytest.mark.parametrize("pod", pods())
def test_pods_are_locked_down(pod):
    volumes = {v["name"] for v in pod.get("volumes", [])}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] > 0
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        mounts = container["volumeMounts"]
        assert "/tmp" in {m["mountPath"] for m in mounts}  # where Ray writes
        assert {m["name"] for m in mounts} <= volumes
        assert not container["image"].endswith(":latest")


@pytest.mark.parametrize(("name", "spec"), clusters())
def test_clusters_are_closed(name, spec):
    head = spec["headGroupSpec"]
    assert spec["authOptions"] == {"mode": "token"}
    assert head["serviceType"] == "ClusterIP"
    assert head["rayStartParams"]["num-cpus"] == "0"
    # Only an autoscaler has to speak to the Kubernetes API.
    scaled = spec.get("enableInTreeAutoscaling", False)
    assert head["template"]["spec"]["automountServiceAccountToken"] is scaled
    assert not any(g["template"]["spec"]["automountServiceAccountToken"] for g in spec["workerGroupSpecs"])
    # A run starts with what is there: at least one worker with CPUs.
    assert any(g["minReplicas"] > 0 for g in spec["workerGroupSpecs"])


def layout_on(monkeypatch, cpus, gpus):
    """The layout of a run on one node with these."""
    monkeypatch.setattr(layout_module, "cpus", lambda: cpus)
    monkeypatch.setattr(layout_module, "cores", lambda: cpus)
    monkeypatch.setattr(layout_module, "gpus", lambda: float(gpus))
    return layout(RayConfig(), None)


@pytest.mark.parametrize("group", groups())
def test_a_worker_holds_what_a_run_puts_on_it(group, monkeypatch):
    """A cluster of one such worker: the layout fits its CPUs, and the actors its memory."""
    (container,) = group["template"]["spec"]["containers"]
    limits = container["resources"]["limits"]
    requests = container["resources"]["requests"]
    assert limits == requests  # Ray takes the limits for what it has
    cpus = amount(limits["cpu"])
    memory = amount(limits["memory"])
    gpus = int(limits.get("nvidia.com/gpu", 0))
    found = layout_on(monkeypatch, int(cpus), gpus)
    assert found.actors == (gpus or found.actors)
    assert found.actors + found.preparers + OTHERS <= cpus
    needed = found.actors * (MODEL + CUDA * bool(gpus)) + found.preparers * PREPARER
    assert needed * 1e9 <= (1 - OBJECTS) * memory
    if gpus:  # a GPU waits for its papers
        assert found.preparers / gpus >= 10
        assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in group["template"][
            "spec"
        ]["tolerations"]


@pytest.mark.parametrize(("name", "spec"), clusters())
def test_the_head_holds_a_driver(name, spec):
    (container,) = spec["headGroupSpec"]["template"]["spec"]["containers"]
    memory = amount(container["resources"]["limits"]["memory"])
    assert (1 - OBJECTS) * memory >= (
        DRIVER + 1.5
    ) * 1e9  # Ray's own services take about as much as two drivers


def test_spot_first_and_on_demand_where_there_is_none():
    spec = documents(KUBERAY / "raycluster.yaml")[0]["spec"]
    gpu = {g["groupName"]: g for g in spec["workerGroupSpecs"] if g["groupName"].startswith("gpu")}
    spot = gpu["gpu-spot"]
    other = gpu["gpu-on-demand"]
    assert (spot["priority"], other["priority"]) == (10, 0)
    assert spot["minReplicas"] == other["minReplicas"] == 0
    assert spot["labels"] == {"ray.io/market-type": "spot"}
    assert other["labels"] == {"ray.io/market-type": "on-demand"}
    assert spot["template"]["spec"]["containers"] == other["template"]["spec"]["containers"]
    for group in spec["workerGroupSpecs"]:
        assert group["template"]["spec"]["terminationGracePeriodSeconds"] >= 60
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    assert spec["autoscalerOptions"]["version"] == "v2"  # which alone knows priorities
    assert spec["autoscalerOptions"]["securityContext"]["runAsNonRoot"] is True


def test_network_policy_lets_in_those_who_are_there():
    (policy,) = objects("NetworkPolicy")
    assert set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    assert all("from" in rule for rule in policy["spec"]["ingress"])
    labels = night()["spec"]["submitterPodTemplate"]["metadata"]["labels"]
    assert {"podSelector": {"matchLabels": labels}} in policy["spec"]["ingress"][1]["from"]
    assert {m["containerPort"] for _, s in clusters() for m in ports(s) if m["name"] == "metrics"} == {8080}


def ports(spec):
    return [p for path, node in walk(spec) if path.endswith("/ports") for p in node]


def test_versions_are_those_of_the_package():
    assert {spec["rayVersion"] for _, spec in clusters()} == {PINS["ray"]}
    images = {c["image"] for p in pods() for c in p.values[0]["containers"] if c["name"] != "night"}
    assert images == {IMAGE}
    for path in (CLUSTER / "aws.yaml", CLUSTER / "README.md", CLUSTER / "Dockerfile"):
        assert set(re.findall(r"tdm-ray:[\w.]+", path.read_text())) <= {IMAGE}, path.name
        assert set(re.findall(r"\bRay (\d+\.\d+)", path.read_text())) <= {PINS["ray"].rpartition(".")[0]}, (
            path.name
        )


@pytest.fixture
def aws(monkeypatch):
    from ray.autoscaler._private.util import prepare_config

    monkeypatch.chdir(ROOT)  # file_mounts are relative to it
    return prepare_config(yaml.safe_load((CLUSTER / "aws.yaml").read_text()))


def test_ray_up_takes_the_file(aws):
    from ray.autoscaler._private.util import validate_config

    validate_config(aws)
    assert sum(t["min_workers"] for t in aws["available_node_types"].values()) > 0


@pytest.mark.parametrize(
    "where", [(), ("available_node_types", "gpu-spot"), ("auth",), ("available_node_types", "cpu")]
)
def test_ray_up_would_refuse_a_misspelt_field(aws, where):
    from ray.autoscaler._private.util import validate_config

    node = aws
    for key in where:
        node = node[key]
    node["missspelt"] = 1
    with pytest.raises(jsonschema.ValidationError, match="missspelt"):
        validate_config(aws)


def test_machines_fit_the_code(aws, monkeypatch):
    types = aws["available_node_types"]
    assert types["head"]["resources"] == {"CPU": 0}
    for name in ("gpu-spot", "gpu-on-demand"):
        has = types[name]["resources"]
        assert layout_on(monkeypatch, has["CPU"], has["GPU"]).preparers >= 10
    assert types["gpu-spot"]["node_config"].pop("InstanceMarketOptions") == {"MarketType": "spot"}
    assert types["gpu-spot"]["node_config"] == types["gpu-on-demand"]["node_config"]
    assert types["gpu-spot"]["priority"] > types["gpu-on-demand"]["priority"]
    # The first start of the head, then of workers: token on, dashboard on the machine itself.
    head = aws["head_start_ray_commands"][-1]
    worker = aws["worker_start_ray_commands"][-1]
    assert "RAY_AUTH_MODE=token" in head
    assert "RAY_AUTH_MODE=token" in worker
    assert "--dashboard-host=127.0.0.1" in head
    token = "~/.ray/auth_token"
    assert aws["file_mounts"].pop(token) == token
    assert [p for p in aws["file_mounts"].values() if not Path(p).exists()] == []


def dockerfile():
    """(instruction, rest) of each line, continued ones joined."""
    text = re.sub(r"^\s*#.*\n", "", (CLUSTER / "Dockerfile").read_text(), flags=re.MULTILINE).replace(
        "\\\n", " "
    )
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def test_dockerfile_copies_what_is_there_and_let_through():
    copied = [source for what, rest in dockerfile() if what == "COPY" for source in rest.split()[:-1]]
    assert {"pyproject.toml", "constraints.txt", "tdm_ray", "jobs"} <= set(copied)
    ignore = (ROOT / ".dockerignore").read_text().split()
    assert ignore[0] == "*"
    for source in copied:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignore, source
    # All that building the package reads.
    assert {PYPROJECT["readme"], *PYPROJECT["license-files"]} <= set(copied)


def test_dockerfile_python_and_user():
    lines = dockerfile()
    (image,) = [rest for what, rest in lines if what == "FROM"]
    version = re.fullmatch(r"python:(\d+\.\d+)-slim", image)[1]
    assert PYPROJECT["requires-python"] == f">={version}"
    assert lines[-1] == ("USER", "1000")
    runs = " ".join(rest for what, rest in lines if what == "RUN")
    users = {
        c["securityContext"]["runAsUser"]
        for p in pods()
        for c in p.values[0]["containers"]
        if c["image"] == IMAGE
    }
    assert users == {1000}
    assert "--uid 1000" in runs
    for needed in ("libgomp1", "wget", "-c constraints.txt"):
        assert needed in runs
    # The line of constraints.txt that TORCH stands in for.
    assert "torch" in PINS
    assert "s|^torch==.*|$TORCH|" in runs


def test_s3_policy_grants_no_more_than_it_says():
    policy = json.loads((CLUSTER / "s3-policy.json").read_text())
    entry = night()["spec"]["entrypoint"]
    assert policy["Version"] == "2012-10-17"
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        assert not {"NotAction", "NotResource", "Principal"} & set(statement)
        for action in statement["Action"]:
            assert re.fullmatch(r"s3:[A-Za-z]+", action), action
        for resource in statement["Resource"]:
            assert re.fullmatch(r"arn:aws:s3:::(BUCKET|arxiv)(/\w+/\*)?", resource), resource
        if "s3:ListBucket" in statement["Action"]:
            assert statement["Condition"]["StringLike"]["s3:prefix"]
    writers = [s for s in policy["Statement"] if {"s3:PutObject", "s3:DeleteObject"} & set(s["Action"])]
    assert [s["Resource"] for s in writers] == [["arn:aws:s3:::BUCKET/store/*"]]
    assert re.findall(r"s3://(\S+)", entry) == ["BUCKET/papers", "BUCKET/store"]


def texts():
    return [p for p in (*CLUSTER.rglob("*"), ROOT / ".dockerignore") if p.is_file()]


@pytest.mark.parametrize("path", texts(), ids=lambda p: p.name)
def test_no_secret_stands_in_a_file(path):
    text = path.read_text()
    assert not re.search(r"AKIA|ASIA[A-Z0-9]{16}|-----BEGIN|(?<![\w.])[A-Za-z0-9/+]{40}(?![\w.])", text)
    # A key may be named, and taken from elsewhere; its value may not stand here.
    assert not re.search(r"(?i)(secret|password|token|access_key)\w*\s*[:=]\s*[\"']?[A-Za-z0-9+/]{16,}", text)


def test_readme_names_every_file():
    said = (CLUSTER / "README.md").read_text()
    assert [
        p.name for p in texts() if p.parent != ROOT and p.name not in said and p.name != "README.md"
    ] == []
