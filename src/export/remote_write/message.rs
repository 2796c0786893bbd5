//! The messages of remote write 2.0, as its specification numbers their fields: every text stands
//! once in a table, and is named by its place there. A sample and the types are as in 1.0.

/// `io.prometheus.write.v2.Request`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Request {
    /// The table; it begins with the empty text.
    #[prost(string, repeated, tag = "4")]
    pub(super) symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    pub(super) timeseries: Vec<TimeSeries>,
}

/// `io.prometheus.write.v2.TimeSeries`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TimeSeries {
    /// Names and values in turn.
    #[prost(uint32, repeated, tag = "1")]
    pub(super) label_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    pub(super) samples: Vec<Sample>,
    #[prost(message, optional, tag = "5")]
    pub(super) metadata: Option<Metadata>,
}

/// `io.prometheus.write.v2.Metadata`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Metadata {
    /// [`COUNTER`] or [`GAUGE`].
    #[prost(int32, tag = "1")]
    pub(super) kind: i32,
    #[prost(uint32, tag = "3")]
    pub(super) help_ref: u32,
    #[prost(uint32, tag = "4")]
    pub(super) unit_ref: u32,
}

/// One value at one time.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Sample {
    #[prost(double, tag = "1")]
    pub(super) value: f64,
    #[prost(int64, tag = "2")]
    pub(super) timestamp_ms: i64,
}

/// `METRIC_TYPE_COUNTER`
pub(super) const COUNTER: i32 = 1;
/// `METRIC_TYPE_GAUGE`
pub(super) const GAUGE: i32 = 2;
