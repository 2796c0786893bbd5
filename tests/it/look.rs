//! What the server says at one moment, as a reader of its lists sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kube_vitals::clock::{Clock, UnixMillis};
use reqwest::Client;
use serde_json::Value;

/// The server, by the name its certificate has.
pub(crate) const SERVER: &str = "https://custom-api.custom-api.svc";

/// The lists, asked for one after the other.
#[derive(Debug)]
pub(crate) struct Look {
    /// Just before the first was asked for.
    at: UnixMillis,
    /// `nodescrapes` by name.
    pub(crate) scrapes: BTreeMap<String, Value>,
    /// Pods in our own group, by namespace and name.
    pub(crate) served: BTreeMap<String, Value>,
    /// The list's `missing`, likewise.
    pub(crate) missing: BTreeMap<String, Value>,
    /// The pods in metrics.k8s.io.
    pub(crate) served_plain: BTreeSet<String>,
}

impl Look {
    /// Asks now.
    pub(crate) async fn now(client: &Client) -> Result<Self, String> {
        let at = Clock::system().now();
        let scrapes = list(client, "custom.example.com/v1/nodescrapes").await?;
        let pods = list(client, "custom.example.com/v1/pods").await?;
        let plain = list(client, "metrics.k8s.io/v1beta1/pods").await?;
        Ok(Self {
            at,
            scrapes: by_name(&scrapes["items"], |item| text(&item["metadata"]["name"])),
            served: by_name(&pods["items"], |item| full_name(&item["metadata"])),
            missing: by_name(&pods["missing"], full_name),
            served_plain: by_name(&plain["items"], |item| full_name(&item["metadata"])).into_keys().collect(),
        })
    }

    /// How long before this look `time` (RFC 3339) was; zero if it is later.
    pub(crate) fn age(&self, time: &Value) -> Duration {
        let time: jiff::Timestamp = text(time).parse().unwrap();
        self.at.since(UnixMillis(time.as_millisecond()))
    }
}

async fn list(client: &Client, path: &str) -> Result<Value, String> {
    let answer =
        client.get(format!("{SERVER}/apis/{path}")).send().await.map_err(|error| format!("{path}: {error:?}"))?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(|error| format!("{path}: {error:?}"))?;
    if !status.is_success() {
        return Err(format!("{path}: {status}: {}", String::from_utf8_lossy(&body)));
    }
    serde_json::from_slice(&body).map_err(|error| format!("{path}: {error}"))
}

fn by_name(entries: &Value, name: impl Fn(&Value) -> String) -> BTreeMap<String, Value> {
    entries.as_array().into_iter().flatten().map(|entry| (name(entry), entry.clone())).collect()
}

fn full_name(named: &Value) -> String {
    format!("{}/{}", text(&named["namespace"]), text(&named["name"]))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
