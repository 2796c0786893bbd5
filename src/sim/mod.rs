//! (this room is being furnished)

pub mod control_plane;
mod front;
