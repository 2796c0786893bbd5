//! What a request wants, read from its method, path and query.

use std::collections::HashMap;

use http::{Method, Request};
use percent_encoding::percent_decode_str;

/// What is asked for; what authorization decides on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) verb: String,
    pub(crate) path: String,
    /// Whether the path names a resource; the fields below are empty if not.
    pub(crate) is_resource: bool,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) namespace: String,
    pub(crate) resource: String,
    pub(crate) name: String,
    pub(crate) subresource: String,
}

/// The query's parameters; of a repeated one the last counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(HashMap<String, String>);

impl Query {
    pub(crate) fn parse(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The parameter's text; empty when it is not there.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Kubernetes takes every value but `0` and `false` for true.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
    }
}

impl Attributes {
    /// Reads a request. A field selector on the name makes a list a request for that object.
    pub(crate) fn of<B>(request: &Request<B>, query: &Query) -> Self {
        let path = percent_decode_str(request.uri().path()).decode_utf8_lossy().into_owned();
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let (group, version, rest) = match segments.as_slice() {
            ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
            ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
            _ => {
                let verb = request.method().as_str().to_ascii_lowercase();
                return Self { verb, path, ..Self::default() };
            }
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            _ => ("", rest),
        };
        let segment = |index: usize| rest.get(index).copied().unwrap_or_default().to_owned();
        let verb = verb(request.method(), segment(1).is_empty(), query);
        let name = if matches!(verb, "list" | "watch") { selected_name(query) } else { segment(1) };
        Self {
            verb: verb.to_owned(),
            is_resource: true,
            group: group.to_owned(),
            version: version.to_owned(),
            namespace: namespace.to_owned(),
            resource: segment(0),
            name,
            subresource: segment(2),
            path,
        }
    }
}

fn verb(method: &Method, on_collection: bool, query: &Query) -> &'static str {
    match *method {
        Method::GET | Method::HEAD if on_collection && query.is_true("watch") => "watch",
        Method::GET | Method::HEAD if on_collection => "list",
        Method::GET | Method::HEAD => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if on_collection => "deletecollection",
        Method::DELETE => "delete",
        _ => "",
    }
}

fn selected_name(query: &Query) -> String {
    let terms = query.text("fieldSelector").split(',');
    let mut names =
        terms.filter_map(|term| term.strip_prefix("metadata.name=").map(|name| name.trim_start_matches('=')));
    names.next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(method: &str, uri: &str) -> Attributes {
        let request = Request::builder().method(method).uri(uri).body(()).unwrap();
        Attributes::of(&request, &Query::parse(request.uri().query().unwrap_or_default()))
    }

    #[test]
    fn resources_are_told_by_their_path() {
        let pod = attributes("GET", "/api/v1/namespaces/shop/pods/web%2D1");
        assert_eq!((&*pod.verb, &*pod.namespace, &*pod.resource, &*pod.name), ("get", "shop", "pods", "web-1"));
        let namespace = attributes("GET", "/api/v1/namespaces/shop");
        assert_eq!((&*namespace.resource, &*namespace.name, &*namespace.namespace), ("namespaces", "shop", ""));
        let list = attributes("GET", "/apis/metrics.k8s.io/v1beta1/pods?watch=0");
        assert_eq!((&*list.verb, &*list.group, &*list.version), ("list", "metrics.k8s.io", "v1beta1"));
        assert_eq!(attributes("GET", "/api/v1/pods?watch=1").verb, "watch");
        assert_eq!(attributes("GET", "/api/v1/pods?fieldSelector=metadata.name%3Dweb").name, "web");
        assert_eq!(attributes("PATCH", "/apis/g/v1/things/a/status").subresource, "status");
    }

    #[test]
    fn other_paths_are_no_resources() {
        for path in ["/version", "/apis", "/apis/metrics.k8s.io/v1beta1", "/api/v1", "/healthz/ping"] {
            let attributes = attributes("GET", path);
            assert!(!attributes.is_resource, "{path}");
            assert_eq!((&*attributes.verb, &*attributes.path), ("get", path));
        }
    }

    #[test]
    fn queries_are_decoded_and_bad_escapes_kept() {
        let query = Query::parse("labelSelector=a%3Db%2Cc+d&watch&x=%zz%4");
        assert_eq!(query.text("labelSelector"), "a=b,c d");
        assert_eq!(query.text("x"), "%zz%4");
        assert!(query.is_true("watch") && !query.is_true("limit"));
    }
}
