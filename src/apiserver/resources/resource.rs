//! What lists, watches and encodings need to know of a kind of objects.

use std::ops::Bound;
use std::sync::Arc;

use axum::response::Response;

use crate::apiserver::groups::{Dialect, ResourceType};
use crate::apiserver::list_options::Selection;
use crate::apiserver::protobuf::Fields;
use crate::apiserver::resources::absence::Absence;
use crate::apiserver::resources::call::Call;
use crate::apiserver::resources::fields::Metadata;
use crate::apiserver::resources::join::Moment;
use crate::apiserver::resources::json::Json;
use crate::apiserver::resources::table::Column;
use crate::apiserver::status::Status;
use crate::cluster::{Stretch, View};
use crate::usage::PodKey;

/// One kind of objects that we serve.
pub(crate) trait Resource: Sized + Send + Sync + 'static {
    /// Its names.
    const TYPE: ResourceType;
    /// What is not found where the subject exists and nothing is known of it.
    const UNKNOWN: &'static str;

    /// What an object is about: a node or a pod.
    type Subject: Send + Sync + 'static;
    /// What is told about it.
    type Answer<'m>: Send;

    /// The subjects from `start` on, in the order of lists.
    fn starting_at(view: &View, start: Bound<PodKey>) -> impl Iterator<Item = &Arc<Self::Subject>> + Send;

    /// Where those of a namespace (empty for all) stand that `selection` can mean, others perhaps
    /// between them; `None` where they have to be looked for among all.
    fn stretches(_view: &View, _namespace: &str, _selection: &Selection) -> Option<Vec<Stretch>> {
        None
    }

    /// The subject of these names; that of a node has no namespace.
    fn find<'v>(view: &'v View, key: &PodKey) -> Option<&'v Arc<Self::Subject>>;

    /// The names of a subject, cheap to clone.
    fn key(subject: &Self::Subject) -> PodKey;

    /// The metadata of a subject.
    fn metadata(subject: &Self::Subject) -> Metadata<'_>;

    /// What is told of a subject, as far as `dialect` serves it.
    fn answer<'m>(
        moment: &'m Moment,
        dialect: Dialect,
        subject: &'m Self::Subject,
    ) -> Result<Self::Answer<'m>, Absence<'m>>;

    /// The version of the last change of a subject or of what is told of it.
    fn revision(subject: &Self::Subject, answer: &Self::Answer<'_>) -> u64;

    /// Writes the members that follow `metadata`.
    fn json(json: &mut Json, dialect: Dialect, answer: &Self::Answer<'_>);

    /// The columns of a table.
    fn columns(dialect: Dialect) -> &'static [Column];

    /// Writes the cells of a table's row.
    fn cells(json: &mut Json, dialect: Dialect, subject: &Self::Subject, answer: &Self::Answer<'_>, moment: &Moment);

    /// Writes the same as fields of a protobuf message.
    fn protobuf(object: &mut Fields, dialect: Dialect, subject: &Self::Subject, answer: &Self::Answer<'_>);

    /// Answers a watch.
    fn watch(call: &Call<'_>) -> Result<Response, Status> {
        Err(Status::verb_not_supported("watch", &call.group.name, Self::TYPE.plural))
    }
}
