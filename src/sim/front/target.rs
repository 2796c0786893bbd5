//! Where a proxied request goes: path and query are decoded and written anew, as the aggregator
//! does, so that the server sees `*` as `%2A` and the query sorted by its keys.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What is escaped in a parameter's name and value.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// What is escaped in a path, where these marks stand for themselves.
const IN_PATH: &AsciiSet = &IN_QUERY
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b',')
    .remove(b'/')
    .remove(b':')
    .remove(b';')
    .remove(b'=')
    .remove(b'@');

/// Path and query for the server.
pub(crate) fn path_and_query(path: &str, query: &str) -> String {
    let path = percent_decode_str(path).decode_utf8_lossy();
    let mut target = utf8_percent_encode(&path, IN_PATH).to_string();
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = form_urlencoded::parse(query.as_bytes()).collect();
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    for (number, (name, value)) in pairs.iter().enumerate() {
        target.push(if number == 0 { '?' } else { '&' });
        target.extend(utf8_percent_encode(name, IN_QUERY));
        target.push('=');
        target.extend(utf8_percent_encode(value, IN_QUERY));
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_query_are_written_anew() {
        assert_eq!(path_and_query("/apis/g/v1/pods", ""), "/apis/g/v1/pods");
        assert_eq!(path_and_query("/apis/g/v1/pods/*/x%2Fy:z", ""), "/apis/g/v1/pods/%2A/x/y:z");
        assert_eq!(path_and_query("/a", "limit=5&labelSelector=a%3Db+c&b"), "/a?b=&labelSelector=a%3Db%20c&limit=5");
    }
}
