//! The forms of discovery, which are JSON alone.

use http::HeaderMap;

use crate::apiserver::negotiate::JSON;
use crate::apiserver::negotiate::accept::{Clause, clauses};
use crate::apiserver::status::Status;

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
    if clauses(headers).iter().any(is_plain_json) { Ok(()) } else { Err(Status::not_acceptable(JSON)) }
}

/// Which form of discovery the client likes best.
pub(crate) fn discovery_form(headers: &HeaderMap) -> Result<DiscoveryForm, Status> {
    let form = clauses(headers).iter().find_map(|clause| {
        if is_aggregated_discovery(clause) {
            Some(DiscoveryForm::Aggregated)
        } else {
            is_plain_json(clause).then_some(DiscoveryForm::Classic)
        }
    });
    form.ok_or_else(|| Status::not_acceptable(JSON))
}

/// JSON of the document itself, not of a form of it that we do not make.
fn is_plain_json(clause: &Clause<'_>) -> bool {
    clause.takes(JSON) && clause.parameter("as").is_none()
}

fn is_aggregated_discovery(clause: &Clause<'_>) -> bool {
    clause.takes(JSON) && AGGREGATED.iter().all(|(key, value)| clause.parameter(key) == Some(value))
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

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
