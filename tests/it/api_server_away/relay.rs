//! A way to the API server that can be cut: to who goes through it, the API server is then away.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Passes bytes on, seeing none of them: TLS goes through.
#[derive(Debug)]
pub(crate) struct Relay {
    /// Where to dial.
    pub(crate) address: SocketAddr,
    target: SocketAddr,
    running: JoinSet<()>,
}

impl Relay {
    /// A way to `target`.
    pub(crate) async fn to(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let mut running = JoinSet::new();
        let address = listener.local_addr()?;
        running.spawn(pass_on(listener, target));
        Ok(Self { address, target, running })
    }

    /// Breaks all connections; new ones are refused.
    pub(crate) async fn cut(&mut self) {
        self.running.shutdown().await;
    }

    /// Makes it passable again.
    pub(crate) async fn mend(&mut self) -> io::Result<()> {
        let listener = TcpListener::bind(self.address).await?;
        self.running.spawn(pass_on(listener, self.target));
        Ok(())
    }
}

async fn pass_on(listener: TcpListener, target: SocketAddr) {
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    while let Ok((mut near, _)) = listener.accept().await {
        connections.spawn(async move {
            let Ok(mut far) = TcpStream::connect(target).await else { return };
            // A connection that breaks is over, and concerns nobody else.
            let _ = copy_bidirectional(&mut near, &mut far).await;
        });
    }
}
