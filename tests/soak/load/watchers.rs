//! Those who watch: they come, read for a while or not at all, and leave without a word.

use std::time::Duration;

use kube_vitals::sim::control_plane::Account;
use reqwest::Client;
use tokio::time::{Instant, timeout_at};

use super::{Deeds, SERVER, ask, pause};
use crate::stage::Stage;

const JSON: &str = "application/json";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";
const PARTIAL: &str = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf;stream=watch";

/// What is watched, and as what.
const WATCHES: [(&str, &str); 10] = [
    ("/apis/custom.example.com/v1/pods?watch=true", JSON),
    ("/apis/custom.example.com/v1/pods?watch=true&labelSelector=app%3Dworker", TABLE),
    (
        "/apis/custom.example.com/v1/nodes?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
        JSON,
    ),
    ("/apis/custom.example.com/v1/namespaces/jobs/pods?watch=true&allowWatchBookmarks=true", JSON),
    ("/apis/custom.example.com/v1/pods?watch=true&timeoutSeconds=5", PARTIAL),
    ("/apis/metrics.k8s.io/v1beta1/pods?watch=true", PROTOBUF),
    ("/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods?watch=true&timeoutSeconds=3", JSON),
    ("/apis/metrics.k8s.io/v1beta1/nodes?watch=true&fieldSelector=metadata.name%3Dnode-3", JSON),
    ("/apis/metrics.k8s.io/v1beta1/nodes?watch=true&resourceVersion=0", TABLE),
    ("/apis/metrics.k8s.io/v1beta1/pods?watch=true&labelSelector=app%3Dweb", JSON),
];
/// Of each, at once.
const COPIES: u64 = 2;
/// How long one stays, in steps from the first of these.
const SHORTEST: Duration = Duration::from_secs(2);
const STEP: Duration = Duration::from_millis(700);

/// They never end.
pub(super) fn all<'a>(stage: &'a Stage, deeds: &'a Deeds) -> Result<Vec<impl Future<Output = ()> + 'a>, String> {
    let mut all = Vec::new();
    for copy in 0..COPIES {
        // Half of them share a connection, as those of one informer factory do.
        let shared = stage.client(Account::Viewer)?;
        for (number, watch) in (0..).zip(&WATCHES) {
            all.push(come_and_go(stage, deeds, shared.clone(), *watch, copy * 10 + number));
        }
    }
    Ok(all)
}

async fn come_and_go(stage: &Stage, deeds: &Deeds, shared: Client, (path, accept): (&str, &str), number: u64) {
    for visit in number.. {
        let own = visit.is_multiple_of(2).then(|| stage.client(Account::Viewer));
        let stay = SHORTEST + STEP * u32::try_from(visit * 7 % 20).unwrap_or_default();
        let is_reader = !visit.is_multiple_of(5);
        let watched = match own {
            Some(Ok(client)) => watch(&client, path, accept, stay, is_reader).await,
            Some(Err(error)) => Err(error),
            None => watch(&shared, path, accept, stay, is_reader).await,
        };
        deeds.judge(if is_reader { "watches" } else { "watches that nobody reads" }, watched);
        pause(100).await;
    }
}

async fn watch(client: &Client, path: &str, accept: &str, stay: Duration, is_reader: bool) -> Result<(), String> {
    let leave_at = Instant::now() + stay;
    let mut answer = ask(client, &format!("{SERVER}{path}"), accept, 200).await?;
    if !is_reader {
        tokio::time::sleep_until(leave_at).await;
        return Ok(());
    }
    loop {
        match timeout_at(leave_at, answer.chunk()).await {
            Ok(Ok(Some(_))) => {}
            Ok(Ok(None)) | Err(_) => return Ok(()),
            Ok(Err(error)) => return Err(format!("{path}: {error:?}")),
        }
    }
}
