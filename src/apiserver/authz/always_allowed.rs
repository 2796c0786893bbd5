//! What needs no review.

use crate::apiserver::RequestInfo;
use crate::apiserver::authn::User;

/// Paths that anybody may read.
#[derive(Clone, Debug)]
pub(super) struct AlwaysAllowed {
    paths: Vec<String>,
}

impl AlwaysAllowed {
    /// Exact paths, or prefixes where they end in `*`.
    pub(super) fn new(paths: &[String]) -> Self {
        Self { paths: paths.to_vec() }
    }

    /// Why the request needs no review, if so.
    pub(super) fn reason(&self, user: &User, request: &RequestInfo) -> Option<&'static str> {
        // The control plane's availability probe comes before the API server can answer reviews, so
        // asking would be a circle.
        if user.is_master() {
            return Some("masters");
        }
        let is_open = request.resource.is_none() && self.paths.iter().any(|path| covers(path, &request.path));
        is_open.then_some("path")
    }
}

fn covers(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => path == pattern,
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    fn reason(paths: &[&str], groups: &[&str], path: &str) -> Option<&'static str> {
        let paths: Vec<String> = paths.iter().map(|&path| path.to_owned()).collect();
        let user = User { groups: groups.iter().map(|&group| group.to_owned()).collect(), ..User::anonymous() };
        AlwaysAllowed::new(&paths).reason(&user, &RequestInfo::of(&Method::GET, path, None))
    }

    #[test]
    fn a_path_is_meant_exactly_unless_it_ends_in_a_star() {
        assert_eq!(reason(&["/livez"], &[], "/livez"), Some("path"));
        for other in ["/livez/ping", "/livezz", "/live", "/", "//livez"] {
            assert_eq!(reason(&["/livez"], &[], other), None, "{other}");
        }
        assert_eq!(reason(&["/readyz/*"], &[], "/readyz/ping"), Some("path"));
        assert_eq!(reason(&["/readyz/*"], &[], "/readyz"), None);
    }

    #[test]
    fn a_star_never_opens_resources() {
        assert_eq!(reason(&["*"], &[], "/metrics"), Some("path"));
        assert_eq!(reason(&["*", "/apis/*"], &[], "/apis/metrics.k8s.io/v1beta1/pods"), None);
    }

    #[test]
    fn the_control_plane_needs_no_review() {
        assert_eq!(reason(&[], &["dev", "system:masters"], "/apis/metrics.k8s.io/v1beta1/pods"), Some("masters"));
        assert_eq!(reason(&[], &["system:masters2"], "/apis/metrics.k8s.io/v1beta1/pods"), None);
    }
}
