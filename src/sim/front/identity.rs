//! The headers of a proxied request: who the user is, by our word alone.

use std::net::SocketAddr;

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Uri};
use uuid::Uuid;

use crate::sim::control_plane::User;

const REMOTE_USER: HeaderName = HeaderName::from_static("x-remote-user");
const REMOTE_UID: HeaderName = HeaderName::from_static("x-remote-uid");
const REMOTE_GROUP: HeaderName = HeaderName::from_static("x-remote-group");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// What belongs to one connection and is not passed on (RFC 9110, 7.6.1), and what the client's
/// library computes anew.
const NOT_PASSED_ON: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The headers for the server: the client's own without credentials and identity, then ours.
pub(crate) fn headers(client_headers: &HeaderMap, user: &User, uri: &Uri, client: SocketAddr) -> HeaderMap {
    let mut headers = passed_on(client_headers);
    headers.remove(header::AUTHORIZATION);
    let claimed: Vec<HeaderName> = headers.keys().filter(|name| is_identity(name)).cloned().collect();
    for name in claimed {
        headers.remove(name);
    }
    set_identity(&mut headers, user);
    set_origin(&mut headers, client_headers, uri, client);
    headers.entry(AUDIT_ID).or_insert_with(|| value(&Uuid::new_v4().to_string()));
    let parent = trace_parent(client_headers.get(TRACE_PARENT));
    headers.insert(TRACE_PARENT, value(&parent));
    headers
}

/// Says who the user is.
pub(crate) fn set_identity(headers: &mut HeaderMap, user: &User) {
    headers.insert(REMOTE_USER, value(&user.name));
    if !user.uid.is_empty() {
        headers.insert(REMOTE_UID, value(&user.uid));
    }
    for group in &user.groups {
        headers.append(REMOTE_GROUP, value(group));
    }
}

/// The headers that concern the other end and not this connection.
pub(crate) fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let named = headers.get_all(header::CONNECTION).into_iter().filter_map(|value| value.to_str().ok());
    let named: Vec<String> =
        named.flat_map(|names| names.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect();
    let stays = |name: &&HeaderName| {
        !NOT_PASSED_ON.contains(&name.as_str()) && !named.iter().any(|other| other == name.as_str())
    };
    headers.iter().filter(|(name, _)| stays(name)).map(|(name, value)| (name.clone(), value.clone())).fold(
        HeaderMap::new(),
        |mut kept, (name, value)| {
            kept.append(name, value);
            kept
        },
    )
}

fn is_identity(name: &HeaderName) -> bool {
    name.as_str().starts_with("x-remote-") || name.as_str().starts_with("impersonate-")
}

fn set_origin(headers: &mut HeaderMap, client_headers: &HeaderMap, uri: &Uri, client: SocketAddr) {
    let chain = client_headers.get(FORWARDED_FOR).and_then(|chain| chain.to_str().ok());
    let chain = chain.map_or_else(|| client.ip().to_string(), |chain| format!("{chain}, {}", client.ip()));
    headers.insert(FORWARDED_FOR, value(&chain));
    headers.insert("x-forwarded-uri", value(uri.path_and_query().map_or("/", |target| target.as_str())));
    headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
    let host = client_headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if let Some(host) = uri.authority().map(http::uri::Authority::as_str).or(host) {
        headers.insert("x-forwarded-host", value(host));
    }
}

/// A span of our own in the client's trace, or in a new and sampled one: in the demo whoever sets
/// up a collector wants to see every request.
fn trace_parent(client: Option<&HeaderValue>) -> String {
    let span = Uuid::new_v4().simple().to_string();
    let span = span.get(..16).unwrap_or_default();
    let parts: Vec<&str> = client.and_then(|parent| parent.to_str().ok()).unwrap_or_default().split('-').collect();
    match parts.as_slice() {
        ["00", trace, parent, flags] if trace.len() == 32 && parent.len() == 16 && flags.len() == 2 => {
            format!("00-{trace}-{span}-{flags}")
        }
        _ => format!("00-{}-{span}-01", Uuid::new_v4().simple()),
    }
}

/// Text as a header's value; what cannot stand in one is left empty, which names nobody.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_bytes(text.as_bytes()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

    fn proxied(client: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in client {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let groups = vec!["a".to_owned(), "b,c".to_owned()];
        let user = User { name: "eve".to_owned(), uid: String::new(), groups };
        let uri = Uri::from_static("https://front:6443/apis/g/v1/pods?x=1");
        super::headers(&headers, &user, &uri, SocketAddr::from(([127, 0, 0, 1], 4000)))
    }

    #[test]
    fn identity_headers_of_the_client_are_wiped() {
        let headers = proxied(&[
            ("x-remote-user", "admin"),
            ("x-remote-group", "system:masters"),
            ("x-remote-extra-scopes", "all"),
            ("impersonate-user", "admin"),
            ("authorization", "Bearer secret"),
        ]);
        assert_eq!(headers[REMOTE_USER], "eve");
        assert_eq!(headers.get_all(REMOTE_GROUP).iter().collect::<Vec<_>>(), ["a", "b,c"]);
        for gone in ["x-remote-extra-scopes", "x-remote-uid", "impersonate-user", "authorization"] {
            assert!(!headers.contains_key(gone), "{gone}");
        }
    }

    #[test]
    fn headers_of_the_connection_stay_behind() {
        let headers = proxied(&[("connection", "x-mine, close"), ("x-mine", "1"), ("te", "gzip"), ("accept", "*/*")]);
        assert_eq!(headers["accept"], "*/*");
        for gone in ["connection", "x-mine", "te"] {
            assert!(!headers.contains_key(gone), "{gone}");
        }
    }

    #[test]
    fn the_origin_is_told() {
        let headers = proxied(&[("x-forwarded-for", "10.0.0.1")]);
        assert_eq!(headers[FORWARDED_FOR], "10.0.0.1, 127.0.0.1");
        assert_eq!(headers["x-forwarded-uri"], "/apis/g/v1/pods?x=1");
        assert_eq!(headers["x-forwarded-host"], "front:6443");
        assert!(headers.contains_key(AUDIT_ID));
    }

    #[test]
    fn a_trace_is_continued_or_begun() {
        let continued = proxied(&[("traceparent", TRACE)]);
        let parent = continued[TRACE_PARENT].to_str().unwrap();
        assert!(parent.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && parent.ends_with("-00"), "{parent}");
        assert_ne!(parent, TRACE);
        for begun in [proxied(&[]), proxied(&[("traceparent", "00-zz")])] {
            let parent = begun[TRACE_PARENT].to_str().unwrap();
            assert!(parent.len() == TRACE.len() && parent.ends_with("-01"), "{parent}");
        }
    }
}
