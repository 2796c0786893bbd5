//! For whom a verified front proxy speaks.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use super::subject::Subject;
use super::trust::{FrontProxyTrust, IdentityHeaders};
use super::user::{User, Via};

impl FrontProxyTrust {
    /// Whether the bearer of a good certificate may speak for others.
    pub(super) fn admits(&self, proxy: &Subject) -> bool {
        self.names.is_empty() || self.names.contains(&proxy.common_name)
    }
}

impl IdentityHeaders {
    /// The user named by the headers of a verified front proxy; `None` when it names none.
    ///
    /// # Errors
    /// When a value is not UTF-8: guessing at a name could make it another's.
    pub(super) fn user(&self, headers: &HeaderMap) -> Result<Option<User>, String> {
        let Some(name) = first(headers, &self.username)? else { return Ok(None) };
        let mut groups = Vec::new();
        for value in self.groups.iter().flat_map(|name| headers.get_all(name)) {
            let group = text(value)?;
            if !group.is_empty() {
                groups.push(group.to_owned());
            }
        }
        let (uid, extra) = (first(headers, &self.uid)?, self.extra(headers)?);
        Ok(Some(User { name, uid, groups, extra, via: Via::FrontProxy }))
    }

    fn extra(&self, headers: &HeaderMap) -> Result<BTreeMap<String, Vec<String>>, String> {
        let mut extra = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in headers {
            for prefix in &self.extra_prefixes {
                if let Some(key) = name.as_str().strip_prefix(prefix.as_str()) {
                    let key = percent_decode_str(key).decode_utf8_lossy().into_owned();
                    extra.entry(key).or_default().push(text(value)?.to_owned());
                }
            }
        }
        Ok(extra)
    }

    /// Whether a header tells an identity and so must not travel further.
    pub(super) fn contains(&self, name: &HeaderName) -> bool {
        [&self.username, &self.uid, &self.groups].iter().any(|names| names.contains(name))
            || self.extra_prefixes.iter().any(|prefix| name.as_str().starts_with(prefix.as_str()))
    }
}

fn first(headers: &HeaderMap, names: &[HeaderName]) -> Result<Option<String>, String> {
    for name in names {
        let value = headers.get(name).map(text).transpose()?.unwrap_or_default();
        if !value.is_empty() {
            return Ok(Some(value.to_owned()));
        }
    }
    Ok(None)
}

fn text(value: &HeaderValue) -> Result<&str, String> {
    std::str::from_utf8(value.as_bytes()).map_err(|_| "an identity header is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> IdentityHeaders {
        IdentityHeaders {
            username: vec![HeaderName::from_static("x-remote-user"), HeaderName::from_static("x-other-user")],
            uid: vec![],
            groups: vec![HeaderName::from_static("x-remote-group")],
            extra_prefixes: vec!["x-remote-extra-".to_owned()],
        }
    }

    fn headers(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
        let pair = |&(name, value): &(&'static str, &[u8])| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn groups_are_taken_as_they_are_and_never_split() {
        let user = names()
            .user(&headers(&[
                ("x-remote-user", b"ann"),
                ("x-remote-group", b"dev,ops"),
                ("x-remote-group", b""),
                ("x-remote-group", b"dev"),
                ("x-remote-group", b"dev"),
            ]))
            .unwrap()
            .unwrap();
        assert_eq!(user.groups, ["dev,ops", "dev", "dev"]);
    }

    #[test]
    fn extra_keys_are_lower_cased_and_decoded_and_keep_all_values() {
        let user = names()
            .user(&headers(&[
                ("X-Remote-User", b"ann"),
                ("X-Remote-Extra-Example.Org%2FScopes", b"read"),
                ("X-Remote-Extra-Example.Org%2FScopes", b"write"),
                ("X-Remote-Extra-100%", b"x"),
            ]))
            .unwrap()
            .unwrap();
        assert_eq!(user.extra["example.org/scopes"], ["read", "write"]);
        assert_eq!(user.extra["100%"], ["x"]);
    }

    #[test]
    fn names_are_utf_8_or_refused() {
        let user = names().user(&headers(&[("x-remote-user", "Jürgen".as_bytes())])).unwrap().unwrap();
        assert_eq!(user.name, "Jürgen");
        names().user(&headers(&[("x-remote-user", b"J\xfcrgen")])).unwrap_err();
        names().user(&headers(&[("x-remote-user", b"ann"), ("x-remote-group", b"\xff")])).unwrap_err();
    }

    #[test]
    fn the_first_name_that_is_not_empty_counts_and_none_is_no_opinion() {
        let user = names().user(&headers(&[("x-remote-user", b""), ("x-other-user", b"ann")])).unwrap().unwrap();
        assert_eq!(user.name, "ann");
        assert_eq!(names().user(&headers(&[("x-remote-group", b"system:masters")])).unwrap(), None);
    }

    #[test]
    fn a_uid_header_that_the_cluster_did_not_name_is_ignored() {
        let told = headers(&[("x-remote-user", b"ann"), ("x-remote-uid", b"0")]);
        assert_eq!(names().user(&told).unwrap().unwrap().uid, None);
        let named = IdentityHeaders { uid: vec![HeaderName::from_static("x-remote-uid")], ..names() };
        assert_eq!(named.user(&told).unwrap().unwrap().uid.as_deref(), Some("0"));
    }
}
