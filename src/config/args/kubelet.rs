//! Flags: how kubelets are asked.

use std::time::Duration;

use clap::Args;

use crate::config::content::Content;
use crate::config::fault::Faults;
use crate::config::settings::{AddressKind, KubeletServerName, KubeletTls, KubeletTrust, Scraping};
use crate::config::value::{at_least_one, byte_size, duration, given, list, plain};

/// Below this a kubelet has nothing new to say: it refreshes its own readings every 10 s or so.
const MIN_RESOLUTION: Duration = Duration::from_secs(5);
/// What a scrape may take when nothing was said and the resolution leaves room.
const USUAL_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A body shorter than this cannot hold one node's answer.
const MIN_BODY_LIMIT_BYTES: u64 = 64 << 10;

/// How kubelets are asked.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Kubelets")]
pub struct KubeletArgs {
    /// Target time between two scrapes of a node, 5s or more
    #[arg(long, env = "KUBE_VITALS_METRIC_RESOLUTION", value_name = "DURATION", default_value = "15s")]
    pub metric_resolution: String,

    /// Samples older than this are not served any more; at least two resolutions
    #[arg(long, env = "KUBE_VITALS_MAX_SAMPLE_AGE", value_name = "DURATION", default_value = "2m")]
    pub max_sample_age: String,

    /// Time for one scrape, connect to last byte; at most 0.9 of the resolution
    ///
    /// Without this flag: 10s, or 0.6 of the resolution where that is less.
    #[arg(long, env = "KUBE_VITALS_KUBELET_REQUEST_TIMEOUT", value_name = "DURATION")]
    pub kubelet_request_timeout: Option<String>,

    /// Port of the kubelets
    #[arg(long, env = "KUBE_VITALS_KUBELET_PORT", value_name = "PORT", default_value = "10250")]
    pub kubelet_port: String,

    /// Use the port a node's status tells, where it tells one
    #[arg(
        long,
        env = "KUBE_VITALS_KUBELET_USE_NODE_STATUS_PORT",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "false"
    )]
    pub kubelet_use_node_status_port: String,

    /// Kinds of node addresses to dial, in this order; the next is tried when one cannot be
    /// reached. Of Hostname, InternalDNS, InternalIP, ExternalDNS, ExternalIP
    #[arg(
        long,
        env = "KUBE_VITALS_KUBELET_PREFERRED_ADDRESS_TYPES",
        value_name = "LIST",
        default_value = "InternalIP,ExternalIP,Hostname"
    )]
    pub kubelet_preferred_address_types: String,

    /// PEM file of the authorities whose kubelet certificates are accepted; without it, the
    /// authority of the API server's own connection
    #[arg(long, env = "KUBE_VITALS_KUBELET_CERTIFICATE_AUTHORITY", value_name = "FILE")]
    pub kubelet_certificate_authority: Option<String>,

    /// What a kubelet's certificate must be for: the dialled address, or the node's name, whatever
    /// address is dialled. Of address, node
    #[arg(long, env = "KUBE_VITALS_KUBELET_SERVER_NAME", value_name = "KIND", default_value = "address")]
    pub kubelet_server_name: String,

    /// Accept any kubelet certificate: whoever can answer at a node's address is believed, and
    /// receives our token. For trials only
    #[arg(
        long,
        env = "KUBE_VITALS_KUBELET_INSECURE_TLS",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "false"
    )]
    pub kubelet_insecure_tls: String,

    /// PEM file of a client certificate to show to kubelets; needs --kubelet-client-key
    #[arg(long, env = "KUBE_VITALS_KUBELET_CLIENT_CERTIFICATE", value_name = "FILE")]
    pub kubelet_client_certificate: Option<String>,

    /// PEM file of that certificate's key
    #[arg(long, env = "KUBE_VITALS_KUBELET_CLIENT_KEY", value_name = "FILE")]
    pub kubelet_client_key: Option<String>,

    /// Scrapes under way at once
    ///
    /// A healthy kubelet answers within milliseconds, so that even 5,000 nodes keep few under way;
    /// the room is for nodes that hang until their timeout.
    #[arg(long, env = "KUBE_VITALS_KUBELET_REQUESTS_IN_FLIGHT", value_name = "NUMBER", default_value = "256")]
    pub kubelet_requests_in_flight: String,

    /// Largest answer read from a kubelet; a longer one is a failed scrape
    ///
    /// A container takes about 650 bytes of an answer: the default has room for 25,000 on a node.
    #[arg(long, env = "KUBE_VITALS_KUBELET_BODY_LIMIT", value_name = "SIZE", default_value = "16Mi")]
    pub kubelet_body_limit: String,
}

