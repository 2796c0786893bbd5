//! What a list's query asks for. Pure.
//!
//! Options that only matter to servers with a history (`limit`, `resourceVersion`,
//! `timeoutSeconds`) are read, so that nonsense is refused, and then not followed: a list is always
//! whole and always of now, which Kubernetes allows. Unknown options are ignored.

mod field_selector;

use std::borrow::Cow;

use crate::apiserver::status::Status;
use crate::cluster::Labels;
use crate::cluster::selector::LabelSelector;
pub(crate) use field_selector::FieldSelector;

/// The options that we follow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListOptions {
    labels: LabelSelector,
    fields: FieldSelector,
    /// Whether the answer is to be indented.
    pub(crate) pretty: bool,
}

impl ListOptions {
    /// Reads a query, without its question mark. Of a repeated key the first value counts.
    pub(crate) fn parse(query: &str) -> Result<Self, Status> {
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let value = |key: &str| pairs.iter().find(|(known, _)| known == key).map_or("", |(_, value)| value);
        check_number(value("limit"))?;
        check_number(value("timeoutSeconds"))?;
        check_versions(&value)?;
        if !value("continue").is_empty() {
            return Err(Status::bad_request("continue key is not valid: lists of this server are never continued"));
        }
        let labels = LabelSelector::parse(value("labelSelector"));
        Ok(Self {
            labels: labels.map_err(|error| Status::bad_request(error.to_string()))?,
            fields: FieldSelector::parse(value("fieldSelector"))
                .map_err(|error| Status::bad_request(error.to_string()))?,
            pretty: wants_pretty(&pairs),
        })
    }

    /// Whether an object is in the list. `namespace` is empty for what belongs to none.
    pub(crate) fn select(&self, namespace: &str, name: &str, labels: &Labels) -> bool {
        self.fields.matches(namespace, name) && self.labels.matches(labels)
    }
}

/// Whether a query asks for an indented answer: by any value but `0` and `false`.
pub(crate) fn is_pretty(query: &str) -> bool {
    wants_pretty(&form_urlencoded::parse(query.as_bytes()).collect::<Vec<_>>())
}

fn wants_pretty(pairs: &[(Cow<'_, str>, Cow<'_, str>)]) -> bool {
    let value = pairs.iter().find(|(key, _)| key == "pretty").map(|(_, value)| value);
    value.is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
}

/// Numbers are refused in the words of the server that clients know.
fn check_number(text: &str) -> Result<(), Status> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    match text.parse::<i64>() {
        _ if text.is_empty() => Ok(()),
        Ok(_) => Ok(()),
        Err(error) => {
            let overflow = matches!(error.kind(), PosOverflow | NegOverflow);
            let reason = if overflow { "value out of range" } else { "invalid syntax" };
            Err(Status::bad_request(format!("strconv.ParseInt: parsing {text:?}: {reason}")))
        }
    }
}

/// Which versions a client may ask for together. Ignoring `sendInitialEvents` would leave an
/// informer waiting for ever.
fn check_versions<'a>(value: &impl Fn(&str) -> &'a str) -> Result<(), Status> {
    let (version, matching) = (value("resourceVersion"), value("resourceVersionMatch"));
    let refused = |message| Err(Status::invalid_list_options("resourceVersionMatch", message));
    if !value("sendInitialEvents").is_empty() {
        return Err(Status::invalid_list_options(
            "sendInitialEvents",
            "Forbidden: sendInitialEvents is forbidden for list",
        ));
    }
    match matching {
        "" => Ok(()),
        _ if version.is_empty() => {
            refused("Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided")
        }
        "Exact" if version == "0" => {
            refused("Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"")
        }
        "Exact" | "NotOlderThan" => Ok(()),
        _ => refused("Unsupported value: supported values: \"Exact\", \"NotOlderThan\""),
    }
}

#[cfg(test)]
mod tests;
