//! Access, judged by the API server.

use std::time::Duration;

use aws_lc_rs::digest;
use futures::TryFutureExt;
use k8s_openapi::api::authorization::v1::{
    FieldSelectorAttributes, LabelSelectorAttributes, NonResourceAttributes, ResourceAttributes, SubjectAccessReview,
    SubjectAccessReviewSpec, SubjectAccessReviewStatus,
};
use kube::Client;

use super::{AuthzError, Decision};
use crate::apiserver::authn::User;
use crate::apiserver::reviews::{Asker, ReviewError, Source, Verdicts};
use crate::apiserver::{RequestInfo, ResourceRequest, ReviewMetrics};
use crate::config;

/// Verdicts remembered, as many as kube-apiserver's own.
const KEPT: usize = 8192;
/// Memory for them. Questions are chosen by callers, so their length is bounded too.
const KEPT_BYTES: u64 = 4 * 1024 * 1024;
/// A longer question is kept as its hash: one caller must not push out everybody else's verdicts, nor
/// have us ask each time.
const LONGEST_QUESTION_BYTES: usize = 4096;

/// Asks whether users may, and remembers the answers.
pub(super) struct AccessReviewer {
    asker: Asker,
    allowed_ttl: Duration,
    denied_ttl: Duration,
    verdicts: Verdicts<Box<str>, Verdict>,
    metrics: ReviewMetrics,
}

/// What the API server said: the decision, or both yes and no.
type Verdict = Result<Decision, AuthzError>;

impl AccessReviewer {
    pub(super) fn new(client: Client, settings: &config::Authorization, metrics: ReviewMetrics) -> Self {
        Self {
            asker: Asker::new(client),
            allowed_ttl: settings.allowed_ttl,
            denied_ttl: settings.denied_ttl,
            verdicts: Verdicts::new(KEPT, KEPT_BYTES, weight, metrics.under_way.clone()),
            metrics,
        }
    }

    /// Whether `user` may.
    pub(super) async fn review(&self, user: &User, request: &RequestInfo) -> Result<(Decision, Source), AuthzError> {
        let spec = question(user, request);
        // The question as text is its own key: what differs in any part is another question.
        let key = serde_json::to_string(&spec).map_err(AuthzError::unavailable)?;
        let key = if key.len() > LONGEST_QUESTION_BYTES { hash(&key) } else { key };
        let (allowed, denied) = (self.allowed_ttl, self.denied_ttl);
        let ttl = move |verdict: &Verdict| match verdict {
            Ok(Decision::Allowed) => allowed,
            Ok(Decision::Denied { .. }) => denied,
            Err(_) => Duration::ZERO,
        };
        let asked = self.verdicts.on(key.into_boxed_str(), ttl, || self.ask(spec)).await;
        let (verdict, source) = asked.map_err(AuthzError::unavailable)?;
        self.metrics.judged(source, self.verdicts.count());
        Ok((verdict?, source))
    }

    fn ask(&self, spec: SubjectAccessReviewSpec) -> impl Future<Output = Result<Verdict, ReviewError>> + Send + use<> {
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        let answer = self.metrics.timed(self.asker.clone().ask(review));
        // An answer without a status says nothing, which is no yes.
        answer.map_ok(|review| read(review.status.unwrap_or_default()))
    }
}

fn read(status: SubjectAccessReviewStatus) -> Verdict {
    match (status.allowed, status.denied.unwrap_or_default()) {
        (true, true) => Err(AuthzError::Contradictory),
        (true, false) => Ok(Decision::Allowed),
        (false, _) => Ok(Decision::Denied { reason: status.reason.unwrap_or_default() }),
    }
}

fn question(user: &User, request: &RequestInfo) -> SubjectAccessReviewSpec {
    let resource_attributes = request.resource.as_ref().map(|resource| resource_attributes(&request.verb, resource));
    let non_resource_attributes = request
        .resource
        .is_none()
        .then(|| NonResourceAttributes { path: Some(request.path.clone()), verb: Some(request.verb.clone()) });
    SubjectAccessReviewSpec {
        user: Some(user.name.clone()),
        uid: user.uid.clone(),
        groups: (!user.groups.is_empty()).then(|| user.groups.clone()),
        extra: (!user.extra.is_empty()).then(|| user.extra.clone()),
        resource_attributes,
        non_resource_attributes,
    }
}

fn resource_attributes(verb: &str, resource: &ResourceRequest) -> ResourceAttributes {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ResourceAttributes {
        verb: some(verb),
        group: some(&resource.group),
        version: some(&resource.version),
        namespace: some(&resource.namespace),
        resource: some(&resource.resource),
        subresource: some(&resource.subresource),
        name: some(&resource.name),
        // The API server parses selectors itself, and leaves out what it cannot parse.
        field_selector: resource
            .field_selector
            .clone()
            .map(|selector| FieldSelectorAttributes { raw_selector: Some(selector), requirements: None }),
        label_selector: resource
            .label_selector
            .clone()
            .map(|selector| LabelSelectorAttributes { raw_selector: Some(selector), requirements: None }),
    }
}

/// No question is written like that: they are JSON.
fn hash(question: &str) -> String {
    format!("{:?}", digest::digest(&digest::SHA256, question.as_bytes()))
}

/// Bytes held for one verdict. The boxed signature is the memory's.
#[expect(clippy::borrowed_box, reason = "the key's own type")]
fn weight(question: &Box<str>, verdict: &Verdict) -> usize {
    /// Expiry and map entry.
    const FIXED: usize = 128;
    let reason = if let Ok(Decision::Denied { reason }) = verdict { reason.len() } else { 0 };
    FIXED + question.len() + reason
}

#[cfg(test)]
mod tests;
