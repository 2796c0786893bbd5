//! What is wrong with PEM text, without a word of it.

use rustls::pki_types::pem;

/// The kind of fault alone: the text may be a key, and a key whose newlines were lost is one long line,
/// which the library would tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BrokenPem(&'static str);

impl From<pem::Error> for BrokenPem {
    fn from(error: pem::Error) -> Self {
        Self(match error {
            pem::Error::MissingSectionEnd { .. } => "a section has no end: it was cut, or newlines are lost",
            pem::Error::IllegalSectionStart { .. } => "the first line of a section goes on: newlines are lost",
            pem::Error::Base64Decode(_) => "a section is no base64",
            pem::Error::NoItemsFound => "nothing of the kind is in it",
            pem::Error::SectionTooLarge => "a section is too large",
            _ => "it is no PEM",
        })
    }
}
