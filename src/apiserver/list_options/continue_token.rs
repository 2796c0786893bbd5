//! `continue`: where a list in pages goes on.
//!
//! The form is that of Kubernetes, `{"v":"meta.k8s.io/v1","rv":VERSION,"start":"NAMESPACE/NAME"}` in
//! URL-safe base64. Clients pass it back as it is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::apiserver::moments::{Asked, Tag};
use crate::apiserver::status::Status;
use crate::usage::PodKey;

const FORM: &str = "meta.k8s.io/v1";
/// The version of a list that goes on from whatever there is.
const INCONSISTENT: i64 = -1;

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContinueToken {
    /// The revision of the moment that the list began with; `None` goes on from the moment of now.
    pub(crate) revision: Option<u64>,
    /// The last object that was told.
    pub(crate) after: PodKey,
}

#[derive(Deserialize, Serialize)]
struct Document<'a> {
    v: &'a str,
    rv: i64,
    start: String,
}

impl ContinueToken {
    /// Reads what a client sent. A token of another replica tells of a moment that is not known
    /// here: it is answered as one that has expired.
    pub(crate) fn read(token: &str, tag: Tag) -> Result<Self, Status> {
        let invalid = |why: &str| Status::bad_request(format!("continue key is not valid: {why}"));
        let bytes = URL_SAFE_NO_PAD.decode(token.trim_end_matches('=')).map_err(|_| invalid("it is not base64"))?;
        let document: Document<'_> = serde_json::from_slice(&bytes).map_err(|_| invalid("it was not made here"))?;
        if document.v != FORM {
            return Err(invalid("its form is not known"));
        }
        let (namespace, name) = document.start.split_once('/').ok_or_else(|| invalid("it has no start"))?;
        let after = PodKey::new(namespace, name);
        match tag.read(&document.rv.to_string()) {
            _ if document.rv == INCONSISTENT => Ok(Self { revision: None, after }),
            Ok(Asked::Revision(revision)) => Ok(Self { revision: Some(revision), after }),
            Ok(Asked::Foreign) => Err(Self { revision: None, after }.expired(tag)),
            Ok(Asked::Unset | Asked::Any) | Err(_) => Err(invalid("its version is not one")),
        }
    }

    /// The text that a client passes back.
    pub(crate) fn text(&self, tag: Tag) -> String {
        let served = self.revision.map(|revision| i64::try_from(tag.served(revision)).unwrap_or(i64::MAX));
        let document = Document { v: FORM, rv: served.unwrap_or(INCONSISTENT), start: self.after.to_string() };
        // A document of two texts and a number can always be written.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&document).unwrap_or_default())
    }

    /// 410: the moment is not kept any more. The answer holds a token by which the rest can be had,
    /// of another moment.
    pub(crate) fn expired(&self, tag: Tag) -> Status {
        let fresh = Self { revision: None, after: self.after.clone() };
        Status::continue_expired(fresh.text(tag))
    }
}
