//! Whatever stands in the query of a list or a watch.

use http::Method;

use super::{ContinueToken, FieldSelector, ListOptions, WatchOptions};
use crate::apiserver::RequestInfo;
use crate::apiserver::moments::Tag;
use crate::cluster::Labels;
use crate::fuzzing::Input;
use crate::usage::PodKey;

/// Of a process; any would do.
const TAG: Tag = Tag::from_random(0x5_A5A5);

/// A list, a watch and an access rule see the same objects in a query, however it is encoded.
pub(crate) fn list_query(bytes: &[u8]) {
    let Ok(query) = str::from_utf8(bytes) else { return };
    let (list, watch) = (ListOptions::parse(query, TAG), WatchOptions::parse(query, TAG));
    let pairs = form_urlencoded::parse(bytes);
    let again = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    assert_eq!(ListOptions::parse(&again, TAG), list, "{again}");
    assert_eq!(WatchOptions::parse(&again, TAG), watch, "{again}");
    if let (Ok(list), Ok(watch)) = (&list, &watch) {
        assert_eq!(list.selection, watch.selection);
    }
    let Ok(list) = list else { return };
    let resource = RequestInfo::of(&Method::GET, "/apis/example.com/v1/pods", Some(query)).resource;
    let Some(allowed) = resource.map(|resource| resource.name).filter(|name| !name.is_empty()) else { return };
    assert_eq!(list.selection.demanded_name(), Some(allowed.as_str()));
    let other = format!("{allowed}x");
    assert!(!list.selection.selects("default", &other, &Labels::default()), "a right to {allowed} shows {other}");
}

/// Terms that are written from their parts select what the parts say; of any other text, no object
/// is selected but the one that it demands.
pub(crate) fn field_selector(bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes)
        && let Ok(selector) = FieldSelector::parse(text)
        && let Some(name) = selector.demanded_name()
    {
        assert!(!selector.matches("default", &format!("{name}x")), "{text}");
    }
    let mut input = Input::of(bytes);
    let (namespace, name) = (input.text(), input.text());
    let (mut terms, mut is_selected) = (Vec::new(), true);
    while !input.is_empty() {
        let shape = input.byte();
        let (field, actual) = if shape & 1 == 0 { ("metadata.name", name) } else { ("metadata.namespace", namespace) };
        let operator = ["=", "==", "!="].get(usize::from(shape >> 1 & 3)).copied().unwrap_or("=");
        let value = if shape & 8 == 0 { input.text() } else { actual };
        is_selected &= (actual == value) == (operator != "!=");
        terms.push(format!("{field}{operator}{}", escaped(value)));
    }
    let selector = terms.join(",");
    let matches = FieldSelector::parse(&selector).map(|selector| selector.matches(namespace, name));
    assert_eq!(matches, Ok(is_selected), "{selector}");
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace(',', r"\,").replace('=', r"\=")
}

/// A token that is read is written the same again; one of ours is always read.
pub(crate) fn continue_token(bytes: &[u8]) {
    let text = str::from_utf8(bytes).unwrap_or_default();
    if let Ok(token) = ContinueToken::read(text, TAG) {
        assert_eq!(ContinueToken::read(&token.text(TAG), TAG), Ok(token));
    }
    let mut input = Input::of(bytes);
    // Versions have so many bits for it, of the signed numbers that tokens hold.
    let revision = Some(input.number() >> 21).filter(|revision| revision % 3 > 0);
    let (namespace, name) = (input.text(), input.text());
    if !namespace.contains('/') {
        let token = ContinueToken { revision, after: PodKey::new(namespace, name) };
        assert_eq!(ContinueToken::read(&token.text(TAG), TAG), Ok(token));
    }
}
