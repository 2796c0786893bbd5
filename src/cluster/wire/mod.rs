//! Pods and nodes as the API server sends them, cut down to the fields in use while they are read:
//! managed fields, annotations and the rest of spec and status are skipped, never stored.
//!
//! Each type lives only between the response body and the index; [`Wire::into_object`] turns it
//! into the room's own noun with everything repeated interned.

mod node;
mod pod;

use std::collections::BTreeMap;
use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use crate::clock::UnixMillis;
use crate::cluster::index::Indexed;
use crate::cluster::intern::Interner;

pub(super) use node::SlimNode;
pub(super) use pod::SlimPod;

/// One resource as it is listed and watched.
pub(super) trait Wire: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static {
    /// What it becomes.
    type Object: Indexed + Send + Sync;

    /// `None` for an object without a name, which the API server never sends.
    fn into_object(self, interner: &mut Interner) -> Option<Self::Object>;
}

/// The fields of `metadata` in use.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SlimMetadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    creation_timestamp: Option<Time>,
}

/// Reads `metadata` without what nobody uses; kube's watcher wants the well-known type.
fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let slim = SlimMetadata::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: slim.name,
        namespace: slim.namespace,
        uid: slim.uid,
        resource_version: slim.resource_version,
        labels: slim.labels,
        creation_timestamp: slim.creation_timestamp,
        ..ObjectMeta::default()
    })
}

/// `null` where a list or an object is expected is what Go writes for an empty one.
fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn millis(time: &Time) -> UnixMillis {
    UnixMillis(time.0.as_millisecond())
}

#[cfg(test)]
mod tests;
