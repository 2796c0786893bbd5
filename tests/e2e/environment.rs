//! Everything the suite talks to, started once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use tokio::sync::OnceCell;
use tokio::task::block_in_place;

use crate::api::Api;
use crate::api_services;
use crate::hollow_node::HollowNode;
use crate::replicas::Replicas;
use crate::support::control_plane::{ControlPlane, binaries};
use crate::support::controllers;
use crate::support::deployment;
use crate::support::kubectl::Kubectl;
use crate::support::otlp_sink::OtlpSink;
use crate::support::process::Process;
use crate::support::service::Service;
use crate::world::SimulatedNodes;

const API_SERVICE: &str = "/apis/apiregistration.k8s.io/v1/apiservices/v1.custom.example.com";

/// The control plane, the simulated nodes and the server behind the aggregator.
pub(crate) struct Environment {
    pub(crate) kubectl: Kubectl,
    pub(crate) viewer: Kubectl,
    pub(crate) admin: Api,
    pub(crate) nodes: SimulatedNodes,
    pub(crate) hollow: HollowNode,
    pub(crate) replicas: Replicas,
    pub(crate) sink: OtlpSink,
    /// The server's own authority, as the APIService tells it.
    pub(crate) authority_pem: Vec<u8>,
    pub(crate) folder: PathBuf,
    pub(crate) control_plane: ControlPlane,
    controllers: OnceCell<Process>,
}

impl Environment {
    /// Starts it all in `folder`, and returns when the APIServices are Available.
    pub(crate) async fn start(folder: &Path) -> Result<Self, String> {
        let sink = OtlpSink::start().await?;
        let control_plane = ControlPlane::start(&folder.join("cp"), Some(&sink.grpc.to_string()))?;
        let admin_kubeconfig = control_plane.kubeconfig("admin")?.to_owned();
        let viewer_kubeconfig = control_plane.kubeconfig("viewer")?.to_owned();
        let kubectl = Kubectl::new(&binaries()?.join("kubectl"), &admin_kubeconfig, folder);
        let service = Service::start().await.map_err(|error| error.to_string())?;
        deployment::apply(&kubectl, folder, service.port)?;
        let kubeconfig = folder.join("server.kubeconfig");
        let token = deployment::server_kubeconfig(&kubectl, &admin_kubeconfig, &kubeconfig)?;
        let admin = Api::of(&admin_kubeconfig).await?;
        let hollow = HollowNode::start().await?;
        let nodes = SimulatedNodes::start(folder, token, &hollow.authority_pem)?;
        nodes.create(&admin).await?;
        let replicas = Replicas::new(service, arguments(&kubeconfig, &nodes, &sink), folder)?;
        replicas.start(0).await?;
        let mut environment = Self {
            viewer: kubectl.with_kubeconfig(&viewer_kubeconfig),
            kubectl,
            admin,
            nodes,
            hollow,
            replicas,
            sink,
            authority_pem: Vec::new(),
            folder: folder.to_owned(),
            control_plane,
            controllers: OnceCell::new(),
        };
        environment.await_available().await?;
        Ok(environment)
    }

    /// The controllers, from the first test on that needs them.
    pub(crate) async fn controllers(&self) -> Result<(), String> {
        let start = async || block_in_place(|| controllers::start(&self.control_plane, &self.folder));
        self.controllers.get_or_try_init(start).await.map(|_| ())
    }

    async fn await_available(&mut self) -> Result<(), String> {
        let available = api_services::until_all_are(&self.admin, true).await;
        available.map_err(|error| format!("{error}\n{}", self.replicas.logs()))?;
        let service = self.admin.json(API_SERVICE).await?;
        let bundle = service["spec"]["caBundle"].as_str().ok_or("no caBundle")?;
        self.authority_pem =
            base64::engine::general_purpose::STANDARD.decode(bundle).map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// What the server is told, whichever replica it is.
fn arguments(kubeconfig: &Path, nodes: &SimulatedNodes, sink: &OtlpSink) -> Vec<String> {
    let plain = [
        ("--kubeconfig", kubeconfig.display().to_string()),
        ("--kubelet-certificate-authority", nodes.authority.display().to_string()),
        ("--metric-resolution", "5s".to_owned()),
        ("--serving-authority-overlap", "10s".to_owned()),
        ("--otlp-endpoint", format!("http://{}", sink.grpc)),
        ("--otlp-protocol", "grpc".to_owned()),
        ("--tracing-sampling-rate-per-million", "1000000".to_owned()),
        ("--scrape-tracing-sampling-rate-per-million", "1000000".to_owned()),
    ];
    let switches = ["--kubelet-use-node-status-port=true".to_owned()];
    plain.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).chain(switches).collect()
}

/// Tries `attempt` until it succeeds, at most for `limit`.
pub(crate) async fn eventually<T, F>(limit: Duration, mut attempt: impl FnMut() -> F) -> Result<T, String>
where
    F: Future<Output = Result<T, String>>,
{
    let deadline = std::time::Instant::now() + limit;
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if std::time::Instant::now() > deadline => return Err(format!("after {limit:?}: {error}")),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}
