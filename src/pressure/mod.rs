//! How near we are to the memory that we may use: who goes beyond is killed, and answers nobody.
//!
//! ```text
//! --memory-limit, or our control group ─▶ Budget ─used─▶ Guard ─▶ Pressure ─▶ resources: less is taken on
//!                                                          └─────▶ relief: what is kept for later is forgotten
//! ```
//!
//! This room measures and says how things are. What to give up is known to those who hold it; readings
//! of nodes and pods, and what is asked for a few of them, are never given up.

mod budget;
mod cgroup;
mod guard;
mod level;
mod metrics;
mod shared;

pub use budget::Budget;
pub use guard::Guard;
pub use level::Level;
pub use shared::Pressure;
