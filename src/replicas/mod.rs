//! The other replicas of this server: who they are, and what they know of the nodes.
//!
//! Each replica shows itself by a Lease of its own and sees the others by theirs. A replica that
//! starts takes the latest samples of all nodes from one that is ready, before it turns ready
//! itself; its first own scrape goes on from there. So an update leaves no hole, and needs no
//! second sample. Nobody leads, nothing is agreed upon: without rights, without others, or with
//! others of another kind, a replica begins empty, as the first one did.
//!
//! ```text
//! Lease of mine ◀─renewed── presence ──list──▶ sightings: who is there, by changes seen, never by
//!                                                 │        comparing clocks
//!                                                 ▼ ready ones
//! store ◀──adopt── hand-over ◀──frames── HTTPS, both sides with certificates of our own authority
//!                                  ▲
//! store ──snapshot──▶ offer ───────┘ at another replica
//! ```
//!
//! Where scrapes are shared, replicas go on telling each other, and each draws from those it hears which
//! nodes it is to ask:
//!
//! ```text
//! store ──scraped here──▶ tell ──stream──▶ follow ──▶ intake ──adopt──▶ store, at each other replica
//!                                            │ heard, or heard no more
//!                    sightings ──who shares──▶ sharing ──our share of the nodes──▶ scrapes
//! ```
//!
//! What another replica says is outside input: bounded, checked part by part, and never more than
//! what the cluster is known to hold. The room scrapes nothing, and judges no certificate that is
//! shown to us: that is the door's.

mod credentials;
mod error;
mod fetch;
#[cfg(test)]
mod fixtures;
mod follow;
mod frames;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod hand_over;
mod intake;
mod lease;
mod message;
mod metrics;
mod offer;
mod presence;
mod replica;
mod sharing;
mod sightings;
mod tell;

pub use credentials::Credentials;
pub use error::Refusal;
pub(crate) use fetch::PATH;
pub use message::{MEDIA_TYPE, STREAM_MEDIA_TYPE};
pub use metrics::Metrics;
pub use offer::{Given, Offer};
pub use replica::{Memory, Replica};
pub use sharing::Sharing;
