use std::io::Write as _;

use super::super::content::tests::certificate_and_key;
use super::super::settings::{Authorize, ExportProtocol, HeaderSource, OtlpProtocol};
use super::*;

fn read_text(text: &str) -> (Option<Export>, Vec<String>) {
    let variable = |name: &str| (name == "POD_NAME").then(|| "kube-vitals-0".to_owned());
    let mut faults = Faults::default();
    let export = document(text, &variable, &mut faults);
    (export, faults.iter().map(|fault| fault.message.clone()).collect())
}

fn targets(text: &str) -> Vec<super::super::settings::ExportTarget> {
    let (export, faults) = read_text(text);
    assert_eq!(faults, [""; 0]);
    export.unwrap().targets
}

#[test]
fn an_empty_file_sends_nothing_anywhere() {
    for text in ["", "# nothing yet\n", "export:\n", "export: {}", "export: {remoteWrite: []}", "export: {otlp: }"] {
        assert_eq!(targets(text), [], "{text:?}");
    }
}

#[test]
fn a_target_is_a_name_and_a_url() {
    let read = targets("export:\n  remoteWrite:\n  - {name: vm, url: 'http://vm:8428/api/v1/write'}\n");
    let [target] = &read[..] else { panic!("{read:?}") };
    assert_eq!((target.name.as_str(), target.url.as_str()), ("vm", "http://vm:8428/api/v1/write"));
    assert_eq!(target.protocol, ExportProtocol::RemoteWriteNewest);
    assert_eq!((target.timeout.as_secs(), target.samples_per_request, target.queue_samples), (10, 2_000, 250_000));
    assert_eq!(target.authorize, None);
}

#[test]
fn grpc_has_paths_of_its_own() {
    let read = targets("export: {otlp: [{name: otel, url: 'http://otel:4317/', protocol: grpc}]}");
    assert_eq!((read[0].protocol, &*read[0].url), (ExportProtocol::Otlp(OtlpProtocol::Grpc), "http://otel:4317"));
    let (_, faults) = read_text(
        "export: {otlp: [{name: a, url: 'http://a/v1', protocol: grpc}, {name: b, url: 'http://b', protocol: json}]}",
    );
    let places: Vec<_> = faults.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["export.otlp[0].url", "export.otlp[1].protocol"]);
}

#[test]
fn everything_can_be_said_of_a_target() {
    let secret = certificate_and_key();
    let path = secret.path();
    let file = path.display();
    let read = targets(&format!(
        "export:\n  remoteWrite:\n  - name: mimir\n    url: https://mimir/api/v1/push\n    protocol: v1\n    \
         bearerTokenFile: {file}\n    headers: {{X-Scope-OrgID: 7}}\n    headersFrom: {{X-Key: {file}}}\n    \
         tls: {{caFile: {file}, certFile: {file}, keyFile: {file}}}\n    timeout: 3s\n    samplesPerRequest: 500\n    \
         queueSamples: 1000\n    externalLabels: {{replica: '${{POD_NAME}}', cluster: 'a-${{POD_NAME}}-b'}}\n  \
         otlp:\n  - {{name: otel, url: 'http://otel:4318/v1/metrics', basicAuth: {{username: u, passwordFile: {file}}}, \
         resourceAttributes: {{k8s.cluster.name: prod}}}}\n"
    ));
    let [mimir, otel] = &read[..] else { panic!("{read:?}") };
    assert_eq!(mimir.protocol, ExportProtocol::RemoteWrite1);
    assert_eq!(mimir.authorize, Some(Authorize::BearerTokenFile(path.to_owned())));
    let headers = [
        ("X-Scope-OrgID".to_owned(), HeaderSource::Value("7".to_owned())),
        ("X-Key".to_owned(), HeaderSource::File(path.to_owned())),
    ];
    assert_eq!(mimir.headers, headers);
    assert!(mimir.tls.authority.is_some() && mimir.tls.identity.is_some());
    assert_eq!((mimir.timeout.as_secs(), mimir.samples_per_request, mimir.queue_samples), (3, 500, 1000));
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(mimir.labels, [label("cluster", "a-kube-vitals-0-b"), label("replica", "kube-vitals-0")]);
    assert_eq!(otel.protocol, ExportProtocol::Otlp(OtlpProtocol::Http));
    assert_eq!(otel.authorize, Some(Authorize::Basic { username: "u".to_owned(), password_file: path.to_owned() }));
    assert_eq!(otel.labels, [label("k8s.cluster.name", "prod")]);
}

#[test]
fn all_faults_are_told_together_each_with_its_key() {
    let (_, faults) = read_text(
        "exprot: 1\nexport:\n  remoteWrite:\n  - {url: 'ftp://a', protocol: v3, timeout: soon, samplesPerRequest: 299, queueSamples: 10000001}\n  \
         - {name: a b, url: 'http://u:p@a/', queueSamples: 1500}\n  - {name: x, url: 'http://a', retries: 3}\n  \
         - {name: x, url: 'http://a', tls: {keyFile: /nowhere}, headers: {Authorization: z, ' ': z}}\n  \
         - {name: y, url: 'http://a', externalLabels: {pod: a, n: '${NOT_SET}', m: '${POD'}}\n  - 7\n  otlp: {}\n",
    );
    let places: Vec<_> = faults.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
    let mut expected = [
        "exprot",
        "export.remoteWrite[5]",
        "export.remoteWrite[0].protocol",
        "export.remoteWrite[0].name",
        "export.remoteWrite[0].url",
        "export.remoteWrite[0].timeout",
        "export.remoteWrite[0].samplesPerRequest",
        "export.remoteWrite[0].queueSamples",
        "export.remoteWrite[1].name",
        "export.remoteWrite[1].url",
        "export.remoteWrite[1].queueSamples",
        "export.remoteWrite[2].retries",
        "export.remoteWrite[3].name",
        "export.remoteWrite[3].headers.Authorization",
        "export.remoteWrite[3].headers. ",
        "export.remoteWrite[3].tls",
        "export.remoteWrite[3].tls.keyFile",
        "export.remoteWrite[4].externalLabels.m",
        "export.remoteWrite[4].externalLabels.n",
        "export.remoteWrite[4].externalLabels.pod",
        "export.otlp",
    ];
    let mut told = places.clone();
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected, "{faults:#?}");
}

#[test]
fn what_is_no_mapping_is_told_as_such() {
    for (text, fault) in [
        ("- a", "the document: must be a mapping"),
        ("export: 5", "export: must be a mapping"),
        ("export: {remoteWrite: [{name: [], url: 'http://a'}]}", "export.remoteWrite[0].name: must be a single value"),
    ] {
        assert_eq!(read_text(text).1, [fault], "{text}");
    }
    for text in ["export: {", "a: 1\na: 2"] {
        let faults = read_text(text).1;
        assert!(faults.len() == 1 && faults[0].starts_with("is no YAML"), "{text}: {faults:?}");
    }
}

#[test]
fn a_file_that_is_no_configuration_is_refused_whole() {
    let mut large = tempfile::NamedTempFile::new().unwrap();
    large.write_all(&vec![b'#'; 2 << 20]).unwrap();
    let mut faults = Faults::default();
    assert_eq!(read(large.path(), &|_| None, &mut faults), None);
    assert!(faults.to_string().contains("is larger than"), "{faults}");
}
