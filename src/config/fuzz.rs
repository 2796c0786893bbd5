//! Whatever operators type.

use std::collections::HashSet;
use std::time::Duration;

use http::Uri;

use super::args::{TelemetryArgs, read_traces};
use super::fault::Faults;
use super::{file, value};
use crate::fuzzing::Input;
use crate::go_duration::{self, GoDuration};
use crate::usage::Bytes;

/// What is written as a duration reads the same again; sizes and names are those of Kubernetes.
pub(crate) fn flag_values(bytes: &[u8]) {
    /// What Go can count, in milliseconds.
    const LONGEST_MILLIS: u64 = 9_223_372_036_000;
    let millis = Input::of(bytes).number() % LONGEST_MILLIS;
    let written = GoDuration(Duration::from_millis(millis)).to_string();
    let read = go_duration::seconds(&written).ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    assert!(
        read.is_some_and(|read| read.abs_diff(Duration::from_millis(millis)) < Duration::from_millis(1)),
        "{written}"
    );
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(seconds) = go_duration::seconds(text) {
        assert!(seconds.is_finite() && seconds.abs() < 1e10, "{text}");
        let duration = value::duration(text).ok();
        assert!(duration.is_none_or(|duration| (duration.as_secs_f64() - seconds).abs() < 1e-6), "{text}");
    }
    if let Ok(size) = value::byte_size(text) {
        assert_eq!(text.parse(), Ok(Bytes(size)));
    }
    assert!(value::dns_label(text).is_err() || value::dns_subdomain(text).is_ok());
    assert!(value::list(text).all(|word| !word.is_empty() && word.trim() == word));
}

/// A file without faults is a set of engines that can be sent to; every fault names the file's flag.
pub(crate) fn config_file(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let variable = |name: &str| (name == "POD_NAME").then(|| "pod-0".to_owned());
    let mut faults = Faults::default();
    let export = file::document(text, &variable, &mut faults);
    assert!(faults.iter().all(|fault| fault.flag == file::FLAG && !fault.message.is_empty()));
    let Some(export) = export.filter(|_| faults.is_empty()) else { return };
    let mut names = HashSet::new();
    for target in &export.targets {
        assert!(names.insert(&target.name) && !target.name.is_empty());
        assert!(target.timeout > Duration::ZERO && target.samples_per_request <= target.queue_samples);
        check_endpoint(&target.url);
    }
}

/// Lines as OpenTelemetry's variables: what is accepted can be sent to, within bounds, and no value of
/// a header can be printed.
pub(crate) fn otlp_variables(bytes: &[u8]) {
    const NAMES: [&str; 12] = [
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        "OTEL_TRACES_SAMPLER",
        "OTEL_TRACES_SAMPLER_ARG",
        "OTEL_TRACES_EXPORTER",
        "OTEL_PROPAGATORS",
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "OTEL_SDK_DISABLED",
    ];
    let mut input = Input::of(bytes);
    let values = NAMES.map(|_| input.text());
    let variable =
        |name: &str| NAMES.iter().zip(values).find(|(known, _)| **known == name).map(|(_, value)| value.to_owned());
    let args = TelemetryArgs {
        log_filter: String::new(),
        log_format: String::new(),
        otlp_endpoint: None,
        otlp_protocol: None,
        tracing_sampling_rate_per_million: None,
        scrape_tracing_sampling_rate_per_million: "0".to_owned(),
    };
    let mut faults = Faults::default();
    let Some(read) = read_traces(&args, &variable, &mut faults) else { return };
    check_endpoint(&read.otlp.endpoint);
    assert!(!read.otlp.timeout.is_zero() && read.otlp.timeout <= Duration::from_mins(1));
    assert!(read.requests_per_million <= 1_000_000 && read.queue_spans > 0);
    assert!(read.otlp.headers.values().all(http::HeaderValue::is_sensitive));
}

fn check_endpoint(url: &str) {
    let uri = url.parse::<Uri>();
    assert!(
        uri.is_ok_and(|uri| uri.authority().is_some() && matches!(uri.scheme_str(), Some("http" | "https"))),
        "{url}"
    );
}
