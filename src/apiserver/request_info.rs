//! What a request asks for, in the terms that access rules are written in.
//!
//! Pure, and independent of the router: kube-apiserver derives the same from the same URL, so a rule
//! means the same there and here, also for paths that we do not serve.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

use super::list_options::FieldSelector;

/// A request as access rules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestInfo {
    /// `get`, `list`, `create`, …; of a request that is not for a resource the method in lower case.
    pub verb: String,
    /// The decoded path.
    pub path: String,
    /// The resource asked for; `None` for discovery, health, metrics and all else.
    pub resource: Option<ResourceRequest>,
}

/// The resource part of a request; parts that are not there are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceRequest {
    /// API group; empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Namespace; empty for cluster scope and for all namespaces.
    pub namespace: String,
    /// Plural resource name.
    pub resource: String,
    /// Subresource.
    pub subresource: String,
    /// Object name, from the path or from `fieldSelector=metadata.name=…`.
    pub name: String,
    /// As sent, for the verbs that select.
    pub field_selector: Option<String>,
    /// As sent, for the verbs that select.
    pub label_selector: Option<String>,
}

impl RequestInfo {
    /// Reads a request line. `path` is raw, `query` without its question mark.
    pub fn of(method: &Method, path: &str, query: Option<&str>) -> Self {
        let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
        match resource_request(method, &path, query.unwrap_or_default()) {
            Some((verb, resource)) => Self { verb, path, resource: Some(resource) },
            None => Self { verb: method.as_str().to_ascii_lowercase(), path, resource: None },
        }
    }

    /// Whether the answer goes on for as long as the client likes.
    pub(crate) fn is_watch(&self) -> bool {
        self.resource.is_some() && self.verb == "watch"
    }

    /// Whether it is a page of metrics, written anew for each request.
    pub(crate) fn is_metrics_page(&self) -> bool {
        matches!(self.path.as_str(), "/metrics" | "/metrics/usage")
    }

    /// Whether it is what kubelets ask.
    pub(crate) fn is_health(&self) -> bool {
        matches!(self.path.as_str(), "/livez" | "/readyz" | "/healthz")
    }
}

fn resource_request(method: &Method, path: &str, query: &str) -> Option<(String, ResourceRequest)> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (group, version, rest) = match segments.as_slice() {
        ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
        _ => return None,
    };
    let (verb, rest) = match rest {
        [special @ ("watch" | "proxy"), rest @ ..] => (*special, rest),
        _ => (method_verb(method), rest),
    };
    let mut resource =
        ResourceRequest { group: group.to_owned(), version: version.to_owned(), ..ResourceRequest::default() };
    resource.read_location(verb, rest);
    let verb = resource.read_options(verb, query);
    Some((verb.to_owned(), resource))
}

fn method_verb(method: &Method) -> &'static str {
    match *method {
        Method::POST => "create",
        Method::GET | Method::HEAD => "get",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "",
    }
}

impl ResourceRequest {
    fn read_location(&mut self, verb: &str, rest: &[&str]) {
        let location = match rest {
            // `namespaces/NS/status` is a part of the namespace itself, all else is inside of it.
            ["namespaces", namespace, inner @ ..] => {
                (*namespace).clone_into(&mut self.namespace);
                if matches!(inner, [] | ["status" | "finalize", ..]) { rest } else { inner }
            }
            _ => rest,
        };
        let mut parts = location.iter();
        let mut part = || parts.next().copied().unwrap_or_default().to_owned();
        (self.resource, self.name, self.subresource) = (part(), part(), part());
        // What follows a proxied object belongs to the proxied server.
        if verb == "proxy" {
            self.subresource.clear();
        }
    }

    fn read_options<'a>(&mut self, verb: &'a str, query: &str) -> &'a str {
        let verb = match verb {
            "get" if self.name.is_empty() && asks_to_watch(query) => "watch",
            "get" if self.name.is_empty() => "list",
            "delete" if self.name.is_empty() => "deletecollection",
            _ => verb,
        };
        if matches!(verb, "list" | "watch" | "deletecollection") {
            self.field_selector = option(query, "fieldSelector");
            self.label_selector = option(query, "labelSelector");
        }
        if matches!(verb, "list" | "watch") && self.name.is_empty() {
            let selected = self.field_selector.as_deref().and_then(selected_name);
            self.name = selected.filter(|name| is_path_segment(name)).unwrap_or_default();
        }
        verb
    }
}

/// Kubernetes reads every value of a flag as true, but `0` and `false`.
fn asks_to_watch(query: &str) -> bool {
    let value = parameter(query, "watch");
    value.is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
}

fn option(query: &str, wanted: &str) -> Option<String> {
    parameter(query, wanted).filter(|value| !value.is_empty()).map(Cow::into_owned)
}

/// Of a repeated parameter the first counts.
fn parameter<'a>(query: &'a str, wanted: &str) -> Option<Cow<'a, str>> {
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == wanted).map(|(_, value)| value)
}

/// The name that a field selector demands. Read by the same parser as the list itself: were they to
/// differ, a right to one object could show others.
fn selected_name(selector: &str) -> Option<String> {
    FieldSelector::parse(selector).ok()?.demanded_name().map(str::to_owned)
}

fn is_path_segment(name: &str) -> bool {
    name != "." && name != ".." && !name.contains(['/', '%'])
}

#[cfg(test)]
mod tests;
