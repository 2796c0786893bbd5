//! The TLS port of the pretend API server.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::sim::control_plane::authorities::Credential;
use crate::sim::control_plane::server::Server;

/// Connections at once: the server under test, a few kubectl, and room for a test's own.
const MAX_CONNECTIONS: usize = 512;
/// A client that does not finish its handshake or its header is no client.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// After a failed accept (no file descriptors left) before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Open answers may take this long once the server stops; watches end by themselves.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// TLS settings that show `credential` and offer both versions of HTTP.
pub(crate) fn tls(credential: Credential) -> Result<Arc<ServerConfig>, rustls::Error> {
    let (certificates, key) = credential.into_der();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Serves until `server.stop`, then lets open answers end.
pub(crate) async fn serve(listener: TcpListener, tls: Arc<ServerConfig>, server: Arc<Server>) {
    let acceptor = TlsAcceptor::from(tls);
    let stop = server.stop.clone();
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    while let Some((permit, accepted)) =
        until(&stop, async { (Arc::clone(&free).acquire_owned().await, listener.accept().await) }).await
    {
        while connections.try_join_next().is_some() {}
        let Ok((stream, client)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (acceptor, server) = (acceptor.clone(), Arc::clone(&server));
        connections.spawn(async move {
            if let Err(error) = connection(stream, client, acceptor, server).await {
                tracing::debug!(%client, %error, "a connection to the simulated API server failed");
            }
            drop(permit);
        });
    }
    if timeout(DRAIN_TIMEOUT, async { while connections.join_next().await.is_some() {} }).await.is_err() {
        connections.shutdown().await;
    }
}

async fn until<T>(stop: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    stop.run_until_cancelled(work).await
}

async fn connection(
    stream: TcpStream,
    client: SocketAddr,
    acceptor: TlsAcceptor,
    server: Arc<Server>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await??;
    let speaks_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let stop = server.stop.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let server = Arc::clone(&server);
        async move { Ok::<Response<Body>, io::Error>(server.answer(request.map(Body::new), client).await) }
    });
    let graceful = GracefulShutdown::new();
    if speaks_h2 {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let connection = builder.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        ended(graceful.watch(connection), &stop, graceful).await
    } else {
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HANDSHAKE_TIMEOUT);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        ended(graceful.watch(connection), &stop, graceful).await
    }
}

/// Waits for the connection's own end; on `stop`, lets it answer what it has begun.
async fn ended(
    connection: impl Future<Output = hyper::Result<()>>,
    stop: &CancellationToken,
    graceful: GracefulShutdown,
) -> io::Result<()> {
    let mut connection = std::pin::pin!(connection);
    if let Some(ended) = until(stop, &mut connection).await {
        return ended.map_err(io::Error::other);
    }
    tokio::select! {
        ended = connection => ended.map_err(io::Error::other),
        () = graceful.shutdown() => Ok(()),
    }
}
