//! An error and what it came from, in one line.

use std::error::Error;

/// All levels, the outermost first. A level that only repeats the end of the one above it is left
/// out: some libraries print their cause as well.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut told = error.to_string();
    for cause in std::iter::successors(error.source(), |error| (*error).source()) {
        let cause = cause.to_string();
        if !told.ends_with(&cause) {
            told.push_str(": ");
            told.push_str(&cause);
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Level {
        #[error("cannot serve")]
        Silent(#[source] io::Error),
        #[error("cannot serve: {0}")]
        Repeating(#[source] io::Error),
    }

    #[test]
    fn each_level_is_told_once() {
        let taken = || io::Error::other("the port is taken");
        assert_eq!(causes(&Level::Silent(taken())), "cannot serve: the port is taken");
        assert_eq!(causes(&Level::Repeating(taken())), "cannot serve: the port is taken");
    }
}
