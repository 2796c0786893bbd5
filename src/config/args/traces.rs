//! Which spans are sent: our flags, and the variables of OpenTelemetry's that an SDK would read.

use crate::config::args::TelemetryArgs;
use crate::config::args::otlp::{TRACES, Typed};
use crate::config::fault::Faults;
use crate::config::settings::Traces;
use crate::config::value::{list, plain};

const MILLION: u32 = 1_000_000;
/// The specification's. A span takes about a kilobyte.
const DEFAULT_QUEUE_SPANS: usize = 2048;
/// Some 64 MiB.
const LONGEST_QUEUE_SPANS: usize = 1 << 16;

const EXPORTER: &str = "OTEL_TRACES_EXPORTER";
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";

/// What begins a trace of its own.
struct Sampling {
    requests_per_million: u32,
    follows_parent: bool,
}

/// `None` where no collector is set, where traces are turned off, and where something is wrong.
pub(in crate::config) fn read(
    args: &TelemetryArgs,
    variable: &impl Fn(&str) -> Option<String>,
    faults: &mut Faults,
) -> Option<Traces> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let requests = args.tracing_sampling_rate_per_million.as_deref().filter(|typed| !typed.is_empty());
    // Our own flags are read in any case, so that a slip shows before there is a collector.
    let typed_rate = requests.map(|typed| faults.read("--tracing-sampling-rate-per-million", typed, rate));
    let typed = &args.scrape_tracing_sampling_rate_per_million;
    let scrapes_per_million = faults.read("--scrape-tracing-sampling-rate-per-million", typed, rate);
    let typed = Typed {
        endpoint: ("--otlp-endpoint", args.otlp_endpoint.as_deref().unwrap_or_default()),
        protocol: ("--otlp-protocol", args.otlp_protocol.as_deref().unwrap_or_default()),
    };
    if is_off(&set) || !TRACES.is_set(&typed, variable) {
        return None;
    }
    exporter(&set, faults);
    let otlp = TRACES.read(&typed, variable, faults);
    let sampling = match typed_rate {
        Some(rate) => rate.map(|requests_per_million| Sampling { requests_per_million, follows_parent: true }),
        None => sampling(&set, faults),
    };
    propagators(&set, faults);
    let queue = set("OTEL_BSP_MAX_QUEUE_SIZE");
    let queue_spans = queue.map(|typed| faults.read("OTEL_BSP_MAX_QUEUE_SIZE", &typed, queue_length));
    let sampling = sampling?;
    Some(Traces {
        otlp: otlp?,
        requests_per_million: sampling.requests_per_million,
        scrapes_per_million: scrapes_per_million?,
        follows_parent: sampling.follows_parent,
        queue_spans: queue_spans.unwrap_or(Some(DEFAULT_QUEUE_SPANS))?,
    })
}

/// Whether traces are turned off, whatever else is set.
fn is_off(set: &impl Fn(&str) -> Option<String>) -> bool {
    let is_disabled = set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    is_disabled || set(EXPORTER).is_some_and(|name| name == "none")
}

fn exporter(set: &impl Fn(&str) -> Option<String>, faults: &mut Faults) {
    if let Some(name) = set(EXPORTER).filter(|name| name != "otlp") {
        faults.add(EXPORTER, format!("{name:?} is not spoken here: otlp is, and none turns traces off"));
    }
}

fn sampling(set: &impl Fn(&str) -> Option<String>, faults: &mut Faults) -> Option<Sampling> {
    let Some(name) = set(SAMPLER) else { return Some(Sampling { requests_per_million: 0, follows_parent: true }) };
    let (kind, follows_parent) = match name.strip_prefix("parentbased_") {
        Some(kind) => (kind, true),
        None => (name.as_str(), false),
    };
    let requests_per_million = match kind {
        "always_on" => MILLION,
        "always_off" => 0,
        "traceidratio" => match set(SAMPLER_ARGUMENT) {
            Some(typed) => faults.read(SAMPLER_ARGUMENT, &typed, ratio)?,
            None => MILLION,
        },
        _ => {
            faults.add(
                SAMPLER,
                format!(
                    "{name:?} is not here: always_on, always_off and traceidratio are, \
                     each also with parentbased_ before it"
                ),
            );
            return None;
        }
    };
    Some(Sampling { requests_per_million, follows_parent })
}

/// W3C's trace context is the one that kube-apiserver and kubelets speak. Baggage stands in every
/// default and is let be: it is neither read nor sent.
fn propagators(set: &impl Fn(&str) -> Option<String>, faults: &mut Faults) {
    let Some(typed) = set("OTEL_PROPAGATORS") else { return };
    let unknown: Vec<&str> = list(&typed).filter(|name| !matches!(*name, "tracecontext" | "baggage")).collect();
    if !unknown.is_empty() {
        faults.add("OTEL_PROPAGATORS", format!("{} is not spoken here: tracecontext is", unknown.join(", ")));
    }
}

fn rate(typed: &str) -> Result<u32, String> {
    match plain(typed)? {
        rate if rate > MILLION => Err(format!("{rate} is more than a million")),
        rate => Ok(rate),
    }
}

/// A share between 0 and 1, in millionths.
fn ratio(typed: &str) -> Result<u32, String> {
    let ratio: f64 = plain(typed)?;
    if !(0.0..=1.0).contains(&ratio) {
        return Err(format!("{typed:?} is not between 0 and 1"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a million")]
    Ok((ratio * f64::from(MILLION)).round() as u32)
}

fn queue_length(typed: &str) -> Result<usize, String> {
    match plain(typed)? {
        spans if (1..=LONGEST_QUEUE_SPANS).contains(&spans) => Ok(spans),
        spans => Err(format!("{spans} is not between 1 and {LONGEST_QUEUE_SPANS}")),
    }
}

#[cfg(test)]
mod tests;
