//! Where a proxied request goes: path and query are decoded and written anew, as the aggregator
//! does, so that the server sees `*` as `%2A` and the query sorted by its keys.

use std::fmt::Write;

use crate::sim::control_plane::{form_pairs, percent_decoded};

/// Path and query for the server.
pub(crate) fn path_and_query(path: &str, query: &str) -> String {
    let mut target = escaped(&percent_decoded(path), b"-_.~$&+,/:;=@");
    let mut pairs: Vec<(String, String)> = form_pairs(query).collect();
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    for (number, (name, value)) in pairs.iter().enumerate() {
        target.push(if number == 0 { '?' } else { '&' });
        target.push_str(&escaped(name, b"-_.~"));
        target.push('=');
        target.push_str(&escaped(value, b"-_.~"));
    }
    target
}

fn escaped(text: &str, plain: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _infallible = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
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
