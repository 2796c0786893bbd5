//! A JSON writer that goes straight into the bytes of the answer.
//!
//! A list of 30,000 pods is 17 MB of text: building values first would double that and cost more
//! than all the rest of the answer. Keys are our own and need no escaping; every text that comes
//! from outside goes through [`Json::string`].

mod indent;

use std::fmt::{Display, Write as _};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::clock::UnixMillis;
use crate::cluster::Labels;
use crate::go_duration::GoDuration;

pub(crate) use indent::{Indenter, indent};

/// Writes one JSON document. Commas are its own concern, brackets the caller's.
#[derive(Debug, Default)]
pub(crate) struct Json {
    out: BytesMut,
    needs_comma: bool,
    last_labels: Option<Labels>,
    /// How those were written, once they have come twice.
    labels_text: Vec<u8>,
}

impl Json {
    /// A writer whose first `bytes` need no second allocation.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { out: BytesMut::with_capacity(bytes), ..Self::default() }
    }

    /// What was written since the last taking. The document goes on where it stands.
    pub(crate) fn take(&mut self) -> Bytes {
        self.out.split().freeze()
    }

    /// An object whose members `fill` writes.
    #[inline]
    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.open(b'{');
        fill(self);
        self.close(b'}');
    }

    /// An array whose elements `fill` writes.
    #[inline]
    pub(crate) fn array(&mut self, fill: impl FnOnce(&mut Self)) {
        self.open(b'[');
        fill(self);
        self.close(b']');
    }

    /// `{` or `[`; for what is written in several parts.
    #[inline]
    pub(crate) fn open(&mut self, bracket: u8) {
        self.separate();
        self.out.put_u8(bracket);
        self.needs_comma = false;
    }

    /// The bracket that ends what [`Json::open`] began.
    #[inline]
    pub(crate) fn close(&mut self, bracket: u8) {
        self.out.put_u8(bracket);
        self.needs_comma = true;
    }

    /// A member's key, of plain characters; its value is to follow.
    #[inline]
    pub(crate) fn key(&mut self, key: &'static str) -> &mut Self {
        self.out.reserve(key.len() + ",\"\":".len());
        self.separate();
        self.out.put_u8(b'"');
        self.out.put_slice(key.as_bytes());
        self.out.put_slice(b"\":");
        self.needs_comma = false;
        self
    }

    /// A member whose key comes from outside.
    #[inline]
    pub(crate) fn member(&mut self, key: &str, value: &str) {
        self.separate();
        self.escaped(key);
        self.out.put_u8(b':');
        self.escaped(value);
        self.needs_comma = true;
    }

    /// A label set, as an object. Those who share a copy of one mostly follow each other, and it is
    /// written once for all of them.
    pub(crate) fn labels(&mut self, labels: &Labels) {
        let is_last = self.last_labels.as_ref().is_some_and(|last| last.is_same_copy(labels));
        if is_last && !self.labels_text.is_empty() {
            self.separate();
            self.out.put_slice(&self.labels_text);
            self.needs_comma = true;
            return;
        }
        let begin = self.out.len();
        self.object(|json| labels.iter().for_each(|(key, value)| json.member(key, value)));
        self.labels_text.clear();
        if is_last {
            let text = self.out.get(begin..).unwrap_or_default();
            self.labels_text.extend_from_slice(text.strip_prefix(b",").unwrap_or(text));
        } else {
            self.last_labels = Some(labels.clone());
        }
    }

    /// Any text.
    #[inline]
    pub(crate) fn string(&mut self, text: &str) {
        self.separate();
        self.escaped(text);
        self.needs_comma = true;
    }

    /// The text of a value that never holds a quote, a backslash or a control character: numbers,
    /// quantities, times.
    pub(crate) fn plain(&mut self, value: impl Display) {
        self.separate();
        // A BytesMut grows as needed: writing to it cannot fail.
        let _ = write!(self.out, "\"{value}\"");
        self.needs_comma = true;
    }

    /// A whole number.
    #[inline]
    pub(crate) fn number(&mut self, value: u64) {
        self.separate();
        self.out.put_slice(itoa::Buffer::new().format(value).as_bytes());
        self.needs_comma = true;
    }

    /// A whole number as text, as versions are written.
    #[inline]
    pub(crate) fn quoted_number(&mut self, value: u64) {
        self.quoted(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A point in time.
    #[inline]
    pub(crate) fn time(&mut self, time: UnixMillis) {
        match time.text() {
            Some(text) => self.quoted(&text),
            None => self.plain(time),
        }
    }

    /// A duration in Go's form.
    #[inline]
    pub(crate) fn duration(&mut self, duration: Duration) {
        self.separate();
        self.out.put_u8(b'"');
        let _ = GoDuration(duration).write(|part| {
            self.out.put_slice(part.as_bytes());
            Ok(())
        });
        self.out.put_u8(b'"');
        self.needs_comma = true;
    }

    /// A quantity: its number and its suffix.
    #[inline]
    pub(crate) fn quantity(&mut self, (number, suffix): (u64, &'static str)) {
        self.separate();
        self.out.put_u8(b'"');
        self.out.put_slice(itoa::Buffer::new().format(number).as_bytes());
        self.out.put_slice(suffix.as_bytes());
        self.out.put_u8(b'"');
        self.needs_comma = true;
    }

    /// A number of seconds, to the microsecond.
    pub(crate) fn seconds(&mut self, duration: Duration) {
        self.separate();
        let _ = write!(self.out, "{}.{:06}", duration.as_secs(), duration.subsec_micros());
        self.needs_comma = true;
    }

    /// A line's end after the document, as Kubernetes writes it.
    pub(crate) fn end_line(&mut self) {
        self.out.put_u8(b'\n');
    }

    /// No value.
    pub(crate) fn null(&mut self) {
        self.separate();
        self.out.put_slice(b"null");
        self.needs_comma = true;
    }

    /// Text that was written elsewhere.
    #[inline]
    pub(crate) fn raw(&mut self, text: &[u8]) {
        self.out.put_slice(text);
    }

    /// What was written; another document may begin.
    pub(crate) fn restart(&mut self) -> Bytes {
        self.needs_comma = false;
        self.take()
    }

    /// Where it is written to.
    #[inline]
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.out
    }

    #[inline]
    fn separate(&mut self) {
        if self.needs_comma {
            self.out.put_u8(b',');
        }
    }

    /// Text that needs no escaping.
    #[inline]
    fn quoted(&mut self, text: &[u8]) {
        self.separate();
        self.out.put_u8(b'"');
        self.out.put_slice(text);
        self.out.put_u8(b'"');
        self.needs_comma = true;
    }

    #[inline]
    fn escaped(&mut self, text: &str) {
        // Without an early end, so that many bytes are looked at in one instruction.
        let is_special = text.bytes().fold(false, |found, byte| found | matches!(byte, 0..b' ' | b'"' | b'\\'));
        if is_special {
            // Neither a str nor a BytesMut gives serde_json a reason to fail.
            let _ = serde_json::to_writer((&mut self.out).writer(), text);
            return;
        }
        self.out.reserve(text.len() + 2);
        self.out.put_u8(b'"');
        self.out.put_slice(text.as_bytes());
        self.out.put_u8(b'"');
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn sample() -> Bytes {
        let mut json = Json::default();
        json.object(|json| {
            json.key("kind").string("A");
            json.key("empty").object(|_| {});
            json.key("list").array(|json| {
                json.number(1);
                json.null();
                json.plain("100m");
                json.array(|_| {});
                json.object(|json| json.member("a\"b", "c\\\n:,{"));
            });
            json.key("last").number(u64::MAX);
        });
        json.take()
    }

    #[test]
    fn what_is_written_reads_back() {
        let value: serde_json::Value = serde_json::from_slice(&sample()).unwrap();
        let expected = serde_json::json!({
            "kind": "A", "empty": {}, "list": [1, null, "100m", [], {"a\"b": "c\\\n:,{"}], "last": u64::MAX,
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn a_document_may_be_taken_in_parts() {
        let mut json = Json::default();
        json.open(b'[');
        json.number(1);
        let first = json.take();
        json.number(2);
        json.close(b']');
        assert_eq!([first, json.take()].concat(), b"[1,2]");
    }

    #[test]
    fn labels_that_come_again_are_written_alike() {
        let labels =
            |value: &str| Labels::new([(Arc::from("a\"b"), Arc::from(value)), (Arc::from("c"), Arc::from(""))]);
        let (one, other) = (labels("1"), labels("2"));
        let mut json = Json::default();
        json.array(|json| [&one, &one, &one, &other, &one, &one].iter().for_each(|set| json.labels(set)));
        let value: serde_json::Value = serde_json::from_slice(&json.take()).unwrap();
        let written = |value| serde_json::json!({"a\"b": value, "c": ""});
        assert_eq!(value, serde_json::Value::from(["1", "1", "1", "2", "1", "1"].map(written).to_vec()));
    }
}
