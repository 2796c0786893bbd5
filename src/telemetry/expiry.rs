//! When certificates end, as metrics tell it.

use std::fmt;
use std::ops::RangeInclusive;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::readings::gauges;

/// Tells the end of a certificate, in seconds since 1970; `None` while there is none.
pub(crate) type Ending = Box<dyn Fn() -> Option<i64> + Send + Sync>;

/// The seconds since 1970 in which a certificate is good; `None` if it cannot be read.
pub(crate) fn validity(der: &[u8]) -> Option<RangeInclusive<i64>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = certificate.validity();
    Some(validity.not_before.timestamp()..=validity.not_after.timestamp())
}

/// The last of them.
pub(crate) fn ending(der: &[u8]) -> Option<i64> {
    validity(der).map(|validity| *validity.end())
}

/// Registers `name`, which tells when each of `certificates` ends, by its label.
pub(crate) fn register(registry: &mut Registry, name: &'static str, certificates: Vec<(&'static str, Ending)>) {
    registry.register_collector(Box::new(Expiry { name, certificates }));
}

struct Expiry {
    name: &'static str,
    certificates: Vec<(&'static str, Ending)>,
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expiry").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Collector for Expiry {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let ends = self
            .certificates
            .iter()
            .filter_map(|(certificate, ending)| Some(([("certificate", *certificate)], ending()?)));
        gauges(&mut encoder, self.name, "When a certificate ends, in seconds since 1970", ends)
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read_and_told() {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.not_after = date_time_ymd(2030, 1, 1);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let end = ending(certificate.der());
        assert_eq!(end, Some(1_893_456_000));
        assert_eq!(ending(b"no certificate"), None);

        let mut registry = Registry::default();
        register(&mut registry, "ends", vec![("serving", Box::new(move || end)), ("none", Box::new(|| None))]);
        let mut told = String::new();
        text::encode(&mut told, &registry).unwrap();
        assert!(told.contains("ends{certificate=\"serving\"} 1893456000\n"), "{told}");
        assert!(!told.contains("none"), "{told}");
    }
}
