//! Requests through the real API server, and straight at the server under test.

use std::path::Path;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

/// A client with one user's credentials.
#[derive(Clone)]
pub(crate) struct Api(kube::Client);

impl Api {
    /// The user of a kubeconfig.
    pub(crate) async fn of(kubeconfig: &Path) -> Result<Self, String> {
        Self::with(kubeconfig, |_| ()).await
    }

    /// The same, for a client that asks once and tells what came of it.
    pub(crate) async fn without_retries(kubeconfig: &Path) -> Result<Self, String> {
        Self::with(kubeconfig, |config| config.default_retry = false).await
    }

    async fn with(kubeconfig: &Path, change: impl FnOnce(&mut kube::Config)) -> Result<Self, String> {
        let file = kube::config::Kubeconfig::read_from(kubeconfig).map_err(|error| error.to_string())?;
        let options = kube::config::KubeConfigOptions::default();
        let mut config =
            kube::Config::from_custom_kubeconfig(file, &options).await.map_err(|error| error.to_string())?;
        change(&mut config);
        kube::Client::try_from(config).map(Self).map_err(|error| error.to_string())
    }

    /// A GET that succeeds with JSON.
    pub(crate) async fn json(&self, path: &str) -> Result<Value, String> {
        let request = Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
        self.0.request(request).await.map_err(|error| format!("GET {path}: {error}"))
    }

    /// Whatever a GET is answered, once its last byte is there; an error when there is no whole answer.
    pub(crate) async fn answer(&self, path: &str) -> Result<(StatusCode, Bytes), String> {
        let request = Request::get(path).body(kube::client::Body::empty()).map_err(|error| error.to_string())?;
        let answer = self.0.send(request).await.map_err(|error| format!("no answer: {error:?}"))?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| format!("cut off: {error:?}"))?;
        Ok((status, body.to_bytes()))
    }

    /// Creates an object.
    pub(crate) async fn post(&self, path: &str, object: &Value) -> Result<(), String> {
        self.write(Method::POST, path, "application/json", object).await
    }

    /// Merges into an object.
    pub(crate) async fn patch(&self, path: &str, change: &Value) -> Result<(), String> {
        self.write(Method::PATCH, path, "application/merge-patch+json", change).await
    }

    /// Deletes an object.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), String> {
        self.write(Method::DELETE, path, "application/json", &json!({})).await
    }

    /// Whether there is no such object: an error as long as there is one.
    pub(crate) async fn absent(&self, path: &str) -> Result<(), String> {
        let request = Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
        match self.0.request::<Value>(request).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(format!("GET {path}: {error}")),
            Ok(object) => Err(format!("it is still there: {object}")),
        }
    }

    async fn write(&self, method: Method, path: &str, kind: &str, body: &Value) -> Result<(), String> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, kind)
            .body(body.to_string().into_bytes())
            .map_err(|error| error.to_string())?;
        let answer: Result<Value, _> = self.0.request(request).await;
        answer.map(|_| ()).map_err(|error| format!("{path}: {error}"))
    }
}

/// A client of the server's own port, which trusts `authority_pem` for the Service's name.
pub(crate) fn direct(port: u16, authority_pem: &[u8]) -> Result<reqwest::Client, String> {
    let authority = reqwest::Certificate::from_pem(authority_pem).map_err(|error| error.to_string())?;
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([authority])
        .resolve("custom-api.custom-api.svc", ([127, 0, 0, 1], port).into())
        .build()
        .map_err(|error| error.to_string())
}

/// Status code and body of a GET at the server's own port.
pub(crate) async fn get(
    client: &reqwest::Client,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<(StatusCode, Value), String> {
    let mut request = client.get(format!("https://custom-api.custom-api.svc{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(|error| format!("{error:?}"))?;
    Ok((status, serde_json::from_slice(&body).map_err(|error| format!("{path} answered no JSON: {error}"))?))
}
