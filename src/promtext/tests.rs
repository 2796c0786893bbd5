//! Real bodies to exact numbers, bad bodies line by line, and random ones to no panic.

use std::fmt::Write;

use super::encode::{Encoder, Kind};
use super::{kubelet, summary};
use crate::clock::UnixMillis;
use crate::usage::{Batch, Reading, RejectReason, Row};

macro_rules! real {
    ($file:literal) => {
        include_bytes!(concat!("../../tests/data/kubelet/", $file)).as_slice()
    };
}

fn row<'b>(batch: &'b Batch<'_>, pod: &str, container: &str) -> Option<&'b Reading> {
    let row = batch.rows.iter().find(|row| (row.namespace, row.pod, row.container) == ("work", pod, container));
    row.map(|row| &row.reading)
}

/// CPU in nanoseconds, memory in bytes, the time of both, start.
fn reading(cpu_ns: u64, memory_bytes: u64, time: i64, start: Option<i64>) -> Reading {
    Reading {
        cpu_time: Some(UnixMillis(time)),
        cpu_ns: Some(cpu_ns),
        memory_time: Some(UnixMillis(time)),
        memory_bytes: Some(memory_bytes),
        start: start.map(UnixMillis),
        kubelet_rate: None,
    }
}

/// Containers as `pod/container`, in the order of the body.
fn containers(batch: &Batch<'_>) -> Vec<String> {
    batch.rows.iter().map(|row| format!("{}/{}", row.pod, row.container)).collect()
}

mod real_kubelets {
    use super::*;

    #[test]
    fn a_steady_node() {
        let batch = kubelet::read(real!("resource-1.txt"));
        assert_eq!(batch.rejected.count, 0);
        assert_eq!(batch.node, Some(reading(3_357_442_697_121, 880_001_024, 1_795_391_064_724, None)));
        assert_eq!(
            containers(&batch),
            [
                "again/again",
                "burn/burn",
                "two/first",
                "hold/hold",
                "idle/idle",
                "side/main",
                "net/net",
                "side/proxy",
                "two/second"
            ]
        );
        let again = reading(314_707_783, 208_896, 1_795_391_071_434, Some(1_795_391_056_599));
        assert_eq!(row(&batch, "again", "again"), Some(&again));
        let hold = reading(47_980_972, 52_740_096, 1_795_391_069_788, Some(1_795_391_056_589));
        assert_eq!(row(&batch, "hold", "hold"), Some(&hold));
        let second = reading(24_162_638, 10_723_328, 1_795_391_071_090, Some(1_795_391_056_774));
        assert_eq!(row(&batch, "two", "second"), Some(&second));
    }

    #[test]
    fn twenty_seconds_later_one_container_has_restarted() {
        let batch = kubelet::read(real!("resource-2.txt"));
        assert_eq!((batch.rows.len(), batch.rejected.count), (9, 0));
        let again = reading(242_940_829, 516_096, 1_795_391_088_800, Some(1_795_391_077_805));
        assert_eq!(row(&batch, "again", "again"), Some(&again));
        let burn = reading(1_760_135_687, 204_800, 1_795_391_091_227, Some(1_795_391_056_483));
        assert_eq!(row(&batch, "burn", "burn"), Some(&burn));
    }

    #[test]
    fn just_started_it_has_neither_node_nor_containers() {
        let batch = kubelet::read(real!("early-scrape-error.txt"));
        assert!(batch.is_empty());
        assert_eq!(batch.rejected.count, 0);
    }

    #[test]
    fn then_it_has_the_node_alone() {
        let batch = kubelet::read(real!("early-node-only.txt"));
        assert_eq!(batch.node, Some(reading(3_433_499_582_168, 799_055_872, 1_795_391_396_052, None)));
        assert_eq!((batch.rows.len(), batch.rejected.count), (0, 0));
        assert!(!batch.is_empty());
    }

    #[test]
    fn a_running_init_container_is_a_row_like_any_other() {
        let batch = kubelet::read(real!("early-init-running.txt"));
        assert_eq!(batch.rejected.count, 0);
        let setup = reading(35_344_170, 294_912, 1_795_391_398_568, Some(1_795_391_398_074));
        assert_eq!(row(&batch, "side", "setup"), Some(&setup));
        assert_eq!(row(&batch, "side", "main"), None);
    }

    #[test]
    fn a_container_in_back_off_is_absent() {
        let batch = kubelet::read(real!("early-restarting-absent.txt"));
        assert_eq!((batch.rows.len(), batch.rejected.count), (8, 0));
        assert_eq!(row(&batch, "again", "again"), None);
        let proxy = reading(175_568_820, 200_704, 1_795_391_417_839, Some(1_795_391_402_191));
        assert_eq!(row(&batch, "side", "proxy"), Some(&proxy));
    }

