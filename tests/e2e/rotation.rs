//! Certificates change under load, the aggregator's and ours, and our processes go on.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet, block_in_place};
use tokio_util::sync::CancellationToken;

use crate::environment::{Environment, eventually};
use crate::support::control_plane::ControlPlane;

const SECRET: &str = "/api/v1/namespaces/custom-api/secrets/custom-api-serving-cert";
const TRUST: &str = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication";
/// Twenty a second.
const PAUSE: Duration = Duration::from_millis(50);
/// Before and after what happens.
const STEADY: Duration = Duration::from_secs(2);
/// Two overlaps and some looks.
const EXCHANGED: Duration = Duration::from_mins(1);

type Checked = Result<(), String>;

/// kube-apiserver is restarted with a front-proxy certificate of an authority that nobody knew before.
pub(crate) async fn the_front_proxy_and_its_authority_change_under_load(e: &Environment) -> Checked {
    let (before, processes) = (front_proxy_authorities(e).await?, e.replicas.ids().await);
    let load = Load::start(&e.control_plane)?;
    tokio::time::sleep(STEADY).await;
    let away = Instant::now();
    block_in_place(|| e.control_plane.restart_with_other_front_proxy())?;
    let back = Instant::now();
    tokio::time::sleep(STEADY).await;
    let told = load.end().await?.during(away, back);
    if front_proxy_authorities(e).await? == before {
        return Err("the front proxy has the authority of before".to_owned());
    }
    told.print("kube-apiserver, its front-proxy certificate and authority", back - away);
    told.check()?;
    unchanged(&processes, &e.replicas.ids().await)
}

/// Our own authority is replaced as an operator asks for it.
pub(crate) async fn our_own_authority_changes_under_load(e: &Environment) -> Checked {
    e.replicas.start(1).await?;
    let (before, processes) = (authorities(e).await?, e.replicas.ids().await);
    let load = Load::start(&e.control_plane)?;
    let begun = Instant::now();
    e.admin.patch(SECRET, &json!({"metadata": {"annotations": {"kube-vitals/new-authority": "yes"}}})).await?;
    let exchanged = eventually(EXCHANGED, async || is_exchanged(&before, &authorities(e).await?)).await;
    let took = begun.elapsed();
    tokio::time::sleep(STEADY).await;
    let told = load.end().await?.during(begun, begun);
    let gone = (unchanged(&processes, &e.replicas.ids().await), e.replicas.stop(1).await);
    exchanged?;
    told.print("our authority and serving certificate", took);
    told.check()?;
    gone.0.and(gone.1)
}

fn is_exchanged(before: &str, now: &str) -> Checked {
    let is_alone = now.matches("BEGIN").count() == 1;
    if is_alone && now != before { Ok(()) } else { Err(format!("before: {before} now: {now}")) }
}

fn unchanged(before: &[u32], after: &[u32]) -> Checked {
    if before == after { Ok(()) } else { Err(format!("our processes were {before:?}, are {after:?}")) }
}

/// Whom the Secret says to believe.
async fn authorities(e: &Environment) -> Result<String, String> {
    use base64::Engine as _;
    let secret = e.admin.json(SECRET).await?;
    let text = secret["data"]["ca.crt"].as_str().ok_or("no ca.crt")?;
    let pem = base64::prelude::BASE64_STANDARD.decode(text).map_err(|error| error.to_string())?;
    String::from_utf8(pem).map_err(|error| error.to_string())
}

async fn front_proxy_authorities(e: &Environment) -> Result<Value, String> {
    Ok(e.admin.json(TRUST).await?["data"]["requestheader-client-ca-file"].clone())
}

/// GETs of ours through the aggregator, at a steady pace whatever becomes of them. kube's client would
/// hide failures, since it tries again.
struct Load {
    stop: CancellationToken,
    running: JoinHandle<Outcomes>,
}

struct Outcomes(Vec<Outcome>);

struct Outcome {
    begun: Instant,
    ended: Instant,
    failure: Option<String>,
}

impl Load {
    fn start(control_plane: &ControlPlane) -> Result<Self, String> {
        let pem = std::fs::read(&control_plane.facts.serving_authority).map_err(|error| error.to_string())?;
        let authority = reqwest::Certificate::from_pem(&pem).map_err(|error| error.to_string())?;
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([authority]).timeout(Duration::from_secs(5));
        let client = client.build().map_err(|error| error.to_string())?;
        let url = format!("{}/apis/custom.example.com/v1/nodes", control_plane.facts.server);
        let stop = CancellationToken::new();
        Ok(Self { running: tokio::spawn(ask_until(stop.clone(), client, url)), stop })
    }

    async fn end(self) -> Result<Outcomes, String> {
        self.stop.cancel();
        self.running.await.map_err(|error| error.to_string())
    }
}

async fn ask_until(stop: CancellationToken, client: reqwest::Client, url: String) -> Outcomes {
    let (mut asked, mut pace) = (JoinSet::new(), tokio::time::interval(PAUSE));
    while stop.run_until_cancelled(pace.tick()).await.is_some() {
        let (client, url) = (client.clone(), url.clone());
        asked.spawn(async move {
            let begun = Instant::now();
            let failure = ask(&client, &url).await.err();
            Outcome { begun, ended: Instant::now(), failure }
        });
    }
    Outcomes(asked.join_all().await)
}

async fn ask(client: &reqwest::Client, url: &str) -> Checked {
    let text = |error: reqwest::Error| format!("{error:?}");
    let answer = client.get(url).bearer_auth("admin-token").send().await.map_err(text)?;
    let (status, body) = (answer.status(), answer.bytes().await.map_err(text)?);
    if status != 200 {
        return Err(format!("{status}: {}", String::from_utf8_lossy(&body)));
    }
    let list: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    if list["items"].as_array().is_some_and(|nodes| !nodes.is_empty()) { Ok(()) } else { Err(list.to_string()) }
}

/// What failed while kube-apiserver itself could not answer, and what failed otherwise.
struct Told {
    requests: usize,
    while_away: usize,
    otherwise: Vec<String>,
}

impl Outcomes {
    fn during(self, away: Instant, back: Instant) -> Told {
        let mut told = Told { requests: self.0.len(), while_away: 0, otherwise: Vec::new() };
        for outcome in self.0 {
            let Some(failure) = outcome.failure else { continue };
            if outcome.begun <= back && outcome.ended >= away && away != back {
                told.while_away += 1;
            } else {
                told.otherwise.push(format!("{:.1?} after it was back: {failure}", outcome.begun - back));
            }
        }
        told
    }
}

impl Told {
    fn print(&self, rotated: &str, took: Duration) {
        let Self { requests, while_away, otherwise } = self;
        println!("  rotated: {rotated}, in {took:.1?}");
        println!("  | requests | failed while kube-apiserver was away | failed otherwise |");
        println!("  | {requests:8} | {while_away:36} | {:16} |", otherwise.len());
    }

    fn check(&self) -> Checked {
        let Some(first) = self.otherwise.first() else { return Ok(()) };
        let last = self.otherwise.last().map_or("", String::as_str);
        Err(format!("{} requests failed, first and last: {first}; {last}", self.otherwise.len()))
    }
}
