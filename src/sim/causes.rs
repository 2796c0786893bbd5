//! An error and what it came from, in one line.

use std::error::Error;

/// All levels, the outermost first.
pub(in crate::sim) fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
