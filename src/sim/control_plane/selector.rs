//! The selectors of list and watch, as far as clients of a simulated cluster use them.

use crate::sim::control_plane::storage::Object;

/// Label and field requirements; all must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    wanted: Wanted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Equal(String),
    NotEqual(String),
    Present,
    Absent,
}

/// The fields that can be asked for.
const FIELDS: &[&str] = &["metadata.name", "metadata.namespace", "spec.nodeName", "status.phase"];

impl Selector {
    /// Reads `labelSelector` and `fieldSelector`; the error is the sentence for a 400.
    pub(crate) fn parse(labels: &str, fields: &str) -> Result<Self, String> {
        let labels = terms(labels).map(Requirement::parse).collect::<Result<Vec<_>, _>>()?;
        let fields = terms(fields).map(Requirement::parse).collect::<Result<Vec<_>, _>>()?;
        match fields.iter().find(|field| !FIELDS.contains(&field.key.as_str())) {
            Some(unknown) => Err(format!("field label not supported: {}", unknown.key)),
            None => Ok(Self { labels, fields }),
        }
    }

    pub(crate) fn matches(&self, object: &Object) -> bool {
        self.labels.iter().all(|label| label.holds(object.labels.get(&label.key).map(String::as_str)))
            && self.fields.iter().all(|field| field.holds(Some(field_of(object, &field.key))))
    }
}

fn terms(selector: &str) -> impl Iterator<Item = &str> {
    selector.split(',').map(str::trim).filter(|term| !term.is_empty())
}

fn field_of<'a>(object: &'a Object, field: &str) -> &'a str {
    match field {
        "metadata.name" => &object.key.name,
        "metadata.namespace" => &object.key.namespace,
        "spec.nodeName" => &object.node_name,
        _ => &object.phase,
    }
}

impl Requirement {
    fn parse(term: &str) -> Result<Self, String> {
        let requirement = |key: &str, wanted| Self { key: key.trim().to_owned(), wanted };
        let parsed = if let Some((key, value)) = term.split_once("!=") {
            requirement(key, Wanted::NotEqual(value.trim().to_owned()))
        } else if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
            requirement(key, Wanted::Equal(value.trim().to_owned()))
        } else if let Some(key) = term.strip_prefix('!') {
            requirement(key, Wanted::Absent)
        } else {
            requirement(term, Wanted::Present)
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        if parsed.key.is_empty() || !parsed.key.bytes().all(plain) {
            return Err(format!("the simulated API server does not understand the selector {term:?}"));
        }
        Ok(parsed)
    }

    fn holds(&self, value: Option<&str>) -> bool {
        match &self.wanted {
            Wanted::Equal(wanted) => value == Some(wanted),
            Wanted::NotEqual(unwanted) => value != Some(unwanted),
            Wanted::Present => value.is_some(),
            Wanted::Absent => value.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sim::control_plane::storage::{Key, Storage};

    fn pod_matches(labels: &str, fields: &str) -> bool {
        let storage = Storage::default();
        let key = Key { namespace: "shop".to_owned(), name: "web".to_owned() };
        let pod = json!({
            "metadata": {"labels": {"app": "web"}}, "spec": {"nodeName": "node-1"}, "status": {"phase": "Running"}
        });
        let pod = storage.create("pods", &key, pod).unwrap();
        Selector::parse(labels, fields).unwrap().matches(&pod)
    }

    #[test]
    fn every_requirement_must_hold() {
        assert!(pod_matches("", ""));
        assert!(pod_matches("app=web,!old", "spec.nodeName=node-1,status.phase!=Failed"));
        assert!(pod_matches("app == web", "metadata.name=web,metadata.namespace=shop"));
        assert!(!pod_matches("app=web,tier", ""));
        assert!(!pod_matches("app!=web", ""));
        assert!(!pod_matches("", "spec.nodeName=node-2"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert!(Selector::parse("app in (a", "").is_err());
        assert!(Selector::parse("=a", "").is_err());
        assert_eq!(Selector::parse("", "spec.x=1").unwrap_err(), "field label not supported: spec.x");
    }
}
