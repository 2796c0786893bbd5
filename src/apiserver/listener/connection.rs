//! One connection, from handshake to close.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::activity::Activity;
use super::at_once::AtOnce;
use super::last_word::Line;
use super::metrics;
use super::rewoken::Rewoken;
use super::unread::Unread;
use super::{CloseConnection, ConnectionId, Metrics, Peer, Trusted};
use crate::apiserver::peers::PeerPlace;

/// As long as kube-aggregator gives a handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Time for the head of a request, and for the next one to begin on an idle HTTP/1 connection; on
/// HTTP/2, where idle connections are kept for longer, for the first one to begin.
const HEAD: Duration = Duration::from_secs(32);
/// A client that dialled just before the stop believes to be connected: time for its first request.
const NEWCOMER: Duration = Duration::from_secs(2);
/// A user in many groups with many extras makes a long head: kube-apiserver's own limit.
const MAX_HEAD_BYTES: u32 = 1024 * 1024;
/// Those who are not trusted speak for themselves: a token is the longest that they have to say. They
/// may be many, and a head takes its memory before anybody is known.
const MAX_DIRECT_HEAD_BYTES: u32 = 64 * 1024;
/// One header for each group of a user; hyper's 100 is less than large organisations have.
const MAX_HTTP1_HEADERS: usize = 1024;
/// One connection of kube-aggregator carries the requests of all users.
const MAX_STREAMS: u32 = 1000;
/// As Go's servers grant; clients dial again for more.
const MAX_DIRECT_STREAMS: u32 = 250;
/// Streams that a client opened and reset before we took them on; the availability probe resets a
/// few after each round, an attack resets thousands.
const MAX_PENDING_RESETS: usize = 100;
/// Streams that we reset because the client broke the protocol.
const MAX_LOCAL_ERROR_RESETS: usize = 1024;
/// Answers waiting for a slow reader, per stream.
const MAX_SEND_BUFFER_BYTES: usize = 128 * 1024;
/// We read no request bodies worth a larger window: this bounds what a connection can make us hold.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// The same for the whole connection.
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// A peer that is gone is noticed after this and [`PING_ANSWER`].
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// Time to answer a ping.
const PING_ANSWER: Duration = Duration::from_secs(15);

/// What one connection needs.
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) address: SocketAddr,
    /// Among those of its address.
    pub(super) place: Option<PeerPlace>,
    pub(super) tls: TlsAcceptor,
    pub(super) app: Router,
    pub(super) trusted: Trusted,
    pub(super) metrics: Metrics,
    pub(super) stop: CancellationToken,
}

