use std::io::Write as _;

use tempfile::NamedTempFile;

use super::{Content, MAX_BYTES};

/// A certificate and a key as far as PEM goes, in one file.
pub(in crate::config) fn certificate_and_key() -> NamedTempFile {
    let block = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    file(&(block("CERTIFICATE") + &block("PRIVATE KEY")))
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn fault(content: Content, text: &str) -> String {
    let file = file(text);
    let told = content.check(file.path()).unwrap_err();
    told.strip_prefix(&file.path().display().to_string()).unwrap().trim_start().to_owned()
}

#[test]
fn a_file_that_holds_what_it_is_for_is_good() {
    let file = certificate_and_key();
    for content in [Content::Any, Content::Certificates, Content::PrivateKey] {
        assert_eq!(content.check(file.path()), Ok(()), "{content:?}");
    }
}

#[test]
fn a_file_of_something_else_is_told_so() {
    assert_eq!(fault(Content::Certificates, "hello"), "holds no certificate in PEM");
    assert_eq!(fault(Content::Certificates, ""), "holds no certificate in PEM");
    assert_eq!(fault(Content::PrivateKey, "hello"), "holds no private key in PEM");
    let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
    assert!(fault(Content::Certificates, cut).starts_with("is damaged: "));
    let large = " ".repeat(usize::try_from(MAX_BYTES).unwrap() + 1);
    assert_eq!(fault(Content::Certificates, &large), "is larger than 1048576 bytes");
    assert_eq!(Content::Any.check(file("hello").path()), Ok(()));
}

#[test]
fn a_key_whose_newlines_are_lost_is_told_so_without_a_word_of_it() {
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for newline in ["\\n", " ", ""] {
        for content in [Content::PrivateKey, Content::Certificates] {
            let told = fault(content, &key.replace('\n', newline));
            assert!(told.starts_with("is damaged: ") && told.ends_with("newlines are lost"), "{told}");
        }
    }
}

#[test]
fn a_folder_and_nothing_at_all_are_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let told = Content::Any.check(folder.path()).unwrap_err();
    assert_eq!(told, format!("{} is a directory", folder.path().display()));
    let told = Content::PrivateKey.check(&folder.path().join("tls.key")).unwrap_err();
    assert!(told.contains("tls.key cannot be read: "), "{told}");
}
