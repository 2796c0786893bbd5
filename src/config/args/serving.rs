//! Flags: the TLS port.

use std::time::Duration;

use clap::Args;

use crate::config::fault::Faults;
use crate::config::settings::Serving;
use crate::config::value::{at_least_one, duration, given, plain, positive_duration};

/// Below this no endpoint would be gone in time that is not ready any more.
const MIN_AUTHORITY_OVERLAP: Duration = Duration::from_secs(10);

/// The TLS port.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Serving")]
pub struct ServingArgs {
    /// Address to listen at; use :: where Services have IPv6 addresses only
    #[arg(long, env = "KUBE_VITALS_BIND_ADDRESS", value_name = "ADDRESS", default_value = "0.0.0.0")]
    pub bind_address: String,

    /// Port to listen at; 0 lets the system choose
    #[arg(long, env = "KUBE_VITALS_SECURE_PORT", value_name = "PORT", default_value = "8080")]
    pub secure_port: String,

    /// PEM file of the serving certificate and its chain; needs --tls-private-key-file
    ///
    /// Without it, a certificate for the Service is made, kept in a Secret for all replicas, and
    /// made known to the aggregator.
    #[arg(long, env = "KUBE_VITALS_TLS_CERT_FILE", value_name = "FILE")]
    pub tls_cert_file: Option<String>,

    /// PEM file of the serving certificate's key
    #[arg(long, env = "KUBE_VITALS_TLS_PRIVATE_KEY_FILE", value_name = "FILE")]
    pub tls_private_key_file: Option<String>,

    /// How long a new authority of our own certificates is announced before it is used, and the old one
    /// believed after, 10s or more
    ///
    /// Whoever verifies us needs to learn of a change within it. A replica that cannot ask for one for
    /// half of it is not ready.
    #[arg(long, env = "KUBE_VITALS_SERVING_AUTHORITY_OVERLAP", value_name = "DURATION", default_value = "1h")]
    pub serving_authority_overlap: String,

    /// Connections at once; further ones wait to be accepted
    ///
    /// The aggregator sends many requests over few connections; each one costs some 100 KiB at
    /// worst. One address may have a quarter of them, and 16 in any case.
    #[arg(long, env = "KUBE_VITALS_MAX_CONNECTIONS", value_name = "NUMBER", default_value = "1024")]
    pub max_connections: String,

    /// Requests under way at once; further ones are answered 429 (health and discovery never)
    ///
    /// Watches are counted apart; a replica has room for 1,000. The control plane always passes.
    #[arg(long, env = "KUBE_VITALS_MAX_REQUESTS_INFLIGHT", value_name = "NUMBER", default_value = "400")]
    pub max_requests_inflight: String,

    /// Time for one request, then 504; a client may ask for less with ?timeout=
    ///
    /// A watch has this long for the head of its answer, and then as long as it likes.
    #[arg(long, env = "KUBE_VITALS_REQUEST_TIMEOUT", value_name = "DURATION", default_value = "60s")]
    pub request_timeout: String,
}

impl ServingArgs {
    pub(in crate::config) fn read(&self, faults: &mut Faults) -> Option<Serving> {
        let address = faults.read("--bind-address", &self.bind_address, plain);
        let port = faults.read("--secure-port", &self.secure_port, plain);
        let certificate = faults.pair(
            ("--tls-cert-file", given(self.tls_cert_file.as_deref())),
            ("--tls-private-key-file", given(self.tls_private_key_file.as_deref())),
        );
        let authority_overlap =
            faults.read("--serving-authority-overlap", &self.serving_authority_overlap, authority_overlap);
        let max_connections = faults.read("--max-connections", &self.max_connections, at_least_one);
        let max_requests_in_flight = faults.read("--max-requests-inflight", &self.max_requests_inflight, at_least_one);
        let request_timeout = faults.read("--request-timeout", &self.request_timeout, positive_duration);
        Some(Serving {
            address: address?,
            port: port?,
            certificate,
            authority_overlap: authority_overlap?,
            max_connections: max_connections?,
            max_requests_in_flight: max_requests_in_flight?,
            request_timeout: request_timeout?,
        })
    }
}

fn authority_overlap(typed: &str) -> Result<Duration, String> {
    match duration(typed)? {
        short if short < MIN_AUTHORITY_OVERLAP => Err(format!("{short:?} is less than {MIN_AUTHORITY_OVERLAP:?}")),
        overlap => Ok(overlap),
    }
}
