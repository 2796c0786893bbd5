use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderValue;
use k8s_openapi::api::core::v1::ConfigMap;
use prometheus_client::registry::Registry;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::apiserver::authn::register_metrics;
use crate::apiserver::fixtures::{ApiServer, Authority, NOW, Pair, peer};
use crate::clock::ClockHand;
use crate::readiness::Readiness;

/// A cluster with a front proxy, clients and the tokens `good` (of Tom) and all others (bad).
struct Cluster {
    clients: Authority,
    proxies: Authority,
    trust: LiveTrust,
    authenticator: Authenticator,
    hand: ClockHand,
}

impl Cluster {
    fn new() -> Self {
        Self::reviewing(&ApiServer::with(|request| {
            let user = json!({"username": "tom", "groups": ["dev", "system:authenticated"]});
            let status = match request.body["spec"]["token"].as_str() {
                Some("good") => json!({"authenticated": true, "user": user}),
                _ => json!({"authenticated": false}),
            };
            Some((201, json!({"spec": {}, "status": status})))
        }))
    }

    fn reviewing(api: &ApiServer) -> Self {
        let cluster = Self::unknown(api);
        cluster.configure(&cluster.proxies.pem(), r#"["front-proxy-client"]"#);
        cluster
    }

    /// One whose ConfigMap was not read yet.
    fn unknown(api: &ApiServer) -> Self {
        let (clients, proxies) = (Authority::named("clients"), Authority::named("proxies"));
        let (clock, hand) = Clock::manual(NOW);
        let trust = LiveTrust::default();
        let settings = config::Authentication { kubeconfig: None, token_ttl: Duration::from_secs(10) };
        let metrics = register_metrics(&mut Registry::default());
        let authenticator = Authenticator::new(api.client(), &settings, trust.clone(), clock, metrics).unwrap();
        Self { clients, proxies, trust, authenticator, hand }
    }

    fn configure(&self, proxies: &str, names: &str) {
        self.trust.adopt(&self.config_map(proxies, names));
    }

    fn config_map(&self, proxies: &str, names: &str) -> ConfigMap {
        config_map(&[
            ("client-ca-file", &self.clients.pem()),
            ("requestheader-client-ca-file", proxies),
            ("requestheader-allowed-names", names),
            ("requestheader-username-headers", r#"["X-Remote-User"]"#),
            ("requestheader-group-headers", r#"["X-Remote-Group"]"#),
            ("requestheader-extra-headers-prefix", r#"["X-Remote-Extra-"]"#),
        ])
    }

    async fn ask(&self, pair: Option<&Pair>, pairs: &[(&'static str, &'static str)]) -> Result<User, AuthnError> {
        self.authenticator.authenticate(&caller(pair), &mut headers(pairs)).await
    }

    fn front_proxy(&self) -> Pair {
        self.proxies.client("front-proxy-client", &[])
    }
}

const ANN: &[(&str, &str)] = &[("x-remote-user", "ann"), ("x-remote-group", "dev")];
const FORGED: &[(&str, &str)] = &[("x-remote-user", "root"), ("x-remote-group", "system:masters")];

/// A caller on a connection of his own.
fn caller(pair: Option<&Pair>) -> Peer {
    static CONNECTIONS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let id = CONNECTIONS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    peer(id, &pair.map(Pair::chain).unwrap_or_default())
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

fn config_map(pairs: &[(&str, &str)]) -> ConfigMap {
    let data: BTreeMap<_, _> = pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    ConfigMap { data: Some(data), ..ConfigMap::default() }
}

fn is_401(outcome: &Result<User, AuthnError>) -> bool {
    matches!(outcome, Err(AuthnError::Unauthorized { .. }))
}

#[tokio::test]
async fn the_front_proxy_speaks_for_the_user_it_names() {
    let cluster = Cluster::new();
    let user = cluster.ask(Some(&cluster.front_proxy()), ANN).await.unwrap();
    assert_eq!((user.name.as_str(), user.via), ("ann", Via::FrontProxy));
    assert_eq!(user.groups, ["dev", "system:authenticated"]);
    let aggregator =
        cluster.ask(Some(&cluster.front_proxy()), &[("x-remote-user", "system:aggregator")]).await.unwrap();
    assert_eq!(aggregator.groups, ["system:authenticated"]);
}

#[tokio::test]
async fn anonymous_users_stay_anonymous_through_the_front_proxy() {
    let cluster = Cluster::new();
    let told = &[("x-remote-user", "system:anonymous"), ("x-remote-group", "system:unauthenticated")];
    let user = cluster.ask(Some(&cluster.front_proxy()), told).await.unwrap();
    assert_eq!(user.groups, ["system:unauthenticated"]);
}

#[tokio::test]
async fn identity_headers_without_the_front_proxys_certificate_mean_nothing() {
    let cluster = Cluster::new();
    assert_eq!(cluster.ask(None, FORGED).await.unwrap(), User::anonymous());
    let direct = cluster.clients.client("bob", &["qa"]);
    let user = cluster.ask(Some(&direct), FORGED).await.unwrap();
    assert_eq!((user.name.as_str(), user.groups), ("bob", vec!["qa".to_owned(), "system:authenticated".to_owned()]));
    let foreign = Authority::named("proxies").client("front-proxy-client", &[]);
    assert!(is_401(&cluster.ask(Some(&foreign), FORGED).await));
    let wrong_name = cluster.proxies.client("intruder", &[]);
    assert!(is_401(&cluster.ask(Some(&wrong_name), FORGED).await));
    let unwelcome = cluster.ask(None, &[("x-remote-user", "root"), ("authorization", "Bearer good")]).await.unwrap();
    assert_eq!((unwelcome.name.as_str(), unwelcome.via), ("tom", Via::Token));
}

#[tokio::test]
async fn no_names_of_front_proxies_means_any_that_the_authority_signed() {
    let cluster = Cluster::new();
    cluster.configure(&cluster.proxies.pem(), "[]");
    assert_eq!(cluster.ask(Some(&cluster.proxies.client("whatever", &[])), ANN).await.unwrap().name, "ann");
    let foreign = Authority::named("else").client("whatever", &[]);
    assert!(is_401(&cluster.ask(Some(&foreign), ANN).await));
}

#[tokio::test]
async fn what_the_front_proxy_garbles_is_refused_and_not_taken_for_the_proxys_own() {
    let cluster = Cluster::new();
    cluster.configure(&cluster.clients.pem(), "[]");
    let proxy = cluster.clients.client("front-proxy-client", &[]);
    assert_eq!(cluster.ask(Some(&proxy), &[]).await.unwrap().name, "front-proxy-client");
    let mut garbled = headers(ANN);
    garbled.append("x-remote-group", HeaderValue::from_bytes(b"\xff").unwrap());
    assert!(is_401(&cluster.authenticator.authenticate(&caller(Some(&proxy)), &mut garbled).await));
}

#[tokio::test]
async fn expiry_and_rotation_bite_on_a_live_connection() {
    let cluster = Cluster::new();
    let connection = caller(Some(&cluster.front_proxy()));
    let ask = async || cluster.authenticator.authenticate(&connection, &mut headers(ANN)).await;
    assert_eq!(ask().await.unwrap().name, "ann");
    let next = Authority::named("next");
    cluster.configure(&format!("{}{}", cluster.proxies.pem(), next.pem()), "[]");
    assert_eq!(ask().await.unwrap().name, "ann");
    cluster.configure(&next.pem(), "[]");
    assert!(is_401(&ask().await));
    cluster.configure(&cluster.proxies.pem(), "[]");
    assert_eq!(ask().await.unwrap().name, "ann");
    cluster.hand.advance(Duration::from_hours(24 * 365 * 71));
    assert!(is_401(&ask().await));
}

#[tokio::test]
async fn a_broken_config_map_leaves_the_last_good_one_in_force() {
    let cluster = Cluster::new();
    cluster.trust.adopt(&config_map(&[("requestheader-client-ca-file", "garbage")]));
    assert_eq!(cluster.ask(Some(&cluster.front_proxy()), ANN).await.unwrap().name, "ann");
}

#[tokio::test]
async fn before_the_config_map_is_known_certificates_mean_nothing() {
    let cluster = Cluster::unknown(&ApiServer::answering(201, json!({"spec": {}, "status": {}})));
    let proxy = caller(Some(&cluster.front_proxy()));
    assert!(!cluster.authenticator.is_front_proxy(&proxy));
    assert_eq!(cluster.ask(Some(&cluster.front_proxy()), ANN).await.unwrap(), User::anonymous());
    cluster.configure(&cluster.proxies.pem(), r#"["front-proxy-client"]"#);
    assert!(cluster.authenticator.is_front_proxy(&caller(Some(&cluster.front_proxy()))));
    assert!(!cluster.authenticator.is_front_proxy(&caller(Some(&cluster.clients.client("front-proxy-client", &[])))));
    assert!(!cluster.authenticator.is_front_proxy(&caller(None)));
}

#[tokio::test]
async fn a_bad_token_is_refused_and_never_anonymous() {
    let cluster = Cluster::new();
    assert!(is_401(&cluster.ask(None, &[("authorization", "Bearer bad")]).await));
    assert_eq!(cluster.ask(None, &[("authorization", "Basic YTpi")]).await.unwrap(), User::anonymous());
}

#[tokio::test]
async fn a_good_token_makes_good_for_a_certificate_of_another_cluster() {
    let cluster = Cluster::new();
    let foreign = Authority::named("elsewhere").client("ann", &[]);
    assert!(is_401(&cluster.ask(Some(&foreign), &[]).await));
    let user = cluster.ask(Some(&foreign), &[("authorization", "Bearer good")]).await.unwrap();
    assert_eq!((user.name.as_str(), user.groups), ("tom", vec!["dev".to_owned(), "system:authenticated".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_failing_review_is_an_error_and_never_anonymous() {
    let cluster = Cluster::reviewing(&ApiServer::answering(503, json!({"kind": "Status", "code": 503})));
    let outcome = cluster.ask(None, &[("authorization", "Bearer good")]).await;
    assert!(matches!(outcome, Err(AuthnError::Unavailable(_))));
}

#[tokio::test]
async fn impersonation_is_refused_rather_than_ignored() {
    let cluster = Cluster::new();
    for header in ["impersonate-user", "impersonate-group", "impersonate-extra-scopes"] {
        let outcome = cluster.ask(None, &[("authorization", "Bearer good"), (header, "root")]).await;
        assert!(matches!(outcome, Err(AuthnError::ImpersonationUnsupported { header: named }) if named == header));
    }
    let unknown = cluster.ask(None, &[("authorization", "Bearer bad"), ("impersonate-user", "root")]).await;
    assert!(is_401(&unknown), "who the caller is comes first");
}

#[tokio::test]
async fn nothing_that_tells_an_identity_travels_further() {
    let cluster = Cluster::new();
    for pair in [None, Some(cluster.front_proxy())] {
        let mut headers = headers(&[
            ("authorization", "Bearer good"),
            ("x-remote-user", "ann"),
            ("x-remote-group", "dev"),
            ("x-remote-extra-scopes", "all"),
            ("x-remote-uid", "7"),
            ("accept", "*/*"),
        ]);
        cluster.authenticator.authenticate(&caller(pair.as_ref()), &mut headers).await.unwrap();
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_front_proxy_of_an_authority_that_the_watch_has_not_told_is_believed_and_a_stranger_is_not() {
    let cluster = Cluster::new();
    let (newcomers, strangers) = (Authority::named("new proxies"), Authority::named("strangers"));
    let map = |proxies: &Authority| {
        let map = cluster.config_map(&proxies.pem(), r#"["front-proxy-client"]"#);
        serde_json::to_value(map).unwrap()
    };
    let (mut listed, mut now) = (map(&cluster.proxies), map(&newcomers));
    listed["metadata"] = json!({"resourceVersion": "1"});
    now["metadata"] = json!({"resourceVersion": "2"});
    let list = json!({"metadata": {"resourceVersion": "1"}, "items": [listed]});
    let api = ApiServer::with(move |request| match request.path.ends_with("/configmaps") {
        true if request.query.contains("watch=true") => None,
        true => Some((200, list.clone())),
        false => Some((200, now.clone())),
    });
    let latch = Readiness::default().latch("authentication-sync", "not read yet");
    tokio::spawn(cluster.trust.clone().follow(api.client(), latch, CancellationToken::new()));
    tokio::time::sleep(Duration::from_secs(1)).await;

    let stranger = strangers.client("front-proxy-client", &[]);
    assert!(cluster.ask(Some(&stranger), FORGED).await.is_err());
    let newcomer = newcomers.client("front-proxy-client", &[]);
    assert_eq!(cluster.ask(Some(&newcomer), ANN).await.unwrap().name, "ann");
    assert!(cluster.ask(Some(&cluster.front_proxy()), ANN).await.is_err(), "the ConfigMap has the new one alone");
}
