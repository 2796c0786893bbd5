//! Where in the order of lists the pods of a label set stand.
//!
//! Pods of one workload carry one copy of their labels, and the names that a workload gives them
//! stand side by side. So it is enough to know of each label set of a namespace from which name to
//! which its pods are found; whoever reads there checks each pod:
//!
//! ```text
//! pods      … web-5f6d-a  web-5f6d-c  web-5f6d-x  worker-77-b …
//! label sets  └──── app=web ─────────────────┘    └ app=worker …
//! ```
//!
//! That is a few bytes for each pod where a set of its own for each label's value would take a
//! hundred. A stretch grows with what is added to it and is forgotten with the last of its pods;
//! in between it may be longer than it need be, never shorter.

use std::sync::Arc;

use crate::cluster::{Labels, Pod};
use crate::usage::PodKey;

/// The label sets of all pods. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct LabelSets(imbl::OrdMap<(Arc<str>, Labels), Names>);

/// The names, in one namespace, of the pods that carry a label set.
#[derive(Clone, Debug)]
struct Names {
    first: Arc<str>,
    last: Arc<str>,
    pods: u32,
}

/// Pods that stand side by side: from the first key to the last, both included.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    /// Where it begins.
    pub first: PodKey,
    /// Where it ends.
    pub last: PodKey,
}

impl LabelSets {
    /// Those of `pods`.
    pub(super) fn of(pods: &imbl::OrdMap<PodKey, Arc<Pod>>) -> Self {
        let mut sets = Self::default();
        let mut run: Option<(&Pod, Names)> = None;
        for pod in pods.values() {
            match &mut run {
                Some((begun, names)) if is_of_one_set(begun, pod) => names.add(&Names::of(pod)),
                _ => {
                    if let Some((ended, names)) = run.replace((pod, Names::of(pod))) {
                        sets.add_all(ended, names);
                    }
                }
            }
        }
        if let Some((ended, names)) = run {
            sets.add_all(ended, names);
        }
        sets
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// One pod has come, gone, or changed.
    pub(super) fn change(&mut self, before: Option<&Pod>, after: Option<&Pod>) {
        if before.zip(after).is_some_and(|(before, after)| is_of_one_set(before, after)) {
            return;
        }
        if let Some(pod) = before {
            self.remove(pod);
        }
        if let Some(pod) = after {
            self.add_all(pod, Names::of(pod));
        }
    }

    /// Where the pods of a namespace (empty for all) stand whose label set is wanted, in the order of
    /// lists; none of the stretches meets another.
    pub(super) fn stretches(&self, namespace: &str, is_wanted: impl Fn(&Labels) -> bool) -> Vec<Stretch> {
        let begin = (Arc::from(namespace), Labels::default());
        let sets = self.0.range(begin..);
        let sets = sets.take_while(|((of, _), _)| namespace.is_empty() || **of == *namespace);
        let wanted = sets.filter(|((_, labels), _)| is_wanted(labels));
        let mut stretches: Vec<_> = wanted.map(|((namespace, _), names)| names.stretch(namespace)).collect();
        stretches.sort_unstable();
        stretches.dedup_by(|next, stretch| {
            let meet = next.first <= stretch.last;
            if meet && next.last > stretch.last {
                stretch.last = next.last.clone();
            }
            meet
        });
        stretches
    }

    fn add_all(&mut self, pod: &Pod, names: Names) {
        match self.0.get_mut(&key(pod)) {
            Some(known) => known.add(&names),
            None => {
                self.0.insert(key(pod), names);
            }
        }
    }

    fn remove(&mut self, pod: &Pod) {
        let key = key(pod);
        let left = self.0.get_mut(&key).map_or(0, |names| {
            names.pods = names.pods.saturating_sub(1);
            names.pods
        });
        if left == 0 {
            self.0.remove(&key);
        }
    }
}

impl Names {
    fn of(pod: &Pod) -> Self {
        Self { first: Arc::clone(&pod.key.name), last: Arc::clone(&pod.key.name), pods: 1 }
    }

    fn add(&mut self, other: &Self) {
        if other.first < self.first {
            self.first = Arc::clone(&other.first);
        }
        if other.last > self.last {
            self.last = Arc::clone(&other.last);
        }
        self.pods = self.pods.saturating_add(other.pods);
    }

