//! The program as typed: what it says, and what it ends with.

use std::process::{Command, Output};

/// Runs the program to its end, with no variables but these.
fn run(words: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kube-vitals"));
    command.args(words).env_clear().envs(variables.iter().copied()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

#[test]
fn wrong_configuration_is_told_whole_and_ends_with_2() {
    let ended = run(&["serve", "--secure-port=high"], &[("KUBE_VITALS_METRIC_RESOLUTION", "1s")]);
    assert_eq!(ended.status.code(), Some(2));
    let told = text(&ended.stderr);
    assert!(told.contains("--metric-resolution: 1s is less than 5s"), "{told}");
    assert!(told.contains("--secure-port: \"high\""), "{told}");
    assert!(ended.stdout.is_empty());
}

#[test]
fn a_selector_that_cannot_be_read_is_wrong_configuration() {
    let ended = run(&["serve", "--node-selector", "a in ("], &[]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(text(&ended.stderr).contains("--node-selector: "), "{}", text(&ended.stderr));
}

#[test]
fn files_of_something_else_are_told_together_with_their_flags() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().display();
    let flags = [
        "--kubelet-certificate-authority",
        "--kubelet-client-certificate",
        "--kubelet-client-key",
        "--tls-cert-file",
        "--tls-private-key-file",
    ];
    let typed = flags.map(|flag| format!("{flag}={path}"));
    let ended = run(&["serve", &typed[0], &typed[1], &typed[2], &typed[3], &typed[4]], &[]);
    assert_eq!(ended.status.code(), Some(2));
    let told = text(&ended.stderr);
    for flag in flags {
        assert!(told.contains(&format!("{flag}: {path} holds no ")), "{flag}: {told}");
    }
}

#[test]
fn a_kubeconfig_that_is_none_is_wrong_configuration() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hello").unwrap();
    let path = file.path().display();
    let ended = run(&["serve", &format!("--kubeconfig={path}"), "--secure-port=0"], &[]);
    assert_eq!(ended.status.code(), Some(2));
    let told = text(&ended.stderr);
    assert!(told.contains(&format!("--kubeconfig: {path} cannot be used")), "{told}");
}

#[test]
fn outside_of_a_cluster_the_flag_that_helps_is_named() {
    let ended = run(&["serve", "--secure-port=0"], &[]);
    assert_eq!(ended.status.code(), Some(2));
    let told = text(&ended.stderr);
    assert!(told.contains("not in a cluster: give --kubeconfig, or run as a pod"), "{told}");
}

#[test]
fn a_collectors_authority_that_is_none_is_wrong_configuration() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://localhost:4317"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", file.path().to_str().unwrap()),
    ];
    let ended = run(&["serve", "--secure-port=0"], &variables);
    assert_eq!(ended.status.code(), Some(2), "{}", text(&ended.stderr));
}

#[test]
fn the_flag_wins_over_the_variable() {
    let ended = run(&["serve", "--metric-resolution=2s"], &[("KUBE_VITALS_METRIC_RESOLUTION", "1s")]);
    assert!(text(&ended.stderr).contains("--metric-resolution: 2s is less than 5s"), "{}", text(&ended.stderr));
}

#[test]
fn an_unknown_flag_ends_with_2() {
    let ended = run(&["serve", "--cert-dir=/tmp"], &[]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(text(&ended.stderr).contains("--cert-dir"));
}

#[test]
fn the_version_is_that_of_the_package() {
    let ended = run(&["version"], &[]);
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(text(&ended.stdout), concat!("kube-vitals ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn help_teaches_by_groups_and_examples() {
    let ended = run(&["serve", "--help"], &[]);
    assert_eq!(ended.status.code(), Some(0));
    for words in ["Kubelets:", "Shutdown:", "Examples:", "KUBE_VITALS_LOG_FILTER"] {
        assert!(text(&ended.stdout).contains(words), "{words}");
    }
}
