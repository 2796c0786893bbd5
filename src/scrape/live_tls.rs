//! Whom we believe and who we say we are, as the files say now.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ClientConfig;

use crate::config::{KubeletTls, KubeletTrust};
use crate::scrape::tls::Contents;
use crate::scrape::{Error, KubeletAccess};
use crate::telemetry::causes;

/// Mounted files change by a link swap, which no file event tells reliably; the kubelet itself takes
/// about a minute to bring a change here.
const POLL: Duration = Duration::from_mins(1);
/// After a change that cannot be used: a certificate whose key is not there yet will have it soon.
const RETRY: Duration = Duration::from_secs(5);

/// The TLS settings of all connections to kubelets. What cannot be used leaves the last good ones in
/// force.
pub(super) struct LiveTls {
    tls: KubeletTls,
    access: KubeletAccess,
    current: ArcSwap<Current>,
}

/// The settings of one time.
pub(super) struct Current {
    /// Grows with each change: a connection and a session are good for theirs alone.
    pub(super) generation: u64,
    pub(super) config: ClientConfig,
    contents: Contents,
}

impl LiveTls {
    /// Reads all files for the first time.
    pub(super) fn open(tls: &KubeletTls, access: &KubeletAccess) -> Result<Self, Error> {
        let contents = Contents::read(tls, access)?;
        let current = Current { generation: 0, config: contents.client_config()?, contents };
        if tls.trust == KubeletTrust::Anyone {
            tracing::warn!("the certificates of kubelets are not verified (--kubelet-insecure-tls)");
        }
        Ok(Self { tls: tls.clone(), access: access.clone(), current: ArcSwap::from_pointee(current) })
    }

    pub(super) fn current(&self) -> Arc<Current> {
        self.current.load_full()
    }

    /// Follows the files for ever.
    pub(super) async fn follow(self: Arc<Self>) {
        let mut trouble = None;
        loop {
            tokio::time::sleep(if trouble.is_some() { RETRY } else { POLL }).await;
            let reading = Arc::clone(&self);
            // The runtime is shutting down, and this with it.
            let Ok(reloaded) = tokio::task::spawn_blocking(move || reading.reload()).await else { return };
            let found = reloaded.err().map(|error| causes(&error));
            if let Some(error) = found.as_ref().filter(|_| found != trouble) {
                tracing::warn!(error, "the old TLS settings for kubelets stay in force");
            }
            trouble = found;
        }
    }

    /// When the last authority ends by which we know kubelets, in seconds since 1970.
    pub(super) fn authorities_ending(&self) -> Option<i64> {
        self.current.load().contents.authorities_ending()
    }

    /// When the certificate ends that we show to kubelets, in seconds since 1970; `None` if we show none.
    pub(super) fn identity_ending(&self) -> Option<i64> {
        self.current.load().contents.identity_ending()
    }

    /// Takes over what has changed. Blocks.
    pub(super) fn reload(&self) -> Result<(), Error> {
        let (contents, last) = (Contents::read(&self.tls, &self.access)?, self.current());
        if contents != last.contents {
            let config = contents.client_config()?;
            self.current.store(Arc::new(Current { generation: last.generation + 1, config, contents }));
            tracing::info!("the TLS settings for kubelets have changed");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::KubeletServerName;

    struct Files(tempfile::TempDir);

    impl Files {
        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.path(name), text).unwrap();
        }

        fn write_pair(&self, pair: &(String, String)) {
            self.write("client.crt", &pair.0);
            self.write("client.key", &pair.1);
        }

        fn open(&self) -> Arc<LiveTls> {
            let client_certificate = Some((self.path("client.crt"), self.path("client.key")));
            let trust = KubeletTrust::File(self.path("ca.crt"));
            let tls = KubeletTls { trust, client_certificate, server_name: KubeletServerName::Address };
            Arc::new(LiveTls::open(&tls, &KubeletAccess::default()).unwrap())
        }
    }

    /// A certificate and its key, in PEM.
    fn pair(name: &str) -> (String, String) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn files() -> Files {
        let files = Files(tempfile::tempdir().unwrap());
        files.write("ca.crt", &pair("ca").0);
        files.write_pair(&pair("client"));
        files
    }

    #[test]
    fn each_file_that_changes_makes_a_new_generation_and_nothing_else_does() {
        let files = files();
        let live = files.open();
        live.reload().unwrap();
        assert_eq!(live.current().generation, 0);
        files.write("ca.crt", &pair("other ca").0);
        live.reload().unwrap();
        files.write_pair(&pair("other client"));
        live.reload().unwrap();
        assert_eq!(live.current().generation, 2);
        assert!(live.authorities_ending().is_some() && live.identity_ending().is_some());
    }

    #[test]
    fn what_cannot_be_used_leaves_the_last_good_in_force() {
        let files = files();
        let (live, other) = (files.open(), pair("other"));
        let good = std::fs::read_to_string(files.path("ca.crt")).unwrap();
        for bad in ["", "garbage", &pair("no certificate").1] {
            files.write("ca.crt", bad);
            live.reload().unwrap_err();
        }
        files.write("ca.crt", &good);
        files.write("client.crt", &other.0);
        live.reload().unwrap_err();
        std::fs::remove_file(files.path("client.key")).unwrap();
        live.reload().unwrap_err();
        assert_eq!(live.current().generation, 0);
        files.write("client.key", &other.1);
        live.reload().unwrap();
        assert_eq!(live.current().generation, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pair_that_was_met_half_changed_is_whole_within_seconds() {
        let files = files();
        let (live, other) = (files.open(), pair("other"));
        let following = tokio::spawn(Arc::clone(&live).follow());
        files.write("client.crt", &other.0);
        tokio::time::sleep(POLL + Duration::from_secs(1)).await;
        assert_eq!(live.current().generation, 0);
        files.write("client.key", &other.1);
        tokio::time::sleep(RETRY + Duration::from_secs(1)).await;
        assert_eq!(live.current().generation, 1);
        following.abort();
    }
}
