//! Nobody but a verified front proxy speaks for others: every certificate, in every state of the
//! cluster's trust, with every claim, against the program as a process of its own.
//!
//! What the caller is taken for shows in the answer: the group that is claimed may do everything
//! unasked, and whoever else asks is refused by name. Takes some 20 s in a debug build.

pub(crate) mod certificates;
mod claims;
pub(crate) mod wire;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::{JoinSet, block_in_place};

use self::certificates::{Authorities, PROXY, Shown};
use self::claims::{CLAIMS, Claim, SPOOFED, Says};
use self::wire::{Answer, Caller, Protocol};
use crate::scripted_api::{Review, ScriptedApi, reviewed};
use crate::support::server::{Server, free_port};
use crate::waiting::eventually;

const START: Duration = Duration::from_secs(20);
/// Refused by name to all but those who may do everything.
const PATH: &str = "/apis/metrics.k8s.io/v1beta1/nodes";
const POOR: &str = "poor";
const POOR_TOKEN: &str = "token-of-the-poor";

/// How the cluster's word about front proxies stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// One authority.
    One,
    /// Several authorities and names, as during a rotation.
    Many,
    /// The authority was replaced while connections of its clients live.
    RotatedAway,
    /// What was said last cannot be read.
    Broken,
    /// Nothing is said any more.
    Emptied,
    /// The ConfigMap was deleted.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bearer {
    None,
    Bad,
    GoodOfThePoor,
}

/// What has to come of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// 200, as the user whom the front proxy names.
    Accepted,
    /// 403, by the name of the caller himself.
    ForbiddenAs(&'static str),
    Unauthorized,
    BadRequest,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_but_the_front_proxy_speaks_for_others() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::start(folder.path()).await;
    let mut tally = BTreeMap::new();
    let mut callers = stage.callers();
    for trust in [Trust::One, Trust::Many, Trust::RotatedAway, Trust::Broken, Trust::Emptied, Trust::Gone] {
        stage.bring_about(trust).await;
        let mut asking = JoinSet::new();
        for (shown, protocol, caller) in callers {
            asking.spawn(try_everything(shown, protocol, caller, trust));
        }
        let mut kept = Vec::new();
        for (shown, protocol, caller, outcomes) in asking.join_all().await {
            for outcome in outcomes {
                *tally.entry(outcome).or_insert(0) += 1;
            }
            kept.push((shown, protocol, caller));
        }
        callers = kept;
    }
    let accepted = tally.remove(&Outcome::Accepted).unwrap_or_default();
    let tried: u64 = tally.values().sum();
    println!("{tried} combinations tried, 0 accepted ({accepted} of the front proxy's own, all accepted): {tally:?}");
    assert!(tried > 3000 && accepted > 300, "the table shrank");
    stage.assert_nobody_else_was_told(accepted);
}

/// Every claim with every bearer token; what came of each, which is what had to.
async fn try_everything(
    shown: Shown,
    protocol: Protocol,
    mut caller: Caller,
    trust: Trust,
) -> (Shown, Protocol, Caller, Vec<Outcome>) {
    let mut outcomes = Vec::new();
    for bearer in [Bearer::None, Bearer::Bad, Bearer::GoodOfThePoor] {
        for claim in CLAIMS.iter().filter(|claim| claim.exists_in(protocol)) {
            let mut headers = claim.headers(protocol);
            headers.extend(bearer.header());
            let tried = format!("{shown:?}, {protocol:?}, {trust:?}, {bearer:?}, claims {}", claim.name);
            let answer = caller.ask(PATH, &headers).await.unwrap_or_else(|error| panic!("{tried}: {error}"));
            let outcome = expected(shown, trust, bearer, claim);
            outcome.assert_is(&answer, &tried);
            outcomes.push(outcome);
        }
    }
    (shown, protocol, caller, outcomes)
}

