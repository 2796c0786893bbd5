use std::io::Write as _;

use axum::body::{Body, to_bytes};
use clap::Parser as _;
use tower::ServiceExt as _;

use super::*;
use crate::apiserver::{ConnectionId, Peer};
use crate::config::ServeArgs;

const KUBECONFIG: &str = r#"{
    "current-context": "c",
    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    "users": [{"name": "u", "user": {"token": "t"}}]
}"#;

#[tokio::test]
async fn every_metric_bears_the_products_name_once_or_is_the_processs() {
    let mut kubeconfig = tempfile::NamedTempFile::new().unwrap();
    kubeconfig.write_all(KUBECONFIG.as_bytes()).unwrap();
    let mut flags: Vec<_> = "serve --bind-address 127.0.0.1 --secure-port 0".split(' ').collect();
    flags.extend(["--authorization-always-allow-paths", "/metrics", "--kubelet-insecure-tls"]);
    flags.extend(["--kubeconfig", kubeconfig.path().to_str().unwrap()]);
    let settings = Settings::from_args(&ServeArgs::try_parse_from(flags).unwrap()).unwrap();
    let app = App::build(settings, Clock::system()).await.unwrap();

    let mut request = axum::extract::Request::get("/metrics").body(Body::empty()).unwrap();
    let peer = Peer { address: app.address(), certificates: [].into(), id: ConnectionId(1) };
    request.extensions_mut().insert(peer);
    let response = app.door.router.oneshot(request).await.unwrap();
    let text = String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap();

    let names: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert!(names.len() > 10, "{text}");
    for name in names {
        let own = name.strip_prefix("kube_vitals_").is_some_and(|rest| !rest.starts_with("kube_vitals"));
        assert!(own || name.starts_with("process_"), "{name}");
    }
}
