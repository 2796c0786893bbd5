//! Handlers: a list, a watch, or one object, of any resource.

use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header;
use tracing::field::Empty;

use crate::apiserver::content::Content;
use crate::apiserver::list_options::{ContinueToken, ListOptions, Start};
use crate::apiserver::negotiate::{Encoding, Shape, accepted};
use crate::apiserver::resources::call::Call;
use crate::apiserver::resources::encoder::Told;
use crate::apiserver::resources::join::Moment;
use crate::apiserver::resources::list::{ListMeta, TextList};
use crate::apiserver::resources::protobuf_list::ProtobufList;
use crate::apiserver::resources::resource::Resource;
use crate::apiserver::resources::stream::{Stream, Turns};
use crate::apiserver::resources::walk::{Range, Walk};
use crate::apiserver::status::Status;
use crate::usage::PodKey;

/// What is answered also while memory is short: a page of kubectl's, and more pods than autoscalers ask
/// for at once. Written, it is some 250 KiB.
const SHORT_LIST: NonZeroUsize = NonZeroUsize::new(500).unwrap();

/// `…/RESOURCE` and `…/namespaces/NAMESPACE/RESOURCE`: a list or a watch.
pub(crate) async fn collection<R: Resource>(
    State(content): State<Arc<Content>>,
    request: Request,
) -> Result<Response, Status> {
    let call = Call::of(&content, &request, &R::TYPE)?;
    match call.verb {
        "list" => list::<R>(call).await,
        "watch" if !content.api.pressure.take_on() => Err(content.short_of_memory()),
        "watch" => R::watch(&call),
        _ => Err(Status::path_not_found()),
    }
}

/// `…/RESOURCE/NAME` and `…/namespaces/NAMESPACE/RESOURCE/NAME`
pub(crate) async fn object<R: Resource>(
    State(content): State<Arc<Content>>,
    request: Request,
) -> Result<Response, Status> {
    let call = Call::of(&content, &request, &R::TYPE)?;
    if call.verb != "get" {
        return Err(Status::path_not_found());
    }
    let encoder = call.encoder(accepted(call.headers, call.query, &[Shape::Object])?)?;
    let moment = snapshot(|| Ok(content.moments().current()))?;
    let key = PodKey::new(&call.resource.namespace, &call.resource.name);
    let subject = R::find(&moment.view, &key).ok_or_else(|| call.not_found(R::TYPE.plural, &key.name))?;
    let answer = R::answer(&moment, call.group.dialect, subject).map_err(|absence| {
        let name = if R::TYPE.namespaced { key.to_string() } else { key.name.to_string() };
        let status = Status::not_found(&call.group.name, R::UNKNOWN, &name);
        status.because(absence.cause.reason(), &absence.cause.to_string())
    })?;
    let resource_version = moment.tag.served(R::revision(subject, &answer));
    let told = Told::<R> { moment: &moment, subject, answer: &answer, resource_version };
    let document = tracing::info_span!("encode").in_scope(|| encoder.document(&told));
    Ok(([(header::CONTENT_TYPE, encoder.accepted.content_type())], document).into_response())
}

async fn list<R: Resource>(call: Call<'_>) -> Result<Response, Status> {
    let encoder = call.encoder(accepted(call.headers, call.query, &[Shape::List])?)?;
    let tag = call.content.moments().tag();
    let options = ListOptions::parse(call.query, tag)?;
    let moment = snapshot(|| moment(&call, &options.start))?;
    let after = match &options.start {
        Start::Continue(token) => Some(&token.after),
        _ => None,
    };
    let namespace = Arc::from(call.resource.namespace.as_str());
    let mut range = Range::of::<R>(Arc::clone(&moment), call.group.dialect, options.selection, namespace, after);
    let next = match options.limit {
        Some(limit) => range.limit_to::<R>(limit).await,
        None => None,
    };
    let next = next.map(|after| ContinueToken { revision: Some(moment.revision), after }.text(tag));
    let meta = ListMeta { resource_version: moment.resource_version(), r#continue: next.unwrap_or_default() };
    let (walk, accepted) = (Walk::new(range.clone()), encoder.accepted);
    let pretty = accepted.pretty && accepted.encoding != Encoding::Protobuf;
    if accepted.encoding == Encoding::Protobuf {
        send::<R>(ProtobufList::<R>::new(encoder, walk, meta), call, range, (accepted.content_type(), pretty)).await
    } else {
        send::<R>(TextList::<R>::new(encoder, walk, meta), call, range, (accepted.content_type(), pretty)).await
    }
}

/// Sends `written`, which is about the objects of `range`, unless it is long and there is no memory for it.
async fn send<R: Resource>(
    written: impl Turns,
    call: Call<'_>,
    mut range: Range,
    (content_type, pretty): (&'static str, bool),
) -> Result<Response, Status> {
    let stream = Stream::begin(written, pretty).await;
    if stream.is_longer() && !call.content.api.pressure.take_on() && range.limit_to::<R>(SHORT_LIST).await.is_some() {
        return Err(call.content.short_of_memory());
    }
    Ok(stream.answer(content_type, call.in_flight))
}

/// The moment that an answer is made from, as `take` finds it.
fn snapshot(take: impl FnOnce() -> Result<Arc<Moment>, Status>) -> Result<Arc<Moment>, Status> {
    let span = tracing::info_span!("snapshot", kube_vitals.resource_version = Empty);
    let moment = span.in_scope(take)?;
    span.record("kube_vitals.resource_version", moment.resource_version());
    Ok(moment)
}

/// The moment that a list is made from.
fn moment(call: &Call<'_>, start: &Start) -> Result<Arc<Moment>, Status> {
    let moments = call.content.moments();
    let tag = moments.tag();
    let current = moments.current();
    match start {
        Start::NotOlderThan(revision) if *revision > current.revision => {
            Err(Status::version_too_large(tag.served(*revision), current.resource_version()))
        }
        Start::Newest | Start::NotOlderThan(_) | Start::Continue(ContinueToken { revision: None, .. }) => Ok(current),
        Start::Exact(revision) => {
            moments.at(*revision).ok_or_else(|| Status::version_expired(&tag.served(*revision).to_string()))
        }
        Start::Continue(token @ ContinueToken { revision: Some(revision), .. }) => {
            moments.at(*revision).ok_or_else(|| token.expired(tag))
        }
    }
}
