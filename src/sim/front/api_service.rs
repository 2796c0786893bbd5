//! An APIService as far as a front needs it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

/// Plural of the kind, under which the storage keeps it.
pub(crate) const API_SERVICES: &str = "apiservices";

/// A group and version that the server behind a Service answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiService {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) priority: i64,
    /// `<service>.<namespace>.svc`: the name that the server's certificate must have.
    pub(crate) dns_name: String,
    /// PEM; empty when it is not set.
    pub(crate) ca_bundle: Vec<u8>,
    pub(crate) is_available: bool,
}

impl ApiService {
    /// Reads the object; `None` if no Service stands behind it.
    pub(crate) fn read(object: &Value) -> Option<Self> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let conditions = object.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
        let mut available = conditions.filter(|condition| condition["type"] == "Available");
        Some(Self {
            dns_name: format!("{}.{}.svc", text("/spec/service/name")?, text("/spec/service/namespace")?),
            name: text("/metadata/name")?,
            group: text("/spec/group")?,
            version: text("/spec/version")?,
            priority: object.pointer("/spec/groupPriorityMinimum").and_then(Value::as_i64).unwrap_or_default(),
            ca_bundle: text("/spec/caBundle").and_then(|pem| BASE64_STANDARD.decode(pem).ok()).unwrap_or_default(),
            is_available: available.any(|condition| condition["status"] == "True"),
        })
    }

    /// `/apis/G/V`
    pub(crate) fn path(&self) -> String {
        format!("/apis/{}/{}", self.group, self.version)
    }

    /// Whether `path` is `/apis/G/V` or lies below it.
    pub(crate) fn covers(&self, path: &str) -> bool {
        path.strip_prefix(&self.path()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_its_own_paths_are_covered() {
        let object = json!({
            "metadata": {"name": "v1.custom.example.com"},
            "spec": {
                "group": "custom.example.com", "version": "v1", "groupPriorityMinimum": 1000,
                "service": {"namespace": "custom-api", "name": "custom-api"}, "caBundle": "cGVt",
            },
            "status": {"conditions": [{"type": "Available", "status": "True"}]},
        });
        let service = ApiService::read(&object).unwrap();
        assert_eq!((&*service.dns_name, &*service.ca_bundle), ("custom-api.custom-api.svc", b"pem".as_slice()));
        assert!(service.is_available && service.covers("/apis/custom.example.com/v1/nodes"));
        assert!(service.covers("/apis/custom.example.com/v1"));
        assert!(!service.covers("/apis/custom.example.com/v1beta1/nodes"));
        assert!(!service.covers("/apis/custom.example.com"));
    }

    #[test]
    fn an_api_service_without_service_is_none_of_ours() {
        assert_eq!(ApiService::read(&json!({"metadata": {"name": "v1."}, "spec": {"version": "v1"}})), None);
    }
}
