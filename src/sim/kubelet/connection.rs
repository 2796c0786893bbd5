//! One connection to a kubelet.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::answer::Kubelets;
use crate::clock::UnixMillis;
use crate::sim::certificates::{Certificates, Trust};
use crate::sim::{Fault, SimNode, World};

/// Local peers shake hands in milliseconds; a busy machine is given some seconds.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);
/// Between two requests of a kept connection; longer than any scrape interval used here.
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);

/// The node that was dialled, if it is there now.
pub(super) fn dialled(stream: &TcpStream, world: &World, now: UnixMillis) -> Option<SimNode> {
    let Ok(SocketAddr::V4(local)) = stream.local_addr() else { return None };
    local.ip().is_loopback().then(|| world.node_at(*local.ip(), now)).flatten()
}

/// Serves a connection to its end. Errors end it and concern nobody else: clients see them.
pub(super) async fn serve(stream: TcpStream, node: SimNode, certificates: Arc<Certificates>, kubelets: Arc<Kubelets>) {
    if let Err(error) = try_serve(stream, node, &certificates, kubelets).await {
        tracing::debug!(%error, "a connection to a simulated kubelet ended");
    }
}

async fn try_serve(
    stream: TcpStream,
    node: SimNode,
    certificates: &Certificates,
    kubelets: Arc<Kubelets>,
) -> io::Result<()> {
    let fault = kubelets.fault(node.index);
    if fault == Some(Fault::Reset) || !kubelets.is_reached(&node) {
        return stream.set_zero_linger();
    }
    stream.set_nodelay(true)?;
    let trust = Trust::of(fault);
    let acceptor = TlsAcceptor::from(certificates.server_config(node.address, trust)?);
    let stream = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await??;
    let node = Arc::new(node);
    let service = service_fn(move |request| {
        let (kubelets, node) = (Arc::clone(&kubelets), Arc::clone(&node));
        async move { kubelets.answer(&node, trust, request).await }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    served.await.map_err(io::Error::other)
}
