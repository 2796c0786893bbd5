use std::path::PathBuf;
use std::time::Duration;

use clap::Parser as _;

use crate::config::content::tests::certificate_and_key;
use crate::config::{Faults, OtlpProtocol, ServeArgs, Settings, Traces};

const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

fn read(flags: &[&str], variables: &[(&str, &str)]) -> Result<Option<Traces>, Faults> {
    let args = ServeArgs::try_parse_from(["serve"].iter().chain(flags)).unwrap();
    let variable = |name: &str| {
        let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
        Some((*value).to_owned())
    };
    Settings::from_args_and_variables(&args, &variable).map(|settings| settings.telemetry.traces)
}

fn traces(flags: &[&str], variables: &[(&str, &str)]) -> Traces {
    read(flags, &[&[ENDPOINT], variables].concat()).unwrap().unwrap()
}

/// What is wrong, with a collector set.
fn fault(flags: &[&str], variables: &[(&str, &str)]) -> String {
    let faults = read(flags, &[variables, &[ENDPOINT]].concat()).unwrap_err();
    let told: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    told.concat()
}

#[test]
fn the_flag_is_heard_before_the_signals_variable_and_that_before_the_one_of_all_signals() {
    let endpoint = |flags: &[&str], variables: &[(&str, &str)]| {
        read(flags, variables).map(|traces| traces.map(|traces| traces.otlp.endpoint))
    };
    let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4318/");
    let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://traces/in");
    assert_eq!(endpoint(&[], &[]).unwrap(), None);
    assert_eq!(endpoint(&[], &[base]).unwrap().as_deref(), Some("http://base:4318/v1/traces"));
    assert_eq!(endpoint(&[], &[base, own]).unwrap().as_deref(), Some("https://traces/in"));
    let flag = ["--otlp-endpoint", "http://flag:1"];
    assert_eq!(endpoint(&flag, &[base, own]).unwrap().as_deref(), Some("http://flag:1/v1/traces"));
    let faults = endpoint(&[], &[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector")]).unwrap_err();
    assert_eq!(faults.iter().map(|fault| fault.flag).collect::<Vec<_>>(), ["OTEL_EXPORTER_OTLP_ENDPOINT"]);
}

#[test]
fn traces_are_turned_off_by_the_variables_that_say_so() {
    for off in [("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_TRACES_EXPORTER", "none")] {
        assert_eq!(read(&["--otlp-endpoint", "http://flag:1"], &[off]).unwrap(), None, "{off:?}");
    }
    assert!(read(&[], &[ENDPOINT, ("OTEL_SDK_DISABLED", "false")]).unwrap().is_some());
    assert!(read(&[], &[ENDPOINT, ("OTEL_TRACES_EXPORTER", "otlp")]).unwrap().is_some());
}

#[test]
fn grpc_takes_an_endpoint_without_a_path() {
    let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let otlp = traces(&[], &[grpc]).otlp;
    assert_eq!((otlp.protocol, otlp.endpoint.as_str()), (OtlpProtocol::Grpc, "http://collector:4318"));
    let otlp = traces(&["--otlp-protocol", "http/protobuf"], &[grpc]).otlp;
    assert_eq!((otlp.protocol, otlp.endpoint.as_str()), (OtlpProtocol::Http, "http://collector:4318/v1/traces"));
    let told = fault(&["--otlp-protocol=grpc", "--otlp-endpoint=https://c:4317/v1/traces"], &[]);
    assert!(told.contains("--otlp-endpoint") && told.contains("has a path"), "{told}");
}

#[test]
fn headers_time_limit_and_compression_are_read_and_headers_kept_secret() {
    let otlp = traces(
        &[],
        &[
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20a%3Db, x-tenant = ops"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
            ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip"),
        ],
    )
    .otlp;
    assert_eq!(
        (&otlp.headers["authorization"], &otlp.headers["x-tenant"]),
        (&"Bearer a=b".parse().unwrap(), &"ops".parse().unwrap())
    );
    assert!(!format!("{otlp:?}").contains("Bearer"), "{otlp:?}");
    assert_eq!((otlp.timeout, otlp.gzip), (Duration::from_millis(2500), true));
    let plain = traces(&[], &[]).otlp;
    assert_eq!((plain.headers.len(), plain.timeout, plain.gzip), (0, Duration::from_secs(10), false));
}

#[test]
fn certificates_are_files_that_must_be_there_and_a_key_belongs_to_a_certificate() {
    let file = certificate_and_key();
    let path = file.path().to_str().unwrap();
    let otlp = traces(
        &[],
        &[
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", path),
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", path),
            ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", path),
        ],
    )
    .otlp;
    let path = PathBuf::from(path);
    assert_eq!(otlp.authority_file.as_ref(), Some(&path));
    assert_eq!(otlp.client_certificate, Some((path.clone(), path)));
    let told = fault(&[], &[("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.crt")]);
    assert!(told.contains("OTEL_EXPORTER_OTLP_CERTIFICATE: /nowhere/ca.crt cannot be read"), "{told}");
    let told = fault(&[], &[("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", file.path().to_str().unwrap())]);
    assert!(told.contains("OTEL_EXPORTER_OTLP_CLIENT_KEY: is needed beside"), "{told}");
}

#[test]
fn samplers_are_read_where_no_flag_says_how_many() {
    let sampling = |flags: &[&str], variables: &[(&str, &str)]| {
        let traces = traces(flags, variables);
        (traces.requests_per_million, traces.follows_parent)
    };
    let sampler = |name| ("OTEL_TRACES_SAMPLER", name);
    let quarter = ("OTEL_TRACES_SAMPLER_ARG", "0.25");
    assert_eq!(sampling(&[], &[]), (0, true));
    assert_eq!(sampling(&[], &[sampler("always_on")]), (1_000_000, false));
    assert_eq!(sampling(&[], &[sampler("always_off"), quarter]), (0, false));
    assert_eq!(sampling(&[], &[sampler("traceidratio"), quarter]), (250_000, false));
    assert_eq!(sampling(&[], &[sampler("parentbased_always_on")]), (1_000_000, true));
    assert_eq!(sampling(&[], &[sampler("parentbased_traceidratio"), quarter]), (250_000, true));
    assert_eq!(sampling(&[], &[sampler("parentbased_traceidratio")]), (1_000_000, true));
    assert_eq!(sampling(&["--tracing-sampling-rate-per-million=7"], &[sampler("always_on")]), (7, true));
    assert_eq!(traces(&["--scrape-tracing-sampling-rate-per-million=9"], &[]).scrapes_per_million, 9);
}

#[test]
fn what_is_not_here_is_refused_by_name_and_with_what_is() {
    for (variable, value, told) in [
        ("OTEL_TRACES_EXPORTER", "zipkin", "otlp is"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http/protobuf and grpc are"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "zstd", "gzip"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "between 1 and 60000"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "secret", "NAME=VALUE"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=%00secret", "value of a"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote", "traceidratio"),
        ("OTEL_PROPAGATORS", "tracecontext,b3", "b3 is not spoken here"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "between 1 and 65536"),
    ] {
        let fault = fault(&[], &[(variable, value)]);
        assert!(fault.starts_with(variable) && fault.contains(told) && !fault.contains("secret"), "{fault}");
    }
    let ratio = [("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "1.5")];
    assert!(fault(&[], &ratio).starts_with("OTEL_TRACES_SAMPLER_ARG"));
    assert_eq!(traces(&[], &[("OTEL_PROPAGATORS", "tracecontext,baggage")]).queue_spans, 2048);
    let alone = [("OTEL_PROPAGATORS", "b3"), ("OTEL_TRACES_EXPORTER", "zipkin")];
    assert_eq!(read(&[], &alone).unwrap(), None, "and is nobody's affair without a collector");
    let both = read(&["--otlp-endpoint=collector"], &alone).unwrap_err();
    let told: Vec<_> = both.iter().map(|fault| fault.flag).collect();
    assert_eq!(told, ["OTEL_TRACES_EXPORTER", "--otlp-endpoint", "OTEL_PROPAGATORS"]);
}
