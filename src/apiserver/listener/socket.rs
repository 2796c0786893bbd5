//! The accept loop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use futures::FutureExt as _;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::Connection;
use super::{ConnectionId, Metrics, Trusted};
use crate::apiserver::peers::{PeerPlace, Peers};
use crate::config::Serving;

/// Connections that the system holds for us while all slots are taken.
const BACKLOG: u32 = 1024;
/// Pause after an error that is not the client's (no file handles, no memory): time for some to come free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// A connection with the places that it takes.
type Accepted = ((OwnedSemaphorePermit, PeerPlace), TcpStream, SocketAddr);

/// The bound port.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    slots: Arc<Semaphore>,
    peers: Peers,
}

impl Listener {
    /// Binds the port; connections wait until [`Listener::serve`].
    ///
    /// # Errors
    /// When the address is taken or not ours.
    pub fn bind(serving: &Serving) -> io::Result<Self> {
        let socket = if serving.address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::new(serving.address, serving.port))?;
        let most = serving.max_connections.min(Semaphore::MAX_PERMITS);
        let (slots, peers) = (Semaphore::new(most), Peers::sharing(most));
        Ok(Self { socket: socket.listen(BACKLOG)?, slots: Arc::new(slots), peers })
    }

    /// The address bound, with the port that the system chose.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves `app` until `stop`; then lets open requests finish for as long as `drain`. Peers that are
    /// `trusted` when they connect may ask for more at once.
    pub async fn serve(
        self,
        tls: Arc<ServerConfig>,
        app: Router,
        trusted: Trusted,
        metrics: Metrics,
        drain: Duration,
        stop: CancellationToken,
    ) {
        let connections = TaskTracker::new();
        let cut = CancellationToken::new();
        let next_id = AtomicU64::new(0);
        let start = |((slot, place), socket, address): Accepted| {
            let connection = Connection {
                id: ConnectionId(next_id.fetch_add(1, Ordering::Relaxed)),
                address,
                place: Some(place),
                tls: TlsAcceptor::from(Arc::clone(&tls)),
                app: app.clone(),
                trusted: Arc::clone(&trusted),
                metrics: metrics.clone(),
                stop: stop.clone(),
            };
            let cut = cut.clone();
            connections.spawn(async move {
                let _slot = slot;
                cut.run_until_cancelled(connection.serve(socket)).await;
            });
        };
        while let Some(accepted) = self.next(&metrics, &stop).await {
            start(accepted);
        }
        self.already_connected(&metrics).for_each(start);
        // The port closes before the drain begins: new clients find another replica.
        drop(self);
        connections.close();
        if tokio::time::timeout(drain, connections.wait()).await.is_err() {
            tracing::warn!(connections = connections.len(), "drain time is over, open requests are cut");
            cut.cancel();
            connections.wait().await;
        }
    }

    /// The next connection and its slot; `None` on stop.
    async fn next(&self, metrics: &Metrics, stop: &CancellationToken) -> Option<Accepted> {
        stop.run_until_cancelled(async {
            let slot = self.slot(metrics).await?;
            loop {
                match self.socket.accept().await {
                    Ok((socket, address)) => match self.admit(address, metrics) {
                        Some(place) => return Some(((slot, place), socket, address)),
                        None => drop(socket),
                    },
                    Err(error) => recover(&error, metrics).await,
                }
            }
        })
        .await?
    }

    /// Connections that the system has taken for us and closing the port would reset.
    fn already_connected(&self, metrics: &Metrics) -> impl Iterator<Item = Accepted> {
        std::iter::from_fn(|| {
            let slot = Arc::clone(&self.slots).try_acquire_owned().ok()?;
            loop {
                let (socket, address) = self.socket.accept().now_or_never()?.ok()?;
                if let Some(place) = self.admit(address, metrics) {
                    return Some(((slot, place), socket, address));
                }
            }
        })
    }

    /// A place for a connection from `address`, which is closed where it has too many: to let it wait
    /// would let everybody behind it wait.
    fn admit(&self, address: SocketAddr, metrics: &Metrics) -> Option<PeerPlace> {
        let place = self.peers.admit(address.ip(), &metrics.addresses);
        if place.is_some() {
            metrics.accepted.inc();
        } else {
            metrics.refused.inc();
            tracing::debug!(client = %address, "refused: this address has its share of all connections");
        }
        place
    }

    async fn slot(&self, metrics: &Metrics) -> Option<OwnedSemaphorePermit> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Some(slot);
        }
        metrics.full.inc();
        tracing::warn!("all connections are taken, accepting waits");
        Arc::clone(&self.slots).acquire_owned().await.ok()
    }
}

/// Makes good for a failed accept; no error of one ever ends the loop.
async fn recover(error: &io::Error, metrics: &Metrics) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    metrics.accept_errors.inc();
    let broke_before_accepted = matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset);
    if !broke_before_accepted {
        tracing::warn!(%error, "accepting connections fails");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}
