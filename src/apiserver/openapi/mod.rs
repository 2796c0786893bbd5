//! What we serve, described for machines: OpenAPI v2 and v3, from one description.
//!
//! ```text
//! kubernetes ─▶ objects ──▶ definition ─┐
//!               (fields)                ├─▶ format ─▶ documents: v2, v3 and its index
//! groups, parameter ─────▶ operation ───┘   (v2, v3)
//! ```
//!
//! Says what is true of the answers and changes none of them: a test reads every answer and fails
//! on a field that is not described. The documents have to exist from the start: kube-aggregator
//! marks a server whose `/openapi/v3` answered 404 once as one without, for as long as that
//! kube-apiserver runs.

mod definition;
mod documents;
mod format;
mod kubernetes;
mod objects;
mod operation;
mod parameter;

pub(crate) use documents::OpenApi;
