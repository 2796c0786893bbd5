//! Writes the fields of messages one after the other, as `Json` writes members: nothing is built first.
//!
//! Lengths come before contents (protobuf, "Encoding"), and are known after them: a message is written
//! behind one byte for its length, and moved along where that takes more.

use std::fmt::Display;
use std::io::Write as _;

use prost::encoding::encode_varint;

/// Wire types.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
/// Bytes of 64 bits, seven in each.
const LONGEST_VARINT: usize = 10;
/// Lengths below this take one byte.
const SHORT: usize = 128;
/// Most objects fit.
const CAPACITY_BYTES: usize = 1 << 10;

/// The fields of a message so far.
#[derive(Debug)]
pub(crate) struct Fields(Vec<u8>);

impl Fields {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(CAPACITY_BYTES))
    }

    /// Begins another message in the same room.
    pub(crate) fn clear(&mut self) -> &mut Self {
        self.0.clear();
        self
    }

    /// What is written.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// A text; unwritten if empty.
    pub(crate) fn string(&mut self, number: u32, text: &str) {
        if !text.is_empty() {
            self.key(number, LENGTH);
            encode_varint(text.len() as u64, &mut self.0);
            self.0.extend_from_slice(text.as_bytes());
        }
    }

    /// Something as text.
    pub(crate) fn display(&mut self, number: u32, value: impl Display) {
        self.message(number, |fields| {
            let written = write!(fields.0, "{value}");
            debug_assert!(written.is_ok(), "a Vec makes room");
        });
    }

    /// A whole number as text.
    pub(crate) fn digits(&mut self, number: u32, value: u64) {
        self.string(number, itoa::Buffer::new().format(value));
    }

    /// A `resource.Quantity`: the text of a number and its suffix.
    pub(crate) fn quantity(&mut self, number: u32, (value, suffix): (u64, &'static str)) {
        self.message(number, |quantity| {
            quantity.message(1, |text| {
                text.0.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
                text.0.extend_from_slice(suffix.as_bytes());
            });
        });
    }

    /// A number, zero as well.
    pub(crate) fn int(&mut self, number: u32, value: i64) {
        self.unsigned(number, value.cast_unsigned());
    }

    /// The same of one that is never negative.
    pub(crate) fn unsigned(&mut self, number: u32, value: u64) {
        self.key(number, VARINT);
        encode_varint(value, &mut self.0);
    }

    /// A double, zero as well.
    pub(crate) fn double(&mut self, number: u32, value: f64) {
        self.key(number, FIXED64);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A message, an empty one as well.
    pub(crate) fn message(&mut self, number: u32, fill: impl FnOnce(&mut Self)) {
        self.key(number, LENGTH);
        let start = self.0.len();
        self.0.push(0);
        fill(self);
        self.close(start);
    }

    /// Writes the length of what stands behind `start` and the byte that was left for it.
    fn close(&mut self, start: usize) {
        let length = self.0.len().saturating_sub(start + 1);
        if length >= SHORT {
            let mut told = [0; LONGEST_VARINT];
            let mut room = told.as_mut_slice();
            encode_varint(length as u64, &mut room);
            let used = LONGEST_VARINT - room.len();
            self.0.splice(start..=start, told.into_iter().take(used));
        } else if let (Some(place), Ok(length)) = (self.0.get_mut(start), u8::try_from(length)) {
            *place = length;
        }
    }

    fn key(&mut self, number: u32, wire: u32) {
        encode_varint((number << 3 | wire).into(), &mut self.0);
    }
}
