//! With certificates from files, what others set up is left alone; without, there is an answer before
//! there is a certificate.

use std::path::Path;
use std::time::Duration;

use kube_vitals::sim::Scenario;
use tokio::task::block_in_place;

use crate::support::server::{Server, free_port};
use crate::support::simulation::{SERVER_NAME, Simulation, client};
use crate::waiting::eventually;

/// Starting, and the first round of scrapes.
const START: Duration = Duration::from_secs(20);
/// Own certificates are told within this many times less.
const PATIENCE: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ca_bundle_is_left_to_others_where_the_certificate_comes_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let told = run(folder.path()).await;
    let log = std::fs::read_to_string(folder.path().join("server.log")).unwrap_or_default();
    assert!(told.is_ok(), "{told:?}\n{log}");
}

async fn run(folder: &Path) -> Result<(), String> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let simulation = Simulation::start(Scenario::bench(2, 10, 1), folder).await?;
    let pair = rcgen::generate_simple_self_signed([SERVER_NAME.to_owned()]).map_err(|error| error.to_string())?;
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).map(|()| path.display().to_string()).map_err(|error| error.to_string())
    };
    let (certificate, key) = (write("tls.crt", pair.cert.pem())?, write("tls.key", pair.signing_key.serialize_pem())?);
    let mut arguments = simulation.serve_arguments();
    arguments.extend(["--tls-cert-file".to_owned(), certificate, "--tls-private-key-file".to_owned(), key]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let server = block_in_place(|| Server::start(free_port()?, &arguments, &[], &folder.join("server.log")))?;
    let verified = client(pair.cert.pem().as_bytes(), simulation.admin_token())?
        .resolve(SERVER_NAME, ([127, 0, 0, 1], server.port).into())
        .build()
        .map_err(|error| error.to_string())?;
    let ready = async || {
        let answer = verified.get(format!("https://{SERVER_NAME}/readyz")).send().await;
        answer.and_then(reqwest::Response::error_for_status).map(|_| ()).map_err(|error| format!("{error:?}"))
    };
    eventually(START, ready).await?;
    tokio::time::sleep(PATIENCE).await;
    match simulation.server_authority().await {
        Err(lacking) if lacking.contains("no caBundle") => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_reach_the_api_server_is_found_alive_and_not_ready() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let simulation = Simulation::start(Scenario::bench(1, 1, 1), folder.path()).await.unwrap();
    let mut arguments = simulation.serve_arguments();
    let kubeconfig = std::fs::read_to_string(&arguments[1]).unwrap();
    let (there, nowhere) = (simulation.control_plane.address().to_string(), free_port().unwrap());
    assert!(kubeconfig.contains(&there), "{kubeconfig}");
    std::fs::write(&arguments[1], kubeconfig.replace(&there, &format!("127.0.0.1:{nowhere}"))).unwrap();
    arguments.push("--log-filter=warn".to_owned());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let log = folder.path().join("server.log");
    let server = block_in_place(|| Server::start(free_port().unwrap(), &arguments, &[], &log)).unwrap();
    // As a kubelet probes.
    let prober = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
    let ask = async |path: &str| {
        let answer = prober.get(format!("https://127.0.0.1:{}{path}", server.port)).send().await;
        let answer = answer.map_err(|error| format!("{error:?}"))?;
        Ok::<_, String>((answer.status().as_u16(), answer.text().await.map_err(|error| error.to_string())?))
    };
    eventually(START, async || ask("/livez").await).await.unwrap();
    assert_eq!(ask("/livez").await.unwrap().0, 200);
    let (code, told) = ask("/readyz").await.unwrap();
    assert!(code == 500 && told.contains("[-]serving-certificate failed"), "{told}");
    // Who verifies us believes nobody yet.
    let verifying = reqwest::Client::builder().no_proxy().build().unwrap();
    verifying.get(format!("https://127.0.0.1:{}/livez", server.port)).send().await.unwrap_err();
}
