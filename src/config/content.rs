//! Files that flags name: whether they can be read, and hold what they are for.
//!
//! Looked at once, before anything is started, so that all faults are told together and under their
//! flags. What a file holds later is the business of the room that reads it again.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::telemetry::BrokenPem;

/// The authorities of a whole system take a quarter of this; a larger one is the wrong file.
const MAX_BYTES: u64 = 1 << 20;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Its reader will say.
    Any,
    /// One certificate or several, in PEM.
    Certificates,
    /// A private key, in PEM.
    PrivateKey,
}

impl Content {
    /// What is wrong with the file, to be told behind its flag. A pipe is not looked into, since that
    /// would empty it.
    pub(super) fn check(self, path: &Path) -> Result<(), String> {
        self.found_at(path).map_err(|error| format!("{} {error}", path.display()))
    }

    fn found_at(self, path: &Path) -> Result<(), String> {
        let metadata = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
        if metadata.is_dir() {
            return Err("is a directory".to_owned());
        }
        if !metadata.is_file() {
            return Ok(());
        }
        let file = File::open(path).map_err(|error| unreadable(&error))?;
        match self {
            Self::Any => Ok(()),
            Self::Certificates => certificates(&read(file)?),
            Self::PrivateKey => private_key(&read(file)?),
        }
    }
}

fn read(file: File) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    match file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))? {
        length if length as u64 > MAX_BYTES => Err(format!("is larger than {MAX_BYTES} bytes")),
        _ => Ok(bytes),
    }
}

fn certificates(pem: &[u8]) -> Result<(), String> {
    match CertificateDer::pem_slice_iter(pem).next() {
        Some(first) => first.map(drop).map_err(damaged),
        None => Err("holds no certificate in PEM".to_owned()),
    }
}

fn private_key(pem: &[u8]) -> Result<(), String> {
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(_) => Ok(()),
        Err(pem::Error::NoItemsFound) => Err("holds no private key in PEM".to_owned()),
        Err(error) => Err(damaged(error)),
    }
}

fn damaged(error: pem::Error) -> String {
    format!("is damaged: {}", BrokenPem::from(error))
}

fn unreadable(error: &io::Error) -> String {
    format!("cannot be read: {error}")
}

#[cfg(test)]
pub(super) mod tests;
