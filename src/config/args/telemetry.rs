//! Flags: logs and traces.

use clap::Args;
use tracing_subscriber::filter::Targets;

use crate::config::args::traces;
use crate::config::fault::Faults;
use crate::config::settings::Telemetry;

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

    /// OTLP endpoint for traces, e.g. http://collector:4318, to which /v1/traces is added, or with
    /// --otlp-protocol=grpc http://collector:4317
    ///
    /// Without it OTEL_EXPORTER_OTLP_TRACES_ENDPOINT (used as it is) or
    /// OTEL_EXPORTER_OTLP_ENDPOINT (/v1/traces is added); where none is set there are no traces.
    /// OTEL_SDK_DISABLED=true and OTEL_TRACES_EXPORTER=none turn them off in any case. Headers,
    /// TLS, time limit and compression are OpenTelemetry's variables alone: docs/telemetry.md.
    #[arg(long, env = "KUBE_VITALS_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,

    /// How OTLP is spoken: http/protobuf or grpc
    ///
    /// Without it OTEL_EXPORTER_OTLP_TRACES_PROTOCOL or OTEL_EXPORTER_OTLP_PROTOCOL, else
    /// http/protobuf.
    #[arg(long, env = "KUBE_VITALS_OTLP_PROTOCOL", value_name = "PROTOCOL")]
    pub otlp_protocol: Option<String>,

    /// Traces begun by us, per million requests; those that kube-apiserver sampled are always
    /// continued
    ///
    /// Without it OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG, else 0.
    #[arg(long, env = "KUBE_VITALS_TRACING_SAMPLING_RATE_PER_MILLION", value_name = "NUMBER")]
    pub tracing_sampling_rate_per_million: Option<String>,

    /// Traces of scrapes, per million of them: each is a trace of its own
    #[arg(
        long,
        env = "KUBE_VITALS_SCRAPE_TRACING_SAMPLING_RATE_PER_MILLION",
        value_name = "NUMBER",
        default_value = "0"
    )]
    pub scrape_tracing_sampling_rate_per_million: String,
}

impl TelemetryArgs {
    /// `variable` tells OpenTelemetry's own environment variables.
    pub(in crate::config) fn read(
        &self,
        variable: &impl Fn(&str) -> Option<String>,
        faults: &mut Faults,
    ) -> Option<Telemetry> {
        let log_filter = faults.read("--log-filter", &self.log_filter, |typed| {
            typed.parse::<Targets>().map_err(|error| error.to_string())?;
            Ok(typed.to_owned())
        });
        let log_json = faults.read("--log-format", &self.log_format, |typed| match typed {
            "text" => Ok(false),
            "json" => Ok(true),
            _ => Err(format!("{typed:?} is neither text nor json")),
        });
        let traces = traces::read(self, variable, faults);
        Some(Telemetry { log_filter: log_filter?, log_json: log_json?, traces })
    }
}
