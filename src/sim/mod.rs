//! A pretend cluster: for the demo, and for tests and benches of the other rooms.
//!
//! The [`World`] is a pure function of a [`Scenario`] and the time: nothing in it is stored or
//! moves by itself, so any number that was served can be recomputed and compared. Kubelets speak
//! as real ones do, clocks per container included; what they say is the world's. This room never
//! tells the product anything it could not learn from a real cluster.
//!
//! ```text
//! Scenario ─▶ World (nodes, pods, loads at any time) ─▶ Fleet: one listener, a kubelet per 127/8 address
//!               │ └─ bounds: what a served number may be         └─ Faults: set per node, at run time
//!               └─▶ ControlPlane: objects, watches, reviews ─▶ front: proxies to the server behind a Service
//! demo: all of it, with the product in the middle; its check asks as a user and compares with the bounds
//! ```

mod certificates;
mod cluster;
pub mod control_plane;
pub mod demo;
mod faults;
mod front;
mod kubelet;
mod load;
mod scenario;
mod seed;

pub use cluster::{Basis, Bounds, Change, Event, Phase, Run, SimContainer, SimNode, SimPod, State, World};
pub use faults::{Fault, Faults, UnknownFault};
pub use kubelet::Fleet;
pub use load::Load;
pub use scenario::{ContainerKind, ContainerPlan, Course, Lifetime, Scenario, Workload};
