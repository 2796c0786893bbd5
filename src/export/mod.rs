//! Passing usage on to other engines: Prometheus, remote write, OpenTelemetry metrics.
//!
//! Its place on the floor plan, not yet furnished. What moves in reads the store's snapshots, never
//! the kubelets, and hands them to one bounded queue per target: a slow target loses its own data,
//! counted, and never slows a scrape or an answer.
