//! The families that are read, by name: the only file that knows them.
//!
//! Three of containers and two of the node. All others are passed over at their name; pod families among
//! them, since a pod's series includes the sandbox and reads 0 while the pod is young.

use crate::clock::UnixMillis;
use crate::promtext::series::Point;
use crate::usage::{Reading, RejectReason};

/// What a family tells of what.
#[derive(Clone, Copy)]
pub(super) enum Family {
    Container(Field),
    Node(Field),
    Unused,
}

/// What a series tells. CPU comes in seconds and is kept in nanoseconds, starts come in seconds
/// and are kept in milliseconds.
#[derive(Clone, Copy)]
pub(super) enum Field {
    Cpu,
    Memory,
    Start,
}

impl Family {
    /// By its name.
    pub(super) fn of(name: &[u8]) -> Self {
        match name {
            b"container_cpu_usage_seconds_total" => Self::Container(Field::Cpu),
            b"container_memory_working_set_bytes" => Self::Container(Field::Memory),
            b"container_start_time_seconds" => Self::Container(Field::Start),
            b"node_cpu_usage_seconds_total" => Self::Node(Field::Cpu),
            b"node_memory_working_set_bytes" => Self::Node(Field::Memory),
            _ => Self::Unused,
        }
    }
}

impl Field {
    /// Values are kept in units of 10 to the minus this.
    pub(super) const fn scale(self) -> i32 {
        match self {
            Self::Cpu => 9,
            Self::Memory => 0,
            Self::Start => 3,
        }
    }

    /// Puts a point where it belongs; a series tells a thing once.
    pub(super) fn set(self, reading: &mut Reading, point: Point) -> Result<(), RejectReason> {
        let (value, time) = match self {
            Self::Cpu => (&mut reading.cpu_ns, &mut reading.cpu_time),
            Self::Memory => (&mut reading.memory_bytes, &mut reading.memory_time),
            Self::Start => return set_start(reading, point.value),
        };
        if value.is_some() {
            return Err(RejectReason::Duplicate);
        }
        *value = Some(point.value);
        *time = point.time;
        Ok(())
    }
}

/// A start of zero is the runtime's way to say that it does not know.
fn set_start(reading: &mut Reading, millis: u64) -> Result<(), RejectReason> {
    if reading.start.is_some() {
        return Err(RejectReason::Duplicate);
    }
    let millis = i64::try_from(millis).map_err(|_| RejectReason::Value)?;
    reading.start = (millis > 0).then_some(UnixMillis(millis));
    Ok(())
}
