//! OpenTelemetry's own variables that say where a signal goes and how.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;

use crate::config::content::Content;
use crate::config::fault::Faults;
use crate::config::settings::{Otlp, OtlpProtocol};
use crate::config::value::{list, plain};

/// As the specification has it.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// A batch that is not gone by then stands in the way of too many others.
const LONGEST_TIMEOUT: Duration = Duration::from_mins(1);

/// The names that one signal's variables have, and those of all signals together.
pub(in crate::config) struct Signal {
    own: Names,
    /// Added to an endpoint that is for all signals.
    path: &'static str,
}

struct Names {
    endpoint: &'static str,
    protocol: &'static str,
    headers: &'static str,
    timeout: &'static str,
    compression: &'static str,
    certificate: &'static str,
    client_certificate: &'static str,
    client_key: &'static str,
}

macro_rules! names {
    ($prefix:literal) => {
        Names {
            endpoint: concat!($prefix, "ENDPOINT"),
            protocol: concat!($prefix, "PROTOCOL"),
            headers: concat!($prefix, "HEADERS"),
            timeout: concat!($prefix, "TIMEOUT"),
            compression: concat!($prefix, "COMPRESSION"),
            certificate: concat!($prefix, "CERTIFICATE"),
            client_certificate: concat!($prefix, "CLIENT_CERTIFICATE"),
            client_key: concat!($prefix, "CLIENT_KEY"),
        }
    };
}

const ALL: Names = names!("OTEL_EXPORTER_OTLP_");

/// Spans.
pub(in crate::config) const TRACES: Signal = Signal { own: names!("OTEL_EXPORTER_OTLP_TRACES_"), path: "/v1/traces" };

/// What flags say; empty where nothing was typed.
pub(in crate::config) struct Typed<'a> {
    /// Name and value of the flag for the endpoint of all signals.
    pub(in crate::config) endpoint: (&'static str, &'a str),
    /// Name and value of the flag for the protocol.
    pub(in crate::config) protocol: (&'static str, &'a str),
}

/// A value and the flag or variable that it is from.
type Source = (&'static str, String);

/// The environment as one signal sees it.
struct Variables<'a, V> {
    signal: &'a Signal,
    variable: &'a V,
}

impl Signal {
    /// Whether an endpoint is set.
    pub(in crate::config) fn is_set(&self, typed: &Typed<'_>, variable: &impl Fn(&str) -> Option<String>) -> bool {
        Variables { signal: self, variable }.endpoint(typed).is_some()
    }

    /// Where this signal goes: as the flags say, else as its own variables do, else as those of all
    /// signals do. `None` where no endpoint is set, or something is wrong.
    pub(in crate::config) fn read(
        &self,
        typed: &Typed<'_>,
        variable: &impl Fn(&str) -> Option<String>,
        faults: &mut Faults,
    ) -> Option<Otlp> {
        let set = Variables { signal: self, variable };
        let (place, endpoint, is_base) = set.endpoint(typed)?;
        let protocol = match set.typed_or(typed.protocol, |names| names.protocol) {
            Some((place, value)) => faults.read(place, &value, protocol),
            None => Some(OtlpProtocol::Http),
        };
        let headers = set.read(|names| names.headers, faults, headers);
        let timeout = set.read(|names| names.timeout, faults, timeout);
        let gzip = set.read(|names| names.compression, faults, is_gzip);
        let authority = set.of(|names| names.certificate);
        let authority_file =
            authority.and_then(|(place, path)| faults.file(place, Some(PathBuf::from(path)), Content::Certificates));
        let client_certificate = set.pair(faults);
        let path = if is_base { self.path } else { "" };
        let protocol = protocol?;
        Some(Otlp {
            endpoint: faults.read(place, &endpoint, |typed| self::endpoint(typed, protocol, path))?,
            protocol,
            headers: headers.unwrap_or_default(),
            authority_file,
            client_certificate,
            timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
            gzip: gzip.unwrap_or_default(),
        })
    }
}

