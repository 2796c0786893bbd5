//! Where the serving certificate comes from.
//!
//! ```text
//! files given:  files ──poll──▶ ServingCertificate
//! none given:   Secret <service>-serving-cert ◀─made once, shared by all replicas─▶ ServingCertificate
//!                  ├─ its authorities ──patch──▶ caBundle of every APIService that leads to our Service
//!                  └─ its key ──client certificate──▶ by which replicas know each other
//! ```
//!
//! Own certificates mean verified TLS with no flag set and no other part installed. The authority's
//! key is kept beside the certificate (`ca.key`), so that a later certificate can come from the same
//! authority and no `caBundle` has to change; beside what `tls.key` opens it makes replicas, which tell
//! each other samples and are no users: for all else the authority is believed for our Service's name
//! alone. Authorities take over from each other with overlap, as drawn in `rotation`. The room never judges
//! clients.

mod agreement;
mod api_services;
mod error;
mod files;
mod flaw;
mod making;
mod material;
mod own;
mod replicas;
mod rotation;
mod secret;

pub use error::CertificateError;
pub use files::FileCertificates;
pub use flaw::Flaw;
pub use material::Unfit;
pub use own::OwnCertificates;
pub use replicas::Introductions;
