//! What exists in the simulated cluster at any time, and what it uses.
//!
//! Everything is computed from the scenario when it is asked for: one node's pods cost work for
//! that node alone, so thousands of kubelets can answer without a shared clockwork. Times of pods
//! and runs lie on jittered grids, which makes "what runs at this moment" a division and not a
//! walk through history. Nothing here is stored, and nothing speaks to anybody.

mod bounds;
mod changes;
mod container;
mod naming;
mod node;
mod pod;
mod reading;
#[cfg(test)]
mod tests;
mod world;

pub use bounds::{Basis, Bounds};
pub use changes::{Change, Event};
pub use container::{Run, SimContainer, State};
pub use node::SimNode;
pub use pod::{Phase, SimPod};
pub(in crate::sim) use reading::SimReading;
pub use world::World;
