//! What was read of the server, moment by moment.

use std::fmt::Write as _;
use std::time::Duration;

use reqwest::Client;
use tokio::time::Instant;

use crate::load::SERVER;
use crate::quantities::{ALL, Quantity, Slack, Source};
use crate::resident::Resident;
use crate::rest::Truth;
use crate::trend::Trend;

/// All quantities at one moment, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) values: Vec<f64>,
    cpu_seconds: f64,
}

/// The samples of a load.
pub(crate) struct History {
    begun: Instant,
    /// With the time since the beginning.
    samples: Vec<(Duration, Sample)>,
}

impl Sample {
    /// Of the process of this id, by what it tells to `client`.
    pub(crate) async fn now(id: u32, client: &Client) -> Result<Self, String> {
        let answer = client.get(format!("{SERVER}/metrics")).send().await.map_err(|error| format!("{error:?}"))?;
        let metrics = answer.text().await.map_err(|error| format!("{error:?}"))?;
        let resident = Resident::of(id)?;
        let values = ALL.iter().map(|quantity| read(quantity, &metrics, &resident)).collect::<Result<_, _>>()?;
        Ok(Self { values, cpu_seconds: resident.cpu_seconds })
    }

    /// One quantity by its name.
    pub(crate) fn of(&self, name: &str) -> f64 {
        ALL.iter().zip(&self.values).find(|(quantity, _)| quantity.name == name).map_or(f64::NAN, |(_, value)| *value)
    }
}

fn read(quantity: &Quantity, metrics: &str, resident: &Resident) -> Result<f64, String> {
    let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
    match quantity.source {
        Source::Process(of) => Ok(of(resident)),
        Source::SeriesCount => Ok(metrics.lines().filter(|line| !line.starts_with('#')).count() as f64),
        Source::Metric(series) => {
            let is_of = |rest: &str| rest.starts_with([' ', '{']);
            let mut lines = metrics.lines().filter(|line| line.strip_prefix(series).is_some_and(is_of)).peekable();
            lines.peek().ok_or_else(|| format!("nothing is told of {series}"))?;
            lines.map(|line| value(line).ok_or_else(|| format!("no number: {line}"))).sum()
        }
    }
}

impl History {
    /// Nothing is known yet.
    pub(crate) fn begin() -> Self {
        Self { begun: Instant::now(), samples: Vec::new() }
    }

    pub(crate) fn add(&mut self, sample: Sample) {
        self.samples.push((self.begun.elapsed(), sample));
    }

    /// A line for people.
    pub(crate) fn progress(&self) -> String {
        let Some((at, last)) = self.samples.last() else { return "nothing is known yet".to_owned() };
        let told = ["resident memory, MiB", "heap, MiB", "tasks", "open files", "pods", "watches", "kept moments"];
        let told: Vec<String> = told.iter().map(|name| format!("{name} {:.1}", last.of(name))).collect();
        format!("{:5.0} s: {}, CPU {:.2} cores", at.as_secs_f64(), told.join(", "), self.cores())
    }

    /// CPU that was used from the first sample to the last.
    fn cores(&self) -> f64 {
        let (Some((begun, first)), Some((ended, last))) = (self.samples.first(), self.samples.last()) else {
            return 0.0;
        };
        (last.cpu_seconds - first.cpu_seconds) / ended.saturating_sub(*begun).as_secs_f64().max(1.0)
    }

    /// What grew, or was more than it may be at any time.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (index, quantity) in ALL.iter().enumerate() {
            let (peak, trend) = (self.peak(index), self.trend(index));
            if let Some(most) = quantity.most.filter(|most| peak > *most) {
                faults.push(format!("{}: {peak}, at most {most} allowed", quantity.name));
            }
            if let (Slack::UpTo(slack), Some(trend)) = (quantity.slack, trend)
                && trend.exceeds(slack)
            {
                let Trend { growth, error } = trend;
                faults.push(format!("{} grew by {growth:.1} ± {error:.1}, {slack:.1} allowed", quantity.name));
            }
        }
        faults
    }

    fn peak(&self, index: usize) -> f64 {
        self.samples.iter().map(|(_, sample)| sample.values[index]).fold(0.0, f64::max)
    }

    /// Over the second half: until then, memories are being filled.
    fn trend(&self, index: usize) -> Option<Trend> {
        let second_half = &self.samples[self.samples.len() / 2..];
        let points: Vec<_> = second_half.iter().map(|(at, sample)| (at.as_secs_f64(), sample.values[index])).collect();
        Trend::of(&points)
    }

    /// All quantities as a Markdown table.
    pub(crate) fn table(&self, before: &Sample, at_rest: &Sample, truth: &Truth) -> String {
        let mut text =
            "\n| | before | under load, at most | growth over the second half | allowed | at rest | explained |\n\
                        |---|---|---|---|---|---|---|\n"
                .to_owned();
        for (index, quantity) in ALL.iter().enumerate() {
            let (before, at_rest) = (before.values[index], at_rest.values[index]);
            let growth = self.trend(index).map_or("unknown".to_owned(), |Trend { growth, error }| {
                format!("{} ± {}", figure(growth), figure(error))
            });
            let allowed = match (quantity.slack, quantity.most) {
                (Slack::UpTo(slack), _) => figure(slack),
                (Slack::Fills, Some(most)) => format!("filled up to {most}"),
                (Slack::Fills, None) => "filled, then swept".to_owned(),
            };
            // Writing to a String cannot fail.
            let _infallible = writeln!(
                text,
                "| {} | {} | {} | {growth} | {allowed} | {} | {} |",
                quantity.name,
                figure(before),
                figure(self.peak(index)),
                figure(at_rest),
                quantity.explained(truth, before),
            );
        }
        let _infallible = writeln!(text, "\nCPU under load: {:.2} cores; {} samples", self.cores(), self.samples.len());
        text
    }
}

fn figure(value: f64) -> String {
    if value.fract().abs() < 0.05 { format!("{value:.0}") } else { format!("{value:.1}") }
}
