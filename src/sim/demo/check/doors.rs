//! Who gets in: through the front, and straight at the server's port with forged headers.

use serde_json::Value;

use super::findings::Findings;
use crate::sim::control_plane::Account;
use crate::sim::demo::client::{Caller, Client};
use crate::sim::demo::server::SERVICE_DNS_NAME;
use crate::sim::demo::stage::Stage;

const NODES: &str = "/apis/custom.example.com/v1/nodes";
/// What only the front proxy may say.
const FORGED: &[(&str, &str)] = &[("X-Remote-User", "demo-admin"), ("X-Remote-Group", "system:masters")];

/// One knock at a door.
struct Knock<'a> {
    what: &'a str,
    client: &'a Client,
    token: &'a str,
    headers: &'a [(&'static str, &'static str)],
    expected: &'a [u16],
}

/// Checks them all.
pub(super) async fn check(stage: &Stage, client: &Client, findings: &mut Findings) -> String {
    let server = match server_client(stage, client).await {
        Ok(server) => server,
        Err(why) => {
            findings.expect(false, || format!("the server's own port: {why}"));
            return "doors: not checked".to_owned();
        }
    };
    let (viewer, guest) = (stage.control_plane.token(Account::Viewer), stage.control_plane.token(Account::Guest));
    let knock = |what, client, token, headers, expected| Knock { what, client, token, headers, expected };
    // Straight at the port, nobody is either refused as unknown or denied as anonymous.
    let nobody: &[u16] = &[401, 403];
    let knocks = [
        knock("front, a viewer", client, viewer, &[], &[200]),
        knock("front, a guest", client, guest, &[], &[403]),
        knock("front, nobody", client, "", &[], &[401]),
        knock("front, a guest with forged headers", client, guest, FORGED, &[403]),
        knock("server, a viewer", &server, viewer, &[], &[200]),
        knock("server, a guest", &server, guest, &[], &[403]),
        knock("server, nobody", &server, "", &[], nobody),
        knock("server, a wrong token", &server, "guessed", &[], &[401]),
        knock("server, nobody with forged headers", &server, "", FORGED, nobody),
        knock("server, a guest with forged headers", &server, guest, FORGED, &[403]),
    ];
    let before = findings.differences();
    for knock in &knocks {
        let answered = knock.client.ask(NODES, knock.token, knock.headers).await;
        let status = answered.as_ref().map_or(0, |answer| answer.status);
        findings.expect(knock.expected.contains(&status), || {
            let got = answered.map_or_else(|error| error.to_string(), |answer| answer.text);
            format!("{}: expected {:?}, got {status}: {got}", knock.what, knock.expected)
        });
    }
    let verdict = if findings.differences() == before { "as they should be" } else { "different" };
    format!("doors: {} answers to users, guests, nobody and forged headers: {verdict}", knocks.len())
}

/// Trusts the server by the `caBundle` that it has put itself.
async fn server_client(stage: &Stage, client: &Client) -> Result<Client, String> {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;

    let admin = Caller { client, control_plane: &stage.control_plane, account: Account::Admin };
    let service = admin.read("/apis/apiregistration.k8s.io/v1/apiservices/v1.custom.example.com").await?;
    let bundle = service.pointer("/spec/caBundle").and_then(Value::as_str).unwrap_or_default();
    let pem = BASE64_STANDARD.decode(bundle).map_err(|error| error.to_string())?;
    Client::of_server(SERVICE_DNS_NAME, stage.server_address, &pem).map_err(|error| error.to_string())
}
