//! Everything the suite talks to, started once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;

use crate::api::Api;
use crate::support::control_plane::{ControlPlane, binaries};
use crate::support::deployment;
use crate::support::kubectl::Kubectl;
use crate::support::otlp_sink::OtlpSink;
use crate::support::server::{Server, free_port};
use crate::world::SimulatedNodes;

const API_SERVICE: &str = "/apis/apiregistration.k8s.io/v1/apiservices/v1.custom.example.com";

/// The control plane, the simulated nodes and the server behind the aggregator.
pub(crate) struct Environment {
    pub(crate) kubectl: Kubectl,
    pub(crate) viewer: Kubectl,
    pub(crate) admin: Api,
    pub(crate) nodes: SimulatedNodes,
    pub(crate) server: Server,
    pub(crate) sink: OtlpSink,
    /// The server's own authority, as the APIService tells it.
    pub(crate) authority_pem: Vec<u8>,
    pub(crate) log: PathBuf,
    _control_plane: ControlPlane,
}

impl Environment {
    /// Starts it all in `folder`, and returns when the APIServices are Available.
    pub(crate) async fn start(folder: &Path) -> Result<Self, String> {
        let sink = OtlpSink::start().await?;
        let control_plane = ControlPlane::start(&folder.join("cp"), Some(&sink.grpc.to_string()))?;
        let admin_kubeconfig = control_plane.kubeconfig("admin")?.to_owned();
        let viewer_kubeconfig = control_plane.kubeconfig("viewer")?.to_owned();
        let kubectl = Kubectl::new(&binaries()?.join("kubectl"), &admin_kubeconfig, folder);
        let port = free_port()?;
        deployment::apply(&kubectl, folder, port)?;
        let kubeconfig = folder.join("server.kubeconfig");
        let token = deployment::server_kubeconfig(&kubectl, &admin_kubeconfig, &kubeconfig)?;
        let admin = Api::of(&admin_kubeconfig).await?;
        let nodes = SimulatedNodes::start(folder, token)?;
        nodes.create(&admin).await?;
        let log = folder.join("server.log");
        let server = serve(port, &kubeconfig, &nodes, &sink, &log)?;
        let mut environment = Self {
            viewer: kubectl.with_kubeconfig(&viewer_kubeconfig),
            kubectl,
            admin,
            nodes,
            server,
            sink,
            authority_pem: Vec::new(),
            log,
            _control_plane: control_plane,
        };
        environment.await_available().await?;
        Ok(environment)
    }

    async fn await_available(&mut self) -> Result<(), String> {
        for service in ["v1.custom.example.com", "v1.metrics.k8s.io", "v1beta1.metrics.k8s.io"] {
            let name = format!("apiservice/{service}");
            self.kubectl.run(&["wait", &name, "--for=condition=Available", "--timeout=25s"]).map_err(|error| {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                format!("{error}\n{log}")
            })?;
        }
        let service = self.admin.json(API_SERVICE).await?;
        let bundle = service["spec"]["caBundle"].as_str().ok_or("no caBundle")?;
        self.authority_pem =
            base64::engine::general_purpose::STANDARD.decode(bundle).map_err(|error| error.to_string())?;
        Ok(())
    }
}

fn serve(port: u16, kubeconfig: &Path, nodes: &SimulatedNodes, sink: &OtlpSink, log: &Path) -> Result<Server, String> {
    let kubelet_port = nodes.fleet.port().to_string();
    let (kubeconfig, authority) = (kubeconfig.to_string_lossy(), nodes.authority.to_string_lossy());
    let endpoint = format!("http://{}", sink.http);
    let arguments = [
        ("--kubeconfig", &*kubeconfig),
        ("--kubelet-port", &kubelet_port),
        ("--kubelet-certificate-authority", &authority),
        ("--metric-resolution", "5s"),
        ("--otlp-endpoint", &endpoint),
        ("--tracing-sampling-rate-per-million", "1000000"),
    ];
    let arguments: Vec<&str> = arguments.iter().flat_map(|(flag, value)| [*flag, *value]).collect();
    // Spans leave the process at once, so that the suite need not wait for a full batch.
    let batches = [("OTEL_BSP_SCHEDULE_DELAY", "200")];
    tokio::task::block_in_place(|| Server::start(port, &arguments, &batches, log))
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
