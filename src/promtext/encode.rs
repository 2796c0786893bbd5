//! A writer of the text formats, for those who play kubelet and for pages of our own: numbers look
//! as a kubelet's do.

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

/// Which text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4: times in milliseconds, families named as their samples.
    Classic,
    /// OpenMetrics 1.0: times in seconds, families of counters named without `_total`, and an end.
    OpenMetrics,
}

/// Writes families and their samples to the end of a buffer, which the caller owns and may reuse.
#[derive(Debug)]
pub struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    format: Format,
    family: &'a str,
}

impl<'a> Encoder<'a> {
    /// A writer of the classic format that appends to `out`.
    pub const fn new(out: &'a mut Vec<u8>) -> Self {
        Self::of(Format::Classic, out)
    }

    /// A writer that appends to `out`.
    pub const fn of(format: Format, out: &'a mut Vec<u8>) -> Self {
        Self { out, format, family: "" }
    }

    /// Goes on with the family `name`, which was begun by another writer.
    pub const fn resume(&mut self, name: &'a str) {
        self.family = name;
    }

    /// Marks the end of the document, where the format has a mark.
    pub fn end(&mut self) {
        if self.format == Format::OpenMetrics {
            self.text(&["# EOF\n"]);
        }
    }

    /// Begins the family `name`: its two comment lines. The name of a counter ends with `_total`, but
    /// for those that kubelets name otherwise.
    pub fn family(&mut self, name: &'a str, help: &str, kind: Kind) {
        self.family = name;
        let name = match self.format {
            Format::OpenMetrics if kind == Kind::Counter => name.strip_suffix("_total").unwrap_or(name),
            _ => name,
        };
        self.text(&["# HELP ", name, " "]);
        // In help texts OpenMetrics escapes quotes as well.
        escape(self.out, help, self.format == Format::OpenMetrics);
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
            self.text(&[" "]);
            self.time(millis);
        }
        self.text(&["\n"]);
    }

    fn time(&mut self, millis: i64) {
        match self.format {
            Format::Classic => self.text(&[itoa::Buffer::new().format(millis)]),
            // Writing to a vector cannot fail.
            Format::OpenMetrics => {
                let sign = if millis < 0 { "-" } else { "" };
                let (seconds, rest) = (millis.unsigned_abs() / 1000, millis.unsigned_abs() % 1000);
                let _ = write!(self.out, "{sign}{seconds}.{rest:03}");
            }
        }
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

    #[test]
    fn open_metrics_names_counters_short_and_times_in_seconds() {
        let mut out = Vec::new();
        let mut encoder = Encoder::of(Format::OpenMetrics, &mut out);
        encoder.family("cpu_seconds_total", "a \"b\"", Kind::Counter);
        encoder.sample(&[("a", "b")], 2.0, Some(UnixMillis(1_795_391_396_052)));
        let mut encoder = Encoder::of(Format::OpenMetrics, &mut out);
        encoder.resume("cpu_seconds_total");
        encoder.sample(&[], 3.0, Some(UnixMillis(-1_007)));
        encoder.end();
        let expected = "# HELP cpu_seconds a \\\"b\\\"\n# TYPE cpu_seconds counter\n\
                        cpu_seconds_total{a=\"b\"} 2 1795391396.052\ncpu_seconds_total 3 -1.007\n# EOF\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
