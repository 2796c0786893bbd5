//! `deploy/` says what was agreed, asks for no more rights than are used, and switches no
//! verification off.

use serde_json::{Value, json};

use crate::repository;

/// Every object of a folder of manifests, kustomizations left out.
fn objects(folder: &str) -> Vec<Value> {
    let files = repository::files(folder, "yaml").into_iter().filter(|(name, _)| name != "kustomization.yaml");
    files
        .flat_map(|(name, text)| {
            serde_saphyr::from_multiple::<Value>(&text).unwrap_or_else(|error| panic!("{folder}/{name}: {error}"))
        })
        .collect()
}

fn object(folder: &str, kind: &str, name: &str) -> Value {
    let found = objects(folder).into_iter().find(|it| it["kind"] == kind && it["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("{folder} has no {kind} {name}"))
}

const BASE: &str = "deploy/base";
const REPLACEMENT: &str = "deploy/metrics-server-replacement";
const CERT_MANAGER: &str = "deploy/cert-manager";
const MONITORING: &str = "deploy/monitoring";

#[test]
fn every_manifest_is_listed_in_its_kustomization() {
    for folder in [BASE, REPLACEMENT, CERT_MANAGER, MONITORING] {
        let kustomization = repository::read(&format!("{folder}/kustomization.yaml"));
        let kustomization: Value = serde_saphyr::from_str(&kustomization).unwrap();
        let listed = kustomization["resources"].as_array().unwrap();
        for (file, _) in repository::files(folder, "yaml").iter().filter(|(file, _)| is_manifest(file)) {
            assert!(listed.contains(&json!(file)), "{folder}/{file} is never applied");
        }
    }
}

/// What lies deeper is for who has no kustomize.
fn is_manifest(file: &str) -> bool {
    file != "kustomization.yaml" && !file.contains('/')
}

#[test]
fn every_replica_is_scraped_over_verified_tls_as_the_job_that_alerts_ask_for() {
    let monitor = object(MONITORING, "ServiceMonitor", "kube-vitals");
    let labels: Value = serde_saphyr::from_str(&repository::read("deploy/base/kustomization.yaml")).unwrap();
    let of_service = &labels["labels"][0]["pairs"];
    assert_eq!(monitor["spec"]["jobLabel"], "app.kubernetes.io/name");
    assert_eq!(of_service["app.kubernetes.io/name"], "kube-vitals");
    assert_eq!(monitor["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"], "kube-vitals");
    let endpoint = &monitor["spec"]["endpoints"][0];
    assert_eq!((&endpoint["port"], &endpoint["scheme"]), (&json!("https"), &json!("https")));
    let secret = json!({"secret": {"name": "custom-api-serving-cert", "key": "ca.crt"}});
    assert_eq!(endpoint["tlsConfig"], json!({"serverName": "custom-api.custom-api.svc", "ca": secret}));
}

#[test]
fn names_are_the_agreed_ones() {
    object(BASE, "Namespace", "custom-api");
    object(BASE, "Deployment", "custom-api-server");
    let service = object(BASE, "Service", "custom-api");
    assert_eq!(service["metadata"]["namespace"], "custom-api");
    let port = json!([{"name": "https", "port": 443, "targetPort": "https", "appProtocol": "https"}]);
    assert_eq!(service["spec"]["ports"], port);
    let api = object(BASE, "APIService", "v1.custom.example.com");
    assert_eq!(
        api["spec"],
        json!({
            "group": "custom.example.com", "version": "v1", "groupPriorityMinimum": 1000, "versionPriority": 15,
            "service": {"name": "custom-api", "namespace": "custom-api", "port": 443},
        }),
        "and nothing else: the caBundle is set by the server"
    );
    for (version, priority) in [("v1beta1", 100), ("v1", 200)] {
        let metrics = object(REPLACEMENT, "APIService", &format!("{version}.metrics.k8s.io"));
        assert_eq!(
            metrics["spec"],
            json!({
                "group": "metrics.k8s.io", "version": version, "groupPriorityMinimum": 100, "versionPriority": priority,
                "service": {"name": "custom-api", "namespace": "custom-api", "port": 443},
            })
        );
    }
}

#[test]
fn verification_is_switched_off_nowhere() {
    for (folder, extension) in [("deploy", "yaml"), ("docs", "md"), ("grafana", "yaml"), ("grafana", "json")] {
        for (file, text) in repository::files(folder, extension) {
            assert!(!text.contains("insecureSkipTLSVerify"), "{folder}/{file}");
        }
    }
}

#[test]
fn the_server_has_the_rights_it_uses_and_no_more() {
    let rules = |folder, kind, name| object(folder, kind, name)["rules"].clone();
    assert_eq!(
        rules(BASE, "ClusterRole", "custom-api-server"),
        json!([
            {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": [""], "resources": ["nodes/metrics", "nodes/stats"], "verbs": ["get"]},
            {"apiGroups": ["apiregistration.k8s.io"], "resources": ["apiservices"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["apiregistration.k8s.io"], "resources": ["apiservices"],
             "resourceNames": ["v1.custom.example.com"], "verbs": ["patch"]},
        ])
    );
    assert_eq!(
        rules(BASE, "Role", "custom-api-server"),
        json!([
            {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["custom-api-serving-cert"],
             "verbs": ["get", "update"]},
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
             "verbs": ["create", "delete", "list", "patch"]},
        ])
    );
    assert_eq!(
        rules(REPLACEMENT, "ClusterRole", "custom-api-server:metrics.k8s.io"),
        json!([{"apiGroups": ["apiregistration.k8s.io"], "resources": ["apiservices"],
                "resourceNames": ["v1.metrics.k8s.io", "v1beta1.metrics.k8s.io"], "verbs": ["patch"]}])
    );
}

#[test]
fn every_binding_binds_our_account_to_a_known_role() {
    let known = [
        "custom-api-server",
        "custom-api-server:metrics.k8s.io",
        "extension-apiserver-authentication-reader",
        "system:auth-delegator",
    ];
    let account = json!([{"kind": "ServiceAccount", "name": "custom-api-server", "namespace": "custom-api"}]);
    let mut bound = Vec::new();
    for binding in [objects(BASE), objects(REPLACEMENT)].concat() {
        if binding["kind"].as_str().unwrap().ends_with("Binding") {
            assert_eq!(binding["subjects"], account, "{binding}");
            bound.push(binding["roleRef"]["name"].as_str().unwrap().to_owned());
        }
    }
    bound.sort();
    bound.dedup();
    assert_eq!(bound, known);
    let reader = object(BASE, "RoleBinding", "custom-api-server:extension-apiserver-authentication-reader");
    assert_eq!(reader["metadata"]["namespace"], "kube-system");
}

#[test]
fn readers_may_read_and_nothing_else() {
    let reader = object(BASE, "ClusterRole", "custom-api-reader");
    for role in ["view", "edit", "admin"] {
        let label = format!("rbac.authorization.k8s.io/aggregate-to-{role}");
        assert_eq!(reader["metadata"]["labels"][label], "true");
    }
    let rules = json!([
        {"apiGroups": ["custom.example.com", "metrics.k8s.io"], "resources": ["nodes", "pods"],
         "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["custom.example.com"], "resources": ["nodescrapes", "healthz"], "verbs": ["get", "list"]},
    ]);
    assert_eq!(reader["rules"], rules);
}

/// Where critical pods are admitted only by a quota that speaks of them, there would be no pod without one.
#[test]
fn the_priority_of_the_pods_has_a_quota() {
    let quota = object(BASE, "ResourceQuota", "custom-api-critical-pods");
    let deployment = object(BASE, "Deployment", "custom-api-server");
    assert_eq!(quota["metadata"]["namespace"], deployment["metadata"]["namespace"]);
    let scope = &quota["spec"]["scopeSelector"]["matchExpressions"][0];
    assert_eq!((&scope["scopeName"], &scope["operator"]), (&json!("PriorityClass"), &json!("In")));
    assert_eq!(scope["values"][0], deployment["spec"]["template"]["spec"]["priorityClassName"]);
}

#[test]
fn the_pod_is_confined() {
    let deployment = object(BASE, "Deployment", "custom-api-server");
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(
        pod["securityContext"],
        json!({"runAsNonRoot": true, "runAsUser": 65534, "runAsGroup": 65534,
               "seccompProfile": {"type": "RuntimeDefault"}})
    );
    assert_eq!(
        container["securityContext"],
        json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}})
    );
    assert_eq!(pod["containers"].as_array().map(Vec::len), Some(1));
    for shared in ["hostNetwork", "hostPID", "hostIPC", "volumes", "initContainers"] {
        assert_eq!(pod[shared], Value::Null, "{shared}");
    }
    assert_eq!(container["volumeMounts"], Value::Null, "nothing can be written to");
    // What a cluster of 5,000 nodes was measured to take at most, twice; a throttled server answers late.
    assert_eq!(
        container["resources"],
        json!({"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}})
    );
    assert_eq!(pod["priorityClassName"], "system-cluster-critical");
}

#[test]
fn no_role_has_a_wildcard() {
    for folder in [BASE, REPLACEMENT] {
        for role in objects(folder).iter().filter(|it| it["kind"].as_str().is_some_and(|kind| kind.ends_with("Role"))) {
            assert!(!role["rules"].to_string().contains("\"*\""), "{folder}: {role}");
        }
    }
}

#[test]
fn two_replicas_take_turns() {
    let deployment = object(BASE, "Deployment", "custom-api-server");
    assert_eq!(deployment["spec"]["replicas"], 2);
    assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
    assert_eq!(object(BASE, "PodDisruptionBudget", "custom-api-server")["spec"]["minAvailable"], 1);
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    let component = "app.kubernetes.io/component";
    for selector in [
        &deployment["spec"]["selector"]["matchLabels"],
        &object(BASE, "Service", "custom-api")["spec"]["selector"],
        &object(BASE, "PodDisruptionBudget", "custom-api-server")["spec"]["selector"]["matchLabels"],
    ] {
        assert_eq!(selector[component], labels[component]);
    }
}

#[test]
fn each_replica_is_told_who_it_is_by_the_names_of_the_flags() {
    use clap::CommandFactory;
    let deployment = object(BASE, "Deployment", "custom-api-server");
    let variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap().clone();
    let command = kube_vitals::config::ServeArgs::command();
    for (flag, field) in [("pod-name", "metadata.name"), ("pod-ip", "status.podIP")] {
        let flag = command.get_arguments().find(|arg| arg.get_long() == Some(flag)).unwrap();
        let name = flag.get_env().unwrap().to_str().unwrap();
        let variable = variables.iter().find(|variable| variable["name"] == name).unwrap();
        assert_eq!(variable["valueFrom"]["fieldRef"]["fieldPath"], field);
    }
}

#[test]
fn replicas_stand_apart_where_there_is_room() {
    let deployment = object(BASE, "Deployment", "custom-api-server");
    let spread = &deployment["spec"]["template"]["spec"]["topologySpreadConstraints"][0];
    assert_eq!((&spread["maxSkew"], &spread["topologyKey"]), (&json!(1), &json!("kubernetes.io/hostname")));
    // One node must do: an edge cluster has no more.
    assert_eq!(spread["whenUnsatisfiable"], "ScheduleAnyway");
    assert_eq!(spread["labelSelector"], deployment["spec"]["selector"]);
}

#[test]
fn probes_ask_the_tls_port() {
    let deployment = object(BASE, "Deployment", "custom-api-server");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["ports"], json!([{"name": "https", "containerPort": 8080}]));
    for (probe, path) in [("startupProbe", "/livez"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")] {
        assert_eq!(container[probe]["httpGet"], json!({"path": path, "port": "https", "scheme": "HTTPS"}));
    }
}

#[test]
fn the_arguments_are_accepted_by_the_program() {
    use clap::Parser;
    let deployment = object(BASE, "Deployment", "custom-api-server");
    let arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    let arguments: Vec<String> = serde_json::from_value(arguments).unwrap();
    assert_eq!(arguments[0], "serve");
    let typed = kube_vitals::config::ServeArgs::try_parse_from(&arguments).unwrap();
    let settings = kube_vitals::config::Settings::from_args(&typed).unwrap();
    let grace = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap();
    let needed = settings.shutdown.delay.as_secs() + settings.shutdown.drain.as_secs() + 5;
    assert!(needed <= grace, "a clean stop may take {needed} s, the pod has {grace} s");
}

#[test]
fn with_cert_manager_the_server_reads_the_certificate_for_its_names_and_the_bundles_are_its_authority() {
    let certificate = object(CERT_MANAGER, "Certificate", "custom-api-serving");
    assert_eq!(
        certificate["spec"]["dnsNames"],
        json!([
            "custom-api.custom-api.svc",
            "custom-api.custom-api.svc.cluster.local",
            "custom-api.custom-api",
            "custom-api"
        ])
    );
    let monitor = object(MONITORING, "ServiceMonitor", "kube-vitals");
    let scraped_by = &monitor["spec"]["endpoints"][0]["tlsConfig"]["ca"]["secret"]["name"];
    assert_eq!(&certificate["spec"]["secretName"], scraped_by);
    let values = patched_values(CERT_MANAGER);
    let value =
        |path: &str| values.iter().filter(|(_, at, _)| at == path).map(|(.., value)| value.clone()).collect::<Vec<_>>();
    assert_eq!(
        value("/metadata/annotations"),
        [json!({"cert-manager.io/inject-ca-from": "custom-api/custom-api-serving"})]
    );
    let args = "/spec/template/spec/containers/0/args/-";
    assert_eq!(value(args), ["--tls-cert-file=/certificates/tls.crt", "--tls-private-key-file=/certificates/tls.key"]);
    let mounts = &value("/spec/template/spec/containers/0/volumeMounts")[0][0];
    let volumes = &value("/spec/template/spec/volumes")[0][0];
    assert_eq!((&mounts["mountPath"], &mounts["name"]), (&json!("/certificates"), &volumes["name"]));
    assert_eq!(&volumes["secret"]["secretName"], scraped_by);
}

#[test]
fn with_cert_manager_the_rights_that_are_taken_are_those_to_keep_certificates() {
    let mut tested = 0;
    for kind in ["Role", "ClusterRole"] {
        let rules = object(BASE, kind, "custom-api-server")["rules"].clone();
        for (_, at, value) in patched_values(CERT_MANAGER).iter().filter(|(target, ..)| target == kind) {
            assert_eq!(rules.pointer(at.strip_prefix("/rules").unwrap()), Some(value), "{kind} {at}");
            tested += 1;
        }
    }
    assert_eq!(tested, 4);
}

/// Kind of the target, path and value of each operation that has a value, of a kustomization's patches.
fn patched_values(folder: &str) -> Vec<(String, String, Value)> {
    let kustomization = repository::read(&format!("{folder}/kustomization.yaml"));
    let kustomization: Value = serde_saphyr::from_str(&kustomization).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let patches = kustomization["patches"].as_array().unwrap().iter();
    let of_patch = |patch: &Value| {
        let operations: Vec<Value> = serde_saphyr::from_str(patch["patch"].as_str().unwrap()).unwrap();
        let valued = operations.into_iter().filter(|operation| operation["value"] != Value::Null);
        let kind = text(&patch["target"]["kind"]);
        valued.map(move |it| (kind.clone(), text(&it["path"]), it["value"].clone())).collect::<Vec<_>>()
    };
    patches.flat_map(of_patch).collect()
}

#[test]
fn the_image_is_static_and_runs_as_nobody() {
    let dockerfile = repository::read("Dockerfile");
    let last_stage = dockerfile.rsplit("\nFROM ").next().unwrap();
    assert!(last_stage.starts_with("scratch\n"));
    assert!(last_stage.contains("\nUSER 65534:65534\n"));
    assert!(last_stage.contains("\nENTRYPOINT [\"/kube-vitals\"]\n"));
    assert!(!last_stage.contains("RUN "), "there is no shell to run anything");
    let copied: Vec<_> = last_stage.lines().filter_map(|line| line.strip_prefix("COPY --from=build ")).collect();
    let program = ["/kube-vitals /kube-vitals", "/kube-vitals.cdx.json /kube-vitals.cdx.json"];
    assert!(program.iter().all(|file| copied.contains(file)), "{copied:?}");
    assert_eq!(copied.len(), last_stage.matches("COPY").count());
}
