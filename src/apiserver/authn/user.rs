//! The caller, once known.

use std::collections::BTreeMap;

/// Name of a caller without credentials.
pub(crate) const ANONYMOUS: &str = "system:anonymous";
/// Group of everybody without credentials.
pub(crate) const UNAUTHENTICATED: &str = "system:unauthenticated";
/// Group of everybody with credentials.
pub(crate) const AUTHENTICATED: &str = "system:authenticated";
/// Group of those who may do anything: the control plane itself.
const MASTERS: &str = "system:masters";

/// Who asks, in Kubernetes' terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Unique while it exists.
    pub name: String,
    /// Unique over time, where the cluster tells it.
    pub uid: Option<String>,
    /// In the order given.
    pub groups: Vec<String>,
    /// What else the authenticator said; keys in lower case.
    pub extra: BTreeMap<String, Vec<String>>,
    /// How we know.
    pub via: Via,
}

/// How a user was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// By the headers of a verified front proxy.
    FrontProxy,
    /// By its own client certificate.
    ClientCertificate,
    /// By a bearer token, reviewed by the API server.
    Token,
    /// Not at all.
    Anonymous,
}

impl Via {
    /// As labels and span fields spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FrontProxy => "front_proxy",
            Self::ClientCertificate => "client_certificate",
            Self::Token => "token",
            Self::Anonymous => "anonymous",
        }
    }
}

impl User {
    /// A caller without credentials.
    pub fn anonymous() -> Self {
        Self {
            name: ANONYMOUS.to_owned(),
            uid: None,
            groups: vec![UNAUTHENTICATED.to_owned()],
            extra: BTreeMap::new(),
            via: Via::Anonymous,
        }
    }

    /// Whether he may do anything.
    pub(crate) fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == MASTERS)
    }

    /// Adds the group that everybody with credentials is in, as kube-apiserver does; without it the
    /// control plane's group-less polls would be refused.
    pub(super) fn with_authenticated_group(mut self) -> Self {
        let settled = self.groups.iter().any(|group| group == AUTHENTICATED || group == UNAUTHENTICATED);
        if self.name != ANONYMOUS && !settled {
            self.groups.push(AUTHENTICATED.to_owned());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, groups: &[&str]) -> User {
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        User { name: name.to_owned(), groups, via: Via::FrontProxy, ..User::anonymous() }
    }

    #[test]
    fn a_user_without_groups_is_still_authenticated() {
        assert_eq!(named("system:aggregator", &[]).with_authenticated_group().groups, ["system:authenticated"]);
    }

    #[test]
    fn the_authenticated_group_is_added_once_and_never_to_the_anonymous() {
        let twice = named("ann", &["dev", AUTHENTICATED]).with_authenticated_group();
        assert_eq!(twice.groups, ["dev", "system:authenticated"]);
        assert_eq!(User::anonymous().with_authenticated_group(), User::anonymous());
        assert!(named(ANONYMOUS, &[]).with_authenticated_group().groups.is_empty());
        assert_eq!(named("ann", &[UNAUTHENTICATED]).with_authenticated_group().groups, ["system:unauthenticated"]);
    }
}
