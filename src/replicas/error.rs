//! What goes wrong between replicas.

use crate::replicas::frames::MAX_FRAME_BYTES;

/// Why samples could not be taken from one replica. Another one may do better.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// Our own certificates are broken. What is in them is not told.
    #[error("our own certificates make no client")]
    Credentials,
    /// Its address is none.
    #[error("no client for it can be made")]
    Client(#[source] reqwest::Error),
    /// It cannot be reached, or the connection broke.
    #[error("it does not answer")]
    Unreachable(#[source] reqwest::Error),
    /// Time is over, be it before its answer or in the middle of it.
    #[error("it takes too long")]
    Slow,
    /// It answers with another status than 200.
    #[error("it answered with status {0}")]
    Status(u16),
    /// It writes another form than we read.
    #[error("it speaks another version")]
    OtherVersion,
    /// More bytes than a whole cluster has.
    #[error("it sent more than {0} bytes")]
    TooLarge(u64),
    /// One message is larger than any node's.
    #[error("it sent a message of more than {MAX_FRAME_BYTES} bytes")]
    FrameTooLarge,
    /// A message is none.
    #[error("it sent what cannot be read")]
    Decode(#[source] prost::DecodeError),
    /// The stream ended inside a message.
    #[error("it stopped inside a message")]
    Truncated,
}

impl Error {
    /// All words that [`Error::word`] can say.
    pub(super) const WORDS: [&'static str; 4] = ["unreachable", "silent", "refused", "unreadable"];

    /// The word for machines.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Credentials | Self::Client(_) | Self::Unreachable(_) | Self::Truncated => "unreachable",
            Self::Slow => "silent",
            Self::Status(_) | Self::OtherVersion => "refused",
            Self::TooLarge(_) | Self::FrameTooLarge | Self::Decode(_) => "unreadable",
        }
    }
}

/// Why another replica gets no samples from us now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It reads another form than we write.
    #[error(
        "samples are handed over as {} alone, or as they are made as {}",
        super::MEDIA_TYPE,
        super::STREAM_MEDIA_TYPE
    )]
    OtherVersion,
    /// We are starting or stopping, and have not what it wants.
    #[error("this replica is not ready")]
    NotReady,
    /// Others are taking samples; to be asked again.
    #[error("other replicas are taking samples")]
    Busy,
}