    #[test]
    fn other_encodings_hold_no_readings() {
        for body in [real!("resource.txt.gz"), real!("resource.delimited.pb"), real!("summary-1.json")] {
            let batch = kubelet::read(body);
            assert!(batch.is_empty());
            assert!(batch.rejected.count > 0);
        }
    }

    #[test]
    fn summaries_tell_the_kubelets_own_rates() {
        let batch = summary::read(real!("summary-cpu-memory-1.json")).unwrap();
        let node = batch.node.unwrap();
        assert_eq!((node.kubelet_rate, node.cpu_ns), (Some(743_986_043), Some(3_357_442_697_121)));
        assert_eq!((node.memory_bytes, node.start), (Some(880_001_024), Some(UnixMillis(1_795_386_815_000))));
        assert_eq!((batch.rows.len(), batch.rejected.count), (9, 0));
        let net = Reading {
            kubelet_rate: Some(10_439_613),
            ..reading(143_190_480, 208_896, 1_795_391_068_000, Some(1_795_391_056_000))
        };
        assert_eq!(row(&batch, "net", "net"), Some(&net));
        assert_eq!(row(&batch, "idle", "idle").unwrap().kubelet_rate, Some(0), "idle is a rate");

        let later = summary::read(real!("summary-cpu-memory-2.json")).unwrap();
        let again = row(&later, "again", "again").unwrap();
        assert_eq!((again.kubelet_rate, again.start), (Some(20_782_462), Some(UnixMillis(1_795_391_077_000))));
    }

    #[test]
    fn whole_summaries_tell_the_same() {
        let batch = summary::read(real!("summary-1.json")).unwrap();
        assert_eq!(batch.node.unwrap().kubelet_rate, Some(743_986_043));
        assert_eq!(row(&batch, "again", "again").unwrap().kubelet_rate, Some(20_458_587));
        let batch = summary::read(real!("summary-2.json")).unwrap();
        assert_eq!(batch.node.unwrap().kubelet_rate, Some(223_061_008));
        assert_eq!(row(&batch, "burn", "burn").unwrap().cpu_ns, Some(1_760_135_687));
    }
}

mod lines {
    use super::*;

    const CPU: &str = "container_cpu_usage_seconds_total";
    const MEMORY: &str = "container_memory_working_set_bytes";

    /// What the body's one container used, and why its first bad line was refused.
    fn only(body: &str) -> (Option<u64>, Option<(u32, RejectReason)>) {
        let batch = kubelet::read(body.as_bytes());
        (batch.rows.first().and_then(|row| row.reading.cpu_ns), batch.rejected.first)
    }

    fn refused(line: &str) -> Option<RejectReason> {
        only(line).1.map(|(_, reason)| reason)
    }

    #[test]
    fn blanks_stand_where_the_format_allows_and_labels_in_any_order() {
        for line in [
            "NAME{container=\"c\",namespace=\"n\",pod=\"p\"} 1 5",
            "NAME{pod=\"p\",namespace=\"n\",container=\"c\"} 1",
            " \tNAME {\tpod = \"p\" , id=\"a\\\"b}\",namespace=\"n\",container=\"c\" , }\t1  5 \n",
            "NAME{container=\"c\",namespace=\"n\",pod=\"p\"}1 5",
        ] {
            assert_eq!(only(&line.replace("NAME", CPU)), (Some(1_000_000_000), None), "{line}");
        }
    }

    #[test]
    fn a_bad_line_costs_that_line_alone() {
        let body = format!(
            "{CPU}{{container=\"a\",namespace=\"n\",pod=\"p\"}} NaN 5\n\
             {CPU}{{container=\"b\",namespace=\"n\",pod=\"p\"}} 2 5\n\
             {CPU}{{container=\"c\",namespace=\"n\",pod=\"p\"}} -1 5\n"
        );
        let batch = kubelet::read(body.as_bytes());
        assert_eq!(containers(&batch), ["p/b"]);
        assert_eq!((batch.rejected.count, batch.rejected.first), (2, Some((1, RejectReason::Value))));
    }

