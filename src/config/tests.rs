use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use clap::{Args, CommandFactory, Parser};

use super::content::tests::certificate_and_key;
use super::*;

fn typed(flags: &[&str]) -> ServeArgs {
    ServeArgs::try_parse_from([&["serve"], flags].concat()).unwrap()
}

fn settings(flags: &[&str]) -> Result<Settings, Faults> {
    Settings::from_args_and_variables(&typed(flags), &|_| None)
}

/// The faults as `--flag` names only.
fn faulty(flags: &[&str]) -> Vec<&'static str> {
    settings(flags).unwrap_err().iter().map(|fault| fault.flag).collect()
}

#[test]
fn without_any_flag_it_runs_as_deployed() {
    let settings = settings(&[]).unwrap();
    assert_eq!(settings.kubeconfig, None);
    assert_eq!(settings.service.dns_name(), "custom-api.custom-api.svc");
    assert_eq!(settings.api_groups, ApiGroups { own: Some("custom.example.com".to_owned()), metrics: true });
    assert_eq!(settings.max_sample_age, Duration::from_mins(2));
    assert_eq!(settings.scraping.resolution, Duration::from_secs(15));
    assert_eq!(settings.scraping.request_timeout, Duration::from_secs(9), "0.6 of the resolution");
    assert_eq!(settings.scraping.port, 10250);
    assert_eq!(
        settings.scraping.address_kinds,
        [AddressKind::InternalIp, AddressKind::ExternalIp, AddressKind::Hostname]
    );
    assert_eq!(
        settings.scraping.tls,
        KubeletTls { trust: KubeletTrust::Cluster, client_certificate: None, server_name: KubeletServerName::Address }
    );
    assert_eq!(settings.serving.address, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    assert_eq!(settings.serving.port, 8080);
    assert_eq!(settings.serving.certificate, None);
    assert_eq!(settings.authorization.always_allow_paths, ["/healthz", "/readyz", "/livez"]);
    assert_eq!(settings.telemetry.traces, None);
}

#[test]
fn a_manifest_written_for_metrics_server_carries_over() {
    let settings = settings(&[
        "--kubelet-insecure-tls",
        "--kubelet-preferred-address-types=Hostname,InternalDNS,InternalIP,ExternalDNS,ExternalIP",
        "--kubelet-use-node-status-port=true",
        "--metric-resolution=60s",
        "--secure-port=10250",
        "-l",
        "kubernetes.io/os=linux",
    ])
    .unwrap();
    assert_eq!(settings.scraping.tls.trust, KubeletTrust::Anyone);
    assert!(settings.scraping.use_node_status_port);
    assert_eq!(settings.scraping.address_kinds.len(), 5);
    assert_eq!(settings.scraping.request_timeout, Duration::from_secs(10));
    assert_eq!(settings.scraping.node_selector, "kubernetes.io/os=linux");
}

#[test]
fn all_faults_are_told_together() {
    let faults = settings(&[
        "--service=custom-api",
        "--metric-resolution=soon",
        "--max-sample-age=-1s",
        "--kubelet-port=70000",
        "--tls-cert-file=/nowhere/tls.crt",
        "--pod-name=custom-api-server-1",
        "--log-format=xml",
    ])
    .unwrap_err();
    let flags: Vec<_> = faults.iter().map(|fault| fault.flag).collect();
    assert_eq!(
        flags,
        [
            "--service",
            "--metric-resolution",
            "--max-sample-age",
            "--kubelet-port",
            "--tls-private-key-file",
            "--tls-cert-file",
            "--pod-ip",
            "--log-format"
        ]
    );
    let told = faults.to_string();
    assert!(told.starts_with("wrong configuration:\n  --service: must be NAMESPACE/NAME"), "{told}");
    assert_eq!(told.lines().count(), 9);
}

#[test]
fn each_wrong_value_names_its_flag() {
    for wrong in [
        "--kubeconfig=/nowhere/config",
        "--service=Custom/Api",
        "--service=a/b/c",
        "--service=/",
        "--api-group=metrics.k8s.io",
        "--api-group=example",
        "--api-group=.example.com",
        "--serve-groups=",
        "--serve-groups=,",
        "--serve-groups=own,custom.example.com",
        "--metric-resolution=4s",
        "--max-sample-age=29s",
        "--kubelet-request-timeout=0s",
        "--kubelet-request-timeout=14s",
        "--kubelet-port=0",
        "--kubelet-use-node-status-port=perhaps",
        "--kubelet-preferred-address-types=",
        "--kubelet-preferred-address-types=InternalIP,InternalIP",
        "--kubelet-preferred-address-types=internalip",
        "--kubelet-certificate-authority=/nowhere/ca.crt",
        "--kubelet-requests-in-flight=0",
        "--kubelet-body-limit=1Ki",
        "--kubelet-body-limit=99999999999Gi",
        "--bind-address=localhost",
        "--secure-port=-1",
        "--max-connections=0",
        "--max-requests-inflight=many",
        "--request-timeout=0",
        "--authentication-kubeconfig=/",
        "--authentication-token-webhook-cache-ttl=10",
        "--authorization-kubeconfig=/nowhere/config",
        "--authorization-always-allow-paths=healthz",
        "--authorization-always-allow-paths=/*/healthz",
        "--authorization-always-allow-paths=/*",
        "--authorization-always-allow-paths=/apis/custom.example.com/*",
        "--authorization-webhook-cache-authorized-ttl=",
        "--authorization-webhook-cache-unauthorized-ttl=1y",
        "--memory-limit=15Mi",
        "--memory-limit=half",
        "--shutdown-delay-duration=forever",
        "--shutdown-drain-timeout=s",
        "--log-filter=info,=debug=",
        "--otlp-endpoint=collector:4318",
        "--tracing-sampling-rate-per-million=1000001",
    ] {
        let flag = wrong.split('=').next().unwrap();
        assert_eq!(faulty(&[wrong]), [flag], "{wrong}");
    }
}

#[test]
fn memory_is_limited_by_the_flag_or_not_by_us() {
    let limit = |flags: &[&str]| settings(flags).map(|settings| settings.memory_limit_bytes);
    assert_eq!(limit(&["--memory-limit=100Mi"]), Ok(Some(100 << 20)));
    assert_eq!(limit(&["--memory-limit=16777216"]), Ok(Some(16 << 20)));
    assert_eq!((limit(&[]), limit(&["--memory-limit="])), (Ok(None), Ok(None)));
}

#[test]
fn each_group_can_be_turned_off_but_not_all() {
    let served = |flags: &[&str]| settings(flags).map(|settings| settings.api_groups);
    let name = "--api-group=usage.corp.net";
    assert_eq!(served(&[name, "--serve-groups=own"]).unwrap().own.as_deref(), Some("usage.corp.net"));
    assert!(!served(&["--serve-groups=own"]).unwrap().metrics);
    let metrics = served(&[name, "--serve-groups=metrics.k8s.io"]);
    assert_eq!(metrics, Ok(ApiGroups { own: None, metrics: true }));
    let told = served(&["--serve-groups="]).unwrap_err().to_string();
    assert!(told.ends_with("--serve-groups: must name one or more of own, metrics.k8s.io"), "{told}");
    assert_eq!(faulty(&["--api-group=example", "--serve-groups=none"]), ["--api-group", "--serve-groups"]);
}

#[test]
fn a_pod_is_known_by_name_and_address() {
    let pod = |flags: &[&str]| settings(flags).map(|settings| settings.pod);
    assert_eq!(pod(&[]), Ok(None));
    assert_eq!(pod(&["--pod-name=", "--pod-ip="]), Ok(None));
    let known = pod(&["--pod-name=custom-api-server-1", "--pod-ip=fd00::7"]).unwrap().unwrap();
    assert_eq!((known.name.as_str(), known.address.to_string().as_str()), ("custom-api-server-1", "fd00::7"));
    assert_eq!(faulty(&["--pod-name=one"]), ["--pod-ip"]);
    assert_eq!(faulty(&["--pod-ip=10.0.0.1"]), ["--pod-name"]);
    assert_eq!(faulty(&["--pod-name=../one", "--pod-ip=localhost"]), ["--pod-name", "--pod-ip"]);
}

#[test]
fn shared_scrapes_need_what_makes_replicas_known_to_each_other() {
    let pod = ["--pod-name=one", "--pod-ip=10.0.0.1"];
    assert!(!settings(&pod).unwrap().scrape_sharing, "off by default");
    assert!(settings(&[pod[0], pod[1], "--scrape-sharing"]).unwrap().scrape_sharing);
    assert!(!settings(&["--scrape-sharing=false"]).unwrap().scrape_sharing);
    let told = settings(&["--scrape-sharing"]).unwrap_err().to_string();
    assert!(told.contains("--scrape-sharing: needs --pod-name and --pod-ip"), "{told}");
    let file = certificate_and_key();
    let files = ["--tls-cert-file", "--tls-private-key-file"].map(|flag| format!("{flag}={}", file.path().display()));
    let flags = [pod[0], pod[1], "--scrape-sharing=true", &files[0], &files[1]];
    assert_eq!(faulty(&flags), ["--scrape-sharing"]);
    assert_eq!(faulty(&["--scrape-sharing=perhaps"]), ["--scrape-sharing"]);
}

#[test]
fn a_certificate_needs_its_key() {
    let file = certificate_and_key();
    let file = file.path().display();
    assert_eq!(faulty(&[&format!("--kubelet-client-certificate={file}")]), ["--kubelet-client-key"]);
    assert_eq!(faulty(&[&format!("--tls-private-key-file={file}")]), ["--tls-cert-file"]);
    let both = settings(&[&format!("--tls-private-key-file={file}"), &format!("--tls-cert-file={file}")]).unwrap();
    assert!(both.serving.certificate.is_some());
}

#[test]
fn an_authority_beside_insecure_tls_is_a_contradiction() {
    let file = certificate_and_key();
    let authority = format!("--kubelet-certificate-authority={}", file.path().display());
    assert_eq!(faulty(&["--kubelet-insecure-tls", &authority]), ["--kubelet-insecure-tls"]);
    assert_eq!(settings(&[&authority]).unwrap().scraping.tls.trust, KubeletTrust::File(file.path().to_owned()));
}

#[test]
fn the_usual_scrape_timeout_shrinks_with_the_resolution() {
    let timeout = |resolution: &str| settings(&["--metric-resolution", resolution]).unwrap().scraping.request_timeout;
    assert_eq!(timeout("5s"), Duration::from_secs(3));
    assert_eq!(timeout("1m"), Duration::from_secs(10));
}

#[test]
fn an_empty_file_name_is_none() {
    assert_eq!(settings(&["--kubeconfig=", "--tls-cert-file="]).unwrap().kubeconfig, None);
}

#[test]
fn every_flag_has_its_environment_variable() {
    for arg in ServeArgs::command().get_arguments() {
        let flag = arg.get_long().unwrap();
        let variable = format!("KUBE_VITALS_{}", flag.replace('-', "_").to_uppercase());
        assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(variable.as_str()), "--{flag}");
    }
}

#[test]
fn every_flag_says_what_it_is_under_a_heading() {
    for arg in ServeArgs::command().get_arguments() {
        assert!(arg.get_help().is_some() && arg.get_help_heading().is_some(), "{arg}");
    }
}

#[derive(Args, Debug)]
struct NoArgs {}

#[test]
fn the_command_line_is_sound_and_knows_three_commands() {
    Cli::<NoArgs>::command().debug_assert();
    let parse = |words: &[&str]| Cli::<NoArgs>::try_parse_from(words).map(|cli| cli.command);
    assert!(matches!(parse(&["kube-vitals", "serve", "--secure-port", "0"]), Ok(Command::Serve(_))));
    assert!(matches!(parse(&["kube-vitals", "demo"]), Ok(Command::Demo(_))));
    assert!(matches!(parse(&["kube-vitals", "version"]), Ok(Command::Version)));
    assert_eq!(parse(&["kube-vitals", "serve", "--cert-dir=/tmp"]).unwrap_err().exit_code(), 2);
}
