//! What a request asks for, in the terms that access rules are written in.
//!
//! Pure, and independent of the router: kube-apiserver derives the same from the same URL, so a rule
//! means the same there and here, also for paths that we do not serve.

use std::borrow::Cow;

use http::Method;

use super::percent;

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
        let path = percent::decode(path).into_owned();
        match resource_request(method, &path, query.unwrap_or_default()) {
            Some((verb, resource)) => Self { verb, path, resource: Some(resource) },
            None => Self { verb: method.as_str().to_ascii_lowercase(), path, resource: None },
        }
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
    let value = percent::query_pairs(query).find(|(key, _)| key == "watch").map(|(_, value)| value);
    value.is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
}

fn option(query: &str, wanted: &str) -> Option<String> {
    let value = percent::query_pairs(query).find(|(key, _)| key == wanted).map(|(_, value)| value);
    value.filter(|value| !value.is_empty()).map(Cow::into_owned)
}

/// The one name that a field selector leaves, if it requires one.
fn selected_name(selector: &str) -> Option<String> {
    selector.split(',').find_map(|term| {
        let value = term.strip_prefix("metadata.name=")?;
        Some(value.strip_prefix('=').unwrap_or(value).to_owned())
    })
}

fn is_path_segment(name: &str) -> bool {
    name != "." && name != ".." && !name.contains(['/', '%'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> RequestInfo {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        RequestInfo::of(&Method::GET, path, query)
    }

    /// `verb group/version namespace resource name subresource`, `-` for what is empty.
    fn summary(info: &RequestInfo) -> String {
        let resource = info.resource.as_ref().unwrap();
        let parts = [&resource.namespace, &resource.resource, &resource.name, &resource.subresource];
        let parts = parts.map(|part| if part.is_empty() { "-" } else { part });
        format!("{} {}/{} {}", info.verb, resource.group, resource.version, parts.join(" "))
    }

    #[test]
    fn paths_of_resources_are_told_apart() {
        for (path, expected) in [
            ("/api/v1/nodes", "list /v1 - nodes - -"),
            ("/api/v1/namespaces", "list /v1 - namespaces - -"),
            ("/api/v1/namespaces/a", "get /v1 a namespaces a -"),
            ("/api/v1/namespaces/a/status", "get /v1 a namespaces a status"),
            ("/apis/metrics.k8s.io/v1beta1/pods", "list metrics.k8s.io/v1beta1 - pods - -"),
            ("/apis/metrics.k8s.io/v1beta1/pods/", "list metrics.k8s.io/v1beta1 - pods - -"),
            ("/apis/metrics.k8s.io/v1beta1/namespaces/a/pods", "list metrics.k8s.io/v1beta1 a pods - -"),
            ("/apis/metrics.k8s.io/v1beta1/namespaces/a/pods/x", "get metrics.k8s.io/v1beta1 a pods x -"),
            ("/apis/c/v1/nodes/n/history", "get c/v1 - nodes n history"),
            ("/apis/c/v1/nodes/n/history/more", "get c/v1 - nodes n history"),
            ("/apis/c/v1/namespaces/a/pods/%2A/m", "get c/v1 a pods * m"),
            ("/apis/c/v1/namespaces/a/metrics/up%3Arate", "get c/v1 a metrics up:rate -"),
            ("/apis/c/v1/namespaces/a/up", "list c/v1 a up - -"),
            ("/apis/c/v1/nodes%2Fn", "get c/v1 - nodes n -"),
            ("/apis/c/v1/watch/nodes/n", "watch c/v1 - nodes n -"),
            ("/api/v1/proxy/nodes/n/metrics", "proxy /v1 - nodes n -"),
        ] {
            assert_eq!(summary(&get(path)), expected, "{path}");
        }
    }

    #[test]
    fn all_other_paths_are_asked_for_by_method_and_path() {
        for path in
            ["/", "/livez", "/metrics", "/api/v1", "/apis", "/apis/g", "/apis/g/v1", "/apis/g/v1/", "/x/a/b/c/d"]
        {
            let info = get(path);
            assert_eq!((info.verb.as_str(), info.path.as_str(), info.resource), ("get", path, None));
        }
        assert_eq!(RequestInfo::of(&Method::HEAD, "/livez", None).verb, "head");
    }

    #[test]
    fn verbs_follow_the_method() {
        let verb = |method: Method, path: &str| RequestInfo::of(&method, path, None).verb;
        assert_eq!(verb(Method::HEAD, "/apis/g/v1/nodes/n"), "get");
        assert_eq!(verb(Method::HEAD, "/apis/g/v1/nodes"), "list");
        assert_eq!(verb(Method::POST, "/apis/g/v1/nodes"), "create");
        assert_eq!(verb(Method::PUT, "/apis/g/v1/nodes/n"), "update");
        assert_eq!(verb(Method::PATCH, "/apis/g/v1/nodes/n"), "patch");
        assert_eq!(verb(Method::DELETE, "/apis/g/v1/nodes/n"), "delete");
        assert_eq!(verb(Method::DELETE, "/apis/g/v1/nodes"), "deletecollection");
        assert_eq!(verb(Method::OPTIONS, "/apis/g/v1/nodes"), "");
    }

    #[test]
    fn a_list_is_a_watch_unless_the_flag_is_false() {
        for (query, verb) in [
            ("watch=true", "watch"),
            ("watch=1", "watch"),
            ("watch", "watch"),
            ("watch=maybe", "watch"),
            ("watch=0", "list"),
            ("watch=False", "list"),
            ("limit=500", "list"),
        ] {
            assert_eq!(get(&format!("/apis/g/v1/nodes?{query}")).verb, verb, "{query}");
        }
        assert_eq!(get("/apis/g/v1/nodes/n?watch=true").verb, "get");
    }

    #[test]
    fn a_field_selector_on_the_name_names_the_object() {
        for query in [
            "fieldSelector=metadata.name%3Dn",
            "fieldSelector=a!=b,metadata.name==n",
            "watch=1&fieldSelector=metadata.name=n",
        ] {
            let info = get(&format!("/apis/g/v1/nodes?{query}"));
            assert_eq!(info.resource.unwrap().name, "n", "{query}");
        }
        for query in
            ["fieldSelector=metadata.name!=n", "fieldSelector=metadata.name=a/b", "fieldSelector=metadata.name=.."]
        {
            let info = get(&format!("/apis/g/v1/nodes?{query}"));
            assert_eq!(info.resource.unwrap().name, "", "{query}");
        }
        let deletion = RequestInfo::of(&Method::DELETE, "/apis/g/v1/nodes", Some("fieldSelector=metadata.name=n"));
        assert_eq!(deletion.resource.unwrap().name, "");
    }

    #[test]
    fn selectors_are_kept_only_where_they_select() {
        let listed = get("/apis/g/v1/nodes?labelSelector=a%3Db,c&fieldSelector=").resource.unwrap();
        assert_eq!((listed.label_selector.as_deref(), listed.field_selector), (Some("a=b,c"), None));
        assert_eq!(get("/apis/g/v1/nodes/n?labelSelector=a").resource.unwrap().label_selector, None);
    }
}
