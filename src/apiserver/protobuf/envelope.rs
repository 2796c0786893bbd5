//! What messages travel in: the envelope of an object, the parts of a list, the frames of a watch.
//!
//! Source: `k8s.io/apimachinery`, `pkg/runtime/serializer/protobuf` and `pkg/util/framer`.

use bytes::{BufMut as _, Bytes, BytesMut};
use prost::{Message, encode_length_delimiter, length_delimiter_len};

use crate::apiserver::protobuf::meta::{RawExtension, TypeMeta, Unknown, WatchEvent};

/// How every object and list begins.
const MAGIC: &[u8] = b"k8s\0";
/// The number of `raw` in `Unknown`.
const RAW: u32 = 2;

/// The numbers of a list's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListFields {
    /// Of `metadata`.
    pub(crate) metadata: u32,
    /// Of each of `items`.
    pub(crate) items: u32,
    /// Of each of `missing`, in our own group.
    pub(crate) missing: u32,
}

impl ListFields {
    /// Of every list of objects, and of `meta.k8s.io/v1`.
    pub(crate) const COMMON: Self = Self { metadata: 1, items: 2, missing: 100 };
    /// Of the `PartialObjectMetadataList` of `meta.k8s.io/v1beta1`, and of nothing else.
    pub(crate) const PARTIAL_V1BETA1: Self = Self { metadata: 2, items: 1, ..Self::COMMON };
}

/// The envelope up to its content, of which `raw_len` bytes are to follow, and nothing after them.
pub(crate) fn envelope_head(group_version: &str, kind: &str, raw_len: usize) -> Vec<u8> {
    let type_meta = TypeMeta { api_version: group_version.to_owned(), kind: kind.to_owned() };
    let head = Unknown { type_meta, raw: Bytes::new() };
    let mut out =
        BytesMut::with_capacity(MAGIC.len() + head.encoded_len() + key_len(RAW) + length_delimiter_len(raw_len));
    out.put_slice(MAGIC);
    put(&mut out, |out| head.encode(out));
    put_key(&mut out, RAW);
    put(&mut out, |out| encode_length_delimiter(raw_len, out));
    out.into()
}

/// A message in its envelope.
pub(crate) fn envelope(group_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let mut out = envelope_head(group_version, kind, raw.len());
    out.extend_from_slice(raw);
    out
}

/// The length of what [`put_field`] writes.
pub(crate) fn field_len(number: u32, message: &[u8]) -> usize {
    key_len(number) + length_delimiter_len(message.len()) + message.len()
}

/// A message as a field of the one that is being written: a list's `metadata`, or one of its items.
pub(crate) fn put_field(out: &mut BytesMut, number: u32, message: &[u8]) {
    put_key(out, number);
    put(out, |out| encode_length_delimiter(message.len(), out));
    out.put_slice(message);
}

/// One event of a watch: its length in four bytes, then the event, which has no envelope; `object`
/// has one.
pub(crate) fn watch_frame(event_type: &str, object: &[u8]) -> Vec<u8> {
    let object = RawExtension { raw: Bytes::copy_from_slice(object) };
    let event = WatchEvent { r#type: event_type.to_owned(), object };
    // Clients take frames of at most 16 MiB; one of more than 4 GiB is refused either way.
    let length = u32::try_from(event.encoded_len()).unwrap_or(u32::MAX);
    let mut out = BytesMut::with_capacity(size_of_val(&length) + event.encoded_len());
    out.put_u32(length);
    put(&mut out, |out| event.encode(out));
    out.into()
}

/// Keys, like lengths, are variable-length integers; 2 is the wire type of what has a length.
const fn key(number: u32) -> usize {
    ((number << 3) | 2) as usize
}

fn key_len(number: u32) -> usize {
    length_delimiter_len(key(number))
}

fn put_key(out: &mut BytesMut, number: u32) {
    put(out, |out| encode_length_delimiter(key(number), out));
}

/// Encoding fails for want of room alone, and a `BytesMut` makes room.
fn put(out: &mut BytesMut, encode: impl FnOnce(&mut BytesMut) -> Result<(), prost::EncodeError>) {
    let result = encode(out);
    debug_assert!(result.is_ok(), "{result:?}");
}
