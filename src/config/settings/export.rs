//! Other engines that usage is sent to.

use std::path::PathBuf;
use std::time::Duration;

use super::OtlpProtocol;

/// Where usage is sent; nowhere by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// The engines, each with a name of its own.
    pub targets: Vec<ExportTarget>,
}

/// One engine that usage is sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportTarget {
    /// What our own metrics call it.
    pub name: String,
    /// Where it is, path included.
    pub url: String,
    /// What it understands.
    pub protocol: ExportProtocol,
    /// How we say who we are.
    pub authorize: Option<Authorize>,
    /// Further headers of each request.
    pub headers: Vec<(String, HeaderSource)>,
    /// How the connection is secured, if the URL says https.
    pub tls: TargetTls,
    /// Time for one request, connect to answer.
    pub timeout: Duration,
    /// Most samples of one request.
    pub samples_per_request: usize,
    /// Most samples that wait; then the oldest are dropped.
    pub queue_samples: usize,
    /// Labels of every series (attributes of every resource), sorted by name.
    pub labels: Vec<(String, String)>,
}

/// What an engine understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportProtocol {
    /// Remote write 2.0; 1.0 from the first answer on that shows that 2.0 is not understood.
    RemoteWriteNewest,
    /// Remote write 1.0.
    RemoteWrite1,
    /// Remote write 2.0.
    RemoteWrite2,
    /// OTLP metrics, in protobuf.
    Otlp(OtlpProtocol),
}

/// How we say who we are to an engine. Secrets stand in files, which are read anew for each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorize {
    /// `Authorization: Bearer` with what this file holds.
    BearerTokenFile(PathBuf),
    /// `Authorization: Basic`.
    Basic {
        /// The user.
        username: String,
        /// Holds the password.
        password_file: PathBuf,
    },
}

/// Where a header's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderSource {
    /// The configuration.
    Value(String),
    /// This file, read anew for each request.
    File(PathBuf),
}

/// How the connection to an engine is secured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetTls {
    /// Whose certificates are accepted; `None` = those that the system trusts.
    pub authority: Option<PathBuf>,
    /// Client certificate and key files.
    pub identity: Option<(PathBuf, PathBuf)>,
}
