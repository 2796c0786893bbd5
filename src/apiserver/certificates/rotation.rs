//! When certificates and authorities change, and in which order: arithmetic alone.
//!
//! Two authorities are believed while one takes over from the other, so that at no moment a chain is
//! served that somebody does not know yet, or not any more:
//!
//! ```text
//!            ┌── the certificate ends soon, or is damaged: Issue
//!            ▼ │
//!        ┌─ Settled ◀─────────────────────────────────────────────────┐
//!        │                                                            │
//!        │ the authority ends soon, or a new one is asked for:        │ held for the overlap:
//!        │ Announce                                                   │ Retire
//!        ▼                                                            │
//!    Announced ──── every APIService carries both, held for ────▶ Retiring
//!    ca.crt = next + old,   the overlap: Issue, by next      ca.crt = next + old,
//!    old chain served                                        new chain served
//! ```
//!
//! What is announced is known to clients for a whole overlap before it is served. What retires is
//! believed for a whole overlap after; each replica looks at the Secret far more often, and one that
//! could not for half an overlap stops being ready ([`super::own`]), so that none that still serves the
//! old chain gets requests when the old authority goes.
//!
//! The phase is read from what the Secret holds and stands nowhere else: no note of it can contradict
//! the certificates, and every step is one write, so that there is nothing between two to be lost in.
//! Nor is a time kept there: each replica counts by its own steady clock how long it has seen a phase.
//! Clocks that are wrong or step hurry nothing; a replica that restarts begins to count anew.

use std::time::Duration;

use tokio::time::Instant;

/// What the Secret holds is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) pair: Fitness,
    pub(super) issuer: Ability,
    /// Whether the issuer vouches for the pair.
    pub(super) is_issuers: bool,
    /// Whether others beside the issuer are believed.
    pub(super) has_others: bool,
    /// Whether the operator asks for a new authority.
    pub(super) is_asked: bool,
}

/// Whether clients that believe the authorities accept the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fitness {
    Good,
    /// Good, and to be replaced in peace.
    Ending,
    /// Good for less than a day: what stands in the way of a replacement must not any more.
    LastDay,
    /// Not good before a time to come. That is no reason to replace it: our clock may be behind.
    NotYet,
    Unfit,
}

/// Whether there is an authority whose key we have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ability {
    Able,
    /// Able, and to be replaced in peace.
    Ending,
    Unable,
}

/// How far an exchange of authorities is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Settled,
    Announced,
    Retiring,
}

/// One write of the Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A new pair of the issuer's.
    Issue,
    /// A new issuer, believed beside the others; the pair stays.
    Announce,
    /// Nobody but the issuer is believed.
    Retire,
    /// A new issuer and a pair of its own at once: nothing that is kept can be served.
    Found,
}

impl Step {
    /// What it did, for the log.
    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::Issue => "a new serving certificate was made",
            Self::Announce => "a new authority was announced; it takes over after the overlap",
            Self::Retire => "the old authority is not believed any more",
            Self::Found => "a new authority and a serving certificate were made",
        }
    }
}

impl State {
    pub(super) fn phase(self) -> Phase {
        match (self.issuer, self.is_issuers, self.has_others) {
            // Whose keys nobody has are none to take over from each other.
            (Ability::Unable, ..) | (_, true, false) => Phase::Settled,
            (_, true, true) => Phase::Retiring,
            (_, false, _) => Phase::Announced,
        }
    }

    /// What is to be done after this has been so for `held`.
    pub(super) fn next(self, held: Duration, overlap: Duration) -> Option<Step> {
        match self.pair {
            Fitness::NotYet => return None,
            Fitness::Unfit if self.issuer == Ability::Unable => return Some(Step::Found),
            Fitness::Unfit => return Some(Step::Issue),
            Fitness::Good | Fitness::Ending | Fitness::LastDay => {}
        }
        let is_over = held >= overlap;
        let is_ending = self.pair != Fitness::Good;
        match self.phase() {
            Phase::Settled => match self.issuer {
                _ if self.is_asked => Some(Step::Announce),
                Ability::Ending => Some(Step::Announce),
                Ability::Unable if is_ending => Some(Step::Announce),
                Ability::Able if is_ending => Some(Step::Issue),
                Ability::Able | Ability::Unable => None,
            },
            Phase::Announced => (is_over || self.pair == Fitness::LastDay).then_some(Step::Issue),
            Phase::Retiring if is_ending && self.issuer == Ability::Able => Some(Step::Issue),
            // A pair does not outlive its issuer: another would end as soon.
            Phase::Retiring if is_ending => Some(Step::Announce),
            Phase::Retiring => is_over.then_some(Step::Retire),
        }
    }
}

/// Counts how long one thing has been seen unchanged.
#[derive(Debug)]
pub(super) struct Vigil<T> {
    seen: Option<(T, Instant)>,
}

impl<T> Default for Vigil<T> {
    fn default() -> Self {
        Self { seen: None }
    }
}

impl<T: PartialEq> Vigil<T> {
    /// `thing` is seen now; how long it has been.
    pub(super) fn see(&mut self, thing: T) -> Duration {
        let since = match self.seen.take() {
            Some((seen, since)) if seen == thing => since,
            _ => Instant::now(),
        };
        self.seen = Some((thing, since));
        since.elapsed()
    }

    /// Nothing is seen, or what is seen is not yet as it should be.
    pub(super) fn interrupt(&mut self) {
        self.seen = None;
    }
}

#[cfg(test)]
mod tests;
