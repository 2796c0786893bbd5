//! Create, update, patch, delete.

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::UnixMillis;
use crate::sim::control_plane::attributes::Attributes;
use crate::sim::control_plane::kinds::Kind;
use crate::sim::control_plane::status::{Status, json_response};
use crate::sim::control_plane::storage::{Key, Storage, StorageError};

/// Puts a new object; the server gives it its uid and time.
pub(crate) fn create(
    storage: &Storage,
    kind: &'static Kind,
    wanted: &Attributes,
    mut object: Value,
    now: UnixMillis,
) -> Result<Response<Body>, Status> {
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(Status::bad_request("metadata.name is needed"));
    }
    let key = Key { namespace: wanted.namespace.clone(), name };
    complete(&mut object, kind, &key, now);
    let stored = storage.create(kind.plural, &key, object);
    let stored = stored.map_err(|error| Status::storage(error, kind, &key.name))?;
    Ok(json_response(StatusCode::CREATED, &stored.value()))
}

/// Replaces an object, if its `resourceVersion` is the present one or is not told.
pub(crate) fn update(
    storage: &Storage,
    kind: &'static Kind,
    wanted: &Attributes,
    object: Value,
) -> Result<Response<Body>, Status> {
    modify(storage, kind, wanted, |before| checked(&before, object))
}

/// Merges a JSON merge patch (RFC 7386) into an object.
pub(crate) fn patch(
    storage: &Storage,
    kind: &'static Kind,
    wanted: &Attributes,
    patch: Value,
) -> Result<Response<Body>, Status> {
    modify(storage, kind, wanted, |before| {
        let mut after = before.clone();
        merge(&mut after, patch);
        checked(&before, after)
    })
}

/// Removes an object.
pub(crate) fn delete(storage: &Storage, kind: &'static Kind, wanted: &Attributes) -> Result<Response<Body>, Status> {
    let key = Key { namespace: wanted.namespace.clone(), name: wanted.name.clone() };
    storage.delete(kind.plural, &key).map_err(|error| Status::storage(error, kind, &wanted.name))?;
    let done = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"});
    Ok(json_response(StatusCode::OK, &done))
}

/// What every stored object has: kind, names, uid and the time it was made.
pub(crate) fn complete(object: &mut Value, kind: &Kind, key: &Key, now: UnixMillis) {
    merge(
        object,
        json!({
            "kind": kind.name,
            "apiVersion": kind.api_version(),
            "metadata": {
                "name": key.name,
                "uid": Uuid::new_v4().to_string(),
                "creationTimestamp": now.to_string(),
            },
        }),
    );
    if kind.namespaced {
        merge(object, json!({"metadata": {"namespace": key.namespace}}));
    }
}

fn modify(
    storage: &Storage,
    kind: &'static Kind,
    wanted: &Attributes,
    change: impl FnOnce(Value) -> Result<Value, StorageError>,
) -> Result<Response<Body>, Status> {
    let key = Key { namespace: wanted.namespace.clone(), name: wanted.name.clone() };
    let stored = storage.modify(kind.plural, &key, change);
    let stored = stored.map_err(|error| Status::storage(error, kind, &wanted.name))?;
    Ok(json_response(StatusCode::OK, &stored.value()))
}

/// `after` with the fields that only the server sets, unless it was made from an older revision.
fn checked(before: &Value, mut after: Value) -> Result<Value, StorageError> {
    let present = before.pointer("/metadata/resourceVersion");
    let read = after.pointer("/metadata/resourceVersion").filter(|read| *read != "");
    if read.is_some() && read != present {
        return Err(StorageError::Conflict);
    }
    for field in ["name", "namespace", "uid", "creationTimestamp", "resourceVersion"] {
        if let Some(value) = before.pointer(&format!("/metadata/{field}")) {
            merge(&mut after, json!({"metadata": {field: value}}));
        }
    }
    for field in ["kind", "apiVersion"] {
        merge(&mut after, json!({field: before.get(field)}));
    }
    Ok(after)
}

fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Some(fields) = target.as_object_mut() else { return };
    for (name, value) in patch {
        if value.is_null() {
            fields.remove(&name);
        } else {
            merge(fields.entry(name).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRETS: &str = "secrets";

    fn wanted(name: &str) -> Attributes {
        Attributes { namespace: "custom-api".to_owned(), name: name.to_owned(), ..Attributes::default() }
    }

    fn created() -> (Storage, &'static Kind, Value) {
        let storage = Storage::default();
        let kind = Kind::find("", "v1", SECRETS).unwrap();
        let secret = json!({"metadata": {"name": "a"}, "data": {"x": "1", "y": "2"}});
        create(&storage, kind, &wanted(""), secret, UnixMillis(0)).unwrap();
        let key = Key { namespace: "custom-api".to_owned(), name: "a".to_owned() };
        let stored = storage.find(SECRETS, &key).unwrap().value();
        (storage, kind, stored)
    }

    #[test]
    fn an_update_of_an_older_revision_is_a_conflict() {
        let (storage, kind, secret) = created();
        let mut change = secret.clone();
        change["data"]["x"] = json!("3");
        update(&storage, kind, &wanted("a"), change.clone()).unwrap();
        change["data"]["x"] = json!("4");
        let refused = update(&storage, kind, &wanted("a"), change).unwrap_err();
        assert_eq!(refused.object()["reason"], "Conflict");
    }

    #[test]
    fn a_merge_patch_changes_what_it_names_and_keeps_the_uid() {
        let (storage, kind, secret) = created();
        let change = json!({"metadata": {"uid": "other"}, "data": {"x": null, "z": "3"}});
        patch(&storage, kind, &wanted("a"), change).unwrap();
        let key = Key { namespace: "custom-api".to_owned(), name: "a".to_owned() };
        let patched = storage.find(SECRETS, &key).unwrap().value();
        assert_eq!(patched["data"], json!({"y": "2", "z": "3"}));
        assert_eq!(patched["metadata"]["uid"], secret["metadata"]["uid"]);
    }

    #[test]
    fn a_nameless_or_missing_object_is_refused() {
        let (storage, kind, _) = created();
        let refused = create(&storage, kind, &wanted(""), json!({}), UnixMillis(0)).unwrap_err();
        assert_eq!(refused.object()["code"], 400);
        assert_eq!(patch(&storage, kind, &wanted("b"), json!({})).unwrap_err().object()["code"], 404);
    }
}
