//! Whatever another replica sends.

use std::cell::LazyCell;
use std::slice::Chunks;
use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;

use super::frames::{Frames, frame};
use super::message::{Bounds, NodeSamples};
use crate::clock::UnixMillis;
use crate::cluster::{Cluster, Container, ContainerState, Labels, Node, Phase, Pod, View};
use crate::store::Handed;
use crate::usage::{Base, PodKey, Uid};

const BOUNDS: Bounds = Bounds {
    now: UnixMillis(1_800_000_000_000),
    oldest: UnixMillis(1_799_999_880_000),
    newest: UnixMillis(1_800_000_120_000),
    longest_window: Duration::from_mins(4),
};

thread_local! {
    static VIEW: LazyCell<Arc<View>> = LazyCell::new(|| cluster().view());
}

/// The first byte says how the stream is cut into pieces, which makes no difference. What is taken
/// of it exists, and is within the bounds.
pub(crate) fn samples(bytes: &[u8]) {
    let Some((cut, stream)) = bytes.split_first() else { return };
    let (messages, is_whole) = read(stream.chunks(stream.len().max(1)));
    let in_pieces = read(stream.chunks(usize::from(*cut) + 1));
    assert_eq!(in_pieces, (messages.clone(), is_whole));
    for message in messages {
        assert_eq!(NodeSamples::decode(message.encode_to_vec().as_slice()).as_ref(), Ok(&message));
        assert!(frame(&message).is_none_or(|frame| frame.len() <= stream.len().max(1) * 2));
        let told = message.runs();
        VIEW.with(|view| {
            if let Some((node, handed, dropped)) = message.checked(view, &BOUNDS) {
                assert!(view.node(node.as_str()).is_some() && dropped <= told);
                check(&handed, view);
            }
        });
    }
}

/// A cluster of one node with two pods of two containers.
pub(super) fn cluster() -> Cluster {
    let node = Node {
        name: "node-1".into(),
        uid: Uid::parse("node-1"),
        labels: Labels::default(),
        created: UnixMillis(0),
        revision: 0,
        addresses: vec![],
        kubelet_port: None,
        ready: true,
    };
    let pods = ["a", "b"].map(|name| Pod {
        key: PodKey::new("shop", name),
        uid: Uid::parse(name),
        labels: Labels::default(),
        created: UnixMillis(0),
        revision: 0,
        node: Some("node-1".into()),
        phase: Phase::Running,
        containers: ["app", "proxy"]
            .map(|name| Container { name: name.into(), state: ContainerState::Running(UnixMillis(0)) })
            .into(),
    });
    Cluster::with(vec![node], pods.into())
}

/// The messages before the first fault, and whether there was none.
fn read(pieces: Chunks<'_, u8>) -> (Vec<NodeSamples>, bool) {
    let (mut frames, mut messages) = (Frames::default(), Vec::new());
    for piece in pieces {
        frames.push(piece);
        loop {
            match frames.next() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(_) => return (messages, false),
            }
        }
    }
    (messages, frames.is_at_end())
}

fn check(handed: &Handed, view: &View) {
    let mut runs: Vec<_> = handed.node.iter().collect();
    for pod in &handed.pods {
        let known = view.pod_named(&pod.key.namespace, &pod.key.name);
        assert!(known.is_some_and(|known| known.uid == pod.uid));
        for (name, run) in &pod.containers {
            assert!(known.is_some_and(|known| known.containers.iter().any(|container| container.name == *name)));
            runs.push(run);
        }
    }
    for parts in runs.into_iter().map(|run| run.parts()) {
        assert!((BOUNDS.oldest..=BOUNDS.newest).contains(&parts.last.time));
        if let Base::Point { time, cpu_ns } = parts.base {
            assert!(time <= parts.last.time && cpu_ns <= parts.last.cpu_ns);
            assert!(parts.last.time.since(time) <= BOUNDS.longest_window);
        }
    }
}
