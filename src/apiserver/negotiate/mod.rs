//! In which type a request is answered: what it accepts, held against what we make.
//!
//! ```text
//! Accept ─▶ clauses, best liked first ─▶ the first that names an encoding and a form we make
//!                                        ├─▶ accepted: resources, watches, statuses
//!                                        └─▶ discovery
//! ```
//!
//! Pure: headers and query in, a choice or a 406 out. Nothing here writes an answer.

mod accept;
mod accepted;
mod discovery;
mod pretty;
mod table_options;

pub(crate) use accepted::{
    Accepted, Encoding, Form, MetaVersion, Shape, accepted, accepted_by_status, accepted_by_watch,
};
pub(crate) use discovery::{DiscoveryForm, accepts_json, discovery_form};
pub(crate) use table_options::{IncludeObject, include_object};

/// The type of every answer that is an object, unless the client asks for another.
pub(crate) const JSON: &str = "application/json";
