//! Which objects.

use crate::apiserver::list_options::FieldSelector;
use crate::apiserver::list_options::parameters::Parameters;
use crate::apiserver::status::Status;
use crate::cluster::Labels;
use crate::cluster::selector::LabelSelector;

/// Conditions on labels and on names, of which all must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Selection {
    pub(super) fn of(parameters: &Parameters<'_>) -> Result<Self, Status> {
        let labels = LabelSelector::parse(parameters.text("labelSelector"));
        let fields = FieldSelector::parse(parameters.text("fieldSelector"));
        Ok(Self {
            labels: labels.map_err(|error| Status::bad_request(error.to_string()))?,
            fields: fields.map_err(|error| Status::bad_request(error.to_string()))?,
        })
    }

    /// The conditions on labels, if there are any.
    pub(crate) fn labels(&self) -> Option<&LabelSelector> {
        Some(&self.labels).filter(|labels| !labels.is_empty())
    }

    /// The one name that an object must have, if one is demanded.
    pub(crate) fn demanded_name(&self) -> Option<&str> {
        self.fields.demanded_name()
    }

    /// Whether an object is meant. `namespace` is empty for what belongs to none.
    pub(crate) fn selects(&self, namespace: &str, name: &str, labels: &Labels) -> bool {
        self.fields.matches(namespace, name) && self.labels.matches(labels)
    }
}
