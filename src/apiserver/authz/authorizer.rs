//! The chain of authorizers.

use futures::future::BoxFuture;

use super::{AuthzError, Decision};
use crate::apiserver::RequestInfo;
use crate::apiserver::authn::User;

/// Decides whether a user may.
pub trait Authorize: Send + Sync {
    /// Whether `user` may do what `request` asks for.
    fn authorize<'a>(&'a self, user: &'a User, request: &'a RequestInfo)
    -> BoxFuture<'a, Result<Decision, AuthzError>>;
}