    #[test]
    fn every_fault_has_its_reason() {
        let labels = "{container=\"c\",namespace=\"n\",pod=\"p\"}";
        let cases = [
            (format!("{CPU}{labels} x"), RejectReason::Syntax),
            (format!("{CPU}{labels}"), RejectReason::Syntax),
            (format!("{CPU}{labels} 1 2 3"), RejectReason::Syntax),
            (format!("{CPU}{{container=\"c\" namespace=\"n\",pod=\"p\"}} 1"), RejectReason::Syntax),
            (format!("{CPU}{{container=\"c\",,namespace=\"n\",pod=\"p\"}} 1"), RejectReason::Syntax),
            (format!("{CPU}{{container=\"c"), RejectReason::Syntax),
            (format!("{CPU}{{container=c}} 1"), RejectReason::Syntax),
            (CPU.to_owned(), RejectReason::Syntax),
            ("{\"name\"} 1".to_owned(), RejectReason::Syntax),
            ("404 page not found".to_owned(), RejectReason::Syntax),
            ("Unauthorized".to_owned(), RejectReason::Syntax),
            ("no such page".to_owned(), RejectReason::Syntax),
            (format!("{CPU}{labels} +Inf"), RejectReason::Value),
            (format!("{CPU}{labels} 1 -5"), RejectReason::Timestamp),
            (format!("{CPU}{labels} 1 5\r"), RejectReason::Timestamp),
            (format!("{CPU} 1"), RejectReason::Label),
            (format!("{CPU}{{container=\"c\",namespace=\"n\"}} 1"), RejectReason::Label),
            (format!("{CPU}{{container=\"\",namespace=\"n\",pod=\"p\"}} 1"), RejectReason::Label),
            (format!("{CPU}{{container=\"a\\\\b\",namespace=\"n\",pod=\"p\"}} 1"), RejectReason::Label),
            (format!("{CPU}{{pod=\"q\",container=\"c\",namespace=\"n\",pod=\"p\"}} 1"), RejectReason::Label),
        ];
        for (line, reason) in cases {
            assert_eq!(refused(&line), Some(reason), "{line}");
        }
        let not_text = kubelet::read(b"container_start_time_seconds{container=\"\xff\",namespace=\"n\",pod=\"p\"} 1");
        assert_eq!(not_text.rejected.first, Some((1, RejectReason::Encoding)));
    }

    #[test]
    fn a_repeated_series_is_refused_and_the_first_counts() {
        let line = |name: &str, value: u32| format!("{name}{{container=\"c\",namespace=\"n\",pod=\"p\"}} {value} 5\n");
        let body = [line(CPU, 1), line(CPU, 2), line(MEMORY, 3), line(CPU, 4)].concat();
        let batch = kubelet::read(body.as_bytes());
        assert_eq!(batch.rows.len(), 1);
        assert_eq!((batch.rows[0].reading.cpu_ns, batch.rows[0].reading.memory_bytes), (Some(1_000_000_000), Some(3)));
        assert_eq!((batch.rejected.count, batch.rejected.first), (2, Some((2, RejectReason::Duplicate))));
        let node = kubelet::read(b"node_memory_working_set_bytes 1\nnode_memory_working_set_bytes 2\n");
        assert_eq!(node.rejected.first, Some((2, RejectReason::Duplicate)));
    }

    #[test]
    fn families_that_are_not_used_are_not_parsed() {
        let body = "pod_cpu_usage_seconds_total{namespace=broken 0 1\nanything{=} NaN\nother +Inf\nscrape_error 1";
        let batch = kubelet::read(body.as_bytes());
        assert!(batch.is_empty());
        assert_eq!(batch.rejected.count, 0);
    }

    #[test]
    fn a_start_of_zero_is_not_known() {
        let line = "container_start_time_seconds{container=\"c\",namespace=\"n\",pod=\"p\"} 0";
        let batch = kubelet::read(line.as_bytes());
        assert_eq!((batch.rows[0].reading.start, batch.rejected.count), (None, 0));
    }

    #[test]
    fn series_are_joined_in_whatever_order_they_come() {
        let mut body = String::new();
        for (name, order) in
            [(CPU, [3, 1, 2, 0]), (MEMORY, [0, 1, 2, 4]), ("container_start_time_seconds", [4, 3, 2, 1])]
        {
            for index in order {
                let value = 10 + index;
                let _ = writeln!(body, "{name}{{container=\"c{index}\",namespace=\"n\",pod=\"p\"}} {value}");
            }
        }
        let batch = kubelet::read(body.as_bytes());
        assert_eq!(containers(&batch), ["p/c3", "p/c1", "p/c2", "p/c0", "p/c4"]);
        let told: Vec<_> = batch
            .rows
            .iter()
            .map(|Row { reading: r, .. }| (r.cpu_ns, r.memory_bytes, r.start.map(|start| start.0)))
            .collect();
        assert_eq!(
            told,
            [
                (Some(13_000_000_000), None, Some(13_000)),
                (Some(11_000_000_000), Some(11), Some(11_000)),
                (Some(12_000_000_000), Some(12), Some(12_000)),
                (Some(10_000_000_000), Some(10), None),
                (None, Some(14), Some(14_000)),
            ]
        );
        assert_eq!(batch.rejected.count, 0);
    }

