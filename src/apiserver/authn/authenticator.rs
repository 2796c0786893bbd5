//! The chain of authenticators.

use futures::future::BoxFuture;
use http::HeaderMap;

use super::{AuthnError, User};
use crate::apiserver::Peer;

/// Tells who asks.
pub trait Authenticate: Send + Sync {
    /// The user behind a request. Headers that carry credentials or identities (`Authorization`,
    /// `X-Remote-*` and their configured equals) are removed, whatever the outcome.
    fn authenticate<'a>(
        &'a self,
        peer: &'a Peer,
        headers: &'a mut HeaderMap,
    ) -> BoxFuture<'a, Result<User, AuthnError>>;

    /// Whether `peer` is the verified front proxy, whose trace context may be believed.
    fn is_front_proxy(&self, peer: &Peer) -> bool;
}
