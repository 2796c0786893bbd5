//! The bearer token, as fresh as its file.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::scrape::Error;
use crate::scrape::access::TokenSource;

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
}

impl Token {
    /// Reads the token for the first time.
    pub(super) fn open(source: TokenSource) -> Result<Self, Error> {
        let (file, header) = match source {
            TokenSource::None => (None, None),
            TokenSource::Fixed(token) => (None, Some(header(&token).ok_or(Error::Token)?)),
            TokenSource::File(path) => {
                let text = std::fs::read_to_string(&path);
                let text = text.map_err(|source| Error::Read { path: path.clone(), source })?;
                (Some(path), Some(header(&text).ok_or(Error::Token)?))
            }
        };
        Ok(Self { file, current: Mutex::new(Current { header, read_at: Instant::now() }) })
    }

    /// The header to send. A file that cannot be read any more leaves the last token in use.
    pub(super) async fn header(&self) -> Option<HeaderValue> {
        let mut current = self.current.lock().await;
        if let Some(path) = &self.file
            && current.read_at.elapsed() >= REREAD_INTERVAL
        {
            current.read_at = Instant::now();
            match tokio::fs::read_to_string(path).await {
                Ok(text) => current.header = header(&text).or_else(|| current.header.take()),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "cannot read the token; the last one is used");
                }
            }
        }
        current.header.clone()
    }
}

fn header(token: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::try_from(format!("Bearer {}", token.trim())).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

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

    #[tokio::test]
    async fn a_token_that_is_no_header_is_refused_at_start() {
        assert!(matches!(Token::open(TokenSource::Fixed("a\nb".to_owned())), Err(Error::Token)));
        let absent = Token::open(TokenSource::File("/nonexistent/token".into()));
        assert!(matches!(absent, Err(Error::Read { .. })));
        assert!(Token::open(TokenSource::None).unwrap().header().await.is_none());
    }
}
