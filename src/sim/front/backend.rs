//! Connections to the servers: one pool for each Service, address and authority.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity};

/// As kube-apiserver dials: 30 s is the bound of a connection that is not refused outright.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// The front proxy's client certificate and key, PEM.
#[derive(Clone)]
pub(crate) struct ClientIdentity(pub(crate) String);

/// The key is no text for a log.
impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity")
    }
}

/// Why there is no connection pool for a server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackendError {
    #[error("the APIService has no caBundle yet")]
    NoAuthority,
    #[error("the TLS settings are unusable")]
    Unusable(#[from] reqwest::Error),
}

/// The pools, made when they are first needed.
#[derive(Debug)]
pub(crate) struct Backends {
    identity: ClientIdentity,
    // The last one made: the simulated cluster has one server.
    pool: Mutex<Option<(Peer, Client)>>,
}

/// What a connection depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) dns_name: String,
    pub(crate) address: SocketAddr,
    pub(crate) ca_bundle: Vec<u8>,
}

impl Backends {
    pub(crate) const fn new(identity: ClientIdentity) -> Self {
        Self { identity, pool: Mutex::new(None) }
    }

    /// The pool for `peer`; a new one when its address or its authority has changed.
    pub(crate) fn client(&self, peer: &Peer) -> Result<Client, BackendError> {
        let mut pool = self.pool.lock();
        match &*pool {
            Some((known, client)) if known == peer => Ok(client.clone()),
            _ => {
                let client = self.build(peer)?;
                *pool = Some((peer.clone(), client.clone()));
                Ok(client)
            }
        }
    }

    fn build(&self, peer: &Peer) -> Result<Client, BackendError> {
        let authorities = Certificate::from_pem_bundle(&peer.ca_bundle)?;
        if authorities.is_empty() {
            return Err(BackendError::NoAuthority);
        }
        let client = Client::builder()
            .tls_certs_only(authorities)
            .identity(Identity::from_pem(self.identity.0.as_bytes())?)
            .resolve(&peer.dns_name, peer.address)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(Policy::none())
            .no_proxy()
            .build()?;
        Ok(client)
    }
}
