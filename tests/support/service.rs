//! What stands for the Service: one address in front of the replicas that are ready.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Passes connections on to the endpoints in turn and sees nothing of them: TLS goes through.
pub(crate) struct Service {
    /// Where to dial, on loopback.
    pub(crate) port: u16,
    way: Arc<Way>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Way {
    endpoints: Mutex<Vec<SocketAddr>>,
    turn: AtomicUsize,
    /// Cancelled when the connections of now are cut.
    connections: Mutex<CancellationToken>,
}

impl Service {
    /// An address that leads nowhere yet.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let stop = CancellationToken::new();
        let way = Arc::<Way>::default();
        tokio::spawn(stop.clone().run_until_cancelled_owned(accept(listener, Arc::clone(&way))));
        Ok(Self { port, way, stop })
    }

    /// New connections go to these ports of loopback from now on; those that are open stay.
    pub(crate) fn lead_to(&self, ports: &[u16]) {
        let endpoints = ports.iter().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, *port)));
        *self.way.endpoints.lock() = endpoints.collect();
    }

    /// Breaks all connections that are open; new ones go through.
    pub(crate) fn cut(&self) {
        std::mem::take(&mut *self.way.connections.lock()).cancel();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.cancel();
        self.cut();
    }
}

async fn accept(listener: TcpListener, way: Arc<Way>) {
    while let Ok((near, _)) = listener.accept().await {
        // Nobody is ready: the connection is closed, where a real Service would refuse it.
        let Some(endpoint) = way.next() else { continue };
        let cut = way.connections.lock().clone();
        tokio::spawn(cut.run_until_cancelled_owned(pass_on(near, endpoint)));
    }
}

async fn pass_on(mut near: TcpStream, endpoint: SocketAddr) {
    let Ok(mut far) = TcpStream::connect(endpoint).await else { return };
    // A connection that breaks is over, and concerns nobody else.
    let _ = copy_bidirectional(&mut near, &mut far).await;
}

impl Way {
    fn next(&self) -> Option<SocketAddr> {
        let endpoints = self.endpoints.lock();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(endpoints.len())?;
        endpoints.get(turn).copied()
    }
}
