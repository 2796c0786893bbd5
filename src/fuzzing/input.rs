//! Bytes taken apart, for targets that need more than one thing.

/// What is left of an input. At its end everything is zero or empty.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) const fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    pub(crate) fn number(&mut self) -> u64 {
        (0..size_of::<u64>()).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    /// Up to the next newline, which is dropped.
    pub(crate) fn line(&mut self) -> &'a [u8] {
        let end = memchr::memchr(b'\n', self.0).unwrap_or(self.0.len());
        let (line, rest) = self.0.split_at_checked(end).unwrap_or((self.0, &[]));
        self.0 = rest.get(1..).unwrap_or_default();
        line
    }

    /// A line that is text; empty where it is none.
    pub(crate) fn text(&mut self) -> &'a str {
        str::from_utf8(self.line()).unwrap_or_default()
    }

    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }
}
