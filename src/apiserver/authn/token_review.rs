//! Bearer tokens, judged by the API server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{hmac, rand};
use futures::TryFutureExt;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus};
use kube::Client;

use super::user::{User, Via};
use crate::apiserver::ReviewMetrics;
use crate::apiserver::reviews::{Asker, ReviewError, Source, Verdicts};

/// Longer tokens are refused unseen: no issuer makes them, and each would be sent on.
const MAX_TOKEN_BYTES: usize = 64 * 1024;
/// Tokens remembered; beyond that the coldest are asked about again.
const KEPT: usize = 4096;
/// Memory for them: users with many groups weigh more.
const KEPT_BYTES: u64 = 4 * 1024 * 1024;

/// What the API server said of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reviewed {
    /// It is this user's.
    Of(Arc<User>),
    /// It is nobody's.
    Nobodys,
    /// It is not good, and the reason may pass.
    Refused(Arc<str>),
}

/// Asks for tokens and remembers the answers. Tokens are never kept: only their keyed hashes, under
/// a key that this process made up.
pub(super) struct TokenReviewer {
    asker: Asker,
    key: hmac::Key,
    ttl: Duration,
    verdicts: Verdicts<[u8; 32], Reviewed>,
    metrics: ReviewMetrics,
}

impl TokenReviewer {
    /// # Errors
    /// When the system gives no random bytes.
    pub(super) fn new(client: Client, ttl: Duration, metrics: ReviewMetrics) -> Result<Self, Unspecified> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new())?;
        let verdicts = Verdicts::new(KEPT, KEPT_BYTES, weight, metrics.under_way.clone());
        Ok(Self { asker: Asker::new(client), key, ttl, verdicts, metrics })
    }

    /// Whose `token` is.
    pub(super) async fn review(&self, token: &str) -> Result<(Reviewed, Source), ReviewError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Ok((Reviewed::Refused("the token is too long".into()), Source::Kept));
        }
        let (key, ttl) = (self.place(token), self.ttl);
        let believed = move |reviewed: &Reviewed| match reviewed {
            Reviewed::Of(_) | Reviewed::Nobodys => ttl,
            Reviewed::Refused(_) => Duration::ZERO,
        };
        let (reviewed, source) = self.verdicts.on(key, believed, || self.ask(token)).await?;
        self.metrics.judged(source, self.verdicts.count());
        Ok((reviewed, source))
    }

    /// Where the answer about `token` is kept.
    fn place(&self, token: &str) -> [u8; 32] {
        let mut place = [0; 32];
        place.copy_from_slice(hmac::sign(&self.key, token.as_bytes()).as_ref());
        place
    }

    fn ask(&self, token: &str) -> impl Future<Output = Result<Reviewed, ReviewError>> + Send + use<> {
        let spec = TokenReviewSpec { token: Some(token.to_owned()), audiences: None };
        let review = TokenReview { spec, ..TokenReview::default() };
        let answer = self.metrics.timed(self.asker.clone().ask(review));
        answer.map_ok(|review| Reviewed::read(review.status.unwrap_or_default()))
    }
}

impl Reviewed {
    fn read(status: TokenReviewStatus) -> Self {
        let told = status.user.unwrap_or_default();
        match (status.authenticated, told.username) {
            (Some(true), Some(name)) if !name.is_empty() => Self::Of(Arc::new(User {
                name,
                uid: told.uid.filter(|uid| !uid.is_empty()),
                groups: told.groups.unwrap_or_default(),
                extra: told.extra.unwrap_or_default(),
                via: Via::Token,
            })),
            _ => match status.error.filter(|error| !error.is_empty()) {
                Some(error) => Self::Refused(error.into()),
                None => Self::Nobodys,
            },
        }
    }
}

/// The bearer token of a request; `None` when it has none, which is no fault.
///
/// # Errors
/// When it can be no token.
pub(super) fn bearer_token(headers: &HeaderMap) -> Result<Option<String>, String> {
    let Some(value) = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes) else { return Ok(None) };
    let mut words = value.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let scheme = words.next().unwrap_or_default();
    let Some(token) = words.next().filter(|_| scheme.eq_ignore_ascii_case(b"bearer")) else { return Ok(None) };
    let token = std::str::from_utf8(token).map_err(|_| "the bearer token is not text".to_owned())?;
    Ok(Some(token.to_owned()))
}

/// Bytes held for one verdict.
fn weight(_: &[u8; 32], reviewed: &Reviewed) -> usize {
    /// Key, expiry, map entry and the fixed parts of a user.
    const FIXED: usize = 256;
    let Reviewed::Of(user) = reviewed else { return FIXED };
    let strings = |values: &[String]| values.iter().map(|value| value.len() + size_of::<String>()).sum::<usize>();
    let extra: &BTreeMap<String, Vec<String>> = &user.extra;
    let extras: usize = extra.iter().map(|(key, values)| key.len() + 64 + strings(values)).sum();
    FIXED + user.name.len() + strings(&user.groups) + extras
}

#[cfg(test)]
mod tests;
