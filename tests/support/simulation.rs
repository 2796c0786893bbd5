//! The simulated cluster around a server that is a process of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use kube_vitals::clock::Clock;
use kube_vitals::sim::control_plane::{Account, Accounts, ControlPlane};
use kube_vitals::sim::{Faults, Fleet, Scenario, World};

/// The name in the server's certificate.
pub(crate) const SERVER_NAME: &str = "custom-api.custom-api.svc";

/// Kubelets and a Kubernetes API on loopback.
pub(crate) struct Simulation {
    pub(crate) world: Arc<World>,
    /// What is wrong with the kubelets; may be changed while they run.
    #[allow(dead_code, reason = "only tests of faults change them")]
    pub(crate) faults: Arc<Faults>,
    pub(crate) fleet: Fleet,
    pub(crate) control_plane: ControlPlane,
    kubeconfig: PathBuf,
    kubelet_authority: PathBuf,
}

impl Simulation {
    /// Starts it; the files the server needs are written to `folder`.
    pub(crate) async fn start(scenario: Scenario, folder: &Path) -> Result<Self, String> {
        let clock = Clock::system();
        let faults = Arc::new(Faults::new(scenario.faults.clone()));
        let world = Arc::new(World::new(scenario, clock.now()));
        let accounts = Accounts::generate();
        let tokens = vec![accounts.token(Account::Server).to_owned()];
        let fleet = Fleet::start(Arc::clone(&world), Arc::clone(&faults), clock.clone(), tokens).map_err(text)?;
        let control_plane =
            ControlPlane::start(0, accounts, Arc::clone(&world), fleet.port(), clock).await.map_err(text)?;
        let kubeconfig = folder.join("server.kubeconfig");
        fs::write(&kubeconfig, server_kubeconfig(&control_plane)).map_err(text)?;
        let kubelet_authority = folder.join("kubelets.pem");
        fs::write(&kubelet_authority, fleet.authority_pem()).map_err(text)?;
        Ok(Self { world, faults, fleet, control_plane, kubeconfig, kubelet_authority })
    }

    /// What `serve` has to be told.
    pub(crate) fn serve_arguments(&self) -> Vec<String> {
        [
            ("--kubeconfig", self.kubeconfig.display().to_string()),
            ("--kubelet-port", self.fleet.port().to_string()),
            ("--kubelet-certificate-authority", self.kubelet_authority.display().to_string()),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect()
    }

    /// Requests that all kubelets have received.
    pub(crate) fn requests(&self) -> u64 {
        (0..self.world.scenario().nodes).map(|node| self.fleet.requests(node)).sum()
    }

    /// A client of the server itself, as an administrator; verified by the `caBundle` that the
    /// server has put into its APIService. Fails until it is there.
    pub(crate) async fn server_client(&self, port: u16) -> Result<reqwest::Client, String> {
        self.server_client_builder(port).await?.build().map_err(text)
    }

    /// The same, for a client with wishes.
    pub(crate) async fn server_client_builder(&self, port: u16) -> Result<reqwest::ClientBuilder, String> {
        self.client_of(&self.server_authority().await?, port)
    }

    /// A client of any server behind that authority and that port, as an administrator.
    pub(crate) fn client_of(&self, authority_pem: &[u8], port: u16) -> Result<reqwest::ClientBuilder, String> {
        let builder = client(authority_pem, self.admin_token())?;
        Ok(builder.resolve(SERVER_NAME, ([127, 0, 0, 1], port).into()))
    }

    /// The kubeconfig that a server in the cluster has.
    #[allow(dead_code, reason = "only a server that is not ours is told it by other flags")]
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Who has signed the kubelets' certificates, as a file.
    #[allow(dead_code, reason = "only a server that is not ours is told it by other flags")]
    pub(crate) fn kubelet_authority(&self) -> &Path {
        &self.kubelet_authority
    }

    /// What an administrator shows.
    pub(crate) fn admin_token(&self) -> &str {
        self.control_plane.token(Account::Admin)
    }

    /// The authority of the server's certificate, in PEM, as it has put it into its APIService. Fails
    /// until it is there.
    pub(crate) async fn server_authority(&self) -> Result<Vec<u8>, String> {
        let service = self.object("apis/apiregistration.k8s.io/v1/apiservices/v1.custom.example.com").await?;
        let bundle = service["spec"]["caBundle"].as_str().ok_or("the APIService has no caBundle yet")?;
        base64::engine::general_purpose::STANDARD.decode(bundle).map_err(text)
    }

    /// What the API server holds at a path.
    pub(crate) async fn object(&self, path: &str) -> Result<serde_json::Value, String> {
        let url = format!("https://{}/{path}", self.control_plane.address());
        let answer = self.api_client()?.get(url).send().await.map_err(text)?;
        serde_json::from_slice(&answer.bytes().await.map_err(text)?).map_err(text)
    }

    fn api_client(&self) -> Result<reqwest::Client, String> {
        let pem = self.control_plane.ca_pem().as_bytes();
        client(pem, self.admin_token())?.build().map_err(text)
    }
}

/// A client with a token that believes one authority.
pub(crate) fn client(authority_pem: &[u8], token: &str) -> Result<reqwest::ClientBuilder, String> {
    let authority = reqwest::Certificate::from_pem(authority_pem).map_err(text)?;
    let mut headers = http::HeaderMap::new();
    headers.insert(http::header::AUTHORIZATION, format!("Bearer {token}").parse().map_err(text)?);
    Ok(reqwest::Client::builder().no_proxy().tls_certs_only([authority]).default_headers(headers))
}

fn server_kubeconfig(control_plane: &ControlPlane) -> String {
    let authority = base64::engine::general_purpose::STANDARD.encode(control_plane.ca_pem());
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         current-context: simulated\n\
         clusters: [{{name: simulated, cluster: {{server: \"https://{}\", certificate-authority-data: {authority}}}}}]\n\
         users: [{{name: server, user: {{token: {}}}}}]\n\
         contexts: [{{name: simulated, context: {{cluster: simulated, user: server}}}}]\n",
        control_plane.address(),
        control_plane.token(Account::Server)
    )
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
