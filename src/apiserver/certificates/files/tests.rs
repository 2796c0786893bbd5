use rcgen::{CertificateParams, date_time_ymd};

use super::*;
use crate::apiserver::fixtures::{Authority, NOW, Pair};

const NAME: &str = "custom-api.custom-api.svc";

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(pair: &Pair) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write(pair);
        folder
    }

    fn write(&self, pair: &Pair) {
        std::fs::write(self.path("tls.crt"), &pair.certificate).unwrap();
        std::fs::write(self.path("tls.key"), &pair.key).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    async fn load(&self) -> Result<FileCertificates, CertificateError> {
        let service = Service { namespace: "custom-api".to_owned(), name: "custom-api".to_owned() };
        let clock = Clock::manual(NOW).0;
        FileCertificates::load(self.path("tls.crt"), self.path("tls.key"), &service, clock, Arc::default()).await
    }
}

fn mixed(certificate: &Pair, key: &Pair) -> Pair {
    Pair { certificate: certificate.certificate.clone(), key: key.key.clone() }
}

/// Pairs that could be served and that clients refuse.
fn flawed(authority: &Authority) -> [Pair; 3] {
    let ended = |params: &mut CertificateParams| params.not_after = date_time_ymd(2025, 1, 1);
    let early = |params: &mut CertificateParams| params.not_before = date_time_ymd(2090, 1, 1);
    [authority.server_with(NAME, ended), authority.server_with(NAME, early), authority.server("elsewhere.svc")]
}

#[tokio::test]
async fn a_changed_pair_is_taken_over_and_a_bad_one_is_not() {
    let authority = Authority::named("ca");
    let (one, two) = (authority.server(NAME), authority.server(NAME));
    let folder = Folder::with(&one);
    let mut files = folder.load().await.unwrap();
    let served = |files: &FileCertificates| files.serving.chain();
    assert_eq!(served(&files), one.chain());
    assert!(!files.reload().await.unwrap());

    let mut bad: Vec<Pair> = flawed(&authority).into();
    bad.push(mixed(&two, &one));
    for pair in &bad {
        folder.write(pair);
        for _ in 0..2 {
            files.reload().await.unwrap_err();
        }
        assert_eq!(served(&files), one.chain());
    }

    folder.write(&two);
    assert!(files.reload().await.unwrap());
    assert_eq!(served(&files), two.chain());

    std::fs::remove_file(folder.path("tls.key")).unwrap();
    files.reload().await.unwrap_err();
    assert_eq!(served(&files), two.chain());
}

#[tokio::test]
async fn a_start_with_a_pair_that_clients_refuse_serves_it_until_a_better_one_comes() {
    let authority = Authority::named("ca");
    let good = authority.server(NAME);
    for pair in flawed(&authority) {
        let folder = Folder::with(&pair);
        let mut files = folder.load().await.unwrap();
        assert_eq!(files.serving.chain(), pair.chain());
        folder.write(&good);
        assert!(files.reload().await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_was_met_in_the_middle_of_its_swap_is_served_within_seconds() {
    let authority = Authority::named("ca");
    let (one, two) = (authority.server(NAME), authority.server(NAME));
    let folder = Folder::with(&one);
    let files = folder.load().await.unwrap();
    let (serving, stop) = (Arc::clone(&files.serving), CancellationToken::new());
    let running = tokio::spawn(files.run(stop.clone()));
    folder.write(&mixed(&two, &one));
    tokio::time::sleep(POLL + Duration::from_secs(1)).await;
    assert_eq!(serving.chain(), one.chain());
    folder.write(&two);
    tokio::time::sleep(RETRY + Duration::from_secs(1)).await;
    assert_eq!(serving.chain(), two.chain());
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_start_without_a_good_pair_fails_and_names_the_file() {
    let authority = Authority::named("ca");
    let (one, two) = (authority.server(NAME), authority.server(NAME));
    let folder = Folder::with(&mixed(&one, &two));
    assert!(folder.load().await.unwrap_err().to_string().contains("tls.crt"));
    std::fs::remove_file(folder.path("tls.crt")).unwrap();
    assert!(matches!(folder.load().await, Err(CertificateError::File { .. })));
}
