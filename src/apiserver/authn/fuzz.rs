//! Whatever callers say of themselves.

use std::collections::BTreeMap;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::pki_types::CertificateDer;

use super::subject::Subject;
use super::token_review::bearer_token;
use super::trust::IdentityHeaders;
use crate::fuzzing::Input;

const NAME: HeaderName = HeaderName::from_static("x-remote-user");
const UID: HeaderName = HeaderName::from_static("x-remote-uid");
const GROUP: HeaderName = HeaderName::from_static("x-remote-group");
const EXTRA: &str = "x-remote-extra-";

/// Lines as headers of a front proxy: a user is made of what is told and of nothing else, and no
/// header that tells an identity goes unseen.
pub(crate) fn front_proxy(bytes: &[u8]) {
    let names = IdentityHeaders {
        username: vec![NAME],
        uid: vec![UID],
        groups: vec![GROUP],
        extra_prefixes: vec![EXTRA.to_owned()],
    };
    let mut input = Input::of(bytes);
    let (mut headers, mut told) = (HeaderMap::new(), BTreeMap::<String, Vec<&[u8]>>::new());
    while !input.is_empty() {
        let (kind, line) = (input.byte(), input.line());
        let name = match kind % 5 {
            0 => NAME,
            1 => UID,
            2 => GROUP,
            3 => HeaderName::try_from([EXTRA.as_bytes(), input.line()].concat()).unwrap_or(GROUP),
            _ => {
                let key = input.text();
                let name = format!("{EXTRA}{}", utf8_percent_encode(key, NON_ALPHANUMERIC));
                if HeaderValue::from_bytes(line).is_ok() {
                    told.entry(key.to_ascii_lowercase()).or_default().push(line);
                }
                HeaderName::try_from(name).unwrap_or(GROUP)
            }
        };
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(name, value);
        }
    }
    assert!(headers.keys().all(|name| names.contains(name)));
    let value = |name: &HeaderName| headers.get(name).map(HeaderValue::as_bytes).filter(|value| !value.is_empty());
    let Ok(user) = names.user(&headers) else { return };
    assert_eq!(user.as_ref().map(|user| user.name.as_bytes()), value(&NAME));
    let Some(user) = user else { return };
    assert_eq!(user.uid.as_deref().map(str::as_bytes), value(&UID));
    let groups = headers.get_all(&GROUP).iter().map(HeaderValue::as_bytes).filter(|group| !group.is_empty());
    assert!(groups.eq(user.groups.iter().map(String::as_bytes)));
    for (key, values) in told {
        let read = user.extra.get(&key).map(Vec::as_slice).unwrap_or_default();
        assert!(values.iter().all(|value| read.iter().any(|read| read.as_bytes() == *value)), "{key:?}");
    }
}

/// A certificate names what it names; of an `Authorization` header nothing is a token that does not
/// stand in it.
pub(crate) fn credentials(bytes: &[u8]) {
    if let Ok(subject) = Subject::read(&CertificateDer::from(bytes)) {
        assert!(subject.fingerprint.len() == 64 && subject.common_name.len() < bytes.len());
    }
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    if let Ok(Some(token)) = bearer_token(&HeaderMap::from_iter([(AUTHORIZATION, value)])) {
        assert!(!token.is_empty() && !token.contains(' '));
        assert!(bytes.to_ascii_lowercase().trim_ascii_start().starts_with(b"bearer "));
        assert!(memchr::memmem::find(bytes, token.as_bytes()).is_some());
    }
}
