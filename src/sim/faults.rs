//! What can be wrong with a kubelet, set per node while the simulation runs.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use parking_lot::RwLock;

/// One way for a kubelet to misbehave. Every one is bounded on our side too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is accepted and never answered.
    Hang,
    /// The body comes a byte at a time.
    SlowDrip,
    /// The connection is reset.
    Reset,
    /// Every answer has this status.
    Status(u16),
    /// The certificate is of an unknown authority.
    WrongCertificate,
    /// The answer is a redirect to the first node.
    Redirect,
    /// The connection ends in the middle of the body.
    HalfBody,
    /// The body is not text.
    Garbage,
    /// The body has a gigabyte.
    HugeBody,
    /// A small gzip body that inflates to a gigabyte, though nobody asked for gzip.
    GzipBomb,
    /// Every container's CPU series is there twice.
    DuplicateSeries,
    /// All timestamps are ahead by this much.
    ClockOff(Duration),
    /// All timestamps are behind by this much.
    ClockBehind(Duration),
    /// A kubelet that has just started: 200, with the error gauges alone.
    ScrapeErrorOnly,
    /// Every other request for readings is answered 503.
    Flap,
    /// The CPU of every other container is not a number.
    NotANumber,
    /// In every other answer the counters are at half of what they were.
    CounterJumps,
    /// It tells the pods of the next node as well, as if they were its own.
    OthersPods,
    /// It answers as the kubelet of the next node, by whose name it has been given.
    SwappedName,
    /// The certificate is of the second authority that clients know.
    OtherAuthority,
    /// The kubelet is at the node's second address, and not at its first.
    Moved,
    /// The way to the kubelet is slow, and one connection in four breaks.
    BadNetwork,
}

/// Ten years, the offset of a `clock-off` that names none.
const CLOCK_OFF: Duration = Duration::from_hours(10 * 365 * 24);

/// An hour, the offset of a `clock-behind` that names none: a time zone's.
const CLOCK_BEHIND: Duration = Duration::from_hours(1);

/// Every fault by its name on a command line.
const NAMES: [(&str, Fault); 22] = [
    ("hang", Fault::Hang),
    ("slow-drip", Fault::SlowDrip),
    ("reset", Fault::Reset),
    ("status-500", Fault::Status(500)),
    ("wrong-certificate", Fault::WrongCertificate),
    ("redirect", Fault::Redirect),
    ("half-body", Fault::HalfBody),
    ("garbage", Fault::Garbage),
    ("huge-body", Fault::HugeBody),
    ("gzip-bomb", Fault::GzipBomb),
    ("duplicate-series", Fault::DuplicateSeries),
    ("clock-off", Fault::ClockOff(CLOCK_OFF)),
    ("clock-behind", Fault::ClockBehind(CLOCK_BEHIND)),
    ("scrape-error-only", Fault::ScrapeErrorOnly),
    ("flap", Fault::Flap),
    ("not-a-number", Fault::NotANumber),
    ("counter-jumps", Fault::CounterJumps),
    ("others-pods", Fault::OthersPods),
    ("swapped-name", Fault::SwappedName),
    ("other-authority", Fault::OtherAuthority),
    ("moved", Fault::Moved),
    ("bad-network", Fault::BadNetwork),
];

/// Text that names no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no fault; there are hang, slow-drip, reset, status-401 and any other status, wrong-certificate, \
         redirect, half-body, garbage, huge-body, gzip-bomb, duplicate-series, clock-off, clock-behind, \
         scrape-error-only, flap, not-a-number, counter-jumps, others-pods, swapped-name, other-authority, moved, \
         bad-network"
)]
pub struct UnknownFault(String);

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        if let Some(status) = text.strip_prefix("status-") {
            let status = status.parse().ok().filter(|status| (200..=599).contains(status));
            return status.map(Self::Status).ok_or_else(|| UnknownFault(text.to_owned()));
        }
        let named = NAMES.iter().find(|(name, _)| *name == text);
        named.map(|(_, fault)| *fault).ok_or_else(|| UnknownFault(text.to_owned()))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Status(status) = self {
            return write!(f, "status-{status}");
        }
        let same = |other: &Self| std::mem::discriminant(other) == std::mem::discriminant(self);
        NAMES.iter().find(|(_, fault)| same(fault)).map_or(Ok(()), |(name, _)| f.write_str(name))
    }
}

/// Which node has which fault now.
#[derive(Debug, Default)]
pub struct Faults(RwLock<BTreeMap<u32, Fault>>);

impl Faults {
    /// The faults to begin with, by node index.
    pub const fn new(by_node: BTreeMap<u32, Fault>) -> Self {
        Self(RwLock::new(by_node))
    }

    /// The node's fault, if it has one.
    pub fn of(&self, node: u32) -> Option<Fault> {
        self.0.read().get(&node).copied()
    }

    /// Gives the node a fault in place of the one it had; holds from the next request on.
    pub fn set(&self, node: u32, fault: Fault) {
        self.0.write().insert(node, fault);
    }

    /// Makes the node well.
    pub fn clear(&self, node: u32) {
        self.0.write().remove(&node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_read_as_it_is_written() {
        for (name, fault) in NAMES {
            assert_eq!(name.parse(), Ok(fault));
            assert_eq!(fault.to_string(), name);
        }
        assert_eq!("status-401".parse(), Ok(Fault::Status(401)));
        assert_eq!(Fault::Status(401).to_string(), "status-401");
    }

    #[test]
    fn unknown_faults_are_refused() {
        for text in ["", "sleep", "status-", "status-99", "status-6000", "status-x"] {
            assert_eq!(text.parse::<Fault>(), Err(UnknownFault(text.to_owned())));
        }
    }

    #[test]
    fn a_fault_holds_for_its_node_until_cleared() {
        let faults = Faults::new(BTreeMap::from([(2, Fault::Hang)]));
        assert_eq!((faults.of(1), faults.of(2)), (None, Some(Fault::Hang)));
        faults.set(2, Fault::Reset);
        assert_eq!(faults.of(2), Some(Fault::Reset));
        faults.clear(2);
        assert_eq!(faults.of(2), None);
    }
}
