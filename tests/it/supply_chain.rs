//! What the product is made of: where it comes from, and that the list that is shipped beside it
//! names all of it and nothing else.
//!
//! `SBOM` names the list, which `deploy/sbom` writes; without it that part is skipped.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::repository;

/// Second providers of what the product has one of; why, in `deny.toml`.
const BANNED: [&str; 6] = ["chrono", "native-tls", "openssl", "openssl-sys", "ring", "serde_yaml"];
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// A crate by name and version.
type Crate = (String, String);

#[test]
fn every_dependency_is_from_the_registry() {
    for lock in ["Cargo.lock", "fuzz/Cargo.lock"] {
        let text = repository::read(lock);
        let value =
            |line: &str, key: &str| Some(line.strip_prefix(key)?.strip_prefix(" = ")?.trim_matches('"').to_owned());
        let all = |key: &str| text.lines().filter_map(|line| value(line, key)).collect::<Vec<_>>();
        let names = all("name");
        assert!(names.len() > 100, "{lock} names {} packages", names.len());
        let ours = names.iter().filter(|name| name.starts_with("kube-vitals")).count();
        let sources = all("source");
        assert!(sources.iter().all(|source| source == REGISTRY), "{lock}");
        assert_eq!((sources.len(), all("checksum").len()), (names.len() - ours, names.len() - ours), "{lock}");
    }
}

/// Not read from the lock file: it also names what nobody has turned on.
#[test]
fn there_is_one_crypto_provider_and_one_tls_library() {
    let banned: Vec<_> = crates("normal,build,dev").into_iter().filter(|(name, _)| BANNED.contains(&&**name)).collect();
    assert!(banned.is_empty(), "{banned:?}");
}

#[test]
fn the_bill_of_materials_lists_what_is_linked_and_nothing_that_only_tests_use() {
    let Ok(file) = std::env::var("SBOM") else {
        eprintln!("SKIPPED: SBOM names no bill of materials (bash deploy/sbom writes one), so none was checked");
        return;
    };
    let bill: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(bill["bomFormat"], "CycloneDX");
    assert!(bill["specVersion"].as_str().unwrap() >= "1.5");
    assert!(bill["serialNumber"].as_str().unwrap().starts_with("urn:uuid:"));
    let product = &bill["metadata"]["component"];
    assert_eq!((product["name"].as_str(), product["version"].as_str()), (Some("kube-vitals"), Some("0.1.0")));
    assert!(!bill.to_string().contains(env!("CARGO_MANIFEST_DIR")), "it tells of the machine it was made on");
    let components = bill["components"].as_array().unwrap();
    for component in components {
        let package = component["purl"].as_str().unwrap();
        assert!(package.starts_with("pkg:cargo/"), "{package}");
        assert!(component["licenses"].is_array(), "{package} has no licence");
        let hashes = component["hashes"].as_array().unwrap_or_else(|| panic!("{package} has no hash"));
        assert!(hashes.iter().any(|hash| hash["alg"] == "SHA-256"), "{package}");
    }
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let listed: BTreeSet<Crate> = components.iter().map(|it| (text(&it["name"]), text(&it["version"]))).collect();
    let (linked, built, tested) = (crates("normal"), crates("normal,build"), crates("normal,build,dev"));
    assert!(linked.len() > 100);
    let unlisted: Vec<_> = linked.difference(&listed).collect();
    assert!(unlisted.is_empty(), "linked and not listed: {unlisted:?}");
    let only_tests: BTreeSet<_> = tested.difference(&built).cloned().collect();
    assert!(!only_tests.is_empty());
    let foreign: Vec<_> = only_tests.intersection(&listed).collect();
    assert!(foreign.is_empty(), "listed, and only tests use it: {foreign:?}");
}

/// What `cargo tree` finds by these edges, but for the product itself.
fn crates(edges: &str) -> BTreeSet<Crate> {
    let arguments = ["tree", "--locked", "--offline", "--prefix", "none", "--format", "{p}", "--edges", edges];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(repository::path("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let named = lines.lines().filter(|line| !line.starts_with("kube-vitals "));
    named.map(crate_).filter(|(name, _)| !name.is_empty()).collect()
}

/// From `name v1.2.3`, whatever follows.
fn crate_(line: &str) -> Crate {
    let mut words = line.split(' ').map(str::to_owned);
    let (name, version) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    (name, version.trim_start_matches('v').to_owned())
}
