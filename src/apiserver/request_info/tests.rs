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
    for path in ["/", "/livez", "/metrics", "/api/v1", "/apis", "/apis/g", "/apis/g/v1", "/apis/g/v1/", "/x/a/b/c/d"] {
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
        "fieldSelector=metadata.namespace!=b,metadata.name==n",
        "watch=1&fieldSelector=metadata.name=n",
    ] {
        let info = get(&format!("/apis/g/v1/nodes?{query}"));
        assert_eq!(info.resource.unwrap().name, "n", "{query}");
    }
    for query in ["fieldSelector=metadata.name!=n", "fieldSelector=metadata.name=a/b", "fieldSelector=metadata.name=.."]
    {
        let info = get(&format!("/apis/g/v1/nodes?{query}"));
        assert_eq!(info.resource.unwrap().name, "", "{query}");
    }
    let deletion = RequestInfo::of(&Method::DELETE, "/apis/g/v1/nodes", Some("fieldSelector=metadata.name=n"));
    assert_eq!(deletion.resource.unwrap().name, "");
}

#[test]
fn a_name_inside_of_an_escaped_value_names_nothing() {
    for query in [
        r"fieldSelector=metadata.namespace!=x\,metadata.name=n",
        r"fieldSelector=metadata.namespace!%3Dx%5C,metadata.name%3Dn",
        "fieldSelector=&fieldSelector=metadata.name=n",
    ] {
        assert_eq!(get(&format!("/apis/g/v1/pods?{query}")).resource.unwrap().name, "", "{query}");
    }
}

#[test]
fn selectors_are_kept_only_where_they_select() {
    let listed = get("/apis/g/v1/nodes?labelSelector=a%3Db,c&fieldSelector=").resource.unwrap();
    assert_eq!((listed.label_selector.as_deref(), listed.field_selector), (Some("a=b,c"), None));
    assert_eq!(get("/apis/g/v1/nodes/n?labelSelector=a").resource.unwrap().label_selector, None);
}

#[test]
fn escapes_of_a_path_are_undone_and_what_is_none_stays() {
    for (path, expected) in [
        ("/a/%2A/x%3ab%2F", "/a/*/x:b/"),
        ("/%C3%BC+", "/\u{fc}+"),
        ("/100%", "/100%"),
        ("/%4", "/%4"),
        ("/%zz%+1", "/%zz%+1"),
        ("/%FF", "/\u{FFFD}"),
    ] {
        assert_eq!(get(path).path, expected, "{path}");
    }
}

#[test]
fn of_a_repeated_parameter_the_first_counts_and_a_plus_is_a_space() {
    let selector = |query: &str| get(&format!("/apis/g/v1/nodes?{query}")).resource.unwrap().label_selector;
    for (query, expected) in [
        ("labelSelector=a+in+(b)&labelSelector=c", "a in (b)"),
        ("&&labelSelector=a=b=c", "a=b=c"),
        ("labelSelector=a%2Bb%3D%zz", "a+b=%zz"),
    ] {
        assert_eq!(selector(query).as_deref(), Some(expected), "{query}");
    }
}
