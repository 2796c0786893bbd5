//! The `Accept` header: what we make of it while JSON is all we speak.

use http::{HeaderMap, header};

use crate::apiserver::status::Status;

/// The type of every answer that is an object.
pub(crate) const JSON: &str = "application/json";

/// The parameters by which clients ask for the aggregated form of discovery.
const AGGREGATED: [(&str, &str); 3] = [("g", "apidiscovery.k8s.io"), ("v", "v2"), ("as", "APIGroupDiscoveryList")];

/// Forms that `/apis` is served in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiscoveryForm {
    /// All groups with all their resources.
    Aggregated,
    /// The names of the groups.
    Classic,
}

/// Refuses a request that accepts no JSON. No header, or an empty one, accepts anything.
pub(crate) fn accepts_json(headers: &HeaderMap) -> Result<(), Status> {
    if ranges(headers).iter().any(Range::is_plain_json) { Ok(()) } else { Err(Status::not_acceptable(JSON)) }
}

/// Which form of discovery the client likes best.
pub(crate) fn discovery_form(headers: &HeaderMap) -> Result<DiscoveryForm, Status> {
    let form = ranges(headers).into_iter().find_map(|range| {
        if range.is_aggregated_discovery() {
            Some(DiscoveryForm::Aggregated)
        } else {
            range.is_plain_json().then_some(DiscoveryForm::Classic)
        }
    });
    form.ok_or_else(|| Status::not_acceptable(JSON))
}

/// One clause of the header.
#[derive(Debug)]
struct Range<'a> {
    media_type: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    quality: f32,
}

impl<'a> Range<'a> {
    fn parse(clause: &'a str) -> Self {
        let mut parts = clause.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let parameters: Vec<_> = parts
            .filter_map(|part| part.split_once('='))
            .map(|(key, value)| (key.trim(), value.trim().trim_matches('"')))
            .collect();
        let quality = parameters.iter().find(|(key, _)| *key == "q").and_then(|(_, value)| value.parse().ok());
        Self { media_type, parameters, quality: quality.unwrap_or(1.0) }
    }

    fn parameter(&self, key: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    fn is_json(&self) -> bool {
        let any = matches!(self.media_type, "*/*" | "application/*");
        any || self.media_type.eq_ignore_ascii_case(JSON)
    }

    /// JSON of the object itself, not of a form of it that we do not make.
    fn is_plain_json(&self) -> bool {
        self.is_json() && self.parameter("as").is_none()
    }

    fn is_aggregated_discovery(&self) -> bool {
        self.is_json() && AGGREGATED.iter().all(|(key, value)| self.parameter(key) == Some(value))
    }
}

/// The clauses that are acceptable at all, the best liked first, equals in the order given.
fn ranges(headers: &HeaderMap) -> Vec<Range<'_>> {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let clauses = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|clause| !clause.is_empty());
    let mut ranges: Vec<_> = clauses.map(Range::parse).collect();
    if ranges.is_empty() {
        ranges.push(Range::parse("*/*"));
    }
    ranges.retain(|range| range.quality > 0.0);
    ranges.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    ranges
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const V2: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

    fn accept(lines: &[&str]) -> HeaderMap {
        let lines = lines.iter().map(|line| (header::ACCEPT, HeaderValue::from_str(line).unwrap()));
        lines.collect()
    }

    #[test]
    fn json_is_served_to_everybody_who_can_take_it() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        for line in [
            "application/json",
            "*/*",
            "application/*",
            "application/vnd.kubernetes.protobuf, */*",
            "application/yaml;q=0.9, application/json;q=0.5",
            "application/json; stream=watch; pretty=1",
            table,
        ] {
            assert_eq!(accepts_json(&accept(&[line])), Ok(()), "{line}");
        }
        assert_eq!(accepts_json(&HeaderMap::new()), Ok(()));
        assert_eq!(accepts_json(&accept(&[""])), Ok(()));
        assert_eq!(accepts_json(&accept(&["text/html", "application/json"])), Ok(()));
    }

    #[test]
    fn what_we_cannot_make_is_refused() {
        for line in [
            "text/html",
            "application/vnd.kubernetes.protobuf",
            "application/json;q=0",
            "application/json;as=Table;v=v1;g=meta.k8s.io",
            ";;,=",
        ] {
            assert_eq!(accepts_json(&accept(&[line])), Err(Status::not_acceptable(JSON)), "{line}");
        }
    }

    #[test]
    fn the_aggregated_form_is_made_only_for_those_who_name_it() {
        let form = |line: &str| discovery_form(&accept(&[line]));
        let reordered = "application/json;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io";
        let beta = V2.replace("v=v2", "v=v2beta1");
        for aggregated in [V2, reordered, &format!("{V2},application/json")] {
            assert_eq!(form(aggregated), Ok(DiscoveryForm::Aggregated), "{aggregated}");
        }
        for classic in [format!("application/json,{V2};q=0.9"), format!("{beta},application/json")] {
            assert_eq!(form(&classic), Ok(DiscoveryForm::Classic), "{classic}");
        }
        assert_eq!(form(&beta), Err(Status::not_acceptable(JSON)));
        assert_eq!(discovery_form(&HeaderMap::new()), Ok(DiscoveryForm::Classic));
    }
}
