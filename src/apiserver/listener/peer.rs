//! The other end of a connection, as the transport knows it.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;

/// Tells connections of this process apart; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

/// Who is on the other end: an extension of every request. Nothing in it is verified but that the
/// peer holds the private key of the first certificate.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Remote address.
    pub address: SocketAddr,
    /// Certificates the client offered, its own first; empty when it offered none.
    pub certificates: Arc<[CertificateDer<'static>]>,
    /// The connection.
    pub id: ConnectionId,
}

/// Tells whether a peer is the front proxy, which carries the requests of all users.
pub type Trusted = Arc<dyn Fn(&Peer) -> bool + Send + Sync>;

/// An extension of a response: its HTTP/2 connection takes no further requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CloseConnection;
