//! What Kubernetes does with us in its way: healthy, away, and restarted one replica at a time.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::api_services;
use crate::environment::{Environment, eventually};

/// The controllers retry within seconds.
const NOTICED: Duration = Duration::from_mins(1);

type Checked = Result<(), String>;

/// Deleting a namespace asks every group what there is to delete, ours included.
pub(crate) async fn namespaces_and_dependents_go_while_we_are_healthy(e: &Environment) -> Checked {
    e.controllers().await?;
    let namespace = Namespace::create(e, "healthy").await?;
    let started = Instant::now();
    namespace.delete_owner_and_await_dependent().await?;
    println!("  a dependent was collected after {:.1?}", started.elapsed());
    namespace.delete().await?;
    eventually(NOTICED, async || namespace.is_gone().await).await?;
    println!("  its namespace was gone after {:.1?}", started.elapsed());
    Ok(())
}

/// Without us a namespace is emptied and then waits, since nobody can tell whether we hold
/// something in it; when we are back it goes.
pub(crate) async fn namespaces_wait_for_us_while_we_are_away(e: &Environment) -> Checked {
    e.controllers().await?;
    let namespace = Namespace::create(e, "waiting").await?;
    e.replicas.stop(0).await?;
    let seen = seen_without_us(e, &namespace).await;
    // Whatever was seen: the tests after this one need a server.
    e.replicas.start(0).await?;
    seen?;
    let back = Instant::now();
    api_services::until_all_are(&e.admin, true).await?;
    eventually(NOTICED, async || namespace.is_gone().await).await?;
    println!("  back: the namespace was gone after {:.1?}", back.elapsed());
    Ok(())
}

async fn seen_without_us(e: &Environment, namespace: &Namespace<'_>) -> Checked {
    api_services::until_all_are(&e.admin, false).await?;
    namespace.delete_owner_and_await_dependent().await?;
    println!("  away: a dependent was collected all the same");
    namespace.delete().await?;
    let reason = eventually(NOTICED, async || namespace.discovery_failure().await).await?;
    println!("  away: the namespace waits: {reason}");
    namespace.is_empty().await?;
    // Some versions of kubectl complain, others leave the group out in silence.
    if e.kubectl.run(&["api-resources"]).is_ok_and(|listed| lists_ours(&listed)) {
        return Err("kubectl api-resources still lists our group".to_owned());
    }
    // Core groups are none of our business, and stay.
    e.kubectl.run(&["get", "configmaps", "-A"]).map(|_| ())
}

/// Two replicas, restarted one after the other: nobody notices.
pub(crate) async fn discovery_and_lists_stay_up_over_a_rolling_restart(e: &Environment) -> Checked {
    e.replicas.start(1).await?;
    let stop = CancellationToken::new();
    let lists = tokio::spawn(repeat(stop.clone(), e.admin.clone(), ask));
    let services = tokio::spawn(repeat(stop.clone(), e.admin.clone(), api_services::all_are_available));
    let (kubectl, until) = (e.kubectl.clone(), stop.clone());
    let discovery = tokio::task::spawn_blocking(move || {
        let mut done = 0;
        while !until.is_cancelled() {
            let listed = kubectl.run(&["api-resources"])?;
            if !lists_ours(&listed) {
                return Err(format!("after {done}: {listed}"));
            }
            done += 1;
        }
        Ok(done)
    });
    let restarted = restart_both(e).await;
    stop.cancel();
    for (name, asked) in [("lists", lists), ("looks at the APIServices", services), ("api-resources", discovery)] {
        let done = asked.await.map_err(|error| error.to_string())?.map_err(|error| format!("{name}: {error}"))?;
        println!("  {done} {name} succeeded over the restart of both replicas");
    }
    restarted
}

async fn restart_both(e: &Environment) -> Checked {
    // One that has just become ready is given the time to take its share.
    tokio::time::sleep(Duration::from_secs(1)).await;
    e.replicas.stop(0).await?;
    e.replicas.start(0).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    e.replicas.stop(1).await
}

/// Asks until stopped; how often, or the first failure.
async fn repeat(stop: CancellationToken, api: Api, ask: impl AsyncFn(&Api) -> Checked) -> Result<usize, String> {
    let mut done = 0;
    while !stop.is_cancelled() {
        ask(&api).await.map_err(|error| format!("after {done}: {error}"))?;
        done += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(done)
}

async fn ask(api: &Api) -> Checked {
    api.json("/apis/custom.example.com/v1/pods").await.map(|_| ())
}

fn lists_ours(api_resources: &str) -> bool {
    ["custom.example.com/v1", "metrics.k8s.io/v1"].iter().all(|group| api_resources.contains(group))
}

/// A namespace with an owner and its dependent in it.
struct Namespace<'a> {
    e: &'a Environment,
    path: String,
}

impl<'a> Namespace<'a> {
    async fn create(e: &'a Environment, name: &str) -> Result<Self, String> {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        e.admin.post("/api/v1/namespaces", &namespace).await?;
        let made = Self { e, path: format!("/api/v1/namespaces/{name}") };
        made.post(json!({"name": "owner"})).await?;
        let owner = e.admin.json(&made.configmap("owner")).await?;
        let reference =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]});
        made.post(json!({"name": "dependent", "ownerReferences": [reference]})).await?;
        made.post(json!({"name": "other"})).await?;
        Ok(made)
    }

    async fn post(&self, metadata: Value) -> Checked {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
        self.e.admin.post(&format!("{}/configmaps", self.path), &object).await
    }

    fn configmap(&self, name: &str) -> String {
        format!("{}/configmaps/{name}", self.path)
    }

    async fn delete_owner_and_await_dependent(&self) -> Checked {
        self.e.admin.delete(&self.configmap("owner")).await?;
        eventually(NOTICED, async || self.e.admin.absent(&self.configmap("dependent")).await).await
    }

    async fn delete(&self) -> Checked {
        self.e.admin.delete(&self.path).await
    }

    async fn is_gone(&self) -> Checked {
        self.e.admin.absent(&self.path).await
    }

    async fn is_empty(&self) -> Checked {
        let list = self.e.admin.json(&format!("{}/configmaps", self.path)).await?;
        if list["items"].as_array().is_some_and(Vec::is_empty) { Ok(()) } else { Err(list.to_string()) }
    }

    /// Why it does not go.
    async fn discovery_failure(&self) -> Result<String, String> {
        let object = self.e.admin.json(&self.path).await?;
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let failed = |one: &&Value| one["type"] == "NamespaceDeletionDiscoveryFailure" && one["status"] == "True";
        let failure = conditions.iter().find(failed).ok_or_else(|| object["status"].to_string())?;
        Ok(format!("{}: {}", failure["reason"], failure["message"]))
    }
}
