//! What goes wrong around the server, in turns.

use std::ops::Range;
use std::time::Duration;

use kube_vitals::sim::Fault;
use kube_vitals::sim::control_plane::Trouble;
use tokio::time::sleep;

use crate::stage::{NODES, Stage};
use crate::support::judge::Lie;

/// In turns: each five minutes.
const STALLED_EACH: usize = 25;
/// A turn is both: several scrapes, and shorter than samples are served.
const TROUBLE_HELD: Duration = Duration::from_secs(4);
const WITHOUT_TROUBLE: Duration = Duration::from_secs(8);
/// How far a clock is ahead that is not so far off that it is refused.
const AHEAD: Duration = Duration::from_secs(10);

/// Of the first node and of the second, in every other turn: what they say is not true.
const LIES: [Fault; 2] = [Fault::CounterJumps, Fault::ClockOff(AHEAD)];
/// Of the nodes after them, a third of them in each turn; then each gets the next one of these.
const FAULTS: [Fault; 20] = [
    Fault::Hang,
    Fault::SlowDrip,
    Fault::Reset,
    Fault::Status(500),
    Fault::Status(401),
    Fault::WrongCertificate,
    Fault::Redirect,
    Fault::HalfBody,
    Fault::Garbage,
    Fault::GzipBomb,
    Fault::DuplicateSeries,
    Fault::ClockBehind(Duration::from_hours(1)),
    Fault::ScrapeErrorOnly,
    Fault::Flap,
    Fault::NotANumber,
    Fault::OthersPods,
    Fault::SwappedName,
    Fault::OtherAuthority,
    Fault::Moved,
    Fault::BadNetwork,
];
/// Nothing is ever wrong with these nodes.
pub(crate) const WELL: Range<u32> = 22..NODES;
const TROUBLES: [Trouble; 4] =
    [Trouble::Expired, Trouble::Garbage, Trouble::SlowList(Duration::from_secs(1)), Trouble::TooManyRequests];

/// What may be untrue of a node's numbers.
pub(crate) fn lie(node: u32) -> Lie {
    match LIES.get(node as usize) {
        Some(Fault::ClockOff(ahead)) => Lie { ahead: *ahead, counters: true },
        Some(_) => Lie { counters: true, ..Lie::default() },
        None => Lie::default(),
    }
}

/// Breaks and mends in turns, for ever.
pub(crate) async fn go_on(stage: &Stage) {
    let simulation = &stage.simulation;
    for turn in 0.. {
        for (node, fault) in broken(turn) {
            simulation.faults.set(node, fault);
            move_if(stage, node, fault, true);
        }
        simulation.control_plane.set_trouble(Some(trouble(turn)));
        sleep(TROUBLE_HELD).await;
        simulation.control_plane.set_trouble(None);
        // A network that fails for a moment.
        simulation.fleet.cut();
        sleep(WITHOUT_TROUBLE).await;
        for (node, fault) in broken(turn) {
            simulation.faults.clear(node);
            move_if(stage, node, fault, false);
        }
    }
}

/// All is well from now on, whatever the turn.
pub(crate) fn end(stage: &Stage) {
    let simulation = &stage.simulation;
    simulation.control_plane.set_trouble(None);
    for node in simulation.world.nodes() {
        simulation.faults.clear(node.index);
        simulation.control_plane.move_node(node.name.as_str(), node.address);
    }
}

/// A stalled watch is begun again after a minute and a half: until then no change is known, and what comes
/// and goes in the cluster is no load.
fn trouble(turn: usize) -> Trouble {
    if turn % STALLED_EACH == STALLED_EACH - 1 { Trouble::Stalled } else { TROUBLES[turn % TROUBLES.len()] }
}

fn broken(turn: usize) -> impl Iterator<Item = (u32, Fault)> {
    let liars = LIES.into_iter().filter(move |_| turn.is_multiple_of(2));
    let others = (0..FAULTS.len()).map(move |place| (place, FAULTS[(place + turn / 3) % FAULTS.len()]));
    let others = (2..).zip(others).filter(move |(_, (place, _))| (place + turn).is_multiple_of(3));
    (0..).zip(liars).chain(others.map(|(node, (_, fault))| (node, fault)))
}

fn move_if(stage: &Stage, node: u32, fault: Fault, moves: bool) {
    let Some(node) = stage.simulation.world.node(node).filter(|_| fault == Fault::Moved) else { return };
    let address = if moves { node.second_address() } else { node.address };
    stage.simulation.control_plane.move_node(node.name.as_str(), address);
}