impl Connection {
    /// Serves it to its end. Cancel safe: dropping it cuts the connection.
    pub(super) async fn serve(mut self, socket: TcpStream) {
        let _open = Open::count(&self.metrics.open);
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, client = %self.address, "TCP_NODELAY cannot be set");
        }
        let (line, client_side) = Line::of(socket);
        let Some(stream) = self.shake_hands(line).await else { return };
        let session = stream.get_ref().1;
        let is_http2 = session.alpn_protocol() == Some(b"h2");
        let certificates = session.peer_certificates().unwrap_or_default();
        let certificates = certificates.iter().map(|certificate| certificate.clone().into_owned()).collect();
        let peer = Peer { address: self.address, certificates, id: self.id };
        // Judged once: a proxy that dialled before it was known has the bounds of others, and dials
        // again where they are too narrow.
        let is_trusted = (self.trusted)(&peer);
        let bounds = if is_trusted { TRUSTED } else { DIRECT };
        if is_trusted {
            // What one of its many users does with its connections is not to shut out all of them.
            self.place = None;
        }

        let moves = Moves::default();
        let requests = requests(self.app.clone(), peer, moves.clone());
        // Aside, so that no connection has room for both protocols.
        if is_http2 {
            let connection = bounds.http2().serve_connection(TokioIo::new(stream), requests);
            Box::pin(self.drive(connection, &moves, is_trusted)).await;
        } else {
            let connection = bounds.http1().serve_connection(TokioIo::new(stream), requests);
            Box::pin(self.drive(connection, &moves, is_trusted)).await;
        }
        // On stop alone: else connections that nobody wants would keep their slots.
        if self.stop.is_cancelled() {
            Box::pin(client_side.hung_up()).await;
        }
    }

    async fn shake_hands(&self, line: Line) -> Option<TlsStream<Line>> {
        match tokio::time::timeout(HANDSHAKE, self.tls.accept(line)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                self.metrics.handshake_failed(metrics::TLS);
                tracing::debug!(%error, client = %self.address, "TLS handshake failed");
                None
            }
            Err(_) => {
                self.metrics.handshake_failed(metrics::TIMEOUT);
                tracing::debug!(client = %self.address, "TLS handshake took too long");
                None
            }
        }
    }

    /// Runs the protocol; on stop, on silence and when an answer asks for it, it is asked to finish what is
    /// open and take no more. Who leaves answers unread is cut; the front proxy, which carries those of many,
    /// gives up on slow readers by itself.
    async fn drive<C>(&self, connection: C, moves: &Moves, is_trusted: bool)
    where
        C: GracefulConnection,
        C::Error: std::fmt::Display,
    {
        let Moves { activity, unread, closing } = moves;
        let graceful = GracefulShutdown::new();
        let connection = Rewoken::new(graceful.watch(connection));
        let end = async {
            tokio::select! {
                () = self.stopped(activity) => {}
                () = closing.cancelled() => {}
                () = never_used(activity) => {}
                () = activity.silence(unread) => {}
            }
            // Ends when the connection does; the cut of those that never end (without its preface
            // an HTTP/2 connection does not) is the listener's on stop, and else ours.
            tokio::select! {
                () = graceful.shutdown() => {}
                () = never_used(activity) => {}
                () = activity.silence(unread) => {}
            }
        };
        tokio::select! {
            result = connection => {
                if let Err(error) = result {
                    tracing::debug!(%error, client = %self.address, "connection broke");
                }
            }
            () = end => {}
            () = unread.too_long(), if !is_trusted => {
                self.metrics.unread.inc();
                tracing::debug!(client = %self.address, "cut: answers were not read");
            }
        }
    }

    async fn stopped(&self, activity: &Activity) {
        self.stop.cancelled().await;
        activity.begins_within(NEWCOMER).await;
    }
}

/// Ends when the client had time for a first request and made none.
async fn never_used(activity: &Activity) {
    if activity.begins_within(HEAD).await {
        std::future::pending::<()>().await;
    }
}

/// What moves on a connection.
#[derive(Clone, Debug, Default)]
struct Moves {
    activity: Activity,
    unread: Unread,
    /// Cancelled by an answer behind which nothing more is to be asked.
    closing: CancellationToken,
}

/// The router as hyper wants it: each request with its peer, each part of an answer noted.
fn requests(
    app: Router,
    peer: Peer,
    moves: Moves,
) -> impl Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone {
    service_fn(move |mut request: Request<Incoming>| {
        moves.activity.note();
        let is_http2 = request.version() == Version::HTTP_2;
        request.extensions_mut().insert(peer.clone());
        let (app, moves) = (app.clone(), moves.clone());
        async move {
            let answer = app.oneshot(request.map(Body::new)).await?;
            // On HTTP/1, one request at a time, there is nothing to be done in bulk.
            if is_http2 && answer.extensions().get::<CloseConnection>().is_some() {
                moves.closing.cancel();
            }
            Ok(answer.map(|body| moves.unread.follow(body, moves.activity)))
        }
    })
}

/// What one peer may have us hold.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    head_bytes: u32,
    streams: u32,
}

const TRUSTED: Bounds = Bounds { head_bytes: MAX_HEAD_BYTES, streams: MAX_STREAMS };
const DIRECT: Bounds = Bounds { head_bytes: MAX_DIRECT_HEAD_BYTES, streams: MAX_DIRECT_STREAMS };

impl Bounds {
    fn http1(self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_headers(MAX_HTTP1_HEADERS)
            .max_header_size(self.head_bytes as usize)
            .max_buf_size(self.head_bytes as usize);
        builder
    }

    fn http2(self) -> http2::Builder<AtOnce> {
        let mut builder = http2::Builder::new(AtOnce);
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.streams)
            .max_header_list_size(self.head_bytes)
            .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
            .max_local_error_reset_streams(MAX_LOCAL_ERROR_RESETS)
            .max_send_buf_size(MAX_SEND_BUFFER_BYTES)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_ANSWER);
        builder
    }
}

/// Counts a connection as open while it lives.
struct Open(Gauge);

impl Open {
    fn count(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
