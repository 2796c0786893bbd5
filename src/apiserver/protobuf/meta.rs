//! Messages of `k8s.io/apimachinery`: statuses, and what objects travel in.
//!
//! Source of the numbers: `generated.proto` of `pkg/apis/meta/v1` and `pkg/runtime`. A field that is
//! `required` here is one that Kubernetes always writes.

use bytes::Bytes;

/// `meta.v1.ListMeta`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct ListMeta {
    #[prost(string, tag = "2")]
    pub(crate) resource_version: String,
    #[prost(string, tag = "3")]
    pub(crate) r#continue: String,
    #[prost(int64, optional, tag = "4")]
    pub(crate) remaining_item_count: Option<i64>,
}

/// `meta.v1.Status`.
#[expect(clippy::struct_field_names, reason = "the field's name is Kubernetes'")]
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Status {
    #[prost(message, required, tag = "1")]
    pub(crate) metadata: ListMeta,
    #[prost(string, tag = "2")]
    pub(crate) status: String,
    #[prost(string, tag = "3")]
    pub(crate) message: String,
    #[prost(string, tag = "4")]
    pub(crate) reason: String,
    #[prost(message, optional, tag = "5")]
    pub(crate) details: Option<StatusDetails>,
    #[prost(int32, tag = "6")]
    pub(crate) code: i32,
}

/// `meta.v1.StatusDetails`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct StatusDetails {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) group: String,
    #[prost(string, tag = "3")]
    pub(crate) kind: String,
    #[prost(message, repeated, tag = "4")]
    pub(crate) causes: Vec<StatusCause>,
    #[prost(int32, tag = "5")]
    pub(crate) retry_after_seconds: i32,
}

/// `meta.v1.StatusCause`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct StatusCause {
    #[prost(string, tag = "1")]
    pub(crate) reason: String,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(string, tag = "3")]
    pub(crate) field: String,
}

/// `meta.v1.WatchEvent`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct WatchEvent {
    #[prost(string, tag = "1")]
    pub(crate) r#type: String,
    #[prost(message, required, tag = "2")]
    pub(crate) object: RawExtension,
}

/// `runtime.RawExtension`: in a watch, an object with its envelope.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct RawExtension {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) raw: Bytes,
}

/// `runtime.TypeMeta`: what an envelope holds. Its numbers are not those of `meta.v1.TypeMeta`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct TypeMeta {
    #[prost(string, tag = "1")]
    pub(crate) api_version: String,
    #[prost(string, tag = "2")]
    pub(crate) kind: String,
}

/// `runtime.Unknown`: the envelope. Its content encoding and type are always empty.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Unknown {
    #[prost(message, required, tag = "1")]
    pub(crate) type_meta: TypeMeta,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) raw: Bytes,
}
