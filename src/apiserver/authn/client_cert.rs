//! The user that a client certificate names.

use super::subject::Subject;
use super::user::{User, Via};

const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";

impl Subject {
    /// Common name and organisations as name and groups; `None` when there is no common name.
    pub(super) fn user(&self) -> Option<User> {
        if self.common_name.is_empty() {
            return None;
        }
        let credential = format!("X509SHA256={}", self.fingerprint);
        Some(User {
            name: self.common_name.clone(),
            uid: self.uid.clone(),
            groups: self.organizations.clone(),
            extra: [(CREDENTIAL_ID.to_owned(), vec![credential])].into(),
            via: Via::ClientCertificate,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::fixtures::Authority;

    #[test]
    fn common_name_and_organisation_make_the_user() {
        let pair = Authority::named("ca").client("ann", &["dev"]);
        let user = Subject::read(&pair.chain()[0]).unwrap().user().unwrap();
        assert_eq!(
            (user.name.as_str(), user.groups, user.via),
            ("ann", vec!["dev".to_owned()], Via::ClientCertificate)
        );
        assert!(user.extra[CREDENTIAL_ID][0].starts_with("X509SHA256="));
    }

    #[test]
    fn a_certificate_without_a_name_is_no_opinion() {
        let pair = Authority::named("ca").client("", &["dev"]);
        assert_eq!(Subject::read(&pair.chain()[0]).unwrap().user(), None);
    }
}
