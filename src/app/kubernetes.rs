//! The connection to the API server: from a kubeconfig, or from the pod's own service account.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use http::{Request, Uri};
use kube::client::{Body, ClientBuilder, RustlsTlsError};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tower::util::MapRequestLayer;
use tracing::{Span, field};

use crate::telemetry::{BrokenPem, traces};

/// A dial that takes longer fails; what is asked then has limits of its own.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than the API server lets a watch be silent: a connection on which nothing came for so
/// long is dead.
const READ_TIMEOUT: Duration = Duration::from_mins(5);

/// The configuration of a flag's kubeconfig, or of the pod we run in.
pub(super) async fn config(flag: &str, kubeconfig: Option<&Path>) -> anyhow::Result<Config> {
    let mut config = match kubeconfig {
        Some(path) => {
            let useless = || format!("{flag}: {} cannot be used", path.display());
            let file = Kubeconfig::read_from(path).with_context(useless)?;
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.with_context(useless)?
        }
        None => Config::incluster().context("not in a cluster: give --kubeconfig, or run as a pod")?,
    };
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    Ok(config)
}

/// A client for a configuration.
pub(super) fn client(config: Config) -> anyhow::Result<Client> {
    let server = config.cluster_url.clone();
    let traced = MapRequestLayer::new(move |request| traced(&server, request));
    let builder = ClientBuilder::try_from(config).map_err(told).context("cannot make a client for the API server")?;
    Ok(builder.with_layer(&traced).build())
}

/// A key that cannot be read is not told.
fn told(error: kube::Error) -> anyhow::Error {
    match error {
        kube::Error::RustlsTls(RustlsTlsError::InvalidIdentityPem(error)) => {
            anyhow::Error::new(BrokenPem::from(error)).context("its client certificate or key cannot be read")
        }
        error => error.into(),
    }
}

/// Tells the server which span is asking, if there is one, and the span whom it asks.
fn traced(server: &Uri, mut request: Request<Body>) -> Request<Body> {
    let span = Span::current();
    if !span.is_disabled() {
        let host = server.host().unwrap_or_default();
        span.record("server.address", host.trim_start_matches('[').trim_end_matches(']'));
        span.record("server.port", server.port_u16());
        let base = server.to_string();
        span.record("url.full", field::display(format_args!("{}{}", base.trim_end_matches('/'), request.uri())));
        traces::inject(&span, request.headers_mut());
    }
    request
}

/// A client for another kubeconfig, or the one there is.
pub(super) async fn other_client(flag: &str, kubeconfig: Option<&Path>, client: &Client) -> anyhow::Result<Client> {
    match kubeconfig {
        Some(path) => self::client(config(flag, Some(path)).await?),
        None => Ok(client.clone()),
    }
}
