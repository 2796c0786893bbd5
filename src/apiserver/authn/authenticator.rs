//! The chain of authenticators.

use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use kube::Client;
use tracing::{Instrument, Span, field};

use super::judge::{Judge, Purpose};
use super::token_review::{Reviewed, TokenReviewer, bearer_token};
use super::trust::{FrontProxyTrust, Trust};
use super::{AuthnError, LiveTrust, Metrics, User, Via};
use crate::apiserver::reviews::Source;
use crate::apiserver::{Peer, ReviewMetrics};
use crate::clock::Clock;
use crate::config;

/// Tells who asks.
pub trait Authenticate: Send + Sync {
    /// The user behind a request. Headers that carry credentials or identities (`Authorization`,
    /// `X-Remote-*` and their configured equals) are removed, whatever the outcome.
    fn authenticate<'a>(
        &'a self,
        peer: &'a Peer,
        headers: &'a mut HeaderMap,
    ) -> BoxFuture<'a, Result<User, AuthnError>>;

    /// Whether `peer` is the verified front proxy, whose trace context may be believed.
    fn is_front_proxy(&self, peer: &Peer) -> bool;

    /// Whether `peer` is another replica of this server, who is no user.
    fn is_replica(&self, peer: &Peer) -> bool;
}

/// Tells who asks, as the cluster says.
pub struct Authenticator {
    trust: LiveTrust,
    judge: Judge,
    tokens: TokenReviewer,
    metrics: ReviewMetrics,
}

/// A method that did not recognise the caller: no opinion (`Ok(None)`) or an objection, which
/// counts only when no other method recognises him.
type Opinion = Result<Option<User>, AuthnError>;

impl Authenticator {
    /// An authenticator that believes `trust` and has tokens reviewed by the API server of `client`.
    ///
    /// # Errors
    /// When the system gives no random bytes for the key of the token memory.
    pub fn new(
        client: Client,
        settings: &config::Authentication,
        trust: LiveTrust,
        clock: Clock,
        metrics: Metrics,
    ) -> Result<Self, aws_lc_rs::error::Unspecified> {
        let Metrics { reviews, certificates_kept } = metrics;
        let tokens = TokenReviewer::new(client, settings.token_ttl, reviews.clone())?;
        Ok(Self { trust, judge: Judge::new(clock, certificates_kept), tokens, metrics: reviews })
    }

    async fn recognise(&self, trust: &Trust, peer: &Peer, headers: &HeaderMap) -> Result<User, AuthnError> {
        let mut objection = None;
        for via in [Via::FrontProxy, Via::ClientCertificate, Via::Token] {
            let opinion = match via {
                Via::FrontProxy => self.front_proxy(trust, peer, headers),
                Via::ClientCertificate => self.client_certificate(trust, peer),
                Via::Token | Via::Anonymous => self.token(headers).await,
            };
            match opinion {
                Ok(Some(user)) => return Ok(user.with_authenticated_group()),
                Ok(None) => {}
                Err(error) => {
                    objection = Some((via, error));
                    // What a front proxy garbles is nobody's: it must not pass for the proxy's own.
                    if via == Via::FrontProxy && self.is_front_proxy(peer) {
                        break;
                    }
                }
            }
        }
        let Some((via, error)) = objection else { return Ok(User::anonymous()) };
        let result = if matches!(error, AuthnError::Unavailable(_)) { "error" } else { "refused" };
        Span::current().record("kube_vitals.authentication.method", via.as_str());
        if result == "error" {
            Span::current().record("otel.status_code", "ERROR");
        }
        self.metrics.attempted(via.as_str(), result);
        Err(error)
    }

    fn front_proxy(&self, trust: &Trust, peer: &Peer, headers: &HeaderMap) -> Opinion {
        let Some(proxies) = &trust.front_proxy else { return Ok(None) };
        if !self.verified_proxy(proxies, trust.revision, peer).map_err(AuthnError::unauthorized)? {
            return Ok(None);
        }
        proxies.headers.user(headers).map_err(AuthnError::unauthorized)
    }