    #[test]
    fn a_label_that_begins_like_the_expected_one_is_another_series() {
        let line = |name: &str, pod: &str| format!("{name}{{container=\"c\",namespace=\"n\",pod=\"{pod}\"}} 1\n");
        let body = [line(CPU, "p"), line(CPU, "p2"), line(MEMORY, "p2"), line(MEMORY, "p")].concat();
        let batch = kubelet::read(body.as_bytes());
        assert!(batch.rows.iter().all(|row| row.reading.memory_bytes == Some(1)));
        assert_eq!((batch.rows.len(), batch.rejected.count), (2, 0));
    }
}

mod summaries {
    use super::*;

    #[test]
    fn absent_and_null_parts_are_not_known() {
        for body in [
            "{}",
            r#"{"node":null,"pods":null}"#,
            r#"{"pods":[{"podRef":{"name":"p","namespace":"n"},"containers":null}]}"#,
        ] {
            assert!(summary::read(body.as_bytes()).unwrap().is_empty(), "{body}");
        }
        let body = r#"{"pods":[{"podRef":{"name":"p","namespace":"work"},"containers":[
            {"name":"c","startTime":null,"memory":{"time":"yesterday"},
             "cpu":{"time":"0001-01-01T00:00:00Z","usageNanoCores":0}}]}]}"#;
        let rate_alone = Reading { kubelet_rate: Some(0), ..Reading::default() };
        assert_eq!(row(&summary::read(body.as_bytes()).unwrap(), "p", "c"), Some(&rate_alone));
    }

    #[test]
    fn containers_without_a_rate_are_left_out() {
        let body = r#"{"pods":[{"podRef":{"name":"p","namespace":"work"},"containers":[
            {"name":"a"},{},{"name":"b","cpu":{"usageCoreNanoSeconds":5}},{"name":"c","cpu":{"usageNanoCores":null}}]}]}"#;
        let batch = summary::read(body.as_bytes()).unwrap();
        assert_eq!((batch.rows.len(), batch.rejected.count), (0, 0));
    }

    #[test]
    fn a_name_with_an_escape_costs_its_entry_alone() {
        let body = r#"{"pods":[{"podRef":{"name":"p","namespace":"work"},"containers":[
            {"name":"a",RATE},{"name":"\u0062",RATE},{"name":"",RATE},{"name":"d",RATE}]}]}"#;
        let body = body.replace("RATE", r#""cpu":{"usageNanoCores":1}"#);
        let batch = summary::read(body.as_bytes()).unwrap();
        assert_eq!(containers(&batch), ["p/a", "p/d"]);
        assert_eq!((batch.rejected.count, batch.rejected.first), (2, Some((2, RejectReason::Label))));
    }

    #[test]
    fn what_is_no_summary_is_an_error() {
        for body in ["", "[]", "{", "404 page not found", r#"{"node":{"cpu":{"usageNanoCores":-1}}}"#] {
            assert!(summary::read(body.as_bytes()).is_err(), "{body}");
        }
        assert!(summary::read(&vec![b'['; 1 << 20]).is_err(), "depth is bounded");
    }
}

/// What fuzzing asks, on a bounded number of seeded bodies, so that it is asked everywhere.
mod random_bodies {
    use super::*;

