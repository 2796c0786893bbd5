//! Two-space indentation, as `?pretty=true` asks for.

/// Indents a document that comes in parts, cut anywhere; it remembers where it stands, nothing of the text.
#[derive(Debug, Default)]
pub(crate) struct Indenter {
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The last byte has opened a bracket: what follows is on a line of its own, unless it is its end.
    opened: bool,
}

/// A whole document, without white space between its tokens, indented.
pub(crate) fn indent(compact: &[u8]) -> Vec<u8> {
    Indenter::default().indent(compact)
}

impl Indenter {
    /// The next part of a document without white space between its tokens.
    pub(crate) fn indent(&mut self, compact: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(compact.len() * 2);
        for &byte in compact {
            if self.in_string {
                out.push(byte);
                self.in_string = self.escaped || byte != b'"';
                self.escaped = !self.escaped && byte == b'\\';
            } else {
                self.token(byte, &mut out);
            }
        }
        out
    }

    /// A byte outside of strings.
    fn token(&mut self, byte: u8, out: &mut Vec<u8>) {
        let closes = matches!(byte, b'}' | b']');
        if closes {
            self.depth = self.depth.saturating_sub(1);
        }
        if std::mem::take(&mut self.opened) != closes {
            self.new_line(out);
        }
        out.push(byte);
        match byte {
            b'{' | b'[' => {
                self.depth += 1;
                self.opened = true;
            }
            b',' => self.new_line(out),
            b':' => out.push(b' '),
            b'"' => self.in_string = true,
            _ => {}
        }
    }

    fn new_line(&self, out: &mut Vec<u8>) {
        out.push(b'\n');
        out.extend(std::iter::repeat_n(b' ', self.depth * 2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPACT: &str = r#"{"a":[1,{},[]],"b":"x,\"y[{","c":{"d":[{"e":null}]}}"#;

    #[test]
    fn indenting_changes_white_space_alone() {
        let indented = indent(COMPACT.as_bytes());
        let read = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&indented), read(COMPACT.as_bytes()));
        assert_eq!(
            String::from_utf8(indented).unwrap(),
            "{\n  \"a\": [\n    1,\n    {},\n    []\n  ],\n  \"b\": \"x,\\\"y[{\",\n  \"c\": {\n    \"d\": [\n      \
             {\n        \"e\": null\n      }\n    ]\n  }\n}"
        );
    }

    #[test]
    fn a_document_that_comes_in_parts_is_indented_as_if_it_were_whole() {
        for at in 0..=COMPACT.len() {
            let (first, rest) = COMPACT.as_bytes().split_at(at);
            let mut indenter = Indenter::default();
            let parts = [indenter.indent(first), indenter.indent(rest)];
            assert_eq!(parts.concat(), indent(COMPACT.as_bytes()), "cut at {at}");
        }
    }
}
