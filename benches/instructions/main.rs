//! How many instructions scrapes and answers take, as valgrind counts them: the same on a busy
//! machine as on an idle one, so that a limit can be kept.
//!
//! `cargo bench --bench instructions` prints the counts beside those kept in `counts.txt`, and fails
//! where one is more than [`TOLERANCE_PERCENT`] above. `-- --write` keeps what it has counted.

#![expect(clippy::print_stdout, clippy::indexing_slicing, clippy::unwrap_used, reason = "a bench prints its figures")]

#[path = "../support/api.rs"]
#[allow(dead_code, reason = "the other benches measure time")]
mod api;
#[path = "../support/recording.rs"]
mod recording;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use api::{JSON, POD, PODS, PROTOBUF, SELECTED, Served, Watch};
use clap::Parser;
use kube_vitals::promtext::kubelet;
use recording::Recording;
use tokio::runtime::{Builder, Runtime};

/// Another processor, another compiler: some text functions choose their way by what they run on.
const TOLERANCE_PERCENT: u64 = 5;
/// Counted twice, and the difference taken: what is done before the first round does not count.
const BEFORE: usize = 20;
/// What seems above is counted so often, and the least counts: maps are seeded by chance, so that what is
/// done before the first round differs, and with it the difference of two runs (by a million or so).
const COUNTINGS: u32 = 3;
const COUNTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions/counts.txt");
const REAL_BODY: &[u8] = include_bytes!("../../tests/data/kubelet/resource-1.txt");
const REAL_PROTOBUF: &[u8] = include_bytes!("../../tests/data/kubelet/resource.delimited.pb");

/// What is counted.
struct Part {
    /// As in the file of counts.
    name: &'static str,
    /// So many that chance is a per cent or less.
    counted: usize,
    rounds: fn(usize),
}

const PARTS: [Part; 10] = [
    Part { name: "decode: 30 pods of 2 containers", counted: 100, rounds: decode_usual },
    Part { name: "decode: a real kubelet, 9 containers", counted: 100, rounds: decode_real },
    Part { name: "decode: a real kubelet, 9 containers, protobuf", counted: 100, rounds: decode_protobuf },
    Part { name: "record: 30 pods of 2 containers, 1,000 nodes known", counted: 1000, rounds: record },
    Part { name: "scrape: decode and record of these", counted: 300, rounds: scrape },
    Part { name: "list: 300 pods of 2 containers, JSON", counted: 100, rounds: list_json },
    Part { name: "list: these as protobuf", counted: 100, rounds: list_protobuf },
    Part { name: "list: 20 of these by their label", counted: 1000, rounds: list_by_label },
    Part { name: "get: one of these, through all filters", counted: 2000, rounds: get },
    Part { name: "watch: a scrape of one node and its 30 events", counted: 300, rounds: watch },
];

/// What to do.
#[derive(Debug, Parser)]
struct Arguments {
    /// Keep the counts of this run.
    #[arg(long)]
    write: bool,
    /// Do the rounds of one part: what valgrind is told to run.
    #[arg(long, hide = true, num_args = 2, value_names = ["PART", "ROUNDS"])]
    part: Vec<usize>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), String> {
    let arguments = Arguments::parse();
    if let [part, rounds] = arguments.part[..] {
        (PARTS[part].rounds)(rounds);
        return Ok(());
    }
    let kept = kept()?;
    let mut text = String::new();
    let mut exceeded = Vec::new();
    for (place, Part { name, .. }) in PARTS.iter().enumerate() {
        let before = kept.get(*name).copied();
        let is_above = |count: u64| before.is_none_or(|kept| count * 100 > kept * (100 + TOLERANCE_PERCENT));
        let mut count = each(place)?;
        for _ in 1..COUNTINGS {
            if is_above(count) {
                count = count.min(each(place)?);
            }
        }
        println!("{name:<52} {count:>9}   kept {}", before.map_or("nothing".to_owned(), |kept| kept.to_string()));
        if is_above(count) {
            exceeded.push(*name);
        }
        let _ = writeln!(text, "{count} {name}");
    }
    if arguments.write {
        return std::fs::write(COUNTS, text).map_err(|error| format!("{COUNTS}: {error}"));
    }
    if exceeded.is_empty() { Ok(()) } else { Err(format!("more than {TOLERANCE_PERCENT} % above: {exceeded:?}")) }
}

/// The counts kept, by name.
fn kept() -> Result<BTreeMap<String, u64>, String> {
    if !Path::new(COUNTS).exists() {
        return Ok(BTreeMap::new());
    }
    let text = std::fs::read_to_string(COUNTS).map_err(|error| format!("{COUNTS}: {error}"))?;
    let line = |line: &str| Some((line.split_once(' ')?.1.to_owned(), line.split_once(' ')?.0.parse().ok()?));
    text.lines().map(|text| line(text).ok_or_else(|| format!("{COUNTS}: {text:?}"))).collect()
}

/// Instructions of one round of a part.
fn each(part: usize) -> Result<u64, String> {
    let rounds = PARTS[part].counted;
    let difference = counted(part, BEFORE + rounds)?.checked_sub(counted(part, BEFORE)?);
    Ok(difference.ok_or("more rounds took fewer instructions")? / rounds as u64)
}

/// Instructions of this program over so many rounds of a part.
fn counted(part: usize, rounds: usize) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--part", &part.to_string(), &rounds.to_string()])
        .output()
        .map_err(|error| format!("valgrind cannot be run: {error}"))?;
    let told = String::from_utf8_lossy(&run.stderr);
    let count = told.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    count.ok_or_else(|| format!("valgrind counted nothing: {told}"))
}

fn decode_usual(rounds: usize) {
    let body = support::kubelet_body(30, 0);
    (0..rounds).for_each(|_| drop(black_box(kubelet::read(black_box(&body)))));
}

fn decode_real(rounds: usize) {
    (0..rounds).for_each(|_| drop(black_box(kubelet::read(black_box(REAL_BODY)))));
}

fn decode_protobuf(rounds: usize) {
    (0..rounds).for_each(|_| drop(black_box(kubelet::read_delimited(black_box(REAL_PROTOBUF)))));
}

fn record(rounds: usize) {
    let recording = Recording::begun(1000, 30);
    let batches: Vec<_> = recording.bodies().iter().map(|body| kubelet::read(body)).collect();
    (0..rounds).for_each(|round| recording.record_in_round(round, &batches[round % batches.len()]));
}

fn scrape(rounds: usize) {
    let recording = Recording::begun(1000, 30);
    for round in 0..rounds {
        let body = &recording.bodies()[round % recording.bodies().len()];
        recording.record_in_round(round, &kubelet::read(black_box(body)));
    }
}

fn list_json(rounds: usize) {
    answers(rounds, PODS, JSON);
}

fn list_protobuf(rounds: usize) {
    answers(rounds, PODS, PROTOBUF);
}

fn list_by_label(rounds: usize) {
    answers(rounds, SELECTED, JSON);
}

fn get(rounds: usize) {
    answers(rounds, POD, JSON);
}

/// Reads an answer of a server of ten nodes, again and again.
fn answers(rounds: usize, path: &str, accept: &str) {
    let runtime = runtime();
    let served = Served::begun(&runtime, 10);
    (0..rounds).for_each(|_| assert_ne!(runtime.block_on(served.drain(path, accept)), 0));
}

fn watch(rounds: usize) {
    let runtime = runtime();
    let served = Served::begun(&runtime, 10);
    let mut watch = runtime.block_on(Watch::begun(&served));
    (0..rounds).for_each(|_| assert_ne!(runtime.block_on(watch.step(&served)), 0));
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}
