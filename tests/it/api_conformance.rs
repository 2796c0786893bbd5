//! `docs/api-conformance.md` names a test, or a reason for having none, for each rule that the
//! Kubernetes API sets an aggregated server; and each named test exists.

use std::collections::BTreeSet;

use crate::repository;

const PAGE: &str = "docs/api-conformance.md";

/// One row of the page.
#[derive(Debug, PartialEq, Eq)]
struct Rule {
    number: String,
    text: String,
    /// Tests, or `No test:` and the reason.
    proof: String,
}

/// One heading of the page: its number, and how many rules it says to have.
#[derive(Debug, PartialEq, Eq)]
struct Section {
    number: String,
    rules: usize,
}

#[test]
fn no_rule_is_missing() {
    let (sections, rules) = read(&repository::read(PAGE));
    assert!(sections.len() > 10, "{sections:?}");
    assert_eq!(faults_of_numbering(&sections, &rules), [""; 0]);
}

#[test]
fn every_rule_has_a_test_that_exists_or_a_reason() {
    let (_, rules) = read(&repository::read(PAGE));
    let known = known_tests();
    let faults: Vec<_> = rules.iter().flat_map(|rule| faults_of_proof(rule, &known)).collect();
    assert!(faults.is_empty(), "{PAGE}:\n{}", faults.join("\n"));
}

#[test]
fn the_check_sees_gaps_and_lost_ends() {
    let page = "## 1.1 First (2 rules)\n| 1.1.1 | a | b |\n| 1.1.3 | a | b |\n## 1.2 Next (1 rule)\n";
    let (sections, rules) = read(page);
    assert_eq!(sections[1], Section { number: "1.2".to_owned(), rules: 1 });
    let faults = ["1.1.3 stands where 1.1.2 should", "1.2 says 1 and has 0 rules"];
    assert_eq!(faults_of_numbering(&sections, &rules), faults);
}

#[test]
fn the_check_sees_rules_without_proof_and_tests_without_code() {
    let known = BTreeSet::from(["src/a.rs::it_holds".to_owned()]);
    let faults = |proof: &str| {
        let rule = Rule { number: "1.1.1".to_owned(), text: "something holds".to_owned(), proof: proof.to_owned() };
        faults_of_proof(&rule, &known).len()
    };
    assert_eq!(faults("`src/a.rs::it_holds`"), 0);
    assert_eq!(faults("No test: it is the operator's affair."), 0);
    for without in ["", "No test:", "it just does", "`src/a.rs`", "`src/a.rs::it_held`"] {
        assert_eq!(faults(without), 1, "{without}");
    }
    assert_eq!(faults("`src/a.rs::it_holds`, `src/b.rs::it_holds`"), 1);
}

fn read(page: &str) -> (Vec<Section>, Vec<Rule>) {
    let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let heading = |line: &str| {
        let (number, rest) = line.trim_start_matches('#').trim().split_once(' ')?;
        let (_, count) = rest.rsplit_once('(')?;
        let count = count.split(' ').next()?.parse().ok()?;
        Some(Section { number: number.to_owned(), rules: count })
    };
    let row = |line: &str| {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        match cells.as_slice() {
            [number, text, proof] if is_number(number) => {
                Some(Rule { number: (*number).to_owned(), text: (*text).to_owned(), proof: (*proof).to_owned() })
            }
            _ => None,
        }
    };
    let lines = || page.lines().map(str::trim);
    let sections = lines().filter(|line| line.starts_with('#')).filter_map(heading).collect();
    (sections, lines().filter(|line| line.starts_with('|')).filter_map(row).collect())
}

/// Rules are numbered from 1 in each section, and each section has as many as it says: so neither a
/// gap nor a lost end goes unseen.
fn faults_of_numbering(sections: &[Section], rules: &[Rule]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut left = rules.iter().peekable();
    for Section { number, rules } in sections {
        let mut seen = 0;
        while let Some(rule) = left.next_if(|rule| rule.number.rsplit_once('.').is_some_and(|(of, _)| of == number)) {
            seen += 1;
            let expected = format!("{number}.{seen}");
            if rule.number != expected {
                faults.push(format!("{} stands where {expected} should", rule.number));
            }
        }
        if seen != *rules {
            faults.push(format!("{number} says {rules} and has {seen} rules"));
        }
    }
    faults.extend(left.map(|rule| format!("{} is in no section", rule.number)));
    faults
}

fn faults_of_proof(rule: &Rule, known: &BTreeSet<String>) -> Vec<String> {
    let Rule { number, text, proof } = rule;
    if text.is_empty() {
        return vec![format!("{number} says nothing")];
    }
    if let Some(reason) = proof.strip_prefix("No test:") {
        let fault = reason.trim().is_empty().then(|| format!("{number} has no test and no reason"));
        return fault.into_iter().collect();
    }
    let tests: Vec<_> = proof.split('`').skip(1).step_by(2).collect();
    if tests.is_empty() {
        return vec![format!("{number} has no test and no reason")];
    }
    let gone = tests.into_iter().filter(|test| !known.contains(*test));
    gone.map(|test| {
        let name = test.rsplit("::").next().unwrap_or(test);
        let elsewhere = known.iter().find(|known| known.ends_with(&format!("::{name}")));
        format!("{number}: no test {test}; one of this name: {}", elsewhere.map_or("none", |known| known))
    })
    .collect()
}

/// Every test of the repository, as `path::name`: functions marked as tests, and those that the
/// end-to-end suite lists as trials.
fn known_tests() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    let trials = repository::read("tests/e2e/main.rs");
    for folder in ["src", "tests"] {
        for (file, text) in repository::files(folder, "rs") {
            let room = file.strip_prefix("e2e/").map(|file| file.trim_end_matches(".rs"));
            let is_trial = |name: &str| room.is_some_and(|room| trials.contains(&format!(" {room}::{name},")));
            let names = functions(&text).into_iter().filter(|(name, is_test)| *is_test || is_trial(name));
            known.extend(names.map(|(name, _)| format!("{folder}/{file}::{name}")));
        }
    }
    known
}

/// The functions of a file, and whether each is marked as a test.
fn functions(text: &str) -> Vec<(&str, bool)> {
    let mut functions = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        let name = line.split_once("fn ").and_then(|(_, rest)| rest.split_once('(')).map(|(name, _)| name);
        functions.extend(name.map(|name| (name, is_test)));
        let is_marked = line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        // Further attributes and comments may stand between the mark and the function.
        is_test = is_marked || (is_test && (line.starts_with("#[") || line.starts_with("//")));
    }
    functions
}
