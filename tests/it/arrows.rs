//! The floor plan holds: arrows between rooms point one way, files stay small, and no room is a
//! drawer for leftovers.

use crate::repository::files;

/// The ground floor, which every room may stand on.
const GROUND: [&str; 8] = ["chain", "clock", "config", "go_duration", "readiness", "revision", "shutdown", "telemetry"];

/// Which room may use which, besides the ground floor, and why.
const ARROWS: [(&str, &[&str], &str); 18] = [
    ("main", &["app", "sim"], "starts one of the two"),
    ("lib", &[], "is the plan"),
    (
        "app",
        &["apiserver", "cluster", "export", "pressure", "promtext", "replicas", "scrape", "store", "usage"],
        "joins the rooms, and is the only one to",
    ),
    ("apiserver", &["cluster", "export", "pressure", "replicas", "store", "usage"], "answers from what is stored"),
    ("scrape", &["cluster", "promtext", "store", "usage"], "asks the nodes that exist, stores what they said"),
    ("export", &["cluster", "promtext", "store", "usage"], "passes on what is stored of what exists"),
    ("replicas", &["cluster", "store", "usage"], "tells and takes what is stored of what exists"),
    ("store", &["usage"], "keeps readings"),
    ("cluster", &["usage"], "names what exists as readings do"),
    ("pressure", &[], "measures, and knows nobody"),
    ("promtext", &["usage"], "turns text into readings"),
    ("usage", &[], "is arithmetic"),
    ("sim", &["promtext", "usage"], "speaks as kubelets do"),
    ("sim/demo", &["app", "promtext", "sim", "usage"], "runs the real thing beside the pretended cluster"),
    ("fuzzing", &["apiserver", "cluster", "export", "promtext", "replicas", "usage"], "calls the targets of the rooms"),
    ("telemetry", &[], "receives, and knows nobody"),
    ("readiness", &[], "is told, and asks nobody"),
    ("ground", &[], "stands on nothing but itself"),
];

/// Most lines of a file, its tests not counted.
const MAX_LINES: usize = 400;

#[test]
fn arrows_between_rooms_point_one_way() {
    let mut wrong = Vec::new();
    for (file, text) in files("src", "rs") {
        for used in rooms_used(&file, &text) {
            if !may(&file, &used) {
                wrong.push(format!("src/{file} uses {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "not on the floor plan (see ARROWS here and src/lib.rs):\n{}", wrong.join("\n"));
}

#[test]
fn every_room_is_in_the_list() {
    for (file, _) in files("src", "rs") {
        let room = room_of(&file);
        let listed = GROUND.contains(&room) || ARROWS.iter().any(|(from, ..)| *from == room);
        assert!(listed, "src/{file}: {room} is not on the floor plan");
    }
}

#[test]
fn no_file_outgrows_a_sitting() {
    for (file, text) in files("src", "rs") {
        let lines = working_code(&file, &text).lines().count();
        assert!(lines <= MAX_LINES, "src/{file} has {lines} lines before its tests; at most {MAX_LINES}");
    }
}

#[test]
fn no_room_is_a_drawer_for_leftovers() {
    for (file, _) in files("src", "rs") {
        for part in file.trim_end_matches(".rs").split('/') {
            let drawer = ["utils", "util", "helpers", "helper", "common", "manager", "misc"].contains(&part);
            assert!(!drawer, "src/{file}: name it after what is in it");
        }
    }
}

#[test]
fn the_check_sees_every_way_to_name_a_room() {
    let text = "\
        use crate::store::Store;\n\
        use crate::{cluster::View, usage::{NodeName, Run}, clock};\n\
        // use crate::export::queue;\n\
        fn f() { let x = crate::scrape::Scraper::new(); super::super::sim::World::default(); super::own(); }\n\
        #[cfg(test)]\n\
        mod tests { use crate::app::App; }\n";
    assert_eq!(rooms_used("store/write.rs", text), ["store", "cluster", "usage", "clock", "scrape", "sim"]);
    assert_eq!(rooms_used("main.rs", "use kube_vitals::app::App; kube_vitals::runtime();"), ["app"]);
    assert_eq!(rooms_used("store/tests.rs", "use crate::app::App;"), [""; 0]);
}

#[test]
fn the_check_refuses_what_is_not_in_the_list() {
    assert!(may("scrape/plan.rs", "store") && may("usage/run.rs", "clock") && may("sim/demo/mod.rs", "app"));
    assert!(!may("store/record.rs", "apiserver") && !may("usage/run.rs", "cluster") && !may("sim/world.rs", "app"));
    assert!(!may("config/settings.rs", "usage") && !may("clock.rs", "store") && may("telemetry/logs.rs", "config"));
    assert!(!may("unknown/room.rs", "usage"));
}

/// Whether the list has an arrow from this file's room to `used`.
fn may(file: &str, used: &str) -> bool {
    let room = room_of(file);
    if room == used || GROUND.contains(&used) {
        return true;
    }
    let row = if file.starts_with("sim/demo") { "sim/demo" } else { room };
    let row = if GROUND.contains(&row) { "ground" } else { row };
    ARROWS.iter().any(|(from, to, _)| *from == row && to.contains(&used))
}

fn room_of(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

/// The rooms that the working code of a file names, in order of appearance.
fn rooms_used(file: &str, text: &str) -> Vec<String> {
    let code: String = working_code(file, text).lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let depth = file.trim_end_matches("/mod.rs").split('/').count();
    let mut rooms = Vec::new();
    for root in ["crate::".to_owned(), "kube_vitals::".to_owned(), "super::".repeat(depth)] {
        for (at, _) in code.match_indices(&root) {
            let part_of_a_word =
                code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$');
            if !part_of_a_word {
                rooms.extend(first_names(&code[at + root.len()..]));
            }
        }
    }
    rooms.retain(|name| GROUND.contains(&name.as_str()) || ARROWS.iter().any(|(room, ..)| room == name));
    rooms
}

/// `a` of `a::b`, or `a` and `c` of `{a::b, c}`.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let mut names = vec![name(group.trim_start())];
    let mut depth = 1;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(name(group[at + 1..].trim_start())),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The file without its tests and targets of fuzzing, which may use any room.
fn working_code<'a>(file: &str, text: &'a str) -> &'a str {
    if file.ends_with("/tests.rs") || file.contains("/tests/") || file.ends_with("/fuzz.rs") {
        return "";
    }
    text.find("#[cfg(test)]").map_or(text, |tests| &text[..tests])
}
