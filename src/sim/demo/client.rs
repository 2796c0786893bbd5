//! A client as users have one: HTTPS, a bearer token, answers as they come.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Certificate;
use serde_json::Value;

use crate::sim::control_plane::{Account, ControlPlane};
use crate::sim::demo::DemoError;

/// No answer takes this long unless something is wrong.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Asks one server.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    origin: String,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) text: String,
}

impl Client {
    /// Asks through the front, as kubectl does.
    pub(super) fn of_front(control_plane: &ControlPlane) -> Result<Self, DemoError> {
        let authority = Certificate::from_pem(control_plane.ca_pem().as_bytes())?;
        let http = reqwest::Client::builder().tls_certs_only([authority]).timeout(TIMEOUT).no_proxy().build()?;
        Ok(Self { http, origin: format!("https://{}", control_plane.address()) })
    }

    /// Asks the server itself, at the front's side; its certificate must be for `dns_name`.
    pub(super) fn of_server(dns_name: &str, address: SocketAddr, ca_pem: &[u8]) -> Result<Self, DemoError> {
        let http = reqwest::Client::builder()
            .tls_certs_only(Certificate::from_pem_bundle(ca_pem)?)
            .resolve(dns_name, address)
            .timeout(TIMEOUT)
            .no_proxy()
            .build()?;
        Ok(Self { http, origin: format!("https://{dns_name}:{}", address.port()) })
    }

    /// GET with a token (none if empty) and further headers.
    pub(super) async fn ask(
        &self,
        path: &str,
        token: &str,
        headers: &[(&'static str, &'static str)],
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self.http.get(format!("{}{path}", self.origin));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await?;
        Ok(Answer { status: answer.status().as_u16(), text: answer.text().await? })
    }
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

/// A client through the front with the token of one account.
#[derive(Debug)]
pub(super) struct Caller<'a> {
    pub(super) client: &'a Client,
    pub(super) control_plane: &'a ControlPlane,
    pub(super) account: Account,
}

impl Caller<'_> {
    /// GET; an answer other than 200 is an error in words.
    pub(super) async fn read(&self, path: &str) -> Result<Value, String> {
        let answer = self.client.ask(path, self.control_plane.token(self.account), &[]).await;
        match answer {
            Ok(answer) if answer.status == 200 => Ok(answer.json()),
            Ok(answer) => Err(format!("{path}: {} {}", answer.status, answer.text.trim())),
            Err(error) => Err(format!("{path}: {error}")),
        }
    }
}
