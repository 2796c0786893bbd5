//! Starts and stops the pretend API server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::sim::World;
use crate::sim::control_plane::accounts::{Account, Accounts};
use crate::sim::control_plane::authorities::Authority;
use crate::sim::control_plane::server::Server;
use crate::sim::control_plane::storage::{Key, Storage};
use crate::sim::control_plane::ticker::Ticker;
use crate::sim::control_plane::trouble::{Trouble, Troubles};
use crate::sim::control_plane::{listener, seed};
use crate::sim::front::{ClientIdentity, Front};

/// The common name that the ConfigMap allows as front proxy.
const FRONT_PROXY: &str = "front-proxy-client";

/// A running Kubernetes API on loopback.
#[derive(Debug)]
pub struct ControlPlane {
    pub(in crate::sim) server: Arc<Server>,
    address: SocketAddr,
    ca_pem: String,
    clients: Authority,
    tasks: JoinSet<()>,
}

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, or the machine has none left.
    #[error("cannot listen on the API server's port")]
    Listen(#[from] io::Error),
    /// The certificates could not be made.
    #[error("cannot make the cluster's certificates")]
    Certificates(#[from] rcgen::Error),
    /// The certificates could not be used.
    #[error("cannot use the cluster's certificates")]
    Tls(#[from] rustls::Error),
}

impl ControlPlane {
    /// Starts it on a port of 127.0.0.1 (0 = any free one), for `accounts`, with all that is in
    /// `world` now. The kubelets of all nodes listen on `kubelet_port` of the node's address.
    pub async fn start(
        port: u16,
        accounts: Accounts,
        world: Arc<World>,
        kubelet_port: u16,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let cluster = Authority::new("simulated-cluster")?;
        let clients = Authority::new("simulated-clients")?;
        let front_proxies = Authority::new("simulated-front-proxies")?;
        let tls = listener::tls(cluster.server("kube-apiserver", &["127.0.0.1", "localhost", "kubernetes"])?)?;
        let identity = ClientIdentity(front_proxies.client(FRONT_PROXY)?.pem().to_owned());

        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = socket.local_addr()?;
        let storage = Arc::new(Storage::default());
        seed::plant(&storage, clients.pem(), front_proxies.pem(), clock.now());
        let ticker = Ticker::begin(world, Arc::clone(&storage), kubelet_port, clock.now());
        let server = Arc::new(Server {
            accounts,
            front: Front::new(Arc::clone(&storage), identity),
            storage,
            clock,
            stop: CancellationToken::new(),
            troubles: Troubles::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(ticker.run(server.clock.clone(), server.stop.clone()));
        tasks.spawn(listener::serve(socket, tls, Arc::clone(&server)));
        let probing = Arc::clone(&server);
        tasks.spawn(async move {
            probing.front.keep_availability(probing.clock.clone(), probing.stop.clone()).await;
        });
        Ok(Self { server, address, ca_pem: cluster.pem().to_owned(), clients, tasks })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The authority of its certificate.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The bearer token of `account`.
    pub fn token(&self, account: Account) -> &str {
        self.server.accounts.token(account)
    }

    /// A new certificate with its key, in PEM, for a client of this name.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn client_certificate(&self, name: &str) -> Result<String, StartError> {
        Ok(self.clients.client(name)?.pem().to_owned())
    }

    /// Tells the front where the server of the Service `<name>.<namespace>.svc` listens.
    pub fn connect(&self, service_dns_name: &str, address: SocketAddr) {
        self.server.front.connect(service_dns_name, address);
    }

    /// From now on this is wrong with lists and watches of nodes and pods; `None`: nothing is.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        self.server.troubles.set(trouble);
    }

    /// Tells another address of a node; nothing happens if there is no such node.
    pub fn move_node(&self, name: &str, address: Ipv4Addr) {
        let key = Key { namespace: String::new(), name: name.to_owned() };
        let moved = self.server.storage.modify("nodes", &key, |mut node| {
            if let Some(told) = node.pointer_mut("/status/addresses/0/address") {
                *told = serde_json::Value::from(address.to_string());
            }
            Ok(node)
        });
        if moved.is_err() {
            tracing::debug!(node = name, "left before it moved");
        }
    }

    /// Ends every watch and connection, and waits for it.
    pub async fn stop(mut self) {
        self.server.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}
