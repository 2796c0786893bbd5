//! Label selectors, as typed after `--node-selector`, `kubectl -l` or `labelSelector=`.
//!
//! The language, what it accepts and the words of its refusals are those of Kubernetes, since the
//! same text reaches us by the same clients. Pure: text in, yes or no out.

mod lexer;
mod parser;
mod validation;

use std::collections::BTreeSet;
use std::fmt;

use crate::cluster::Labels;

/// A parsed selector: every requirement must hold. The empty selector matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

/// Why a text is no selector; `Display` is the sentence Kubernetes clients expect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(String);

/// A condition on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    condition: Condition,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Exists,
    Absent,
    /// `=`, `==`, `in`.
    OneOf(BTreeSet<String>),
    /// `!=`, `notin`: holds for an object without the label, too.
    NoneOf(BTreeSet<String>),
    GreaterThan(i64),
    LessThan(i64),
}

impl LabelSelector {
    /// Reads a selector.
    ///
    /// # Errors
    /// When the text is outside the language, or a key or value can be no label's.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        parser::parse(text).map(|requirements| Self { requirements })
    }

    /// Whether it matches everything.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Its keys and values, counted: what it costs to keep it, and to look at one label set.
    pub fn terms(&self) -> usize {
        self.requirements.iter().map(|requirement| 1 + requirement.condition.values()).sum()
    }

    /// Whether all its requirements hold for `labels`.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.requirements.iter().all(|requirement| requirement.holds(labels.value(&requirement.key)))
    }
}

impl Condition {
    fn values(&self) -> usize {
        match self {
            Self::Exists | Self::Absent => 0,
            Self::OneOf(values) | Self::NoneOf(values) => values.len(),
            Self::GreaterThan(_) | Self::LessThan(_) => 1,
        }
    }
}

impl Requirement {
    fn holds(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match &self.condition {
            Condition::Exists => value.is_some(),
            Condition::Absent => value.is_none(),
            Condition::OneOf(values) => value.is_some_and(|value| values.contains(value)),
            Condition::NoneOf(values) => !value.is_some_and(|value| values.contains(value)),
            Condition::GreaterThan(bound) => number().is_some_and(|number| number > *bound),
            Condition::LessThan(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

/// Text that parses to the same selector, as sent to the API server.
impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, condition } = self;
        match condition {
            Condition::Exists => f.write_str(key),
            Condition::Absent => write!(f, "!{key}"),
            Condition::OneOf(values) => write!(f, "{key} in ({})", list(values)),
            Condition::NoneOf(values) => write!(f, "{key} notin ({})", list(values)),
            Condition::GreaterThan(bound) => write!(f, "{key}>{bound}"),
            Condition::LessThan(bound) => write!(f, "{key}<{bound}"),
        }
    }
}

fn list(values: &BTreeSet<String>) -> String {
    values.iter().map(String::as_str).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