impl KubeletArgs {
    /// How to scrape, and the age at which a sample expires.
    pub(in crate::config) fn read(&self, node_selector: &str, faults: &mut Faults) -> Option<(Scraping, Duration)> {
        let resolution = self.resolution(faults);
        let max_sample_age = self.max_sample_age(resolution, faults);
        let request_timeout = self.request_timeout(resolution, faults);
        let port = faults.read("--kubelet-port", &self.kubelet_port, at_least_one::<u16>);
        let use_node_status_port =
            faults.read("--kubelet-use-node-status-port", &self.kubelet_use_node_status_port, plain);
        let address_kinds =
            faults.read("--kubelet-preferred-address-types", &self.kubelet_preferred_address_types, address_kinds);
        let in_flight = faults.read("--kubelet-requests-in-flight", &self.kubelet_requests_in_flight, at_least_one);
        let body_limit_bytes = faults.read("--kubelet-body-limit", &self.kubelet_body_limit, body_limit);
        let tls = self.tls(faults);
        let scraping = Scraping {
            resolution: resolution?,
            request_timeout: request_timeout?,
            port: port?,
            use_node_status_port: use_node_status_port?,
            address_kinds: address_kinds?,
            node_selector: node_selector.to_owned(),
            in_flight: in_flight?,
            body_limit_bytes: body_limit_bytes?,
            tls: tls?,
        };
        Some((scraping, max_sample_age?))
    }

    fn max_sample_age(&self, resolution: Option<Duration>, faults: &mut Faults) -> Option<Duration> {
        let age = faults.read("--max-sample-age", &self.max_sample_age, duration)?;
        let least = resolution? * 2;
        if age < least {
            faults.add(
                "--max-sample-age",
                format!("{age:?} is less than two resolutions ({least:?}): one late scrape would empty every answer"),
            );
        }
        Some(age)
    }

    fn resolution(&self, faults: &mut Faults) -> Option<Duration> {
        faults.read("--metric-resolution", &self.metric_resolution, |typed| match duration(typed)? {
            short if short < MIN_RESOLUTION => Err(format!("{short:?} is less than {MIN_RESOLUTION:?}")),
            resolution => Ok(resolution),
        })
    }

    fn request_timeout(&self, resolution: Option<Duration>, faults: &mut Faults) -> Option<Duration> {
        const FLAG: &str = "--kubelet-request-timeout";
        let Some(typed) = self.kubelet_request_timeout.as_deref().filter(|typed| !typed.is_empty()) else {
            return resolution.map(|resolution| USUAL_REQUEST_TIMEOUT.min(resolution * 6 / 10));
        };
        let timeout = faults.read(FLAG, typed, duration)?;
        let longest = resolution.map_or(Duration::MAX, |resolution| resolution * 9 / 10);
        if timeout.is_zero() {
            faults.add(FLAG, "must be longer than zero");
        } else if timeout > longest {
            faults.add(FLAG, format!("{timeout:?} is more than 0.9 of --metric-resolution ({longest:?})"));
        }
        Some(timeout)
    }

    fn tls(&self, faults: &mut Faults) -> Option<KubeletTls> {
        let insecure = faults.read("--kubelet-insecure-tls", &self.kubelet_insecure_tls, plain);
        let authority = given(self.kubelet_certificate_authority.as_deref());
        if insecure == Some(true) && authority.is_some() {
            faults.add(
                "--kubelet-insecure-tls",
                "cannot stand beside --kubelet-certificate-authority: either any certificate is accepted or only its own",
            );
        }
        let authority = faults.file("--kubelet-certificate-authority", authority, Content::Certificates);
        let client_certificate = faults.pair(
            ("--kubelet-client-certificate", given(self.kubelet_client_certificate.as_deref())),
            ("--kubelet-client-key", given(self.kubelet_client_key.as_deref())),
        );
        let trust = match (insecure?, authority) {
            (true, _) => KubeletTrust::Anyone,
            (false, Some(file)) => KubeletTrust::File(file),
            (false, None) => KubeletTrust::Cluster,
        };
        let server_name = faults.read("--kubelet-server-name", &self.kubelet_server_name, server_name);
        Some(KubeletTls { trust, client_certificate, server_name: server_name? })
    }
}

fn body_limit(typed: &str) -> Result<u64, String> {
    match byte_size(typed)? {
        small if small < MIN_BODY_LIMIT_BYTES => Err("must be 64Ki or more".to_owned()),
        limit => Ok(limit),
    }
}

fn server_name(typed: &str) -> Result<KubeletServerName, String> {
    match typed {
        "address" => Ok(KubeletServerName::Address),
        "node" => Ok(KubeletServerName::Node),
        _ => Err(format!("{typed:?} is not of address, node")),
    }
}

fn address_kinds(typed: &str) -> Result<Vec<AddressKind>, String> {
    let mut kinds = Vec::new();
    for word in list(typed) {
        let kind = match word {
            "Hostname" => AddressKind::Hostname,
            "InternalDNS" => AddressKind::InternalDns,
            "InternalIP" => AddressKind::InternalIp,
            "ExternalDNS" => AddressKind::ExternalDns,
            "ExternalIP" => AddressKind::ExternalIp,
            _ => return Err(format!("{word:?} is not of Hostname, InternalDNS, InternalIP, ExternalDNS, ExternalIP")),
        };
        if kinds.contains(&kind) {
            return Err(format!("{word} is there twice"));
        }
        kinds.push(kind);
    }
    if kinds.is_empty() { Err("names no kind of address".to_owned()) } else { Ok(kinds) }
}
