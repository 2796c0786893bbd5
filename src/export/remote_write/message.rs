//! The messages of remote write, as its two specifications number their fields.

/// Version 1.0.
pub(super) mod v1 {
    /// `prometheus.WriteRequest`
    #[derive(Clone, PartialEq, prost::Message)]
    pub(in crate::export) struct WriteRequest {
        #[prost(message, repeated, tag = "1")]
        pub(in crate::export) timeseries: Vec<TimeSeries>,
        #[prost(message, repeated, tag = "3")]
        pub(in crate::export) metadata: Vec<MetricMetadata>,
    }

    /// `prometheus.TimeSeries`
    #[derive(Clone, PartialEq, prost::Message)]
    pub(in crate::export) struct TimeSeries {
        #[prost(message, repeated, tag = "1")]
        pub(in crate::export) labels: Vec<Label>,
        #[prost(message, repeated, tag = "2")]
        pub(in crate::export) samples: Vec<super::Sample>,
    }

    /// `prometheus.Label`
    #[derive(Clone, PartialEq, prost::Message)]
    pub(in crate::export) struct Label {
        #[prost(string, tag = "1")]
        pub(in crate::export) name: String,
        #[prost(string, tag = "2")]
        pub(in crate::export) value: String,
    }

    /// `prometheus.MetricMetadata`
    #[derive(Clone, PartialEq, prost::Message)]
    pub(in crate::export) struct MetricMetadata {
        #[prost(int32, tag = "1")]
        pub(in crate::export) kind: i32,
        #[prost(string, tag = "2")]
        pub(in crate::export) family: String,
        #[prost(string, tag = "4")]
        pub(in crate::export) help: String,
        #[prost(string, tag = "5")]
        pub(in crate::export) unit: String,
    }
}

/// Version 2.0: every text stands once in a table, and is named by its place there.
pub(super) mod v2 {
    /// `io.prometheus.write.v2.Request`
    #[derive(Clone, PartialEq, prost::Message)]
    pub(in crate::export) struct Request {
        #[prost(string, repeated, tag = "4")]
        pub(in crate::export) symbols: Vec<String>,
        #[prost(message, repeated, tag = "5")]
        pub(in crate::export) timeseries: Vec<TimeSeries>,
    }

    /// `io.prometheus.write.v2.TimeSeries`
    #[derive(Clone, PartialEq, prost::Message)]
    pub(in crate::export) struct TimeSeries {
        /// Names and values in turn.
        #[prost(uint32, repeated, tag = "1")]
        pub(in crate::export) label_refs: Vec<u32>,
        #[prost(message, repeated, tag = "2")]
        pub(in crate::export) samples: Vec<super::Sample>,
        #[prost(message, optional, tag = "5")]
        pub(in crate::export) metadata: Option<Metadata>,
    }

    /// `io.prometheus.write.v2.Metadata`
    #[derive(Clone, PartialEq, prost::Message)]
    pub(in crate::export) struct Metadata {
        #[prost(int32, tag = "1")]
        pub(in crate::export) kind: i32,
        #[prost(uint32, tag = "3")]
        pub(in crate::export) help_ref: u32,
        #[prost(uint32, tag = "4")]
        pub(in crate::export) unit_ref: u32,
    }
}

/// One value at one time; the same in both versions.
#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::export) struct Sample {
    #[prost(double, tag = "1")]
    pub(in crate::export) value: f64,
    #[prost(int64, tag = "2")]
    pub(in crate::export) timestamp_ms: i64,
}

/// `COUNTER`, numbered alike in both versions.
pub(super) const COUNTER: i32 = 1;
/// `GAUGE`
pub(super) const GAUGE: i32 = 2;
