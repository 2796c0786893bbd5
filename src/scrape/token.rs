//! The bearer token, as fresh as its file.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::scrape::Error;
use crate::scrape::access::TokenSource;
use crate::telemetry::causes;

/// Service account tokens are renewed minutes before they expire; client-go re-reads as often.
const REREAD_INTERVAL: Duration = Duration::from_mins(1);

/// Hands out the `Authorization` header.
pub(super) struct Token {
    file: Option<PathBuf>,
    current: Mutex<Current>,
}

struct Current {
    header: Option<HeaderValue>,
    read_at: Instant,
    /// What was told last of a file that is of no use.
    trouble: Option<String>,
}

impl Token {
    /// Reads the token for the first time.
    pub(super) fn open(source: TokenSource) -> Result<Self, Error> {
        let (file, header) = match source {
            TokenSource::None => (None, None),
            TokenSource::Fixed(token) => (None, Some(header(&token)?)),
            TokenSource::File(path) => {
                let header = read(std::fs::read_to_string(&path), &path)?;
                (Some(path), Some(header))
            }
        };
        Ok(Self { file, current: Mutex::new(Current { header, read_at: Instant::now(), trouble: None }) })
    }

    /// The header to send. A file without a token that can be sent leaves the last one in use.
    pub(super) async fn header(&self) -> Option<HeaderValue> {
        let mut current = self.current.lock().await;
        if let Some(path) = &self.file
            && current.read_at.elapsed() >= REREAD_INTERVAL
        {
            current.read_at = Instant::now();
            match read(tokio::fs::read_to_string(path).await, path) {
                Ok(header) => {
                    current.header = Some(header);
                    current.trouble = None;
                }
                Err(error) => current.tell(causes(&error), path),
            }
        }
        current.header.clone()
    }
}

impl Current {
    /// Once for each change of it.
    fn tell(&mut self, error: String, path: &Path) {
        if self.trouble.as_ref() != Some(&error) {
            tracing::warn!(path = %path.display(), error, "the last token is used");
            self.trouble = Some(error);
        }
    }
}

fn read(text: io::Result<String>, path: &Path) -> Result<HeaderValue, Error> {
    header(&text.map_err(|source| Error::Read { path: path.to_owned(), source })?)
}

fn header(token: &str) -> Result<HeaderValue, Error> {
    let token = Some(token.trim()).filter(|token| !token.is_empty()).ok_or(Error::NoToken)?;
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| Error::Token)?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::telemetry::warnings::Warnings;

    #[tokio::test(start_paused = true)]
    async fn a_renewed_token_is_used_within_a_minute() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"first\n").unwrap();
        let token = Token::open(TokenSource::File(file.path().to_owned())).unwrap();
        assert_eq!(token.header().await.unwrap(), "Bearer first");
        std::fs::write(file.path(), "second\n").unwrap();
        assert_eq!(token.header().await.unwrap(), "Bearer first");
        tokio::time::advance(REREAD_INTERVAL).await;
        assert_eq!(token.header().await.unwrap(), "Bearer second");
        drop(file);
        tokio::time::advance(REREAD_INTERVAL).await;
        assert_eq!(token.header().await.unwrap(), "Bearer second", "a lost file leaves the last token");
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_without_a_token_leaves_the_last_one_and_is_told_once() {
        let (warnings, _guard) = Warnings::listen();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "first").unwrap();
        let token = Token::open(TokenSource::File(file.clone())).unwrap();
        let kinds: [(&str, Option<&str>); 3] = [("empty", Some(" \n")), ("no header", Some("a\nb")), ("lost", None)];
        for (told, (kind, text)) in (1..).zip(kinds) {
            match text {
                Some(text) => std::fs::write(&file, text).unwrap(),
                None => std::fs::remove_file(&file).unwrap(),
            }
            for _ in 0..3 {
                tokio::time::advance(REREAD_INTERVAL).await;
                assert_eq!(token.header().await.unwrap(), "Bearer first", "{kind}");
            }
            assert_eq!(warnings.saying("the last token is used"), told, "{kind}");
        }
        std::fs::write(&file, "second").unwrap();
        tokio::time::advance(REREAD_INTERVAL).await;
        assert_eq!(token.header().await.unwrap(), "Bearer second");
        std::fs::write(&file, "").unwrap();
        tokio::time::advance(REREAD_INTERVAL).await;
        assert_eq!(token.header().await.unwrap(), "Bearer second");
        assert_eq!(warnings.saying("the last token is used"), 4);
    }

    #[tokio::test]
    async fn a_token_that_is_no_header_is_refused_at_start() {
        assert!(matches!(Token::open(TokenSource::Fixed("a\nb".to_owned())), Err(Error::Token)));
        assert!(matches!(Token::open(TokenSource::Fixed(" \n".to_owned())), Err(Error::NoToken)));
        let absent = Token::open(TokenSource::File("/nonexistent/token".into()));
        assert!(matches!(absent, Err(Error::Read { .. })));
        assert!(Token::open(TokenSource::None).unwrap().header().await.is_none());
    }
}
