//! Those who list: whole, in pages, by selectors, in every encoding.

use std::time::Duration;

use kube_vitals::sim::control_plane::Account;
use reqwest::Client;
use serde_json::Value;
use tokio::time::Instant;

use super::{Deeds, METRICS, OWN, SERVER, pause, read};
use crate::faults::WELL;
use crate::stage::Stage;

const JSON: &str = "application/json";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";
const PARTIAL: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const YAML: &str = "application/yaml";
const ANY: &str = "*/*";

/// What is asked for, as what, and the status that answers it.
const FORMS: [(&str, &str, u16); 26] = [
    ("/apis/custom.example.com/v1/pods", TABLE, 200),
    ("/apis/custom.example.com/v1/pods", PARTIAL, 200),
    ("/apis/custom.example.com/v1/pods?limit=50", YAML, 200),
    ("/apis/custom.example.com/v1/nodes", JSON, 200),
    ("/apis/custom.example.com/v1/nodescrapes", TABLE, 200),
    ("/apis/custom.example.com/v1/namespaces/shop/pods?labelSelector=app+in+(web,api)", JSON, 200),
    ("/apis/custom.example.com/v1/namespaces/jobs/pods?labelSelector=controller-uid", JSON, 200),
    ("/apis/metrics.k8s.io/v1beta1/pods", PROTOBUF, 200),
    ("/apis/metrics.k8s.io/v1beta1/pods", JSON, 200),
    ("/apis/metrics.k8s.io/v1/nodes", PROTOBUF, 200),
    ("/apis/metrics.k8s.io/v1beta1/nodes?fieldSelector=metadata.name%3Dnode-27", JSON, 200),
    ("/apis/metrics.k8s.io/v1beta1/nodes?pretty=true", JSON, 200),
    ("/apis/metrics.k8s.io/v1beta1/namespaces/data/pods?labelSelector=app%21%3Ddatabase", TABLE, 200),
    ("/apis/metrics.k8s.io/v1beta1/nodes/node-25", JSON, 200),
    ("/apis/metrics.k8s.io/v1beta1/nodes/node-gone", JSON, 404),
    ("/apis/metrics.k8s.io/v1beta1/pods?labelSelector=a%3D%3D%3D", JSON, 400),
    ("/apis/metrics.k8s.io/v1beta1/pods?limit=5&continue=nonsense", JSON, 400),
    ("/apis/metrics.k8s.io/v1beta1/pods", "text/csv", 406),
    ("/apis", ANY, 200),
    ("/apis/custom.example.com/v1", ANY, 200),
    ("/openapi/v2", ANY, 200),
    ("/openapi/v3/apis/custom.example.com/v1", ANY, 200),
    ("/readyz?verbose", ANY, 200),
    ("/livez", ANY, 200),
    ("/metrics/usage", ANY, 200),
    ("/nothing/here", ANY, 404),
];
/// As an autoscaler asks, by the labels of a workload.
const SELECTORS: [(&str, &str); 4] = [("shop", "web"), ("shop", "api"), ("data", "cache"), ("jobs", "worker")];
const PAGE: usize = 60;
/// A list can go on at least for so long; moments are kept for half a minute.
const GOES_ON_FOR: Duration = Duration::from_secs(29);

/// They never end.
pub(super) fn all<'a>(stage: &'a Stage, deeds: &'a Deeds) -> Result<Vec<impl Future<Output = ()> + 'a>, String> {
    let (admin, viewer) = (stage.client(Account::Admin)?, stage.client(Account::Viewer)?);
    Ok(vec![list(deeds, admin, viewer)])
}

async fn list(deeds: &Deeds, admin: Client, viewer: Client) {
    tokio::join!(forms(deeds, &admin), pages(deeds, &admin), autoscaler(deeds, &viewer), single(deeds, &viewer));
}

async fn forms(deeds: &Deeds, client: &Client) {
    for (path, accept, wanted) in FORMS.iter().cycle() {
        let read = read(client, &format!("{SERVER}{path}"), accept, *wanted).await;
        deeds.judge("lists and documents", read.map(drop));
        pause(250).await;
    }
}

/// Every third one is left in the middle, and its token never used.
async fn pages(deeds: &Deeds, client: &Client) {
    for round in 0_u64.. {
        deeds.judge("lists in pages", pages_once(client, round.is_multiple_of(3)).await);
        pause(1000).await;
    }
}

async fn pages_once(client: &Client, is_left: bool) -> Result<(), String> {
    let (begun, mut token) = (Instant::now(), String::new());
    loop {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("continue", &token).finish();
        let url = format!("{SERVER}{OWN}/pods?limit={PAGE}&{query}");
        let page = match read(client, &url, JSON, 200).await {
            // Where the machine is so busy, the moment that the list began with may be forgotten.
            Err(_) if begun.elapsed() > GOES_ON_FOR => return Ok(()),
            page => page?,
        };
        let page: Value = serde_json::from_slice(&page).map_err(|error| error.to_string())?;
        page["metadata"]["continue"].as_str().unwrap_or_default().clone_into(&mut token);
        if token.is_empty() || is_left {
            return Ok(());
        }
    }
}

async fn autoscaler(deeds: &Deeds, client: &Client) {
    for (namespace, app) in SELECTORS.iter().cycle() {
        let url = format!("{SERVER}{METRICS}/namespaces/{namespace}/pods?labelSelector=app%3D{app}");
        deeds.judge("an autoscaler's lists", read(client, &url, PROTOBUF, 200).await.map(drop));
        pause(500).await;
    }
}

async fn single(deeds: &Deeds, client: &Client) {
    for node in WELL.cycle() {
        let url = format!("{SERVER}{OWN}/nodes/node-{node}");
        deeds.judge("single objects", read(client, &url, TABLE, 200).await.map(drop));
        pause(150).await;
    }
}
