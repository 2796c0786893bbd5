//! A client for another replica: both sides prove that they hold a key which our own authority has
//! signed.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity};

use super::error::Error;

/// A replica in the same cluster answers in milliseconds; one that is gone may never.
const CONNECT: Duration = Duration::from_secs(1);

/// How a replica shows others that it is one, and knows them. All in PEM; holds a key, so it cannot be
/// printed.
#[derive(Clone)]
pub struct Credentials {
    /// Whose certificates replicas serve; several while one takes over from another.
    pub authority: String,
    /// Our client certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// A client that dials `address` and talks to nobody there but the server named `name`.
    pub(super) fn client(&self, name: &str, address: SocketAddr) -> Result<Client, Error> {
        let authorities = Certificate::from_pem_bundle(self.authority.as_bytes()).map_err(Error::Client)?;
        let identity = Identity::from_pem(format!("{}{}", self.certificate, self.key).as_bytes());
        Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(Policy::none())
            .https_only(true)
            .tls_certs_only(authorities)
            .identity(identity.map_err(Error::Client)?)
            .resolve(name, address)
            .connect_timeout(CONNECT)
            .build()
            .map_err(Error::Client)
    }
}
