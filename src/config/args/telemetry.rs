//! Flags: logs and traces.

use clap::Args;
use http::Uri;
use tracing_subscriber::EnvFilter;

use crate::config::fault::Faults;
use crate::config::settings::Telemetry;
use crate::config::value::plain;

const MILLION: u32 = 1_000_000;
const FLAG_OTLP: &str = "--otlp-endpoint";

/// Logs and traces.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logs and traces")]
pub struct TelemetryArgs {
    /// What is logged: a level, or levels per module such as info,kube_vitals::scrape=debug
    #[arg(long, env = "KUBE_VITALS_LOG_FILTER", value_name = "FILTER", default_value = "info")]
    pub log_filter: String,

    /// How log lines are written: text or json
    #[arg(long, env = "KUBE_VITALS_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: String,

    /// OTLP/HTTP endpoint for traces, e.g. http://collector:4318; /v1/traces is added to it
    ///
    /// Without it OTEL_EXPORTER_OTLP_TRACES_ENDPOINT (used as it is) or
    /// OTEL_EXPORTER_OTLP_ENDPOINT (/v1/traces is added); where none is set there are no traces.
    /// OTEL_SDK_DISABLED=true turns them off in any case.
    #[arg(long, env = "KUBE_VITALS_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,

    /// Traces begun by us, per million requests and scrapes; those that kube-apiserver sampled
    /// are always continued
    #[arg(long, env = "KUBE_VITALS_TRACING_SAMPLING_RATE_PER_MILLION", value_name = "NUMBER", default_value = "0")]
    pub tracing_sampling_rate_per_million: String,
}

impl TelemetryArgs {
    /// `variable` tells OpenTelemetry's own environment variables.
    pub(in crate::config) fn read(
        &self,
        variable: &impl Fn(&str) -> Option<String>,
        faults: &mut Faults,
    ) -> Option<Telemetry> {
        let log_filter = faults.read("--log-filter", &self.log_filter, |typed| {
            EnvFilter::builder().parse(typed).map_err(|error| error.to_string())?;
            Ok(typed.to_owned())
        });
        let log_json = faults.read("--log-format", &self.log_format, |typed| match typed {
            "text" => Ok(false),
            "json" => Ok(true),
            _ => Err(format!("{typed:?} is neither text nor json")),
        });
        let otlp_endpoint = self.otlp_endpoint(variable, faults);
        let sampling_rate_per_million =
            faults.read("--tracing-sampling-rate-per-million", &self.tracing_sampling_rate_per_million, |typed| {
                match plain(typed)? {
                    rate if rate > MILLION => Err(format!("{rate} is more than a million")),
                    rate => Ok(rate),
                }
            });
        Some(Telemetry {
            log_filter: log_filter?,
            log_json: log_json?,
            otlp_endpoint: otlp_endpoint.filter(|_| !sdk_disabled(variable)),
            sampling_rate_per_million: sampling_rate_per_million?,
        })
    }

    fn otlp_endpoint(&self, variable: &impl Fn(&str) -> Option<String>, faults: &mut Faults) -> Option<String> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        if let Some(base) = self.otlp_endpoint.as_deref().filter(|typed| !typed.is_empty()) {
            faults.read(FLAG_OTLP, base, |typed| endpoint(&traces_of(typed)))
        } else if let Some(whole) = set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
            faults.read("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &whole, endpoint)
        } else {
            let base = set("OTEL_EXPORTER_OTLP_ENDPOINT")?;
            faults.read("OTEL_EXPORTER_OTLP_ENDPOINT", &base, |typed| endpoint(&traces_of(typed)))
        }
    }
}

/// The exporter's crate does not ask for this variable itself.
fn sdk_disabled(variable: &impl Fn(&str) -> Option<String>) -> bool {
    variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn traces_of(base: &str) -> String {
    format!("{}/v1/traces", base.trim_end_matches('/'))
}

fn endpoint(typed: &str) -> Result<String, String> {
    let uri: Uri = typed.parse().map_err(|error| format!("{typed:?} is no URL: {error}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(_)) => Ok(typed.to_owned()),
        _ => Err(format!("{typed:?} must begin with http:// or https://")),
    }
}
