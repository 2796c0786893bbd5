//! How authorities and certificates are made.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::CertificateDer;

use crate::apiserver::authn::REPLICA;
use crate::clock::UnixMillis;
use crate::telemetry::expiry;

/// The authority outlives many certificates: replacing it means changing every `caBundle`.
const AUTHORITY_DAYS: i64 = 3650;
/// Certificates live a year: long enough to survive an idle cluster, short enough for a leak to end.
const CERTIFICATE_DAYS: i64 = 365;
/// What a replica shows to others is kept in its memory and made anew several times a day; the rest is
/// for clocks that differ. Days end at midnight: of one day a minute might be left.
const REPLICA_DAYS: i64 = 2;

/// A certificate and its key, in PEM.
pub(super) struct Made {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// A new authority.
pub(super) fn authority(now: UnixMillis) -> Result<Made, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = common_name("kube-vitals serving authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, now, AUTHORITY_DAYS, None);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    Ok(Made { certificate: authority.pem(), key: authority.key().serialize_pem() })
}

/// A serving certificate for `names`, by the authority of `certificate` and `key`, which it does not
/// outlive.
pub(super) fn serving(
    certificate: &CertificateDer<'_>,
    key: KeyPair,
    names: &[String],
    now: UnixMillis,
) -> Result<Made, rcgen::Error> {
    let issuer = Issuer::from_ca_cert_der(certificate, key)?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = common_name("kube-vitals");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, now, CERTIFICATE_DAYS, expiry::ending(certificate));
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer)?;
    Ok(Made { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// A client certificate by which a replica is known to others.
pub(super) fn replica(certificate: &CertificateDer<'_>, key: KeyPair, now: UnixMillis) -> Result<Made, rcgen::Error> {
    let issuer = Issuer::from_ca_cert_der(certificate, key)?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = common_name(REPLICA);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, now, REPLICA_DAYS, expiry::ending(certificate));
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer)?;
    Ok(Made { certificate: certificate.pem(), key: key.serialize_pem() })
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished_name = DistinguishedName::new();
    distinguished_name.push(DnType::CommonName, name);
    distinguished_name
}

/// As many days back as ahead: what a replica makes whose clock is ahead must be good at once for all
/// those whose clocks are not.
fn set_validity(params: &mut CertificateParams, now: UnixMillis, days: i64, latest_second: Option<i64>) {
    let date = |time: jiff::Timestamp| time.to_zoned(TimeZone::UTC).date();
    let today = date(jiff::Timestamp::from_millisecond(now.0).unwrap_or_default());
    let first = today.saturating_sub(jiff::Span::new().days(days));
    let last = today.saturating_add(jiff::Span::new().days(days));
    // An authority without an end (RFC 5280, 4.1.2.5) has one that is no time here.
    let latest = latest_second.and_then(|second| jiff::Timestamp::from_second(second).ok());
    let last = latest.map_or(last, |latest| last.min(date(latest)));
    let moment = |day: Date| date_time_ymd(day.year().into(), day.month().unsigned_abs(), day.day().unsigned_abs());
    (params.not_before, params.not_after) = (moment(first), moment(last));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::fixtures::{Authority, NOW};

    fn ending(made: &Made) -> String {
        use rustls::pki_types::pem::PemObject as _;
        let end = expiry::ending(&CertificateDer::from_pem_slice(made.certificate.as_bytes()).unwrap()).unwrap();
        jiff::Timestamp::from_second(end).unwrap().to_string()
    }

    #[test]
    fn nothing_outlives_its_authority_and_one_without_an_end_limits_nothing() {
        for (year, end) in [(2026, "2026-12-31T00:00:00Z"), (9999, "2027-06-15T00:00:00Z")] {
            let authority = Authority::named_with("ca", |params| params.not_after = date_time_ymd(year, 12, 31));
            let key = || KeyPair::from_pem(&authority.key_pem()).unwrap();
            let made = serving(&authority.der(), key(), &["custom-api".to_owned()], NOW).unwrap();
            assert_eq!(ending(&made), end, "{year}");
            assert_eq!(ending(&replica(&authority.der(), key(), NOW).unwrap()), "2026-06-17T00:00:00Z", "{year}");
        }
    }
}
