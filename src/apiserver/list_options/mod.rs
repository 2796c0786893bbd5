//! What the query of a list or a watch asks for. Pure.
//!
//! ```text
//! query ─▶ parameters ─┬─▶ Selection  which objects
//!                      ├─▶ ListOptions: Start (of which moment), limit
//!                      └─▶ WatchOptions: Begin (from which moment, with what first), bookmarks
//! ```
//!
//! Meanings and refusals are those of Kubernetes; unknown options are ignored.

mod continue_token;
mod field_selector;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzz;
mod list;
mod parameters;
mod selection;
mod watch;

pub(crate) use continue_token::ContinueToken;
pub(crate) use field_selector::FieldSelector;
pub(crate) use list::{ListOptions, Start};
pub(crate) use selection::Selection;
pub(crate) use watch::{Begin, WatchOptions};

#[cfg(test)]
mod tests;
