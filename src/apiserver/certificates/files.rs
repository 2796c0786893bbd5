//! A certificate from files, reloaded when they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{CertificateError, Flaw};
use crate::apiserver::tls::{ServingCertificate, certified_key};
use crate::clock::Clock;
use crate::config::Service;
use crate::telemetry::causes;

/// Mounted Secrets change by a link swap, which no file event tells reliably; the kubelet itself
/// takes about a minute to bring a change here.
const POLL: Duration = Duration::from_mins(1);
/// After a change that cannot be taken over: a swap between the two files is over in no time.
const RETRY: Duration = Duration::from_secs(5);

/// Keeps a [`ServingCertificate`] equal to two files.
#[derive(Debug)]
pub struct FileCertificates {
    certificate: PathBuf,
    key: PathBuf,
    name: String,
    clock: Clock,
    serving: Arc<ServingCertificate>,
    /// What is served.
    served: Contents,
}

/// What is in the files.
#[derive(Debug, Default, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl FileCertificates {
    /// Reads the pair for the first time. One that clients of `service` will refuse is served all the
    /// same, and told: nothing else could be.
    ///
    /// # Errors
    /// When a file cannot be read or the pair does not fit: nothing could be served.
    pub async fn load(
        certificate: PathBuf,
        key: PathBuf,
        service: &Service,
        clock: Clock,
        serving: Arc<ServingCertificate>,
    ) -> Result<Self, CertificateError> {
        let (name, served) = (service.dns_name(), Contents::default());
        let mut files = Self { certificate, key, name, clock, serving, served };
        files.reload().await?;
        if let Some(flaw) = files.flaw(&files.served)? {
            tracing::warn!(certificate = %files.certificate.display(), %flaw, "clients will refuse the certificate");
        }
        Ok(files)
    }

    /// Follows the files until `stop`. A bad pair leaves a good one in force and is told once.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut trouble: Option<String> = None;
        loop {
            let pause = if trouble.is_some() { RETRY } else { POLL };
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
            let found = match self.reload().await {
                Ok(true) => {
                    tracing::info!(certificate = %self.certificate.display(), "serving the certificate anew");
                    None
                }
                Ok(false) => None,
                Err(error) => Some(causes(&error)),
            };
            if let Some(error) = found.as_ref().filter(|_| found != trouble) {
                tracing::warn!(error, "the old certificate stays in force");
            }
            trouble = found;
        }
    }

    /// Whether a changed pair was taken over. What was refused is judged again each time: its time may
    /// have come, or that of the one in force be over.
    async fn reload(&mut self) -> Result<bool, CertificateError> {
        let found = Contents { certificate: read(&self.certificate).await?, key: read(&self.key).await? };
        if found == self.served {
            return Ok(false);
        }
        let pair = certified_key(&found.certificate, &found.key)
            .map_err(|source| CertificateError::Pair { certificate: self.certificate.clone(), source })?;
        let is_good = self.serving.ending().is_some() && self.flaw(&self.served)?.is_none();
        if let Some(source) = self.flaw(&found)?.filter(|_| is_good) {
            return Err(CertificateError::Flawed { certificate: self.certificate.clone(), source });
        }
        self.serving.install(pair);
        self.served = found;
        Ok(true)
    }

    fn flaw(&self, contents: &Contents) -> Result<Option<Flaw>, CertificateError> {
        let pair = certified_key(&contents.certificate, &contents.key)
            .map_err(|source| CertificateError::Pair { certificate: self.certificate.clone(), source })?;
        Ok(Flaw::of(&pair, &self.name, self.clock.now()))
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    tokio::fs::read(path).await.map_err(|source| CertificateError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