/// The rules, told once more by other hands than the server's.
fn expected(shown: Shown, trust: Trust, bearer: Bearer, claim: &Claim) -> Outcome {
    let is_proxy = shown.speaks_for_others() && trust != Trust::RotatedAway;
    let own = match (shown, bearer) {
        (Shown::OfClusterClients, _) => Some(Outcome::ForbiddenAs(PROXY)),
        (_, Bearer::GoodOfThePoor) => Some(Outcome::ForbiddenAs(POOR)),
        _ => None,
    };
    // Who shows nothing at all is anonymous, and somebody.
    let is_known = own.is_some() || (shown == Shown::Nothing && bearer == Bearer::None);
    match claim.says {
        Says::Malformed => Outcome::BadRequest,
        Says::Garbage if is_proxy => Outcome::Unauthorized,
        Says::Spoofed if is_proxy && claim.impersonates => Outcome::BadRequest,
        Says::Spoofed if is_proxy => Outcome::Accepted,
        _ if claim.impersonates && is_known => Outcome::BadRequest,
        _ => own.unwrap_or(Outcome::Unauthorized),
    }
}

impl Outcome {
    fn assert_is(self, answer: &Answer, tried: &str) {
        let code = match self {
            Self::Accepted => 200,
            Self::ForbiddenAs(_) => 403,
            Self::Unauthorized => 401,
            Self::BadRequest => 400,
        };
        assert_eq!(answer.code, code, "{tried}: {}", answer.body);
        if let Self::ForbiddenAs(name) = self {
            assert!(answer.body.contains(&format!(r#"User \"{name}\" cannot"#)), "{tried}: {}", answer.body);
        }
        assert!(!answer.body.contains(SPOOFED), "{tried}: {}", answer.body);
    }
}

impl Bearer {
    fn header(self) -> Option<(String, Vec<u8>)> {
        let token = match self {
            Self::None => return None,
            Self::Bad => "nobodys-token",
            Self::GoodOfThePoor => POOR_TOKEN,
        };
        Some(("authorization".to_owned(), format!("Bearer {token}").into_bytes()))
    }
}

/// The server, and the cluster that tells it whom to believe.
struct Stage {
    authorities: Authorities,
    api: ScriptedApi,
    server: Server,
    log: std::path::PathBuf,
}

impl Stage {
    async fn start(folder: &Path) -> Self {
        let authorities = Authorities::new();
        let api =
            ScriptedApi::start(authorities.config_map(&[&authorities.proxies.pem()]), |asked| Some(review(asked)))
                .await
                .unwrap();
        let kubeconfig = api.kubeconfig(folder, "server").unwrap();
        let log = folder.join("server.log");
        let mut arguments = vec!["--kubelet-insecure-tls".to_owned()];
        arguments.extend(["--kubeconfig".to_owned(), kubeconfig.display().to_string()]);
        arguments.extend(authorities.serving_flags(folder));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let server = block_in_place(|| Server::start(free_port().unwrap(), &arguments, &[], &log)).unwrap();
        Self { authorities, api, server, log }
    }

    /// One of each kind, at addresses of their own: whoever is refused often is held off by address.
    fn callers(&self) -> Vec<(Shown, Protocol, Caller)> {
        let kinds = Shown::ALL.into_iter().flat_map(|shown| Protocol::ALL.map(|protocol| (shown, protocol)));
        let caller = |(number, (shown, protocol)): (u8, (Shown, Protocol))| {
            let config = self.authorities.client(shown, protocol.alpn());
            (shown, protocol, Caller::new(protocol, config, Ipv4Addr::new(127, 0, 2, number), self.server.port))
        };
        (1..).zip(kinds).map(caller).collect()
    }

    /// Brings `trust` about and waits until the server has noticed.
    async fn bring_about(&self, trust: Trust) {
        let Authorities { proxies, next_proxies, .. } = &self.authorities;
        let config_map = |bundle: &[&str]| Some(self.authorities.config_map(bundle));
        match trust {
            Trust::One => self.until_believed(Shown::Right, true).await,
            Trust::Many => {
                self.api.configure(config_map(&[&next_proxies.pem(), &proxies.pem()]));
                self.until_next_is_believed().await;
            }
            Trust::RotatedAway => {
                self.api.configure(config_map(&[&next_proxies.pem()]));
                self.until_believed(Shown::Right, false).await;
                self.until_next_is_believed().await;
            }
            Trust::Broken => {
                self.api.configure(config_map(&[&proxies.pem()]));
                self.until_believed(Shown::Right, true).await;
                self.api.configure(config_map(&["-----BEGIN CERTIFICATE-----\n***\n-----END CERTIFICATE-----\n"]));
                self.until_logged("cannot be read, the last good one stays in force").await;
            }
            Trust::Emptied => {
                self.api.configure(Some(json!({})));
                self.until_logged("lacks an authority that it had").await;
            }
            Trust::Gone => {
                self.api.configure(None);
                self.until_logged("was deleted, the last one stays in force").await;
            }
        }
    }

    async fn until_believed(&self, shown: Shown, believed: bool) {
        let config = self.authorities.client(shown, Protocol::Http1.alpn());
        self.until_answered(&config, if believed { 200 } else { 401 }).await;
    }

    async fn until_next_is_believed(&self) {
        self.until_answered(&self.authorities.next_client(Protocol::Http1.alpn()), 200).await;
    }

    async fn until_answered(&self, config: &std::sync::Arc<rustls::ClientConfig>, code: u16) {
        let named = [("X-Remote-User", "control"), ("X-Remote-Group", "system:masters")];
        let named = named.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        eventually(START, async || {
            let mut caller =
                Caller::new(Protocol::Http1, config.clone(), Ipv4Addr::new(127, 0, 3, 1), self.server.port);
            let answer = caller.ask(PATH, &named).await?;
            if answer.code == code { Ok(()) } else { Err(format!("{answer:?}")) }
        })
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", self.log()));
    }

    async fn until_logged(&self, words: &str) {
        eventually(START, async || if self.log().contains(words) { Ok(()) } else { Err(self.log()) }).await.unwrap();
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Neither reviews nor the log speak of the spoofed user beyond the `accepted` requests.
    fn assert_nobody_else_was_told(&self, accepted: u64) {
        for Review { plural, body } in self.api.reviews() {
            assert!(!body.to_string().contains("spoofed"), "{plural}: {body}");
        }
        let log = self.log();
        let told = log.lines().filter(|line| line.contains(SPOOFED)).count();
        assert_eq!(u64::try_from(told).unwrap(), accepted, "requests that the log calls {SPOOFED}'s");
    }
}

impl Authorities {
    /// What kube-apiserver would tell, with these authorities of front proxies.
    fn config_map(&self, proxies: &[&str]) -> Value {
        json!({
            "client-ca-file": self.clients.pem(),
            "requestheader-client-ca-file": format!("{}{}", proxies.concat(), self.ended.pem()),
            "requestheader-allowed-names": json!([PROXY, "another-proxy"]).to_string(),
            "requestheader-username-headers": r#"["X-Remote-User"]"#,
            "requestheader-uid-headers": r#"["X-Remote-Uid"]"#,
            "requestheader-group-headers": r#"["X-Remote-Group"]"#,
            "requestheader-extra-headers-prefix": r#"["X-Remote-Extra-"]"#,
        })
    }
}

/// One token is good; nobody may do anything.
fn review(review: &Review) -> axum::response::Response {
    let status = match (review.plural.as_str(), review.body["spec"]["token"].as_str()) {
        ("tokenreviews", Some(POOR_TOKEN)) => {
            json!({"authenticated": true, "user": {"username": POOR, "groups": ["dev"]}})
        }
        ("tokenreviews", _) => json!({"authenticated": false}),
        _ => json!({"allowed": false}),
    };
    reviewed(review, &status)
}
