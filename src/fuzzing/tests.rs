//! The committed corpus, and mutations of it, through every target: what fuzzing found once is not
//! lost again, without a fuzzer.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use super::mutation::{Numbers, mutated};
use super::{TARGETS, Target, target};

/// For each target. All of them together take about 2 s without optimisation.
const MUTATIONS: usize = 2_000;
const MOST_FILES: usize = 60;
const MOST_BYTES: usize = 1 << 20;

fn corpus_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

/// The inputs kept for a target, in an order that is the same everywhere.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = corpus_folder().join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Says which input it was, so that it can be kept.
fn check((name, run): Target, input: &[u8]) {
    assert!(catch_unwind(|| run(input)).is_ok(), "{name} does not stand \"{}\"", input.escape_ascii());
}

#[test]
fn every_target_stands_its_corpus() {
    for target in TARGETS {
        for input in corpus(target.0) {
            check(target, &input);
        }
    }
}

#[test]
fn every_target_stands_what_its_corpus_is_near_to() {
    for (seed, target) in (1..).zip(TARGETS) {
        let corpus = corpus(target.0);
        let mut numbers = Numbers::of_seed(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        for _ in 0..MUTATIONS {
            let [input, other] = [(); 2].map(|()| &corpus[numbers.below(corpus.len())]);
            check(target, &mutated(input, other, &mut numbers));
        }
    }
}

#[test]
fn the_corpus_is_small_and_has_a_folder_for_each_target_and_no_other() {
    let mut folders: Vec<_> = fs::read_dir(corpus_folder()).unwrap().map(|it| it.unwrap().file_name()).collect();
    folders.sort();
    let mut names = TARGETS.map(|(name, _)| name);
    names.sort_unstable();
    assert_eq!(folders, names);
    let sizes = names.map(|name| corpus(name).iter().map(Vec::len).collect::<Vec<_>>());
    for (name, sizes) in names.iter().zip(&sizes) {
        assert!((1..=MOST_FILES).contains(&sizes.len()), "{name} has {} files", sizes.len());
        assert!(target(name).is_some());
    }
    assert!(sizes.iter().flatten().sum::<usize>() < MOST_BYTES);
}
