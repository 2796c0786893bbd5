//! Prometheus, as a process of its own, asked over its HTTP API.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};

use crate::support::process::Process;
use crate::waiting::eventually;

/// It replays nothing and scrapes little.
const START: Duration = Duration::from_secs(30);

/// A running Prometheus.
pub(crate) struct Prometheus {
    _process: Process,
    client: Client,
    address: String,
}

/// What a query over time brought: the series, and how many of their values are numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) series: usize,
    pub(crate) numbers: usize,
}

impl Prometheus {
    /// Why there is none.
    pub(crate) fn lacking() -> Option<String> {
        let version = Command::new("prometheus").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.err().map(|error| format!("prometheus cannot be started: {error}"))
    }

    /// Starts it on `port` with `scrapes`, asked every second, and the rules of `rules`, evaluated as
    /// often. It takes what is written to it.
    pub(crate) async fn start(port: u16, folder: &Path, scrapes: Value, rules: &str) -> Result<Self, String> {
        let (config, rule_file) = (folder.join("prometheus.json"), folder.join("rules.yaml"));
        fs::write(&rule_file, rules).map_err(text)?;
        let global = json!({"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"});
        let whole = json!({"global": global, "rule_files": [rule_file], "scrape_configs": scrapes});
        // JSON is YAML.
        fs::write(&config, whole.to_string()).map_err(text)?;
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(["--web.enable-remote-write-receiver", "--enable-feature=exemplar-storage", "--log.level=warn"])
            .stdout(Stdio::null())
            .stderr(File::create(folder.join("prometheus.log")).map_err(text)?);
        let process = Process::start("prometheus", &mut command)?;
        let client = Client::builder().no_proxy().build().map_err(text)?;
        let prometheus = Self { _process: process, client, address };
        eventually(START, async || prometheus.ask("query", &[("query", "vector(1)")]).await).await?;
        Ok(prometheus)
    }

    /// The names of the alerts that fire now.
    pub(crate) async fn firing(&self) -> Result<BTreeSet<String>, String> {
        let data = self.ask("query", &[("query", r#"ALERTS{alertstate="firing"}"#)]).await?;
        let names = data["result"].as_array().into_iter().flatten();
        Ok(names.filter_map(|alert| alert["metric"]["alertname"].as_str().map(str::to_owned)).collect())
    }

    /// What a query brings from `start` until now, both in seconds since 1970.
    pub(crate) async fn over(&self, query: &str, start: f64, now: f64) -> Result<Found, String> {
        let (start, end) = (start.to_string(), now.to_string());
        let data =
            self.ask("query_range", &[("query", query), ("start", &start), ("end", &end), ("step", "2s")]).await?;
        let series = data["result"].as_array().ok_or("no result")?;
        let values = series.iter().flat_map(|series| series["values"].as_array().into_iter().flatten());
        let numbers = values
            .filter(|value| value[1].as_str().and_then(|value| value.parse::<f64>().ok()).is_some_and(f64::is_finite));
        Ok(Found { series: series.len(), numbers: numbers.count() })
    }

    /// The values of a label among series of `selector`.
    pub(crate) async fn values_of(&self, label: &str, selector: &str) -> Result<BTreeSet<String>, String> {
        let data = self.ask(&format!("label/{label}/values"), &[("match[]", selector)]).await?;
        Ok(data.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// The series of `selector` that carry exemplars.
    pub(crate) async fn exemplars(&self, selector: &str, start: f64, now: f64) -> Result<usize, String> {
        let (start, end) = (start.to_string(), now.to_string());
        let data = self.ask("query_exemplars", &[("query", selector), ("start", &start), ("end", &end)]).await?;
        Ok(data.as_array().map_or(0, Vec::len))
    }

    async fn ask(&self, what: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let answer = self.client.get(format!("http://{}/api/v1/{what}?{query}", self.address)).send();
        let body = answer.await.map_err(text)?.bytes().await.map_err(text)?;
        let mut answer: Value = serde_json::from_slice(&body).map_err(text)?;
        if answer["status"] == "success" { Ok(answer["data"].take()) } else { Err(answer.to_string()) }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
