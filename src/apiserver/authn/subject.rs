//! Whom a certificate names.

use aws_lc_rs::digest;
use rustls::pki_types::CertificateDer;
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::AttributeTypeAndValue;

use crate::clock::UnixMillis;

/// Subject attribute in which Kubernetes keeps a user's id: 1.3.6.1.4.1.57683.2.
const USER_UID: &[u64] = &[1, 3, 6, 1, 4, 1, 57683, 2];

/// The parts of a client certificate that make a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    /// User name; may be empty.
    pub(super) common_name: String,
    /// Groups.
    pub(super) organizations: Vec<String>,
    /// User id.
    pub(super) uid: Option<String>,
    /// The certificate counts up to this moment.
    pub(super) not_after: UnixMillis,
    /// SHA-256 of the certificate, in hexadecimal.
    pub(super) fingerprint: String,
}

impl Subject {
    /// Reads a certificate; the error says what is wrong with it.
    pub(super) fn read(certificate: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
        let name = parsed.subject();
        let uid_oid = Oid::from(USER_UID).map_err(|_| "the user id attribute is unknown".to_owned())?;
        let mut uids = texts(name.iter_by_oid(&uid_oid))?;
        if uids.len() > 1 {
            return Err("the certificate has more than one user id".to_owned());
        }
        Ok(Self {
            // Of several common names the last counts, as for kube-apiserver.
            common_name: texts(name.iter_common_name())?.pop().unwrap_or_default(),
            organizations: texts(name.iter_organization())?,
            uid: uids.pop(),
            not_after: UnixMillis(parsed.validity().not_after.timestamp().saturating_mul(1000)),
            fingerprint: hexadecimal(digest::digest(&digest::SHA256, certificate).as_ref()),
        })
    }
}

fn texts<'a>(attributes: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>) -> Result<Vec<String>, String> {
    let text = |attribute: &AttributeTypeAndValue<'_>| attribute.as_str().map(str::to_owned);
    attributes.map(text).collect::<Result<_, _>>().map_err(|error| format!("the subject is not text: {error}"))
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use rcgen::DnType;

    use super::*;
    use crate::apiserver::fixtures::Authority;

    #[test]
    fn name_groups_and_id_come_from_the_subject() {
        let pair = Authority::named("ca").client_with("Jürgen", &["dev", "ops,eu"], |params| {
            params.distinguished_name.push(DnType::CustomDnType(USER_UID.to_vec()), "42");
        });
        let subject = Subject::read(&pair.chain()[0]).unwrap();
        assert_eq!(subject.common_name, "Jürgen");
        assert_eq!(subject.uid.as_deref(), Some("42"));
        assert_eq!(subject.fingerprint.len(), 64);
        assert_eq!(subject.not_after.to_string(), "2096-01-01T00:00:00Z");
        // rcgen keeps one value of an attribute: the last.
        assert_eq!(subject.organizations, ["ops,eu"]);
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        Subject::read(&CertificateDer::from(vec![1, 2, 3])).unwrap_err();
    }
}