    /// A xorshift generator: the same bodies on every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % bound as u64).unwrap()
        }

        /// Changes bytes, cuts, and repeats pieces of a body.
        fn damage(&mut self, body: &mut Vec<u8>) {
            for _ in 0..self.below(8) {
                if body.is_empty() {
                    return;
                }
                let (a, b) = (self.below(body.len()), self.below(body.len()));
                match self.below(4) {
                    0 => body[a] = u8::try_from(self.below(256)).unwrap(),
                    1 => body[a] = *b"\"\\{}=, \t\n\r#-.e0"[..].get(self.below(15)).unwrap(),
                    2 => drop(body.drain(a.min(b)..a.max(b).min(a.min(b) + 50))),
                    _ => {
                        let piece = body[a.min(b)..a.max(b).min(a.min(b) + 300)].to_vec();
                        body.splice(a..a, piece);
                    }
                }
            }
        }
    }

    fn check(body: &[u8]) {
        let batch = kubelet::read(body);
        let mut names: Vec<_> = batch.rows.iter().map(|row| (row.namespace, row.pod, row.container)).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), batch.rows.len(), "a container stands in a batch once");
        assert!(batch.rejected.count as usize <= body.split(|byte| *byte == b'\n').count());
    }

    #[test]
    fn no_text_makes_the_reader_panic() {
        let mut random = Random(42);
        for real in [real!("resource-1.txt"), real!("early-init-running.txt"), real!("resource.delimited.pb")] {
            for _ in 0..300 {
                let mut body = real.to_vec();
                random.damage(&mut body);
                check(&body);
            }
        }
    }

    #[test]
    fn no_document_makes_the_reader_panic() {
        let mut random = Random(43);
        for _ in 0..300 {
            let mut body = real!("summary-cpu-memory-1.json").to_vec();
            random.damage(&mut body);
            let _ = summary::read(&body);
        }
    }

    /// Sizes at which a reader whose cost grew with the square would not come back.
    #[test]
    fn hostile_shapes_cost_no_more_than_their_length() {
        const NAME: &str = "container_cpu_usage_seconds_total";
        let one_line = [NAME.as_bytes(), b"{container=\"", &vec![b'x'; 8 << 20]].concat();
        check(&one_line);
        check(&vec![b'\n'; 1 << 20]);
        check(&b"{".repeat(4 << 20));
        check(&b"a{\n".repeat(1 << 19));
        check(&[NAME.as_bytes(), &b"{".repeat(1 << 20)].concat());
        check(&[NAME.as_bytes(), b"{", &b"a=\"\",".repeat(1 << 19), b"} 1"].concat());
        check(&[NAME.as_bytes(), b"{a=\"", &b"\\\"".repeat(1 << 20), b"\"} 1"].concat());
        check(&[NAME.as_bytes(), b"{} ", &b"1".repeat(1 << 20)].concat());
        let mut backwards = String::new();
        for name in [NAME, "container_memory_working_set_bytes"] {
            for index in (0..30_000).rev() {
                let _ = writeln!(backwards, "{name}{{container=\"c\",namespace=\"n\",pod=\"p{index}\"}} 1");
            }
        }
        check(backwards.as_bytes());
        assert_eq!(kubelet::read(backwards.as_bytes()).rows.len(), 30_000);
    }

    #[test]
    fn a_body_does_not_decide_how_many_rows_there_are() {
        let mut body = String::new();
        for index in 0..40_000 {
            let _ = writeln!(body, "container_start_time_seconds{{container=\"c\",namespace=\"n\",pod=\"{index}\"}} 1");
        }
        let batch = kubelet::read(body.as_bytes());
        assert_eq!((batch.rows.len(), batch.rejected.count), (32_768, 40_000 - 32_768));
        assert_eq!(batch.rejected.first, Some((32_769, RejectReason::TooMany)));
    }

    #[test]
    fn what_is_encoded_reads_back_the_same() {
        let mut random = Random(44);
        for _ in 0..50 {
            let names: Vec<_> =
                (0..random.below(40)).map(|index| (format!("c{index:02}"), format!("p-{}", random.below(9)))).collect();
            let rows: Vec<_> = names
                .iter()
                .map(|(container, pod)| Row {
                    namespace: "n",
                    pod,
                    container,
                    reading: reading(
                        random.below(1 << 50) as u64,
                        random.below(1 << 40) as u64,
                        i64::try_from(random.below(1 << 41)).unwrap(),
                        Some(1 + i64::try_from(random.below(1 << 41)).unwrap()),
                    ),
                })
                .collect();
            let body = encoded(&rows);
            let batch = kubelet::read(&body);
            assert_eq!((batch.rows, batch.rejected.count), (rows, 0));
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "as kubelets do; the values stay below 2^53")]
    fn encoded(rows: &[Row<'_>]) -> Vec<u8> {
        let mut body = Vec::new();
        let mut encoder = Encoder::new(&mut body);
        let mut family = |name, sample: fn(&Reading) -> (f64, Option<UnixMillis>)| {
            encoder.family(name, "Help", Kind::Gauge);
            for row in rows {
                let labels = [("container", row.container), ("namespace", row.namespace), ("pod", row.pod)];
                let (value, time) = sample(&row.reading);
                encoder.sample(&labels, value, time);
            }
        };
        family("container_cpu_usage_seconds_total", |r| (r.cpu_ns.unwrap() as f64 / 1e9, r.cpu_time));
        family("container_memory_working_set_bytes", |r| (r.memory_bytes.unwrap() as f64, r.memory_time));
        family("container_start_time_seconds", |r| (r.start.unwrap().0 as f64 / 1e3, None));
        body
    }
}
