//! The id by which a request is found in kube-apiserver's audit log and in ours.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// Given by kube-apiserver, echoed to the client.
pub(super) const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

/// Longer ones are not Kubernetes' and would only fill the log.
const LONGEST_BYTES: usize = 64;

/// The request's id, or a new one.
pub(super) fn of(headers: &HeaderMap) -> HeaderValue {
    let given =
        headers.get(AUDIT_ID).filter(|id| id.len() <= LONGEST_BYTES && id.to_str().is_ok_and(|id| !id.is_empty()));
    given.cloned().unwrap_or_else(|| {
        let mut text = Uuid::encode_buffer();
        let id = Uuid::new_v4().hyphenated().encode_lower(&mut text);
        // Hexadecimal digits and hyphens are always a header's value.
        HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    })
}
