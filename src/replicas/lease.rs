//! A replica as a Lease: written by itself, read by the others.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use serde_json::{Value, json};

use crate::clock::UnixMillis;

/// Marks our Leases among others of the namespace, and names the Service that the replica is behind.
pub(super) const SERVICE_LABEL: &str = "kube-vitals/replica-of";
/// `address:port` of the replica's own port.
const ADDRESS: &str = "kube-vitals/address";
/// One of [`State`]'s words.
const STATE: &str = "kube-vitals/state";
/// Which form of shared scrapes the replica tells and takes; absent = it asks all nodes by itself.
const SHARING: &str = "kube-vitals/sharing";
/// Another is written by versions that tell scrapes in another form: they do not share with us.
const SHARING_FORM: &str = "v1";
/// A Lease that says less or more is read as if it said this: another replica writes a few seconds.
const SHORTEST_SECONDS: i32 = 1;
const LONGEST_SECONDS: i32 = 60;

/// How far a replica is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    /// It cannot answer yet.
    Starting,
    /// It answers.
    Ready,
    /// It takes its leave.
    Stopping,
}

/// What a replica says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Presence {
    /// Name of the Lease, which is the pod's.
    pub(super) name: String,
    pub(super) address: SocketAddr,
    pub(super) state: State,
    /// It is gone if it says nothing for so long.
    pub(super) lasts: Duration,
    /// Whether it shares scrapes, in the form that we know.
    pub(super) shares: bool,
}

impl State {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Starting, Self::Ready, Self::Stopping];

    /// As it stands in a Lease, and in metrics.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Stopping => "stopping",
        }
    }
}

impl Presence {
    /// What another replica has written; `None` for what none of ours would write.
    pub(super) fn read(lease: &Lease) -> Option<Self> {
        let annotation = |key: &str| lease.metadata.annotations.as_ref()?.get(key);
        let seconds = lease.spec.as_ref()?.lease_duration_seconds?.clamp(SHORTEST_SECONDS, LONGEST_SECONDS);
        let state = annotation(STATE)?;
        Some(Self {
            name: lease.metadata.name.clone()?,
            address: annotation(ADDRESS)?.parse().ok()?,
            state: State::ALL.into_iter().find(|known| known.word() == state)?,
            lasts: Duration::from_secs(u64::try_from(seconds).ok()?),
            shares: annotation(SHARING).is_some_and(|form| form == SHARING_FORM),
        })
    }

    /// The Lease, or what of it changes, as renewed at `now`.
    pub(super) fn written(&self, service: &str, now: UnixMillis) -> Value {
        let renewed = jiff::Timestamp::from_millisecond(now.0).unwrap_or_default();
        let annotations = [(ADDRESS, self.address.to_string()), (STATE, self.state.word().to_owned())];
        let sharing = self.shares.then(|| (SHARING, SHARING_FORM.to_owned()));
        let annotations: BTreeMap<_, _> = annotations.into_iter().chain(sharing).collect();
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": self.name,
                "labels": {SERVICE_LABEL: service},
                "annotations": annotations,
            },
            "spec": {
                "holderIdentity": self.name,
                "leaseDurationSeconds": self.lasts.as_secs() + u64::from(self.lasts.subsec_nanos() > 0),
                "renewTime": format!("{renewed:.6}"),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_781_481_600_123);

    fn presence() -> Presence {
        Presence {
            name: "custom-api-server-1".to_owned(),
            address: ([10, 0, 0, 7], 8080).into(),
            state: State::Ready,
            lasts: Duration::from_secs(15),
            shares: true,
        }
    }

    fn lease(change: impl FnOnce(&mut Value)) -> Lease {
        let mut written = presence().written("custom-api", NOW);
        change(&mut written);
        serde_json::from_value(written).unwrap()
    }

    #[test]
    fn what_a_replica_writes_others_read() {
        let lease = lease(|_| ());
        assert_eq!(Presence::read(&lease), Some(presence()));
        assert_eq!(lease.metadata.labels.unwrap()[SERVICE_LABEL], "custom-api");
        assert_eq!(lease.spec.unwrap().renew_time.unwrap().0.as_millisecond(), NOW.0);
    }

    #[test]
    fn who_shares_in_another_form_or_not_at_all_shares_not_with_us() {
        let other = lease(|lease| lease["metadata"]["annotations"][SHARING] = json!("v2"));
        let plain = Presence { shares: false, ..presence() };
        let written: Value = plain.written("custom-api", NOW);
        assert_eq!(written["metadata"]["annotations"].get(SHARING), None);
        assert_eq!(Presence::read(&other), Some(plain));
    }

    #[test]
    fn what_no_replica_would_write_is_none() {
        let refused: [fn(&mut Value); 5] = [
            |lease| lease["metadata"]["annotations"][ADDRESS] = json!("example.com:443"),
            |lease| lease["metadata"]["annotations"][STATE] = json!("leading"),
            |lease| lease["metadata"]["annotations"] = Value::Null,
            |lease| lease["metadata"]["name"] = Value::Null,
            |lease| lease["spec"] = Value::Null,
        ];
        for change in refused {
            assert_eq!(Presence::read(&lease(change)), None);
        }
    }

    #[test]
    fn nobody_is_there_for_longer_than_a_minute_without_a_word() {
        let long = lease(|lease| lease["spec"]["leaseDurationSeconds"] = json!(i32::MAX));
        assert_eq!(Presence::read(&long).unwrap().lasts, Duration::from_mins(1));
        let negative = lease(|lease| lease["spec"]["leaseDurationSeconds"] = json!(-5));
        assert_eq!(Presence::read(&negative).unwrap().lasts, Duration::from_secs(1));
    }
}
