//! From OpenMetrics to the classic Prometheus text format 0.0.4.
//!
//! The registry writes OpenMetrics only. A classic reader would take its counters for untyped,
//! since there the family is named without `_total`, and stumble over exemplars and the end mark.

use std::fmt::Write;

/// `text` as the classic format has it. Values and labels are the same in both.
pub(super) fn from_open_metrics(text: &str) -> String {
    let mut classic = String::with_capacity(text.len());
    let mut help = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            // The name depends on the type, which comes next.
            help = rest.split_once(' ').map(|(_, help)| help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let (suffix, kind) = classic_type(kind);
            // Writing to a String cannot fail.
            let _infallible = writeln!(classic, "# HELP {name}{suffix} {}", help.take().unwrap_or_default());
            let _infallible = writeln!(classic, "# TYPE {name}{suffix} {kind}");
        } else if !line.starts_with('#') {
            classic.push_str(without_exemplar(line));
            classic.push('\n');
        }
    }
    classic
}

/// What the family's name ends with, and what its type is called.
fn classic_type(kind: &str) -> (&'static str, &str) {
    match kind {
        "counter" => ("_total", "counter"),
        "info" => ("_info", "gauge"),
        "stateset" => ("", "gauge"),
        "unknown" => ("", "untyped"),
        same => ("", same),
    }
}

/// Cuts at the first ` # ` that is not inside a label value.
fn without_exemplar(line: &str) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'#' if !quoted => return line.get(..at).unwrap_or(line).trim_end(),
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_infos_are_named_whole() {
        let open = "# HELP a_scrapes Scrapes.\n# TYPE a_scrapes counter\na_scrapes_total{outcome=\"Success\"} 3\n\
                    # HELP a_build Version.\n# TYPE a_build info\na_build_info{version=\"1\"} 1\n# EOF\n";
        let classic = "# HELP a_scrapes_total Scrapes.\n# TYPE a_scrapes_total counter\n\
                       a_scrapes_total{outcome=\"Success\"} 3\n\
                       # HELP a_build_info Version.\n# TYPE a_build_info gauge\na_build_info{version=\"1\"} 1\n";
        assert_eq!(from_open_metrics(open), classic);
    }

    #[test]
    fn units_exemplars_and_the_end_mark_are_left_out() {
        let open = "# HELP t_seconds Time.\n# TYPE t_seconds histogram\n# UNIT t_seconds seconds\n\
                    t_seconds_bucket{le=\"1.0\"} 1 # {trace_id=\"a\\\"# b\"} 0.5\n# EOF\n";
        let classic = "# HELP t_seconds Time.\n# TYPE t_seconds histogram\nt_seconds_bucket{le=\"1.0\"} 1\n";
        assert_eq!(from_open_metrics(open), classic);
    }

    #[test]
    fn a_hash_in_a_label_value_stays() {
        let line = "a{path=\"/x # {y}\\\\\"} 1";
        assert_eq!(from_open_metrics(line), format!("{line}\n"));
    }
}
