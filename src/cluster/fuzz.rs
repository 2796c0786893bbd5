//! Whatever the API server lists and watches, and whatever is typed as a label selector.

use std::sync::Arc;

use kube::core::WatchEvent;
use serde_json::Value;

use super::Labels;
use super::intern::Interner;
use super::selector::LabelSelector;
use super::wire::{SlimNode, SlimPod, Wire as _};
use crate::fuzzing::Input;

/// A pod's names and labels are those of the document, and it has no container that is not there.
pub(crate) fn pod(document: &[u8]) {
    let Ok(slim) = serde_json::from_slice::<SlimPod>(document) else { return };
    let Some(pod) = slim.into_object(&mut Interner::default()) else { return };
    let Ok(told) = serde_json::from_slice::<Value>(document) else { return };
    check_name(&told, &pod.key.name, &pod.labels);
    if let Some(namespace) = told.pointer("/metadata/namespace").and_then(Value::as_str) {
        assert_eq!(namespace, &*pod.key.namespace);
    }
    let told = |list| told.pointer(list).and_then(Value::as_array).map(Vec::len);
    if let (Some(inits), Some(apps)) = (told("/spec/initContainers"), told("/spec/containers")) {
        assert!((apps..=apps + inits).contains(&pod.containers.len()));
    }
    assert!(pod.node.is_none_or(|node| !node.as_str().is_empty()));
}

/// The same of a node, as a watch tells of it.
pub(crate) fn node_event(line: &[u8]) {
    let Ok(event) = serde_json::from_slice::<WatchEvent<SlimNode>>(line) else { return };
    let (WatchEvent::Added(slim) | WatchEvent::Modified(slim) | WatchEvent::Deleted(slim)) = event else { return };
    let Some(node) = slim.into_object(&mut Interner::default()) else { return };
    let Ok(told) = serde_json::from_slice::<Value>(line) else { return };
    check_name(told.get("object").unwrap_or(&Value::Null), node.name.as_str(), &node.labels);
    assert_ne!(node.kubelet_port, Some(0));
    if let Some(addresses) = told.pointer("/object/status/addresses").and_then(Value::as_array) {
        assert!(node.addresses.len() <= addresses.len());
    }
}

fn check_name(told: &Value, name: &str, labels: &Labels) {
    if let Some(told) = told.pointer("/metadata/name").and_then(Value::as_str) {
        assert_eq!(told, name);
    }
    if let Some(told) = told.pointer("/metadata/labels").and_then(Value::as_object) {
        assert_eq!(told.len(), labels.iter().len());
        assert!(told.iter().all(|(key, value)| labels.value(key) == value.as_str()));
    }
}

/// First line: a selector. All others: labels. What was read and is written is the same selector,
/// and it selects what its text says.
pub(crate) fn label_selector(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let Ok(selector) = LabelSelector::parse(input.text()) else { return };
    let written = selector.to_string();
    assert_eq!(LabelSelector::parse(&written).as_ref(), Ok(&selector), "{written}");
    let mut labels = Vec::new();
    while !input.is_empty() {
        labels.push(input.text().split_once('=').unwrap_or_default());
    }
    let labels = Labels::new(labels.into_iter().map(|(key, value)| (Arc::from(key), Arc::from(value))));
    let holds = requirements(&written).all(|requirement| holds(requirement, &labels));
    assert_eq!(selector.matches(&labels), holds, "{written} of {labels:?}");
}

/// The parts between commas that stand in no parentheses.
fn requirements(selector: &str) -> impl Iterator<Item = &str> {
    let mut is_inside = false;
    let parts = selector.split(move |letter| {
        is_inside = letter == '(' || (is_inside && letter != ')');
        letter == ',' && !is_inside
    });
    parts.filter(|part| !part.is_empty())
}

/// Whether one requirement holds, read as people read it.
fn holds(requirement: &str, labels: &Labels) -> bool {
    let is_in = |key, list: &str| {
        labels.value(key).is_some_and(|value| list.trim_end_matches(')').split(',').any(|listed| listed == value))
    };
    let number = |key| labels.value(key).and_then(|value| value.parse::<i64>().ok());
    if let Some(key) = requirement.strip_prefix('!') {
        labels.value(key).is_none()
    } else if let Some((key, list)) = requirement.split_once(" in (") {
        is_in(key, list)
    } else if let Some((key, list)) = requirement.split_once(" notin (") {
        !is_in(key, list)
    } else if let Some((key, bound)) = requirement.split_once('>') {
        number(key).zip(bound.parse().ok()).is_some_and(|(number, bound)| number > bound)
    } else if let Some((key, bound)) = requirement.split_once('<') {
        number(key).zip(bound.parse().ok()).is_some_and(|(number, bound)| number < bound)
    } else {
        labels.value(requirement).is_some()
    }
}
