//! Messages in a stream of bytes, each with its length before it, so that neither side ever holds
//! more than one node's.

use bytes::{Buf as _, Bytes, BytesMut};
use prost::Message;

use super::error::Error;
use super::message::NodeSamples;

/// One node's message: a node of two thousand containers with long names takes half of it.
pub(super) const MAX_FRAME_BYTES: usize = 1 << 20;
/// A length has no more bytes than that; protobuf's numbers may have ten.
const MAX_LENGTH_BYTES: usize = 4;

/// The bytes of one message; `None` for one that no replica would take.
pub(super) fn frame(samples: &NodeSamples) -> Option<Bytes> {
    (samples.encoded_len() <= MAX_FRAME_BYTES).then(|| samples.encode_length_delimited_to_vec().into())
}

/// Puts messages together from the pieces that a connection brings.
#[derive(Debug, Default)]
pub(super) struct Frames {
    pending: BytesMut,
}

impl Frames {
    /// The next bytes of the stream.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.pending.extend_from_slice(piece);
    }

    /// The next message, if it is whole. To be called until there is none, before the next piece.
    pub(super) fn next(&mut self) -> Result<Option<NodeSamples>, Error> {
        let mut head = self.pending.get(..self.pending.len().min(MAX_LENGTH_BYTES)).unwrap_or_default();
        let available = head.len();
        let length = match prost::decode_length_delimiter(&mut head) {
            Ok(length) if length <= MAX_FRAME_BYTES => length,
            Ok(_) => return Err(Error::FrameTooLarge),
            Err(_) if available < MAX_LENGTH_BYTES => return Ok(None),
            Err(error) => return Err(Error::Decode(error)),
        };
        let start = available - head.len();
        if self.pending.len() < start + length {
            return Ok(None);
        }
        self.pending.advance(start);
        let message = self.pending.split_to(length).freeze();
        NodeSamples::decode(message).map(Some).map_err(Error::Decode)
    }

    /// Whether the stream may end here.
    pub(super) fn is_at_end(&self) -> bool {
        self.pending.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(frames: &mut Frames) -> Result<usize, Error> {
        let mut count = 0;
        while frames.next()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    #[test]
    fn messages_come_whole_however_the_bytes_are_cut() {
        let message = NodeSamples::named("node-1");
        let stream: Vec<u8> = std::iter::repeat_n(frame(&message).unwrap(), 50).flatten().collect();
        for size in [1, 2, 7, 4096] {
            let mut frames = Frames::default();
            let mut count = 0;
            for piece in stream.chunks(size) {
                frames.push(piece);
                while let Some(found) = frames.next().unwrap() {
                    assert_eq!(found, message);
                    count += 1;
                }
            }
            assert!(count == 50 && frames.is_at_end(), "{count} in pieces of {size}");
        }
    }

    #[test]
    fn an_end_inside_a_message_shows() {
        let mut frames = Frames::default();
        let whole = frame(&NodeSamples::named("node-1")).unwrap();
        frames.push(&whole[..whole.len() - 1]);
        assert!(frames.next().unwrap().is_none() && !frames.is_at_end());
    }

    #[test]
    fn a_length_beyond_all_nodes_is_refused_before_its_bytes_come() {
        for length in [&[0x81, 0x80, 0x40][..], &[0xff, 0xff, 0xff, 0x7f], &[0xff; 4]] {
            let mut frames = Frames::default();
            frames.push(length);
            assert!(all(&mut frames).is_err(), "{length:?}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let mut frames = Frames::default();
        frames.push(&[3, 0xff, 0xff, 0xff]);
        assert!(matches!(all(&mut frames), Err(Error::Decode(_))));
    }
}
