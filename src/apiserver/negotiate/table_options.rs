//! The one option that a table has.

use crate::apiserver::status::Status;

/// What the rows of a table carry of the object they are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum IncludeObject {
    None,
    #[default]
    Metadata,
    Object,
}

/// Reads `includeObject` of a query.
pub(crate) fn include_object(query: &str) -> Result<IncludeObject, Status> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let value = pairs.find(|(key, _)| key == "includeObject").map(|(_, value)| value);
    match value.as_deref().unwrap_or_default() {
        "None" => Ok(IncludeObject::None),
        "" | "Metadata" => Ok(IncludeObject::Metadata),
        "Object" => Ok(IncludeObject::Object),
        other => Err(Status::bad_request(format!(
            "Unable to convert to Table as requested: includeObject: Invalid value: {other:?}: \
             must be 'Metadata', 'Object', 'None', or empty"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_carry_metadata_unless_more_or_less_is_asked_for() {
        for (query, expected) in [
            ("", IncludeObject::Metadata),
            ("limit=500&includeObject=", IncludeObject::Metadata),
            ("includeObject=Metadata", IncludeObject::Metadata),
            ("includeObject=None&limit=1", IncludeObject::None),
            ("includeObject=Object", IncludeObject::Object),
        ] {
            assert_eq!(include_object(query), Ok(expected), "{query}");
        }
    }

    #[test]
    fn an_unknown_include_object_is_refused() {
        let refused = Status::bad_request(
            "Unable to convert to Table as requested: includeObject: Invalid value: \"all\": \
             must be 'Metadata', 'Object', 'None', or empty",
        );
        assert_eq!(include_object("includeObject=all"), Err(refused));
        assert!(include_object("includeObject=object").is_err(), "values are exact");
    }
}
