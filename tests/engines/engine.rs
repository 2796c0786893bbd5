//! Real Prometheus and VictoriaMetrics, as Debian packages them.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Builder;

use crate::series::{AllSeries, of_labels};
use crate::support::process::{Process, eventually};
use crate::support::server::free_port;

const PROMETHEUS: &str = "prometheus";
const VICTORIA_METRICS: &str = "victoria-metrics";

/// A running engine.
pub(crate) struct Engine {
    _process: Process,
    pub(crate) url: String,
}

/// What is not here, if anything.
pub(crate) fn lacking() -> Option<String> {
    let is_here = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let missing: Vec<_> = [PROMETHEUS, VICTORIA_METRICS].into_iter().filter(|program| !is_here(program)).collect();
    (!missing.is_empty()).then(|| format!("{} not installed (Debian packages)", missing.join(" and ")))
}

impl Engine {
    /// Prometheus that takes remote write, and scrapes as `configuration` says.
    pub(crate) fn prometheus(folder: &Path, name: &str, configuration: &str) -> Result<Self, String> {
        let file = folder.join(format!("{name}.yaml"));
        std::fs::write(&file, configuration).map_err(|error| error.to_string())?;
        let port = free_port()?;
        let mut command = Command::new(PROMETHEUS);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join(name).display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--web.enable-remote-write-receiver");
        Self::start(name, command, port, folder)
    }

    /// VictoriaMetrics; it keeps every sample, duplicates included.
    pub(crate) fn victoria_metrics(folder: &Path) -> Result<Self, String> {
        let port = free_port()?;
        let mut command = Command::new(VICTORIA_METRICS);
        command
            .arg(format!("-storageDataPath={}", folder.join("vm").display()))
            .arg(format!("-httpListenAddr=127.0.0.1:{port}"));
        Self::start("vm", command, port, folder)
    }

    fn start(name: &str, mut command: Command, port: u16, folder: &Path) -> Result<Self, String> {
        let log = File::create(folder.join(format!("{name}.log"))).map_err(|error| error.to_string())?;
        let process = Process::start(name, command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log))?;
        let engine = Self { _process: process, url: format!("http://127.0.0.1:{port}") };
        let is_up = || engine.get("/api/v1/query", &[("query", "vector(1)")]);
        eventually(Duration::from_secs(30), is_up)?;
        Ok(engine)
    }

    /// Where remote write goes.
    pub(crate) fn remote_write_url(&self) -> String {
        format!("{}/api/v1/write", self.url)
    }

    /// The result of an instant query, at a time if one is given.
    pub(crate) fn query(&self, query: &str, at_millis: Option<i64>) -> Result<Vec<Value>, String> {
        let time = at_millis.map(|millis| format!("{}.{:03}", millis / 1000, millis % 1000));
        let mut parameters = vec![("query", query)];
        parameters.extend(time.as_deref().map(|time| ("time", time)));
        let answer: Value = serde_json::from_str(&self.get("/api/v1/query", &parameters)?).map_err(text)?;
        answer["data"]["result"].as_array().cloned().ok_or_else(|| format!("{query}: {answer}"))
    }

    /// Every sample of usage that Prometheus holds, as it was written.
    pub(crate) fn samples_of_prometheus(&self) -> Result<AllSeries, String> {
        let mut all = AllSeries::new();
        for series in self.query(r#"{__name__=~"kube_vitals_(node|pod|container)_.+"}[1h]"#, None)? {
            let samples = series["values"].as_array().ok_or("no values")?.iter().map(|pair| {
                let millis = (pair[0].as_f64().unwrap_or(0.0) * 1000.0).round() as i64;
                (millis, pair[1].as_str().and_then(|value| value.parse().ok()))
            });
            all.insert(of_labels(&labels(&series["metric"])?)?, samples.collect());
        }
        Ok(all)
    }

    /// Every sample of usage that VictoriaMetrics holds, as it was written.
    pub(crate) fn samples_of_victoria_metrics(&self) -> Result<AllSeries, String> {
        let matching = [("match[]", r#"{__name__=~"kube_vitals_(node|pod|container)_.+"}"#)];
        let mut all = AllSeries::new();
        for line in self.get("/api/v1/export", &matching)?.lines() {
            let series: Value = serde_json::from_str(line).map_err(text)?;
            let field = |name: &str| series[name].as_array().cloned().unwrap_or_default();
            let times = field("timestamps").into_iter().map(|time| time.as_i64().unwrap_or(0));
            let values = field("values").into_iter().map(|value| value.as_f64());
            all.entry(of_labels(&labels(&series["metric"])?)?).or_default().extend(times.zip(values));
        }
        Ok(all)
    }

    fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<String, String> {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        blocking_get(&format!("{}{path}?{query}", self.url))
    }
}

/// On a thread of its own, since who asks may stand in a runtime already.
fn blocking_get(url: &str) -> Result<String, String> {
    let url = url.to_owned();
    let ask = async move {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().map_err(text)?;
        let answer = client.get(url).send().await.and_then(reqwest::Response::error_for_status).map_err(text)?;
        answer.text().await.map_err(text)
    };
    let wait = || Builder::new_current_thread().enable_all().build().map_err(text)?.block_on(ask);
    std::thread::spawn(wait).join().map_err(|_| "the client broke".to_owned())?
}

fn labels(metric: &Value) -> Result<BTreeMap<String, String>, String> {
    serde_json::from_value(metric.clone()).map_err(text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
