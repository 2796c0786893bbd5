//! A writer of the text format, for those who play kubelet: numbers look as a kubelet's do.

use std::io::Write;

use crate::clock::UnixMillis;

/// What kind of values a family holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until it begins anew.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// Writes families and their samples to the end of a buffer, which the caller owns and may reuse.
#[derive(Debug)]
pub struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    family: &'a str,
}

impl<'a> Encoder<'a> {
    /// A writer that appends to `out`.
    pub const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, family: "" }
    }

    /// Begins the family `name`: its two comment lines.
    pub fn family(&mut self, name: &'a str, help: &str, kind: Kind) {
        self.family = name;
        self.text(&["# HELP ", name, " "]);
        escape(self.out, help, false);
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.text(&["\n# TYPE ", name, " ", kind, "\n"]);
    }

    /// A sample of the family begun last. Labels are written as they come: kubelets sort theirs by
    /// name.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: f64, time: Option<UnixMillis>) {
        self.text(&[self.family]);
        for (place, (name, text)) in labels.iter().enumerate() {
            self.text(&[if place == 0 { "{" } else { "," }, name, "=\""]);
            escape(self.out, text, true);
            self.text(&["\""]);
        }
        self.text(&[if labels.is_empty() { " " } else { "} " }]);
        number(self.out, value);
        if let Some(UnixMillis(millis)) = time {
            self.text(&[" ", itoa::Buffer::new().format(millis)]);
        }
        self.text(&["\n"]);
    }

    fn text(&mut self, parts: &[&str]) {
        for part in parts {
            self.out.extend_from_slice(part.as_bytes());
        }
    }
}

fn escape(out: &mut Vec<u8>, text: &str, quotes: bool) {
    // Names in Kubernetes need no escape, and most of a body is names.
    if !text.bytes().any(|byte| matches!(byte, b'\\' | b'\n' | b'"')) {
        return out.extend_from_slice(text.as_bytes());
    }
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if quotes => out.extend_from_slice(b"\\\""),
            _ => out.push(byte),
        }
    }
}

/// The shortest text that reads back as the same double; with an exponent of at least two digits
/// below 0.0001 and from a million on, as Go prints it.
fn number(out: &mut Vec<u8>, value: f64) {
    let plain = value == 0.0 || (1e-4..1e6).contains(&value.abs());
    // Writing to a vector cannot fail.
    let _ = match value {
        _ if value.is_nan() => out.write_all(b"NaN"),
        _ if value.is_infinite() => out.write_all(if value > 0.0 { b"+Inf" } else { b"-Inf" }),
        _ if plain => write!(out, "{value}"),
        _ => return exponential(out, value),
    };
}

fn exponential(out: &mut Vec<u8>, value: f64) {
    let start = out.len();
    let _ = write!(out, "{value:e}");
    let written = out.get(start..).unwrap_or_default();
    let Some(e) = written.iter().position(|byte| *byte == b'e') else { return };
    let negative = written.get(e + 1) == Some(&b'-');
    let digits = written.len() - e - 1 - usize::from(negative);
    let digits_start = out.len() - digits;
    let (sign, pad): (&[u8], &[u8]) = (if negative { b"" } else { b"+" }, if digits < 2 { b"0" } else { b"" });
    out.splice(digits_start..digits_start, sign.iter().chain(pad).copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: f64) -> String {
        let mut out = Vec::new();
        number(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_look_as_a_kubelets_do() {
        for text in [
            "0",
            "1",
            "204800",
            "3433.499582168",
            "0.561991154",
            "7.99055872e+08",
            "1.7953913977238374e+09",
            "1e+06",
            "999999",
            "0.0001",
            "9.9e-05",
            "1.5e-10",
            "1e+100",
            "-2.5",
            "-1e+06",
            "NaN",
            "+Inf",
            "-Inf",
        ] {
            let value: f64 = text.parse().unwrap();
            assert_eq!(written(value), text);
        }
    }

    #[test]
    fn a_family_reads_as_the_format_says() {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out);
        encoder.family("up", "one\ntwo \\ \"three\"", Kind::Gauge);
        encoder.sample(&[], 1.0, None);
        encoder.sample(&[("a", "x\"y\\z\n"), ("b", "")], 0.5, Some(UnixMillis(1_795_391_396_052)));
        let expected = "# HELP up one\\ntwo \\\\ \"three\"\n# TYPE up gauge\nup 1\n\
                        up{a=\"x\\\"y\\\\z\\n\",b=\"\"} 0.5 1795391396052\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
