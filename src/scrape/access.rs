//! What we show to kubelets, and whom we believe: taken from the connection to the API server.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::scrape::Error;

/// Credentials for kubelets and the cluster's authority, in whatever form the connection to the
/// API server has them. Files named here are read when the scraper is built.
#[derive(Clone, Default)]
pub struct KubeletAccess {
    pub(super) token: TokenSource,
    /// Certificates of the cluster's authority, DER.
    pub(super) authority: Vec<Vec<u8>>,
    /// A PEM file of the same, which wins.
    pub(super) authority_file: Option<PathBuf>,
    /// Client certificate chain and key.
    pub(super) identity: Option<(Material, Material)>,
}

/// Where the bearer token comes from.
#[derive(Clone, Default)]
pub(super) enum TokenSource {
    /// There is none.
    #[default]
    None,
    /// It never changes.
    Fixed(String),
    /// It is renewed in this file, as service account tokens are.
    File(PathBuf),
}

/// PEM text, or where it is.
#[derive(Clone)]
pub(super) enum Material {
    Text { field: &'static str, pem: Vec<u8> },
    File(PathBuf),
}

/// The fields of a kubeconfig's user in use. kube keeps secrets in a type of another library;
/// its own serialization hands them out.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Credentials {
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<PathBuf>,
    client_certificate: Option<PathBuf>,
    client_certificate_data: Option<String>,
    client_key: Option<PathBuf>,
    client_key_data: Option<String>,
}

impl KubeletAccess {
    /// The same credentials and authority as `config`. Credentials that are made by another
    /// program (`exec`, `auth-provider`) are not for kubelets and left out.
    ///
    /// # Errors
    /// When the client certificate or key inside the kubeconfig is not base64.
    pub fn from_config(config: &kube::Config) -> Result<Self, Error> {
        let credentials =
            serde_json::to_value(&config.auth_info).and_then(Credentials::deserialize).unwrap_or_default();
        let token = match (credentials.token_file, credentials.token.filter(|token| !token.trim().is_empty())) {
            (Some(path), _) => TokenSource::File(path),
            (None, Some(token)) => TokenSource::Fixed(token),
            (None, None) => TokenSource::None,
        };
        let chain =
            material("client-certificate-data", credentials.client_certificate_data, credentials.client_certificate)?;
        let key = material("client-key-data", credentials.client_key_data, credentials.client_key)?;
        Ok(Self {
            token,
            authority: config.root_cert.clone().unwrap_or_default(),
            authority_file: config.root_cert_file.clone(),
            identity: chain.zip(key),
        })
    }
}

/// Text inside the kubeconfig wins over a file, as in every Kubernetes client.
fn material(field: &'static str, text: Option<String>, file: Option<PathBuf>) -> Result<Option<Material>, Error> {
    let Some(text) = text else { return Ok(file.map(Material::File)) };
    let wrong = |_| Error::Pem { place: field.to_owned(), wanted: "base64" };
    Ok(Some(Material::Text { field, pem: STANDARD.decode(text).map_err(wrong)? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(user: &serde_json::Value) -> kube::Config {
        let mut config = kube::Config::new(http::Uri::from_static("https://127.0.0.1:6443"));
        config.auth_info = serde_json::from_value(user.clone()).unwrap();
        config
    }

    #[test]
    fn a_token_file_wins_over_a_token() {
        let both = config(&serde_json::json!({"token": "a", "tokenFile": "/token"}));
        let access = KubeletAccess::from_config(&both).unwrap();
        assert!(matches!(access.token, TokenSource::File(path) if path.as_os_str() == "/token"));
        let fixed = KubeletAccess::from_config(&config(&serde_json::json!({"token": "a"}))).unwrap();
        assert!(matches!(fixed.token, TokenSource::Fixed(token) if token == "a"));
    }

    #[test]
    fn an_empty_token_beside_a_certificate_is_none() {
        for token in ["", " \n"] {
            let access = KubeletAccess::from_config(&config(&serde_json::json!({"token": token}))).unwrap();
            assert!(matches!(access.token, TokenSource::None));
        }
    }

    #[test]
    fn a_client_certificate_may_be_text_or_a_file() {
        let user = serde_json::json!({"client-certificate-data": "UEVN", "client-key": "/key"});
        let (chain, key) = KubeletAccess::from_config(&config(&user)).unwrap().identity.unwrap();
        assert!(matches!(chain, Material::Text { pem, .. } if pem == b"PEM"));
        assert!(matches!(key, Material::File(path) if path.as_os_str() == "/key"));
    }

    #[test]
    fn a_certificate_that_is_no_base64_is_refused() {
        let user = serde_json::json!({"client-certificate-data": "!", "client-key": "/key"});
        assert!(matches!(KubeletAccess::from_config(&config(&user)), Err(Error::Pem { .. })));
    }
}
