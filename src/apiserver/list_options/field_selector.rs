//! Field selectors: conditions on `metadata.name` and `metadata.namespace`.
//!
//! The language and the words of its refusals are those of Kubernetes: terms `field=value`,
//! `field==value`, `field!=value` joined by commas, a backslash before `\`, `,` and `=` in values.

/// Conditions that all must hold; none of them holds for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldSelector(Vec<Term>);

/// Why a text is no field selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FieldSelectorError {
    /// A term without an operator.
    #[error("invalid selector: '{selector}'; can't understand '{term}'")]
    Term {
        /// The whole.
        selector: String,
        /// The part.
        term: String,
    },
    /// A backslash before anything else, or at the end.
    #[error("invalid field selector: invalid escape sequence: {0}")]
    Escape(String),
    /// A second operator.
    #[error("invalid field selector: unescaped character in value: {0}")]
    Unescaped(char),
    /// Any other field.
    #[error("{0:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")]
    Unknown(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    field: Field,
    equal: bool,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Name,
    Namespace,
}

impl FieldSelector {
    pub(crate) fn parse(selector: &str) -> Result<Self, FieldSelectorError> {
        let terms = split_unescaped(selector).into_iter().filter(|term| !term.is_empty());
        terms.map(|term| Term::parse(selector, term)).collect::<Result<_, _>>().map(Self)
    }

    /// The one name that an object must have, if a term demands one.
    pub(crate) fn demanded_name(&self) -> Option<&str> {
        let demanding = self.0.iter().find(|term| term.field == Field::Name && term.equal);
        demanding.map(|term| term.value.as_str())
    }

    /// Its fields and values, counted.
    pub(super) const fn terms(&self) -> usize {
        self.0.len() * 2
    }

    pub(super) fn matches(&self, namespace: &str, name: &str) -> bool {
        self.0.iter().all(|term| {
            let actual = match term.field {
                Field::Name => name,
                Field::Namespace => namespace,
            };
            (actual == term.value) == term.equal
        })
    }
}

impl Term {
    fn parse(selector: &str, term: &str) -> Result<Self, FieldSelectorError> {
        let Some((field, equal, value)) = split_operator(term) else {
            return Err(FieldSelectorError::Term { selector: selector.to_owned(), term: term.to_owned() });
        };
        let value = unescape(value)?;
        let field = match field {
            "metadata.name" => Field::Name,
            "metadata.namespace" => Field::Namespace,
            unknown => return Err(FieldSelectorError::Unknown(unknown.to_owned())),
        };
        Ok(Self { field, equal, value })
    }
}

/// The parts between commas that have no backslash before them.
fn split_unescaped(selector: &str) -> Vec<&str> {
    let mut escaped = false;
    selector
        .split(|letter| {
            let ends = letter == ',' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        })
        .collect()
}

/// Field, whether it must be equal, and the value as typed.
fn split_operator(term: &str) -> Option<(&str, bool, &str)> {
    let at = term.find(['=', '!'])?;
    let (field, rest) = term.split_at_checked(at)?;
    let operators = [("!=", false), ("==", true), ("=", true)];
    operators.into_iter().find_map(|(operator, equal)| Some((field, equal, rest.strip_prefix(operator)?)))
}

fn unescape(value: &str) -> Result<String, FieldSelectorError> {
    let mut plain = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => plain.push(escaped),
                other => return Err(FieldSelectorError::Escape(['\\'].into_iter().chain(other).collect())),
            },
            ',' | '=' => return Err(FieldSelectorError::Unescaped(letter)),
            _ => plain.push(letter),
        }
    }
    Ok(plain)
}
