//! Who gets an indented answer: those who ask for it, and people.

use http::{HeaderMap, HeaderValue, header};

/// How the programs begin their `User-Agent` by which people read answers as they come.
const READ_BY_PEOPLE: [&str; 3] = ["curl", "Wget", "Mozilla/5.0"];

/// Follows `pretty` of the query, of whose values only `0` and `false` are false; without it, the
/// program that asks decides.
pub(super) fn wants_pretty(headers: &HeaderMap, query: &str) -> bool {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    if let Some((_, value)) = pairs.find(|(key, _)| key == "pretty") {
        return value != "0" && !value.eq_ignore_ascii_case("false");
    }
    let agent = headers.get(header::USER_AGENT).map_or(&[][..], HeaderValue::as_bytes);
    READ_BY_PEOPLE.iter().any(|program| agent.starts_with(program.as_bytes()))
}
