//! The pretend API server as its clients see it: kube's client, over TLS.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod, Secret};
use kube::api::{Api, ListParams, ObjectMeta, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::{Client, Config};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;

use super::{Account, Accounts, ControlPlane};
use crate::clock::Clock;
use crate::sim::{Scenario, World};

async fn started() -> ControlPlane {
    let clock = Clock::system();
    let world = Arc::new(World::new(Scenario { passing_nodes: 0, ..Scenario::demo() }, clock.now()));
    ControlPlane::start(0, Accounts::generate(), world, 10250, clock).await.unwrap()
}

fn client(control_plane: &ControlPlane, token: &str) -> Client {
    let mut config = Config::new(format!("https://{}", control_plane.address()).parse().unwrap());
    config.root_cert = Some(vec![CertificateDer::from_pem_slice(control_plane.ca_pem().as_bytes()).unwrap().to_vec()]);
    config.auth_info.token = Some(token.to_owned().into());
    Client::try_from(config).unwrap()
}

fn client_of(control_plane: &ControlPlane, account: Account) -> Client {
    client(control_plane, control_plane.token(account))
}

fn code(error: kube::Error) -> u16 {
    match error {
        kube::Error::Api(status) => status.code,
        other => panic!("no answer of an API server: {other}"),
    }
}

#[tokio::test]
async fn nodes_and_pods_are_listed_in_pages_and_selected() {
    let control_plane = started().await;
    let client = client_of(&control_plane, Account::Server);
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await.unwrap();
    assert_eq!(nodes.items.len(), 6);
    let addresses = nodes.items[0].status.as_ref().unwrap().addresses.as_ref().unwrap();
    assert_eq!((&*addresses[0].type_, &*addresses[0].address), ("InternalIP", "127.1.0.1"));

    let pods = Api::<Pod>::all(client.clone());
    let all = pods.list(&ListParams::default()).await.unwrap();
    let mut paged = Vec::new();
    let mut page = pods.list(&ListParams::default().limit(50)).await.unwrap();
    while let Some(token) = page.metadata.continue_.clone() {
        paged.append(&mut page.items);
        page = pods.list(&ListParams::default().limit(50).continue_token(&token)).await.unwrap();
    }
    paged.append(&mut page.items);
    assert!(all.items.len() >= 66 && paged.len() >= 66, "{} and {}", all.items.len(), paged.len());

    let agents = pods.list(&ListParams::default().labels("app=agent").fields("spec.nodeName=node-2")).await.unwrap();
    assert_eq!(agents.items.len(), 1);
    assert_eq!(agents.items[0].metadata.namespace.as_deref(), Some("kube-system"));
    control_plane.stop().await;
}

#[tokio::test]
async fn a_watch_tells_what_happens_after_its_revision() {
    let control_plane = started().await;
    let secrets = Api::<Secret>::namespaced(client_of(&control_plane, Account::Server), "custom-api");
    let begin = secrets.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let secret = Secret {
        metadata: ObjectMeta { name: Some("serving".to_owned()), ..ObjectMeta::default() },
        ..Secret::default()
    };
    let mut created = secrets.create(&PostParams::default(), &secret).await.unwrap();
    assert_eq!(code(secrets.create(&PostParams::default(), &secret).await.unwrap_err()), 409);
    created.type_ = Some("kubernetes.io/tls".to_owned());
    let replaced = secrets.replace("serving", &PostParams::default(), &created).await.unwrap();
    created.type_ = Some("Opaque".to_owned());
    assert_eq!(code(secrets.replace("serving", &PostParams::default(), &created).await.unwrap_err()), 409);
    assert_eq!(replaced.metadata.uid, created.metadata.uid);

    let params = WatchParams::default().timeout(1);
    let events: Vec<_> = pin!(secrets.watch(&params, &begin).await.unwrap()).try_collect().await.unwrap();
    let told = matches!(events.as_slice(), [WatchEvent::Added(_), WatchEvent::Modified(_), WatchEvent::Bookmark(_)]);
    assert!(told, "{events:?}");
    control_plane.stop().await;
}

#[tokio::test]
async fn a_watch_without_revision_begins_with_everything_and_marks_its_end() {
    let control_plane = started().await;
    let nodes = Api::<Node>::all(client_of(&control_plane, Account::Viewer));
    let params = WatchParams::default().timeout(1).initial_events();
    let events: Vec<_> = pin!(nodes.watch(&params, "0").await.unwrap()).try_collect().await.unwrap();
    let added = events.iter().filter(|event| matches!(event, WatchEvent::Added(_))).count();
    let marked = events.iter().any(|event| {
        matches!(event, WatchEvent::Bookmark(mark) if mark.metadata.annotations.contains_key("k8s.io/initial-events-end"))
    });
    assert!(added == 6 && marked, "{events:?}");
    control_plane.stop().await;
}

#[tokio::test]
async fn a_watch_from_a_forgotten_revision_is_told_to_list_again() {
    let control_plane = started().await;
    let storage = &control_plane.server.storage;
    let key = super::Key { namespace: "custom-api".to_owned(), name: "busy".to_owned() };
    for count in 0..5000 {
        storage.put("secrets", &key, json!({"metadata": {"name": "busy", "labels": {"count": count.to_string()}}}));
    }
    let secrets = Api::<Secret>::namespaced(client_of(&control_plane, Account::Server), "custom-api");
    let mut events = pin!(secrets.watch(&WatchParams::default(), "1").await.unwrap());
    let first = events.try_next().await.unwrap();
    assert!(matches!(first, Some(WatchEvent::Error(ref status)) if status.code == 410), "{first:?}");
    control_plane.stop().await;
}

#[tokio::test]
async fn rights_are_checked_before_anything_is_answered() {
    let control_plane = started().await;
    let nobody = client(&control_plane, "guessed");
    assert_eq!(code(Api::<Node>::all(nobody).list(&ListParams::default()).await.unwrap_err()), 401);
    let guest = client_of(&control_plane, Account::Guest);
    assert_eq!(code(Api::<Node>::all(guest.clone()).list(&ListParams::default()).await.unwrap_err()), 403);
    assert!(guest.list_api_groups().await.unwrap().groups.iter().any(|group| group.name == "metrics.k8s.io"));

    let server = client_of(&control_plane, Account::Server);
    let configs = Api::<ConfigMap>::namespaced(server.clone(), "kube-system");
    assert_eq!(code(configs.list(&ListParams::default()).await.unwrap_err()), 403);
    let by_name = ListParams::default().fields("metadata.name=extension-apiserver-authentication");
    let config = configs.list(&by_name).await.unwrap().items.remove(0).data.unwrap();
    assert!(config["requestheader-client-ca-file"].starts_with("-----BEGIN CERTIFICATE-----"));

    let review: SubjectAccessReview = serde_json::from_value(json!({"spec": {
        "user": "demo-viewer", "groups": ["demo:viewers"],
        "resourceAttributes": {"verb": "list", "group": "metrics.k8s.io", "resource": "pods"},
    }}))
    .unwrap();
    let review = Api::<SubjectAccessReview>::all(server).create(&PostParams::default(), &review).await.unwrap();
    assert!(review.status.unwrap().allowed);
    control_plane.stop().await;
}

#[tokio::test]
async fn a_patch_in_another_form_than_merge_is_refused() {
    let control_plane = started().await;
    let secrets = Api::<Secret>::namespaced(client_of(&control_plane, Account::Admin), "custom-api");
    let params = PatchParams::apply("test");
    let applied = secrets.patch("x", &params, &Patch::Apply(json!({"apiVersion": "v1", "kind": "Secret"}))).await;
    assert_eq!(code(applied.unwrap_err()), 415);
    control_plane.stop().await;
}

#[tokio::test]
async fn stopping_ends_open_watches_in_time() {
    let control_plane = started().await;
    let nodes = Api::<Node>::all(client_of(&control_plane, Account::Viewer));
    let watch = nodes.watch(&WatchParams::default(), "0").await.unwrap();
    tokio::time::timeout(Duration::from_secs(4), control_plane.stop()).await.unwrap();
    drop(watch);
}
