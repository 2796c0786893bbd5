//! The options of a list.

use std::num::NonZeroUsize;

use crate::apiserver::list_options::parameters::Parameters;
use crate::apiserver::list_options::{ContinueToken, Selection};
use crate::apiserver::moments::{Asked, Tag};
use crate::apiserver::status::Status;

/// What a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListOptions {
    /// Which objects.
    pub(crate) selection: Selection,
    /// Of which moment.
    pub(crate) start: Start,
    /// At most so many objects; the answer then tells how to go on.
    pub(crate) limit: Option<NonZeroUsize>,
}

/// The moment that a list is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Now.
    Newest,
    /// Now, if that is not older than this revision of ours.
    NotOlderThan(u64),
    /// This one alone.
    Exact(u64),
    /// The one of the list that is continued.
    Continue(ContinueToken),
}

impl ListOptions {
    /// Reads a query, without its question mark.
    pub(crate) fn parse(query: &str, tag: Tag) -> Result<Self, Status> {
        let parameters = Parameters::of(query);
        let limit = parameters.number("limit")?.and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.and_then(NonZeroUsize::new);
        parameters.number("timeoutSeconds")?;
        if parameters.flag("sendInitialEvents").is_some() {
            let message = "Forbidden: sendInitialEvents is forbidden for list";
            return Err(Status::invalid_list_options("sendInitialEvents", message));
        }
        check_match(&parameters)?;
        let start = start(&parameters, tag, limit.is_some())?;
        Ok(Self { selection: Selection::of(&parameters)?, start, limit })
    }
}

/// Which versions may be asked for together.
fn check_match(parameters: &Parameters<'_>) -> Result<(), Status> {
    let (version, matching) = (parameters.text("resourceVersion"), parameters.text("resourceVersionMatch"));
    let refused = |message| Err(Status::invalid_list_options("resourceVersionMatch", message));
    match matching {
        "" => Ok(()),
        _ if !parameters.text("continue").is_empty() => {
            refused("Forbidden: resourceVersionMatch is forbidden for continue")
        }
        _ if version.is_empty() => {
            refused("Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided")
        }
        "Exact" if version == "0" => {
            refused("Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"")
        }
        "Exact" | "NotOlderThan" => Ok(()),
        _ => refused("Unsupported value: supported values: \"Exact\", \"NotOlderThan\""),
    }
}

fn start(parameters: &Parameters<'_>, tag: Tag, is_limited: bool) -> Result<Start, Status> {
    let (token, version) = (parameters.text("continue"), parameters.version(tag)?);
    if !token.is_empty() {
        if !matches!(version, Asked::Unset | Asked::Any) {
            return Err(Status::bad_request("specifying resource version is not allowed when using continue"));
        }
        return ContinueToken::read(token, tag).map(Start::Continue);
    }
    // Before there was a choice, a page was always of the very version.
    let is_exact = match parameters.text("resourceVersionMatch") {
        "Exact" => true,
        "" => is_limited,
        _ => false,
    };
    match version {
        Asked::Unset | Asked::Any => Ok(Start::Newest),
        Asked::Revision(revision) if is_exact => Ok(Start::Exact(revision)),
        Asked::Revision(revision) => Ok(Start::NotOlderThan(revision)),
        Asked::Foreign => Err(Status::version_expired(parameters.text("resourceVersion"))),
    }
}
