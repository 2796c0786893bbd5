"""What schemathesis has to be told about this API."""

import itertools

import schemathesis

import fuzz

ACCEPTED = itertools.cycle(["application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "*/*"])

WATCHES = itertools.count()
ONE_WATCH_IN = 20

fuzz.lead_service_to_loopback()


@schemathesis.hook
def before_call(context, case, _options):
    # The document tells content types of answers; nothing in it makes a client ask for one.
    case.headers.setdefault("Accept", next(ACCEPTED))
    # A watch lasts a second at least. Enough of them are left to see how it begins and how it ends.
    if "watch" in case.query:
        if next(WATCHES) % ONE_WATCH_IN:
            del case.query["watch"]
        else:
            case.query["timeoutSeconds"] = "1"


@schemathesis.check
def errors_are_statuses(context, response, case):
    if response.status_code < 400 or case.method.upper() == "HEAD":
        return
    kind = response.headers.get("content-type", [""])[0].split(";")[0]
    if kind != "application/json":
        # YAML and protobuf are compared with JSON elsewhere.
        assert kind in ("application/yaml", "application/vnd.kubernetes.protobuf"), f"an error as {kind!r}"
        return
    status = response.json()
    assert status.get("kind") == "Status" and status.get("apiVersion") == "v1", f"no Status: {status}"
    assert status.get("code") == response.status_code, f"a Status with another code: {status}"
    assert status.get("status") == "Failure" and status.get("message"), f"a Status without a message: {status}"
