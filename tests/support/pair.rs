//! Certificates with their keys, made for one run.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};

/// A certificate that vouches for itself, and its key, as files.
pub(crate) struct Pair {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) pem: String,
}

impl Pair {
    /// For `name`, good from yesterday until `left` from now; written to `folder` as `file`.
    pub(crate) fn write(name: &str, left: Duration, folder: &Path, file: &str) -> Result<Self, String> {
        let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(text)?;
        let now = std::time::SystemTime::now();
        params.not_before = (now - Duration::from_hours(24)).into();
        params.not_after = (now + left).into();
        let key = KeyPair::generate().map_err(text)?;
        let pem = params.self_signed(&key).map_err(text)?.pem();
        let pair =
            Self { certificate: folder.join(format!("{file}.pem")), key: folder.join(format!("{file}.key")), pem };
        fs::write(&pair.certificate, &pair.pem).map_err(text)?;
        fs::write(&pair.key, key.serialize_pem()).map_err(text)?;
        Ok(pair)
    }

    /// What `serve` has to be told to use it, by the names of its two flags.
    pub(crate) fn flags(&self, certificate: &str, key: &str) -> [String; 4] {
        let path = |path: &Path| path.display().to_string();
        [certificate.to_owned(), path(&self.certificate), key.to_owned(), path(&self.key)]
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
