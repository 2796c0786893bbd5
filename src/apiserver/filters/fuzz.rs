//! Whatever a request wishes for besides its answer.

use std::time::Duration;

use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};

use super::{gzip, time_limit};
use crate::fuzzing::Input;

const LONGEST: Duration = Duration::from_mins(1);

/// First line: a query, which never buys more time than there is. Second: `Accept-Encoding`, in
/// which gzip is accepted only where it is named.
pub(crate) fn request_options(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    if let Ok(limit) = time_limit::of(input.text(), LONGEST) {
        assert!(limit <= LONGEST);
    }
    let line = input.line();
    let Ok(value) = HeaderValue::from_bytes(line) else { return };
    if gzip::is_accepted(&HeaderMap::from_iter([(ACCEPT_ENCODING, value)])) {
        assert!(line.windows(4).any(|name| name.eq_ignore_ascii_case(b"gzip")));
    }
}
