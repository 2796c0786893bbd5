//! All kubelets of a world behind one listener.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::Kubelets;
use super::connection;
use crate::clock::Clock;
use crate::sim::certificates::{Certificates, Trust};
use crate::sim::{Faults, World};

/// A whole cluster is dialled at once when a scraper starts.
const BACKLOG: u32 = 4096;
/// Clients keep one connection per node; some more for those being replaced and for the curious.
const CONNECTIONS_PER_NODE: usize = 2;
const CONNECTIONS_TO_SPARE: usize = 64;
/// Pause after a failed accept: most often there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The running kubelets of a world. Dropping it stops them too, but waits for nothing.
#[derive(Debug)]
pub struct Fleet {
    port: u16,
    authority_pem: String,
    kubelets: Arc<Kubelets>,
    certificates: Arc<Certificates>,
    cut: Arc<Notify>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Fleet {
    /// Starts the kubelets on a port of the system's choice, the same for all nodes. Requests need
    /// one of `tokens`. To be called inside a Tokio runtime, which then runs them.
    ///
    /// # Errors
    /// When no port can be bound or no certificate made.
    pub fn start(world: Arc<World>, faults: Arc<Faults>, clock: Clock, tokens: Vec<String>) -> io::Result<Self> {
        let certificates = Arc::new(Certificates::new()?);
        let listener = listen()?;
        let cut = Arc::new(Notify::new());
        let fleet = Self {
            port: listener.local_addr()?.port(),
            authority_pem: certificates.authority_pem(),
            kubelets: Arc::new(Kubelets::new(world, faults, clock, tokens)),
            certificates: Arc::clone(&certificates),
            cut: Arc::clone(&cut),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let (kubelets, tasks) = (Arc::clone(&fleet.kubelets), fleet.tasks.clone());
        fleet.tasks.spawn(accept(listener, certificates, kubelets, tasks, (cut, fleet.stop.clone())));
        Ok(fleet)
    }

    /// Makes the certificates of all nodes now. Else each is made when its node is first dialled, which
    /// who measures a first contact would take for a part of it.
    ///
    /// # Errors
    /// When one cannot be made.
    pub fn certify(&self) -> io::Result<()> {
        self.kubelets
            .world()
            .nodes()
            .try_for_each(|node| self.certificates.server_config(node.address, Trust::Known).map(drop))
    }

    /// Cuts all connections, as a network that fails for a moment does.
    pub fn cut(&self) {
        self.cut.notify_waiters();
    }

    /// The kubelets' port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The authority of their certificates, PEM.
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// Requests that a node's kubelet has received, whatever came of them.
    pub fn requests(&self, node: u32) -> u64 {
        self.kubelets.requests(node)
    }

    /// Cuts all connections and returns when nothing runs any more.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// One listener on all addresses, since 127/8 cannot be bound as a range. That opens the port on
/// other interfaces as well; what comes in there is dropped (see [`accept`]).
fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)))?;
    socket.listen(BACKLOG)
}

async fn accept(
    listener: TcpListener,
    certificates: Arc<Certificates>,
    kubelets: Arc<Kubelets>,
    tasks: TaskTracker,
    (cut, stop): (Arc<Notify>, CancellationToken),
) {
    let limit = kubelets.count() * CONNECTIONS_PER_NODE + CONNECTIONS_TO_SPARE;
    let places = Arc::new(Semaphore::new(limit));
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = stop.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // The dialled address says which node is meant. Whoever dialled another address than one of
        // a node has no business here, least of all somebody from outside of this machine.
        let Some(node) = connection::dialled(&stream, kubelets.world(), kubelets.now()) else { continue };
        let serving = connection::serve(stream, node, Arc::clone(&certificates), Arc::clone(&kubelets));
        let (cut, stop) = (Arc::clone(&cut), stop.clone());
        tasks.spawn(async move {
            let _place = place;
            // Dropping a connection cuts it.
            tokio::select! {
                () = serving => {}
                () = cut.notified() => {}
                () = stop.cancelled() => {}
            }
        });
    }
}
