//! In which form a kubelet answers, and which one it is asked for.

use super::{delimited, text};
use crate::usage::Batch;

/// What to accept: protobuf, which costs kubelet and server least; text from who has nothing else.
pub const ACCEPT: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
                          text/plain;version=0.0.4;q=0.5";

/// The form of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Lines, in the text format 0.0.4.
    #[default]
    Text,
    /// Messages, each behind its length.
    Delimited,
}

impl Form {
    /// By the content type; whatever is not told to be protobuf is read as text.
    pub fn of(content_type: &[u8]) -> Self {
        let media_type = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        if media_type.eq_ignore_ascii_case(b"application/vnd.google.protobuf") { Self::Delimited } else { Self::Text }
    }

    /// Reads a body of this form. Refused series are counted in the batch; it never fails as a whole.
    pub fn read(self, body: &[u8]) -> Batch<'_> {
        match self {
            Self::Text => text::read(body),
            Self::Delimited => delimited::read(body),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubelets_own_content_types_are_told_apart() {
        let protobuf = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
        assert_eq!(Form::of(protobuf.as_bytes()), Form::Delimited);
        for text in ["text/plain; version=0.0.4; charset=utf-8; escaping=values", "", "application/json", "\u{0}"] {
            assert_eq!(Form::of(text.as_bytes()), Form::Text, "{text}");
        }
    }
}
