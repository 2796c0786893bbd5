//! `export`: the engines that usage is sent to.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};

use super::section::Section;
use crate::config::content::Content;
use crate::config::fault::Faults;
use crate::config::settings::{Authorize, Export, ExportProtocol, ExportTarget, HeaderSource, OtlpProtocol, TargetTls};
use crate::config::value::{plain, positive_duration};

/// Long enough for a busy store on another continent, short enough that the next batch is not late.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What stores are used to: one request is about 20 KB on the wire.
const SAMPLES_PER_REQUEST: usize = 2_000;
/// A cluster of 1,000 nodes and 30,000 pods makes as many in 15 s; they are held in about 15 MB.
const QUEUE_SAMPLES: usize = 250_000;
/// What is handed over at once, which is not divided.
const SMALLEST_REQUEST: usize = 300;
/// Some of these.
const SMALLEST_QUEUE: usize = 1_000;
/// Some MB on the wire; stores refuse larger ones.
const LARGEST_REQUEST: usize = 100_000;
/// About half a gigabyte.
const LARGEST_QUEUE: usize = 10_000_000;
/// Headers that the protocols set themselves, or that have keys of their own.
const TAKEN_HEADERS: [&str; 5] = ["authorization", "content-type", "content-encoding", "content-length", "host"];

/// Reads the section, and notes every fault in it.
pub(super) fn read(mut section: Section, variable: &impl Fn(&str) -> Option<String>, faults: &mut Faults) -> Export {
    let mut targets = Vec::new();
    let mut names = HashSet::new();
    for (key, reads) in [("remoteWrite", remote_write as Reader), ("otlp", otlp)] {
        for mut entry in section.sections(key, faults) {
            let protocol = reads(&mut entry, faults);
            let name = entry.required("name", faults, target_name);
            if let Some(name) = name.as_ref().filter(|name| !names.insert((*name).clone())) {
                entry.fault("name", &format!("another target is called {name}, too"), faults);
            }
            targets.extend(target(entry, name, protocol, variable, faults));
        }
    }
    section.end(faults);
    Export { targets }
}

