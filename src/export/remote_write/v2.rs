//! A request of version 2.0: every text stands in it once.

use std::collections::HashMap;

use super::message::{COUNTER, GAUGE, Metadata, Request, TimeSeries};
use super::{samples, series_labels};
use crate::export::family::Value;
use crate::export::queue::{Batch, points};

/// All samples of the batches.
pub(super) fn request(batches: &[Batch], external: &[(String, String)]) -> Request {
    let mut symbols = Symbols::default();
    // The place 0 stands for "none".
    symbols.place("");
    let mut timeseries = Vec::new();
    for point in points(batches) {
        for (family, sample) in samples(point) {
            let labels = series_labels(family, point, external);
            let label_refs =
                labels.into_iter().flat_map(|(name, value)| [symbols.place(name), symbols.place(value)]).collect();
            let metadata = Metadata {
                kind: if family.value == Value::CpuTime { COUNTER } else { GAUGE },
                help_ref: symbols.place(family.help),
                unit_ref: symbols.place(family.unit),
            };
            timeseries.push(TimeSeries { label_refs, samples: vec![sample], metadata: Some(metadata) });
        }
    }
    Request { symbols: symbols.texts.into_iter().map(str::to_owned).collect(), timeseries }
}

#[derive(Default)]
struct Symbols<'a> {
    places: HashMap<&'a str, u32>,
    texts: Vec<&'a str>,
}

impl<'a> Symbols<'a> {
    /// Where `text` stands.
    fn place(&mut self, text: &'a str) -> u32 {
        // As many texts as that would not fit into the largest request.
        let next = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let place = *self.places.entry(text).or_insert(next);
        if place == next {
            self.texts.push(text);
        }
        place
    }
}
