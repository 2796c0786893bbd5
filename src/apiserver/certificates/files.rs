//! A certificate from files, reloaded when they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::CertificateError;
use crate::apiserver::tls::{ServingCertificate, certified_key};
use crate::telemetry::causes;

/// Mounted Secrets change by a link swap, which no file event tells reliably; the kubelet itself
/// takes about a minute to bring a change here.
const POLL: Duration = Duration::from_mins(1);

/// Keeps a [`ServingCertificate`] equal to two files.
#[derive(Debug)]
pub struct FileCertificates {
    certificate: PathBuf,
    key: PathBuf,
    serving: Arc<ServingCertificate>,
    seen: Contents,
}

/// What was in the files, good or bad.
#[derive(Debug, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl FileCertificates {
    /// Reads the pair for the first time.
    ///
    /// # Errors
    /// When a file cannot be read or the pair does not fit: nothing could be served.
    pub async fn load(
        certificate: PathBuf,
        key: PathBuf,
        serving: Arc<ServingCertificate>,
    ) -> Result<Self, CertificateError> {
        let seen = Contents { certificate: read(&certificate).await?, key: read(&key).await? };
        let files = Self { certificate, key, serving, seen };
        files.install()?;
        Ok(files)
    }

    /// Follows the files until `stop`. A bad pair leaves the old one in force and is told once.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut failing = false;
        while stop.run_until_cancelled(tokio::time::sleep(POLL)).await.is_some() {
            match self.reload().await {
                Ok(true) => {
                    failing = false;
                    tracing::info!(certificate = %self.certificate.display(), "serving the certificate anew");
                }
                Ok(false) => {}
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(error = causes(&error), "the old certificate stays in force");
                    }
                }
            }
        }
    }

    /// Whether a changed pair was taken over.
    async fn reload(&mut self) -> Result<bool, CertificateError> {
        let found = Contents { certificate: read(&self.certificate).await?, key: read(&self.key).await? };
        if found == self.seen {
            return Ok(false);
        }
        self.seen = found;
        self.install().map(|()| true)
    }

    fn install(&self) -> Result<(), CertificateError> {
        let pair = certified_key(&self.seen.certificate, &self.seen.key)
            .map_err(|source| CertificateError::Pair { certificate: self.certificate.clone(), source })?;
        self.serving.install(pair);
        Ok(())
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    tokio::fs::read(path).await.map_err(|source| CertificateError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::fixtures::{Authority, Pair};

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn with(pair: &Pair) -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            folder.write(&pair.certificate, &pair.key);
            folder
        }

        fn write(&self, certificate: &str, key: &str) {
            std::fs::write(self.path("tls.crt"), certificate).unwrap();
            std::fs::write(self.path("tls.key"), key).unwrap();
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        async fn load(&self) -> Result<FileCertificates, CertificateError> {
            FileCertificates::load(self.path("tls.crt"), self.path("tls.key"), Arc::default()).await
        }
    }

    #[tokio::test]
    async fn a_changed_pair_is_taken_over_and_a_bad_one_is_not() {
        let authority = Authority::named("ca");
        let (one, two) = (authority.server("svc.test"), authority.server("svc.test"));
        let folder = Folder::with(&one);
        let mut files = folder.load().await.unwrap();
        let served = |files: &FileCertificates| files.serving.chain();
        assert_eq!(served(&files), one.chain());
        assert!(!files.reload().await.unwrap());

        folder.write(&two.certificate, &one.key);
        files.reload().await.unwrap_err();
        assert_eq!(served(&files), one.chain());
        assert!(!files.reload().await.unwrap(), "the same bad pair is told once");

        folder.write(&two.certificate, &two.key);
        assert!(files.reload().await.unwrap());
        assert_eq!(served(&files), two.chain());

        std::fs::remove_file(folder.path("tls.key")).unwrap();
        files.reload().await.unwrap_err();
        assert_eq!(served(&files), two.chain());
    }

    #[tokio::test]
    async fn a_start_without_a_good_pair_fails_and_names_the_file() {
        let authority = Authority::named("ca");
        let (one, two) = (authority.server("svc.test"), authority.server("svc.test"));
        let folder = Folder::with(&Pair { certificate: one.certificate, key: two.key });
        assert!(folder.load().await.unwrap_err().to_string().contains("tls.crt"));
        std::fs::remove_file(folder.path("tls.crt")).unwrap();
        assert!(matches!(folder.load().await, Err(CertificateError::File { .. })));
    }
}