type Reader = fn(&mut Section, &mut Faults) -> Option<(ExportProtocol, &'static str)>;

/// The protocol, and the key of its labels.
fn remote_write(entry: &mut Section, faults: &mut Faults) -> Option<(ExportProtocol, &'static str)> {
    let protocol = match entry.text("protocol", faults).as_deref() {
        None | Some("auto") => ExportProtocol::RemoteWriteNewest,
        Some("v1") => ExportProtocol::RemoteWrite1,
        Some("v2") => ExportProtocol::RemoteWrite2,
        Some(other) => {
            entry.fault("protocol", &format!("{other:?} is none of auto, v1, v2"), faults);
            return None;
        }
    };
    Some((protocol, "externalLabels"))
}

fn otlp(entry: &mut Section, faults: &mut Faults) -> Option<(ExportProtocol, &'static str)> {
    let protocol = match entry.text("protocol", faults).as_deref() {
        None | Some("http/protobuf") => OtlpProtocol::Http,
        Some("grpc") => OtlpProtocol::Grpc,
        Some(other) => {
            entry.fault("protocol", &format!("{other:?} is neither http/protobuf nor grpc"), faults);
            return None;
        }
    };
    Some((ExportProtocol::Otlp(protocol), "resourceAttributes"))
}

fn target(
    mut entry: Section,
    name: Option<String>,
    protocol: Option<(ExportProtocol, &'static str)>,
    variable: &impl Fn(&str) -> Option<String>,
    faults: &mut Faults,
) -> Option<ExportTarget> {
    let is_grpc = matches!(protocol, Some((ExportProtocol::Otlp(OtlpProtocol::Grpc), _)));
    let url = entry.required("url", faults, |text| if is_grpc { base_url(text) } else { url(text) });
    let is_plain = url.as_ref().is_some_and(|url| url.starts_with("http:"));
    let authorize = authorize(&mut entry, faults);
    let headers = headers(&mut entry, faults);
    let tls = tls(&mut entry, is_plain, faults);
    let timeout = entry.value("timeout", faults, positive_duration).unwrap_or(TIMEOUT);
    let samples_per_request = entry.value("samplesPerRequest", faults, within(SMALLEST_REQUEST, LARGEST_REQUEST));
    let samples_per_request = samples_per_request.unwrap_or(SAMPLES_PER_REQUEST);
    let queue_samples = entry.value("queueSamples", faults, within(SMALLEST_QUEUE, LARGEST_QUEUE));
    let queue_samples = queue_samples.unwrap_or(QUEUE_SAMPLES);
    if queue_samples < samples_per_request {
        entry.fault("queueSamples", "must hold at least samplesPerRequest", faults);
    }
    let labels_key = protocol.as_ref().map_or("externalLabels", |(_, key)| key);
    let is_remote_write = labels_key == "externalLabels";
    let mut labels = entry.table(labels_key, faults, |name, text| {
        if is_remote_write && !is_label(name) {
            return Err("is no label name, or one that usage has itself".to_owned());
        }
        expand(text, variable)
    });
    labels.sort();
    entry.end(faults);
    let (protocol, _) = protocol?;
    let (name, url) = (name?, url?);
    Some(ExportTarget {
        name,
        url,
        protocol,
        authorize,
        headers,
        tls,
        timeout,
        samples_per_request,
        queue_samples,
        labels,
    })
}

fn authorize(entry: &mut Section, faults: &mut Faults) -> Option<Authorize> {
    let token = entry.value("bearerTokenFile", faults, |path| file(path, Content::Any)).map(Authorize::BearerTokenFile);
    let Some(mut basic) = entry.section("basicAuth", faults) else { return token };
    let username = basic.required("username", faults, |text| Ok(text.to_owned()));
    let password_file = basic.required("passwordFile", faults, |path| file(path, Content::Any));
    basic.end(faults);
    if token.is_some() {
        entry.fault("basicAuth", "cannot stand beside bearerTokenFile", faults);
    }
    Some(Authorize::Basic { username: username?, password_file: password_file? })
}

fn headers(entry: &mut Section, faults: &mut Faults) -> Vec<(String, HeaderSource)> {
    let mut headers = entry.table("headers", faults, |name, text| {
        header_name(name)?;
        HeaderValue::from_str(text).map_err(|_| "cannot be sent in a header".to_owned())?;
        Ok(HeaderSource::Value(text.to_owned()))
    });
    headers.extend(entry.table("headersFrom", faults, |name, path| {
        header_name(name)?;
        file(path, Content::Any).map(HeaderSource::File)
    }));
    headers
}

fn tls(entry: &mut Section, is_plain: bool, faults: &mut Faults) -> TargetTls {
    let Some(mut section) = entry.section("tls", faults) else { return TargetTls::default() };
    if is_plain {
        entry.fault("tls", "is of no use to a url that begins with http:", faults);
    }
    let authority = section.value("caFile", faults, |path| file(path, Content::Certificates));
    let chain = section.value("certFile", faults, |path| file(path, Content::Certificates));
    let key = section.value("keyFile", faults, |path| file(path, Content::PrivateKey));
    if chain.is_some() != key.is_some() {
        entry.fault("tls", "certFile and keyFile are of use only together", faults);
    }
    section.end(faults);
    TargetTls { authority, identity: chain.zip(key) }
}

/// A label of the metrics about this target.
fn target_name(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if text.is_empty() || text.len() > 63 || !text.bytes().all(plain) {
        return Err(format!("{text:?} is no name: up to 63 letters, digits, -, _ and ."));
    }
    Ok(text.to_owned())
}

/// A number of samples.
fn within(smallest: usize, largest: usize) -> impl Fn(&str) -> Result<usize, String> {
    move |text| match plain(text)? {
        number if (smallest..=largest).contains(&number) => Ok(number),
        number => Err(format!("{number} is not between {smallest} and {largest}")),
    }
}

fn url(text: &str) -> Result<String, String> {
    let uri: Uri = text.parse().map_err(|error| format!("{text:?} is no URL: {error}"))?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(authority)) if authority.as_str().contains('@') => {
            Err("must hold no user or password; use basicAuth".to_owned())
        }
        (Some("http" | "https"), Some(_)) => Ok(text.to_owned()),
        _ => Err(format!("{text:?} must begin with http:// or https://")),
    }
}

/// gRPC has paths of its own.
fn base_url(text: &str) -> Result<String, String> {
    let typed = url(text)?;
    let uri: Uri = typed.parse().map_err(|error| format!("{text:?} is no URL: {error}"))?;
    if uri.path() == "/" && uri.query().is_none() {
        return Ok(typed.trim_end_matches('/').to_owned());
    }
    Err("must have no path: the protocol is grpc".to_owned())
}

/// A file that can be read now and holds what it is for.
fn file(text: &str, content: Content) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    content.check(&path).map(|()| path)
}

fn header_name(name: &str) -> Result<(), String> {
    if name.parse::<HeaderName>().is_err() || TAKEN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
        return Err("is no header name, or one that is set by itself".to_owned());
    }
    Ok(())
}

fn is_label(name: &str) -> bool {
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    starts && plain && !["__name__", "node", "namespace", "pod", "container"].contains(&name)
}

/// Puts the environment's values where `${NAME}` stands, so that replicas can tell themselves apart.
fn expand(text: &str, variable: &impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let (mut expanded, mut rest) = (String::new(), text);
    while let Some((before, tail)) = rest.split_once("${") {
        let (name, after) = tail.split_once('}').ok_or("${ has no }")?;
        let value = variable(name).ok_or_else(|| format!("the environment has no {name}"))?;
        expanded.extend([before, &value]);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}
