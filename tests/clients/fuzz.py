"""Asks straight at a server's port whatever its OpenAPI v3 allows, and more that it does not.

usage: fuzz.py PORT CA_FILE TOKEN

No answer may be a 5xx, every error is a Status, no content type is one the document does not tell,
and every JSON body fits its schema. The number of requests and the seed are fixed; the exit status
is 1 when something was found.
"""

import os
import socket
import subprocess
import sys

import requests

SERVICE = "custom-api.custom-api.svc"
# Cases per operation in the random phase: tens of seconds in all.
CASES = "60"
SEED = "4"
CHECKS = [
    "not_a_server_error",
    "content_type_conformance",
    "status_code_conformance",
    "response_schema_conformance",
    "errors_are_statuses",
]


def main() -> int:
    port, authority, token = sys.argv[1:]
    lead_service_to_loopback()
    origin = f"https://{SERVICE}:{port}"
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{origin}/openapi/v3", headers=headers, verify=authority, timeout=10)
    answer.raise_for_status()
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "hooks",
        "PYTHONPATH": os.path.dirname(os.path.abspath(__file__)),
    }
    failed = []
    for name, place in answer.json()["paths"].items():
        command = [
            os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run", origin + place["serverRelativeURL"],
            "--url", origin, "--header", f"Authorization: {headers['Authorization']}", "--tls-verify", authority,
            "--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing",
            "--max-examples", CASES, "--seed", SEED, "--no-shrink", "--request-timeout", "10",
            "--generation-database", "none", "--warnings", "off", "--no-color",
        ]
        print(f"== {name}", flush=True)
        if subprocess.run(command, env=environment, check=False).returncode != 0:
            failed.append(name)
    if failed:
        print("failed:", *failed)
    return 1 if failed else 0


def lead_service_to_loopback() -> None:
    """The certificate is the Service's, whose name no resolver here knows."""
    resolve = socket.getaddrinfo

    def on_loopback(host, *arguments, **options):
        return resolve("127.0.0.1" if host == SERVICE else host, *arguments, **options)

    socket.getaddrinfo = on_loopback


if __name__ == "__main__":
    sys.exit(main())