    /// Whether the peer is a front proxy; an error says why its certificate makes it none.
    fn verified_proxy(&self, proxies: &FrontProxyTrust, revision: u64, peer: &Peer) -> Result<bool, String> {
        match self.judge.verdict(peer, Purpose::FrontProxy, &proxies.authorities, revision) {
            None => Ok(false),
            Some(Err(fault)) => Err(fault.to_string()),
            Some(Ok(subject)) if proxies.admits(&subject) => Ok(true),
            Some(Ok(subject)) => Err(format!("{:?} is not the name of a front proxy", subject.common_name)),
        }
    }

    fn client_certificate(&self, trust: &Trust, peer: &Peer) -> Opinion {
        let Some(authorities) = &trust.clients else { return Ok(None) };
        match self.judge.verdict(peer, Purpose::Client, authorities, trust.revision) {
            None => Ok(None),
            Some(Err(fault)) => Err(AuthnError::unauthorized(fault.to_string())),
            Some(Ok(subject)) => Ok(subject.user()),
        }
    }

    /// Whether somebody with a certificate speaks for others and is not known to be a front proxy.
    fn is_unknown_speaker(&self, trust: &Trust, peer: &Peer, headers: &HeaderMap) -> bool {
        let Some(proxies) = &trust.front_proxy else { return false };
        !peer.certificates.is_empty()
            && headers.keys().any(|name| proxies.headers.contains(name))
            && self.verified_proxy(proxies, trust.revision, peer).is_err()
    }

    async fn token(&self, headers: &HeaderMap) -> Opinion {
        let Some(token) = bearer_token(headers).map_err(AuthnError::unauthorized)? else { return Ok(None) };
        let (reviewed, source) = self.tokens.review(&token).await.map_err(AuthnError::unavailable)?;
        Span::current().record("kube_vitals.cache.hit", source == Source::Kept);
        match reviewed {
            Reviewed::Of(user) => Ok(Some(User::clone(&user))),
            Reviewed::Nobodys => Err(AuthnError::unauthorized("the bearer token is nobody's".to_owned())),
            Reviewed::Refused(reason) => {
                Err(AuthnError::unauthorized(format!("the bearer token is refused: {reason}")))
            }
        }
    }
}

impl Authenticate for Authenticator {
    fn authenticate<'a>(
        &'a self,
        peer: &'a Peer,
        headers: &'a mut HeaderMap,
    ) -> BoxFuture<'a, Result<User, AuthnError>> {
        let span = tracing::info_span!(
            "authentication",
            kube_vitals.authentication.method = field::Empty,
            kube_vitals.cache.hit = field::Empty,
            otel.status_code = field::Empty,
        );
        async move {
            let mut trust = self.trust.current();
            if self.is_unknown_speaker(&trust, peer, headers) {
                trust = self.trust.after_a_look().await;
            }
            let recognised = self.recognise(&trust, peer, headers).await;
            let impersonated = impersonation(headers);
            strip(headers, &trust);
            let user = recognised?;
            Span::current().record("kube_vitals.authentication.method", user.via.as_str());
            self.metrics.attempted(user.via.as_str(), "success");
            match impersonated {
                Some(header) => Err(AuthnError::ImpersonationUnsupported { header }),
                None => Ok(user),
            }
        }
        .instrument(span)
        .boxed()
    }

    fn is_front_proxy(&self, peer: &Peer) -> bool {
        let trust = self.trust.current();
        let proxies = trust.front_proxy.as_ref();
        proxies.is_some_and(|proxies| self.verified_proxy(proxies, trust.revision, peer).unwrap_or(false))
    }

    fn is_replica(&self, peer: &Peer) -> bool {
        self.trust.replicas().vouches(peer, self.judge.now())
    }
}

fn impersonation(headers: &HeaderMap) -> Option<String> {
    headers.keys().map(HeaderName::as_str).find(|name| name.starts_with("impersonate-")).map(str::to_owned)
}

/// Removes all that tells an identity, so that nothing behind us can mistake it for one.
fn strip(headers: &mut HeaderMap, trust: &Trust) {
    let configured = trust.front_proxy.as_ref().map(|proxies| &proxies.headers);
    let tells = |name: &&HeaderName| {
        *name == AUTHORIZATION
            || name.as_str().starts_with("x-remote-")
            || configured.is_some_and(|headers| headers.contains(name))
    };
    let telling: Vec<HeaderName> = headers.keys().filter(tells).cloned().collect();
    for name in telling {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests;