    fn stretch(&self, namespace: &Arc<str>) -> Stretch {
        let key = |name: &Arc<str>| PodKey { namespace: Arc::clone(namespace), name: Arc::clone(name) };
        Stretch { first: key(&self.first), last: key(&self.last) }
    }
}

fn key(pod: &Pod) -> (Arc<str>, Labels) {
    (Arc::clone(&pod.key.namespace), pod.labels.clone())
}

fn is_of_one_set(a: &Pod, b: &Pod) -> bool {
    a.labels == b.labels && a.key.namespace == b.key.namespace
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::index::tests::pod;
    use crate::cluster::selector::LabelSelector;

    /// Pods named `namespace/name`, each with a value of the label `app`.
    fn pods(pods: &[(&str, &str, &str)]) -> Vec<Arc<Pod>> {
        let one = |&(namespace, name, app): &(&str, &str, &str)| {
            let labels = Labels::new([(Arc::from("app"), Arc::from(app))]);
            Arc::new(Pod { labels, ..pod(namespace, name, name, &[]) })
        };
        pods.iter().map(one).collect()
    }

    fn sets(of: &[(&str, &str, &str)]) -> LabelSets {
        LabelSets::of(&pods(of).into_iter().map(|pod| (pod.key.clone(), pod)).collect())
    }

    fn found(sets: &LabelSets, namespace: &str, selector: &str) -> Vec<String> {
        let selector = LabelSelector::parse(selector).unwrap();
        let stretches = sets.stretches(namespace, |labels| selector.matches(labels));
        stretches.iter().map(|stretch| format!("{}..{}", stretch.first, stretch.last)).collect()
    }

    #[test]
    fn pods_are_looked_for_where_those_of_their_label_set_stand() {
        let sets =
            sets(&[("a", "w-1", "web"), ("a", "w-2", "web"), ("a", "x", "db"), ("b", "w-1", "web"), ("b", "z", "")]);
        assert_eq!(found(&sets, "", "app=web"), ["a/w-1..a/w-2", "b/w-1..b/w-1"]);
        assert_eq!(found(&sets, "a", "app in (web,db)"), ["a/w-1..a/w-2", "a/x..a/x"]);
        assert_eq!(found(&sets, "b", "app=db"), [""; 0]);
        assert_eq!(found(&sets, "", "app notin (web)"), ["a/x..a/x", "b/z..b/z"]);
    }

    #[test]
    fn stretches_that_meet_are_one() {
        let sets = sets(&[("a", "1", "x"), ("a", "2", "y"), ("a", "3", "x"), ("a", "4", "z"), ("a", "5", "y")]);
        assert_eq!(found(&sets, "", "app in (x,y)"), ["a/1..a/5"]);
        assert_eq!(found(&sets, "", "app in (x,z)"), ["a/1..a/3", "a/4..a/4"]);
    }

    #[test]
    fn a_stretch_grows_with_its_pods_and_goes_with_the_last() {
        let mut sets = LabelSets::default();
        let some = pods(&[("a", "m", "x"), ("a", "c", "x"), ("a", "t", "x")]);
        for pod in &some {
            sets.change(None, Some(pod));
        }
        assert_eq!(found(&sets, "", "app=x"), ["a/c..a/t"]);
        for pod in &some[1..] {
            sets.change(Some(pod), None);
        }
        assert_eq!(found(&sets, "", "app=x"), ["a/c..a/t"], "longer than it need be");
        sets.change(Some(&some[0]), None);
        assert_eq!(found(&sets, "", "app=x"), [""; 0]);
        assert_eq!(sets.len(), 0);
    }

    #[test]
    fn a_pod_whose_labels_change_is_found_by_the_new_ones_alone() {
        let mut sets = LabelSets::default();
        let [old, new] = [pods(&[("a", "p", "old")]), pods(&[("a", "p", "new")])];
        sets.change(None, Some(&old[0]));
        sets.change(Some(&old[0]), Some(&new[0]));
        sets.change(Some(&new[0]), Some(&new[0]));
        assert_eq!(found(&sets, "", "app=old"), [""; 0]);
        assert_eq!(found(&sets, "", "app=new"), ["a/p..a/p"]);
    }
}
