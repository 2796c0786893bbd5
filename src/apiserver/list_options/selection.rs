//! Which objects.

use std::sync::Arc;

use crate::apiserver::list_options::FieldSelector;
use crate::apiserver::list_options::parameters::Parameters;
use crate::apiserver::status::Status;
use crate::cluster::Labels;
use crate::cluster::selector::LabelSelector;

/// Keys and values of all conditions together. A URL has room for twenty thousand, each of which would be
/// looked at for each pod, and kept for as long as a watch lasts; nobody types, and no workload has, as many
/// as this.
const MOST_TERMS: usize = 1000;

/// Conditions on labels and on names, of which all must hold. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection(Arc<Conditions>);

#[derive(Debug, Default, PartialEq, Eq)]
struct Conditions {
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Selection {
    pub(super) fn of(parameters: &Parameters<'_>) -> Result<Self, Status> {
        let labels = LabelSelector::parse(parameters.text("labelSelector"));
        let labels = labels.map_err(|error| Status::bad_request(error.to_string()))?;
        let fields = FieldSelector::parse(parameters.text("fieldSelector"));
        let fields = fields.map_err(|error| Status::bad_request(error.to_string()))?;
        let terms = labels.terms() + fields.terms();
        if terms > MOST_TERMS {
            let message =
                format!("selectors of more than {MOST_TERMS} keys and values are refused, these have {terms}");
            return Err(Status::bad_request(message));
        }
        Ok(Self(Arc::new(Conditions { labels, fields })))
    }

    /// The conditions on labels, if there are any.
    pub(crate) fn labels(&self) -> Option<&LabelSelector> {
        Some(&self.0.labels).filter(|labels| !labels.is_empty())
    }

    /// The one name that an object must have, if one is demanded.
    pub(crate) fn demanded_name(&self) -> Option<&str> {
        self.0.fields.demanded_name()
    }

    /// Whether an object is meant. `namespace` is empty for what belongs to none.
    pub(crate) fn selects(&self, namespace: &str, name: &str, labels: &Labels) -> bool {
        self.0.fields.matches(namespace, name) && self.0.labels.matches(labels)
    }
}
