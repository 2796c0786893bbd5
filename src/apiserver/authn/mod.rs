//! Who asks.
//!
//! ```text
//! Peer, headers ─▶ front proxy ─▶ client certificate ─▶ bearer token ─▶ anonymous ─▶ User
//!                  X-Remote-*     CN, O                 TokenReview     only if nobody objected
//! ```
//!
//! The first that knows the caller wins. Which authorities and headers count is read live from the
//! ConfigMap `kube-system/extension-apiserver-authentication`; certificates are judged on every
//! request, so that expiry and rotation bite on open connections. A bearer token hidden in a
//! websocket subprotocol is not supported, nor is impersonation: a direct caller who asks for it is
//! refused rather than served as himself. This room never decides what a user may do.

mod authenticator;
mod authorities;
mod client_cert;
mod error;
mod front_proxy;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzz;
mod judge;
mod live_trust;
mod metrics;
mod replicas;
mod subject;
mod token_review;
mod trust;
mod user;

pub use authenticator::{Authenticate, Authenticator};
pub use error::AuthnError;
pub use live_trust::LiveTrust;
pub use metrics::{Metrics, register_metrics};
pub(crate) use replicas::REPLICA;
pub(crate) use user::ANONYMOUS;
pub use user::{User, Via};
