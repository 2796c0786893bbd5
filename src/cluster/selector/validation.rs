//! What a label's key and value may be.

use std::collections::BTreeSet;

use crate::cluster::selector::SelectorError;

const LONGEST_NAME: usize = 63;
const LONGEST_PREFIX: usize = 253;

/// A key is a name, or a DNS subdomain, a slash and a name.
pub(super) fn key(key: &str) -> Result<(), SelectorError> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let fault = if name.contains('/') {
        Some("a qualified name is a name, or a DNS subdomain prefix, '/' and a name".to_owned())
    } else {
        prefix.and_then(prefix_fault).or_else(|| name_fault("name part", name))
    };
    fault.map_or(Ok(()), |fault| Err(SelectorError(format!("key: Invalid value: {key:?}: {fault}"))))
}

/// A value is empty or a name.
pub(super) fn values(key: &str, values: &BTreeSet<String>) -> Result<(), SelectorError> {
    for (index, value) in values.iter().enumerate().filter(|(_, value)| !value.is_empty()) {
        if let Some(fault) = name_fault("a valid label", value) {
            return Err(SelectorError(format!("values[{index}][{key}]: Invalid value: {value:?}: {fault}")));
        }
    }
    Ok(())
}

/// The one number that `>` and `<` compare with.
pub(super) fn bound(values: &BTreeSet<String>) -> Result<i64, SelectorError> {
    let value = values.first().map(String::as_str).unwrap_or_default();
    value.parse().map_err(|_| {
        SelectorError(format!(
            "values[0]: Invalid value: {value:?}: for 'Gt', 'Lt' operators, the value must be an integer"
        ))
    })
}

fn prefix_fault(prefix: &str) -> Option<String> {
    let is_label = |label: &str| {
        label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if prefix.is_empty() {
        Some("prefix part must be non-empty".to_owned())
    } else if prefix.len() > LONGEST_PREFIX {
        Some(format!("prefix part must be no more than {LONGEST_PREFIX} characters"))
    } else if prefix.split('.').all(is_label) {
        None
    } else {
        Some("prefix part must be a lowercase RFC 1123 subdomain".to_owned())
    }
}

fn name_fault(what: &str, name: &str) -> Option<String> {
    let is_outer = |byte: u8| byte.is_ascii_alphanumeric();
    let is_inner = |byte: u8| is_outer(byte) || matches!(byte, b'-' | b'_' | b'.');
    let ends_well = name.bytes().next().is_some_and(is_outer) && name.bytes().next_back().is_some_and(is_outer);
    if name.is_empty() {
        Some(format!("{what} must be non-empty"))
    } else if name.len() > LONGEST_NAME {
        Some(format!("{what} must be no more than {LONGEST_NAME} characters"))
    } else if ends_well && name.bytes().all(is_inner) {
        None
    } else {
        Some(format!(
            "{what} must consist of alphanumeric characters, '-', '_' or '.', \
             and must start and end with an alphanumeric character"
        ))
    }
}
