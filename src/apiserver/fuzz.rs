//! Whatever a request asks for.

use http::{HeaderMap, HeaderValue, Method, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub(crate) use super::authn::fuzz::{credentials, front_proxy};
pub(crate) use super::filters::fuzz::request_options;
pub(crate) use super::list_options::fuzz::{continue_token, field_selector, list_query};
use super::moments::{Asked, Tag};
use super::negotiate::{
    Accepted, DiscoveryForm, Shape, accepted, accepted_by_status, accepted_by_watch, accepts_json, discovery_form,
    include_object,
};
use super::{RequestInfo, ResourceRequest};
use crate::fuzzing::Input;

const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// A version that is read as one of ours is served as the same number.
pub(crate) fn resource_version(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let (tag, revision) = (Tag::from_random(input.number()), input.number() >> 20);
    let served = tag.served(revision);
    if served > 0 {
        assert_eq!(tag.read(&served.to_string()), Ok(Asked::Revision(revision)));
    }
    let text = str::from_utf8(bytes).unwrap_or_default();
    if let Ok(Asked::Revision(revision)) = tag.read(text) {
        assert_eq!(Some(tag.served(revision)), text.parse().ok());
    }
}

/// A path that is written from its parts has the same parts, none of which spans a slash.
pub(crate) fn request_info(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let method = METHODS.get(usize::from(input.byte() % 7)).cloned().unwrap_or_default();
    let (path, query) = (input.text(), input.text());
    let selecting = RequestInfo::of(&method, path, Some(query));
    let plain = RequestInfo::of(&method, path, None);
    assert_eq!(selecting.path, plain.path);
    let (Some(selecting), Some(resource)) = (selecting.resource, plain.resource) else {
        assert_eq!(plain.verb, method.as_str().to_ascii_lowercase());
        return;
    };
    let ResourceRequest { group, version, namespace, resource: plural, subresource, name, .. } = &resource;
    let parts = [group, version, namespace, plural, subresource, name];
    assert!(parts.iter().all(|part| !part.contains('/')), "{resource:?}");
    assert_eq!((&selecting.group, &selecting.resource, &selecting.namespace), (group, plural, namespace));
    if [plural, name, subresource].iter().all(|part| part.is_empty()) {
        // Slashes at the end are nothing, so that no path is left to write.
        return;
    }
    let again = RequestInfo::of(&method, &written(&plain.verb, &resource), None);
    assert_eq!((again.verb, again.resource), (plain.verb, Some(resource)));
}

/// The shortest path that asks for this.
fn written(verb: &str, asked: &ResourceRequest) -> String {
    let ResourceRequest { group, version, namespace, resource, subresource, name, .. } = asked;
    let mut parts = if group.is_empty() { vec!["api", version] } else { vec!["apis", group, version] };
    parts.extend(["watch", "proxy"].into_iter().find(|special| *special == verb));
    let is_namespace =
        resource == "namespaces" && name == namespace && ["", "status", "finalize"].contains(&subresource.as_str());
    // Words that mean something else where a resource is expected.
    let is_hidden = ["watch", "proxy", "namespaces"].contains(&resource.as_str());
    if !is_namespace && (is_hidden || !namespace.is_empty()) {
        parts.extend(["namespaces", namespace]);
    }
    parts.extend([resource, name, subresource].map(String::as_str));
    let encoded = parts.into_iter().map(|part| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string());
    encoded.fold(String::new(), |path, part| path + "/" + &part)
}

/// First a query, then lines of `Accept`: what is chosen is named by one of them, and whoever takes
/// anything is given something.
pub(crate) fn accept(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let (shape, query) = (input.byte(), input.text());
    let shapes: &[Shape] = match shape % 3 {
        0 => &[],
        1 => &[Shape::Object],
        _ => &[Shape::Object, Shape::List],
    };
    let mut headers = HeaderMap::new();
    while !input.is_empty() {
        headers.extend(HeaderValue::from_bytes(input.line()).map(|line| (header::ACCEPT, line)));
    }
    let choices = [accepted(&headers, query, shapes), accepted_by_watch(&headers, query)];
    for choice in choices.iter().flatten() {
        assert!(is_named(&headers, *choice), "{choice:?} of {headers:?}");
    }
    accepted_by_status(&headers, query);
    let _either = include_object(query);
    let form = discovery_form(&headers);
    assert!(accepts_json(&headers).is_err() || form.is_ok());
    assert!(form != Ok(DiscoveryForm::Classic) || accepts_json(&headers).is_ok());
    headers.append(header::ACCEPT, HeaderValue::from_static("*/*"));
    assert!(accepted(&headers, query, shapes).is_ok() && accepted_by_watch(&headers, query).is_ok());
    assert!(accepts_json(&headers).is_ok());
}

/// Whether a clause names the type of a choice, or any type.
fn is_named(headers: &HeaderMap, choice: Accepted) -> bool {
    let lines = || headers.get_all(header::ACCEPT).iter().map(HeaderValue::as_bytes);
    let clauses = lines().flat_map(|line| line.split(|byte| *byte == b','));
    let mut types = clauses.map(|clause| clause.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii());
    let anything = [b"*".as_slice(), b"*/*", b"application/*"];
    let is_blank = lines().all(|line| line.iter().all(|byte| b", \t".contains(byte)));
    is_blank || types.any(|it| anything.contains(&it) || it.eq_ignore_ascii_case(choice.content_type().as_bytes()))
}
