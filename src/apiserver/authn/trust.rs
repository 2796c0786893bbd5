//! Whom we believe: the ConfigMap that kube-apiserver writes for servers behind it, read.

use std::collections::BTreeMap;

use http::HeaderName;

use super::authorities::{Authorities, BundleError};

/// What `extension-apiserver-authentication` says.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust {
    /// Grows with every change; verdicts on certificates hold for one revision.
    pub(super) revision: u64,
    /// Who vouches for clients with certificates of their own.
    pub(super) clients: Option<Authorities>,
    /// Who may speak for others.
    pub(super) front_proxy: Option<FrontProxyTrust>,
}

/// Who may speak for others, and in which headers.
#[derive(Clone, Debug)]
pub(super) struct FrontProxyTrust {
    /// Who vouches for front proxies.
    pub(super) authorities: Authorities,
    /// Common names of front proxies; empty = any that the authorities vouch for.
    pub(super) names: Vec<String>,
    /// Where it tells for whom it speaks.
    pub(super) headers: IdentityHeaders,
}

/// Names of headers; all that the cluster did not list are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IdentityHeaders {
    /// User name; the first that is not empty counts.
    pub(super) username: Vec<HeaderName>,
    /// User id; the first that is not empty counts.
    pub(super) uid: Vec<HeaderName>,
    /// Groups; every value of every header counts.
    pub(super) groups: Vec<HeaderName>,
    /// Prefixes of the headers of extras, in lower case.
    pub(super) extra_prefixes: Vec<String>,
}

/// What is wrong with the ConfigMap. The last good one stays in force.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrustError {
    #[error("{key}")]
    Bundle {
        key: &'static str,
        #[source]
        source: BundleError,
    },
    #[error("{key} is no JSON list of strings")]
    List {
        key: &'static str,
        #[source]
        source: serde_json::Error,
    },
    #[error("{key} names the header {name:?}, which cannot exist")]
    Header { key: &'static str, name: String },
}

impl Trust {
    /// Reads the ConfigMap's data. A key that is absent or empty is an empty list or no authority.
    pub(super) fn read(data: &BTreeMap<String, String>) -> Result<Self, TrustError> {
        let front_proxy = match authorities(data, "requestheader-client-ca-file")? {
            Some(authorities) => Some(FrontProxyTrust {
                authorities,
                names: list(data, "requestheader-allowed-names")?,
                headers: IdentityHeaders {
                    username: headers(data, "requestheader-username-headers")?,
                    uid: headers(data, "requestheader-uid-headers")?,
                    groups: headers(data, "requestheader-group-headers")?,
                    extra_prefixes: list(data, "requestheader-extra-headers-prefix")?
                        .into_iter()
                        .map(|prefix| prefix.to_ascii_lowercase())
                        .collect(),
                },
            }),
            None => None,
        };
        Ok(Self { revision: 0, clients: authorities(data, "client-ca-file")?, front_proxy })
    }

    /// Whether it names nobody for what `last` named somebody for.
    pub(super) const fn lacks(&self, last: &Self) -> bool {
        (self.clients.is_none() && last.clients.is_some()) || (self.front_proxy.is_none() && last.front_proxy.is_some())
    }

    /// What it says after `last`, which goes on for what it does not: authorities are replaced by
    /// others, and an accident must not take them all.
    pub(super) fn after(self, last: &Self) -> Self {
        Self {
            revision: last.revision + 1,
            clients: self.clients.or_else(|| last.clients.clone()),
            front_proxy: self.front_proxy.or_else(|| last.front_proxy.clone()),
        }
    }
}

fn authorities(data: &BTreeMap<String, String>, key: &'static str) -> Result<Option<Authorities>, TrustError> {
    let Some(bundle) = value(data, key) else { return Ok(None) };
    Authorities::from_pem(bundle).map(Some).map_err(|source| TrustError::Bundle { key, source })
}

fn headers(data: &BTreeMap<String, String>, key: &'static str) -> Result<Vec<HeaderName>, TrustError> {
    let name = |name: String| HeaderName::try_from(&name).map_err(|_| TrustError::Header { key, name });
    list(data, key)?.into_iter().map(name).collect()
}

fn list(data: &BTreeMap<String, String>, key: &'static str) -> Result<Vec<String>, TrustError> {
    let Some(text) = value(data, key) else { return Ok(Vec::new()) };
    serde_json::from_str(text).map_err(|source| TrustError::List { key, source })
}

fn value<'a>(data: &'a BTreeMap<String, String>, key: &str) -> Option<&'a str> {
    data.get(key).map(|text| text.trim()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::fixtures::Authority;

    fn data(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_usual_cluster_is_read() {
        let authority = Authority::named("front-proxy-ca").pem();
        let trust = Trust::read(&data(&[
            ("client-ca-file", &authority),
            ("requestheader-client-ca-file", &authority),
            ("requestheader-allowed-names", r#"["front-proxy-client"]"#),
            ("requestheader-username-headers", r#"["X-Remote-User"]"#),
            ("requestheader-group-headers", r#"["X-Remote-Group"]"#),
            ("requestheader-extra-headers-prefix", r#"["X-Remote-Extra-"]"#),
        ]))
        .unwrap();
        let front_proxy = trust.front_proxy.unwrap();
        assert!(trust.clients.is_some());
        assert_eq!(front_proxy.names, ["front-proxy-client"]);
        assert_eq!(front_proxy.headers.username, ["x-remote-user"]);
        assert_eq!(front_proxy.headers.extra_prefixes, ["x-remote-extra-"]);
        assert!(front_proxy.headers.uid.is_empty(), "no uid header unless the cluster names one");
    }

    #[test]
    fn a_cluster_without_a_front_proxy_trusts_none() {
        let trust =
            Trust::read(&data(&[("requestheader-client-ca-file", ""), ("requestheader-allowed-names", "")])).unwrap();
        assert!(trust.front_proxy.is_none() && trust.clients.is_none());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let authority = Authority::named("ca").pem();
        let read = |key: &str, value: &str| {
            Trust::read(&data(&[("requestheader-client-ca-file", &authority), (key, value)])).unwrap_err().to_string()
        };
        assert_eq!(read("client-ca-file", "garbage"), "client-ca-file");
        assert_eq!(
            read("requestheader-allowed-names", "a,b"),
            "requestheader-allowed-names is no JSON list of strings"
        );
        assert!(read("requestheader-uid-headers", r#"["X Remote"]"#).contains("X Remote"));
    }
}
