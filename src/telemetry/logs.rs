//! Where events go: lines on stderr.

use std::io::{self, IsTerminal};

use tracing::Dispatch;
use tracing_subscriber::filter::{FilterExt, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, fmt};

use super::{Error, traces};
use crate::config::Telemetry;

/// The part of the client of the API server that logs every answer it cannot read as it came, a Secret
/// with its keys as well. What is wrong with it reaches us as an error, and is told.
const WHOLE_ANSWERS: &str = "kube_client::client";

/// Installs the process's one subscriber: logs always, traces where an endpoint is set.
///
/// # Errors
/// When the filter or the exporter cannot be made, or a subscriber is there already.
pub fn start(settings: &Telemetry) -> Result<traces::Guard, Error> {
    let (spans, guard) = traces::build(settings.traces.as_ref(), traces::Metrics::of_process())?;
    let lines = tracing_subscriber::registry().with(layer(settings, io::stderr)?);
    tracing::dispatcher::set_global_default(joined(lines, spans)).map_err(Error::Installed)?;
    Ok(guard)
}

/// Where nobody collects spans, none are made; a layer of `None` would let them be.
fn joined<S>(lines: S, spans: Option<impl Layer<S> + Send + Sync>) -> Dispatch
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    match spans {
        Some(spans) => Dispatch::new(lines.with(spans)),
        None => Dispatch::new(lines),
    }
}

fn layer<S, W>(settings: &Telemetry, writer: W) -> Result<Box<dyn Layer<S> + Send + Sync>, Error>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    W: for<'line> fmt::MakeWriter<'line> + Send + Sync + 'static,
{
    let filter: Targets = settings.log_filter.parse().map_err(Error::LogFilter)?;
    // Events carry all their fields themselves. Logs that asked for spans would keep every span
    // alive even where nobody collects traces.
    let filter = filter.and(filter_fn(|metadata| !metadata.is_span() && metadata.target() != WHOLE_ANSWERS));
    let lines = fmt::layer().with_writer(writer).with_ansi(io::stderr().is_terminal());
    Ok(if settings.log_json {
        lines.json().flatten_event(true).with_current_span(false).with_span_list(false).with_filter(filter).boxed()
    } else {
        lines.with_filter(filter).boxed()
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tracing_subscriber::layer::Identity;
    use tracing_subscriber::registry;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, json: bool, say: impl FnOnce()) -> String {
        let settings = Telemetry { log_filter: filter.to_owned(), log_json: json, traces: None };
        let lines = Lines::default();
        let writer = lines.clone();
        let logs = registry().with(layer(&settings, move || writer.clone()).unwrap());
        tracing::dispatcher::with_default(&joined(logs, None::<Identity>), say);
        let bytes = lines.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_json_line_is_flat_and_whole() {
        let line = logged("info", true, || tracing::info!(node = "n1", "scrape failed"));
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["message"], "scrape failed");
        assert_eq!(line["node"], "n1");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn the_filter_decides_by_module() {
        let said = logged("warn,kube_vitals::telemetry=debug", false, || {
            tracing::debug!("near");
            tracing::info!(target: "hyper", "far");
        });
        assert!(said.contains("near") && !said.contains("far"), "{said}");
    }

    #[test]
    fn answers_of_the_api_server_are_never_logged_whole() {
        let said = logged("trace", false, || {
            tracing::warn!(target: "kube_client::client", "ca.key: secret");
            tracing::warn!(target: "kube_client::client::builder", "failed");
        });
        assert!(said.contains("failed") && !said.contains("secret"), "{said}");
    }

    #[test]
    fn spans_are_no_part_of_the_log() {
        // Whether a span exists at all is decided by every subscriber of the process together, and
        // other tests have theirs.
        let said = logged("trace", false, || tracing::error_span!("answer").in_scope(|| tracing::info!("said")));
        assert!(said.contains("said") && !said.contains("answer"), "{said}");
    }
}
