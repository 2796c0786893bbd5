//! The options of a watch.

use std::time::Duration;

use crate::apiserver::list_options::Selection;
use crate::apiserver::list_options::parameters::Parameters;
use crate::apiserver::moments::{Asked, Tag};
use crate::apiserver::status::Status;

/// Longer than any watch lasts, and short enough for every clock.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// What a watch is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WatchOptions {
    /// Which objects.
    pub(crate) selection: Selection,
    /// Where it begins.
    pub(crate) begin: Begin,
    /// Whether it is told from time to time how far it has come.
    pub(crate) bookmarks: bool,
    /// When it ends, if the client has said so.
    pub(crate) timeout: Option<Duration>,
}

/// Where a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// Now, told nothing of what there is.
    Now,
    /// Now, told all that there is; with a bookmark behind it if that was asked for.
    All {
        /// Whether the end of what there is has to be told.
        end_is_told: bool,
        /// A revision that now must not be older than.
        not_older_than: Option<u64>,
    },
    /// Behind this revision, which the client knows.
    After(u64),
}

impl WatchOptions {
    /// Reads a query, without its question mark.
    pub(crate) fn parse(query: &str, tag: Tag) -> Result<Self, Status> {
        let parameters = Parameters::of(query);
        let timeout = parameters.number("timeoutSeconds")?.and_then(|seconds| u64::try_from(seconds).ok());
        let begin = begin(&parameters, tag)?;
        Ok(Self {
            selection: Selection::of(&parameters)?,
            begin,
            bookmarks: parameters.flag("allowWatchBookmarks").unwrap_or(false),
            timeout: timeout.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds).min(LONGEST)),
        })
    }
}

fn begin(parameters: &Parameters<'_>, tag: Tag) -> Result<Begin, Status> {
    let initial = parameters.flag("sendInitialEvents");
    match (initial, parameters.text("resourceVersionMatch")) {
        (None, "") | (Some(_), "NotOlderThan") => {}
        (None, _) => {
            let message = "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            return Err(Status::invalid_list_options("resourceVersionMatch", message));
        }
        (Some(_), _) => {
            let message = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            return Err(Status::invalid_list_options("resourceVersionMatch", message));
        }
    }
    if !parameters.text("continue").is_empty() {
        return Err(Status::invalid_list_options("continue", "Forbidden: continue is forbidden for watch"));
    }
    let version = parameters.version(tag)?;
    if version == Asked::Foreign {
        return Err(Status::version_expired(parameters.text("resourceVersion")));
    }
    Ok(match (initial, version) {
        (Some(true), Asked::Revision(revision)) => Begin::All { end_is_told: true, not_older_than: Some(revision) },
        (Some(true), _) => Begin::All { end_is_told: true, not_older_than: None },
        (_, Asked::Revision(revision)) => Begin::After(revision),
        (Some(false), _) => Begin::Now,
        (None, _) => Begin::All { end_is_told: false, not_older_than: None },
    })
}
