//! What a check has compared and found.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Everything found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    nodes: BTreeSet<String>,
    pods: BTreeSet<String>,
    values: u32,
    differences: Vec<String>,
}

impl Findings {
    /// Something that has to hold; `difference` says what does not.
    pub(super) fn expect(&mut self, holds: bool, difference: impl FnOnce() -> String) {
        if !holds {
            self.differences.push(difference());
        }
    }

    /// A number that was answered, and what it may be.
    pub(super) fn value(&mut self, what: &str, got: u64, bounds: &RangeInclusive<u64>) {
        self.values += 1;
        self.expect(bounds.contains(&got), || {
            format!("{what}: expected {} to {}, got {got}", bounds.start(), bounds.end())
        });
    }

    /// A node that was answered.
    pub(super) fn node(&mut self, name: &str) {
        self.nodes.insert(name.to_owned());
    }

    /// A pod that was answered, as namespace/name.
    pub(super) fn pod(&mut self, name: &str) {
        self.pods.insert(name.to_owned());
    }

    /// Numbers compared so far.
    pub(super) const fn values(&self) -> u32 {
        self.values
    }

    pub(super) fn differences(&self) -> usize {
        self.differences.len()
    }

    /// Whether nothing differed, and something was compared at all.
    pub(super) fn is_equal(&self) -> bool {
        self.differences.is_empty() && self.values > 0
    }

    /// Each difference on a line, then the sum.
    pub(super) fn verdict(&self) -> String {
        let mut lines: Vec<String> =
            self.differences.iter().map(|difference| format!("different: {difference}")).collect();
        let sum = match self.differences.len() {
            0 if self.values == 0 => "nothing to compare".to_owned(),
            0 => "all equal".to_owned(),
            count => format!("{count} differences"),
        };
        let (nodes, pods) = (self.nodes.len(), self.pods.len());
        lines.push(format!("checked {nodes} nodes, {pods} pods, {} values: {sum}", self.values));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_outside_of_its_bounds_is_told_with_them() {
        let mut findings = Findings::default();
        findings.node("node-1");
        findings.value("node-1 cpu", 5, &(4..=6));
        assert!(findings.is_equal());
        assert_eq!(findings.verdict(), "checked 1 nodes, 0 pods, 1 values: all equal");
        findings.value("node-1 memory", 7, &(4..=6));
        assert!(!findings.is_equal());
        assert_eq!(
            findings.verdict(),
            "different: node-1 memory: expected 4 to 6, got 7\nchecked 1 nodes, 0 pods, 2 values: 1 differences"
        );
    }

    #[test]
    fn to_have_compared_nothing_is_not_equal() {
        assert!(!Findings::default().is_equal());
    }
}
