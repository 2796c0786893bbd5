"""Reads the API as programs do that use the `kubernetes` package.

usage: read.py KUBECONFIG
"""

import json
import sys

from kubernetes import client, config, watch

OWN, METRICS = "custom.example.com", "metrics.k8s.io"
VERSIONS = [(OWN, "v1"), (METRICS, "v1"), (METRICS, "v1beta1")]
# Two rounds of the suite's server, and some.
WATCH_SECONDS = 12


def main() -> None:
    config.load_kube_config(sys.argv[1])
    objects = client.CustomObjectsApi()
    for group, version in VERSIONS:
        gets(objects, group, version)
        selects(objects, group, version)
    for group, version in VERSIONS[::2]:
        watches(objects, group, version)
    refuses(objects)
    raw()


def gets(objects: client.CustomObjectsApi, group: str, version: str) -> None:
    """Every object of a list is found by its name."""
    nodes = objects.list_cluster_custom_object(group, version, "nodes")["items"]
    for node in nodes:
        name = node["metadata"]["name"]
        one = objects.get_cluster_custom_object(group, version, "nodes", name)
        assert one["metadata"]["name"] == name and one["kind"] == "NodeMetrics", one
    pods = objects.list_cluster_custom_object(group, version, "pods")["items"]
    for pod in pods:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        one = objects.get_namespaced_custom_object(group, version, namespace, "pods", name)
        names = [[container["name"] for container in each["containers"]] for each in (one, pod)]
        assert one["kind"] == "PodMetrics" and names[0] == names[1], one
    assert nodes and pods
    print(f"{group}/{version}: {len(nodes)} nodes and {len(pods)} pods, each got by its name")


def selects(objects: client.CustomObjectsApi, group: str, version: str) -> None:
    """Selectors leave out what a client would leave out, and pages hold it all."""
    every = objects.list_cluster_custom_object(group, version, "pods")["items"]
    app = every[0]["metadata"]["labels"]["app"]
    wanted = [pod["metadata"]["name"] for pod in every if pod["metadata"]["labels"]["app"] == app]
    selected = objects.list_cluster_custom_object(group, version, "pods", label_selector=f"app={app}")["items"]
    assert [pod["metadata"]["name"] for pod in selected] == wanted, (wanted, selected)
    seen, token, pages = [], None, 0
    while token != "":
        options = {"limit": 7} | ({"_continue": token} if token else {})
        page = objects.list_cluster_custom_object(group, version, "pods", **options)
        seen += [pod["metadata"]["name"] for pod in page["items"]]
        token, pages = page["metadata"].get("continue", ""), pages + 1
    assert seen == [pod["metadata"]["name"] for pod in every] and pages == -(-len(every) // 7), (pages, seen)
    print(f"{group}/{version}: {len(wanted)} pods with app={app}, {len(seen)} on {pages} pages")


def watches(objects: client.CustomObjectsApi, group: str, version: str) -> None:
    """A watch from a list's revision tells pods again as their kubelets do, in order, and then ends."""
    listed = objects.list_cluster_custom_object(group, version, "pods")
    known = {pod["metadata"]["name"] for pod in listed["items"]}
    events = {}
    stream = watch.Watch().stream(
        objects.list_cluster_custom_object, group, version, "pods",
        resource_version=listed["metadata"]["resourceVersion"], timeout_seconds=WATCH_SECONDS,
    )
    for event in stream:
        assert event["type"] == "MODIFIED", event
        name = event["object"]["metadata"]["name"]
        events.setdefault(name, []).append(event["object"]["timestamp"])
    # A kubelet's reading of a container may stay the same for 15 s.
    assert events.keys() <= known and len(events) > len(known) / 2, (known, events)
    for name, times in events.items():
        assert times == sorted(times), (name, times)
    print(f"{group}/{version}: {sum(map(len, events.values()))} changes of {len(known)} pods in {WATCH_SECONDS} s")


def refuses(objects: client.CustomObjectsApi) -> None:
    """An error is an exception with the Status in it."""
    try:
        objects.get_cluster_custom_object(OWN, "v1", "nodes", "nobody")
    except client.ApiException as error:
        status = json.loads(error.body)
        assert (error.status, status["kind"], status["reason"]) == (404, "Status", "NotFound"), status
        print(f"{OWN}/v1: {status['message']}")
    else:
        raise AssertionError("a node that does not exist was found")


def raw() -> None:
    """A path that no class of the package knows."""
    api = client.ApiClient()
    answer = api.call_api(*api.param_serialize("GET", f"/apis/{OWN}/v1/healthz", auth_settings=["BearerToken"]))
    health = json.loads(answer.read())
    assert health == {"text": "Custom API Server is healthy!"}, health
    print(f"{OWN}/v1/healthz: {health['text']}")


if __name__ == "__main__":
    main()