impl<V: Fn(&str) -> Option<String>> Variables<'_, V> {
    /// The signal's own variable, else the one of all signals. An empty one is as good as none.
    fn of(&self, name: impl Fn(&Names) -> &'static str) -> Option<Source> {
        [&self.signal.own, &ALL].into_iter().find_map(|names| {
            let name = name(names);
            (self.variable)(name).filter(|value| !value.is_empty()).map(|value| (name, value))
        })
    }

    fn typed_or(&self, (flag, typed): (&'static str, &str), name: impl Fn(&Names) -> &'static str) -> Option<Source> {
        if typed.is_empty() { self.of(name) } else { Some((flag, typed.to_owned())) }
    }

    /// Also whether the signal's path has to be added.
    fn endpoint(&self, typed: &Typed<'_>) -> Option<(&'static str, String, bool)> {
        let (place, endpoint) = self.typed_or(typed.endpoint, |names| names.endpoint)?;
        Some((place, endpoint, place != self.signal.own.endpoint))
    }

    fn read<T>(
        &self,
        name: impl Fn(&Names) -> &'static str,
        faults: &mut Faults,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (place, value) = self.of(name)?;
        faults.read(place, &value, parse)
    }

    fn pair(&self, faults: &mut Faults) -> Option<(PathBuf, PathBuf)> {
        let half = |name: fn(&Names) -> &'static str| match self.of(name) {
            Some((place, path)) => (place, Some(PathBuf::from(path))),
            None => (name(&ALL), None),
        };
        faults.pair(half(|names| names.client_certificate), half(|names| names.client_key))
    }
}

fn protocol(typed: &str) -> Result<OtlpProtocol, String> {
    match typed {
        "grpc" => Ok(OtlpProtocol::Grpc),
        "http/protobuf" => Ok(OtlpProtocol::Http),
        _ => Err(format!("{typed:?} is not spoken here: http/protobuf and grpc are")),
    }
}

/// The whole URL; gRPC has paths of its own.
fn endpoint(typed: &str, protocol: OtlpProtocol, path: &str) -> Result<String, String> {
    let uri: Uri = typed.parse().map_err(|error| format!("{typed:?} is no URL: {error}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
        return Err(format!("{typed:?} must begin with http:// or https://"));
    }
    match protocol {
        OtlpProtocol::Http => Ok(if path.is_empty() { typed.to_owned() } else { join(typed, path) }),
        OtlpProtocol::Grpc if matches!(uri.path(), "" | "/") && uri.query().is_none() => Ok(join(typed, "")),
        OtlpProtocol::Grpc => Err(format!("{typed:?} has a path, which is for http/protobuf; the protocol is grpc")),
    }
}

fn join(base: &str, path: &str) -> String {
    format!("{}{path}", base.trim_end_matches('/'))
}

/// `name=value` pairs with commas between them, values percent-encoded.
fn headers(typed: &str) -> Result<HeaderMap, String> {
    list(typed)
        .map(|pair| {
            // Values are secrets as a rule: they are not repeated.
            let (name, value) = pair.split_once('=').ok_or("an entry is not written NAME=VALUE")?;
            let name: HeaderName =
                name.trim().parse().map_err(|_| format!("{:?} is no name of a header", name.trim()))?;
            let text = percent_decode_str(value.trim()).decode_utf8().ok();
            let value = text.and_then(|text| HeaderValue::from_str(&text).ok());
            let mut value = value.ok_or_else(|| format!("the value of {name} cannot be in a header"))?;
            value.set_sensitive(true);
            Ok((name, value))
        })
        .collect()
}

fn timeout(typed: &str) -> Result<Duration, String> {
    let timeout = Duration::from_millis(plain(typed)?);
    if timeout.is_zero() || timeout > LONGEST_TIMEOUT {
        return Err(format!("must be between 1 and {} milliseconds", LONGEST_TIMEOUT.as_millis()));
    }
    Ok(timeout)
}

fn is_gzip(typed: &str) -> Result<bool, String> {
    match typed {
        "gzip" => Ok(true),
        "none" => Ok(false),
        _ => Err(format!("{typed:?} is neither gzip nor none")),
    }
}
