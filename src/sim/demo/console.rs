//! Where a demo writes: lines for people on standard output.

use std::io::{self, IsTerminal, Write};

/// Clears the line of a terminal and goes back to its beginning.
const REWRITE: &str = "\r\u{1b}[2K";

/// Standard output; on a terminal the last line may be one that is written over and over.
#[derive(Debug)]
pub(super) struct Console {
    is_terminal: bool,
    line_is_open: bool,
}

impl Console {
    pub(super) fn new() -> Self {
        Self { is_terminal: io::stdout().is_terminal(), line_is_open: false }
    }

    /// Whether somebody watches; else lines are kept, in a file or by a pipe.
    pub(super) const fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Writes whole lines.
    pub(super) fn say(&mut self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if std::mem::take(&mut self.line_is_open) {
            out.write_all(REWRITE.as_bytes())?;
        }
        writeln!(out, "{text}")?;
        out.flush()
    }

    /// Writes the line that the next one replaces; where nobody watches, a line as any other.
    pub(super) fn show(&mut self, line: &str) -> io::Result<()> {
        if !self.is_terminal {
            return self.say(line);
        }
        let mut out = io::stdout().lock();
        write!(out, "{REWRITE}{line}")?;
        self.line_is_open = true;
        out.flush()
    }
}
