//! The rules for a sample, one test for each thing they say.

use std::time::Duration;

use super::*;
use crate::clock::UnixMillis;

/// Any day; tests count seconds from it.
const DAY: i64 = 1_795_391_000_000;

fn at(seconds: f64) -> UnixMillis {
    UnixMillis(DAY) + Duration::from_secs_f64(seconds)
}

/// A sample after `cpu_millis` of CPU time.
fn sample(seconds: f64, cpu_millis: u64) -> Sample {
    Sample { time: at(seconds), cpu_ns: cpu_millis * 1_000_000, memory_bytes: 1000 + cpu_millis }
}

/// A run that began at 0 and had used `cpu_millis` at its first sample.
fn run(seconds: f64, cpu_millis: u64) -> Run {
    Run::begin(Some(at(0.0)), sample(seconds, cpu_millis))
}

fn record(run: &mut Run, seconds: f64, cpu_millis: u64) -> Recorded {
    run.record(Some(at(0.0)), sample(seconds, cpu_millis))
}

/// Millicores and the seconds they stand on.
fn rate(run: &Run) -> Option<(u64, f64)> {
    let usage = run.usage();
    usage.cpu.map(|cpu| (cpu.0 / 1_000_000, usage.window.as_secs_f64()))
}

mod rule_1_rate_of_two_samples {
    use super::*;

    #[test]
    fn usage_is_the_difference_over_the_samples_own_distance() {
        let mut run = run(100.0, 5000);
        assert_eq!(rate(&run), None);
        assert_eq!(record(&mut run, 117.5, 5875), Recorded::Stored);
        assert_eq!(rate(&run), Some((50, 17.5)));
        let usage = run.usage();
        assert_eq!((usage.time, usage.memory, usage.source), (at(117.5), Bytes(6875), Source::Samples));
        record(&mut run, 127.5, 5875);
        assert_eq!(rate(&run), Some((0, 10.0)), "an idle container uses 0, which is a reading");
    }

    #[test]
    fn equal_timestamps_keep_the_answer() {
        let mut run = run(100.0, 5000);
        record(&mut run, 115.0, 5750);
        let before = run;
        assert_eq!(record(&mut run, 115.0, 5751), Recorded::Unchanged);
        assert_eq!(run, before);
    }

    #[test]
    fn an_older_sample_is_dropped() {
        let mut run = run(100.0, 5000);
        record(&mut run, 115.0, 5750);
        let before = run;
        assert_eq!(record(&mut run, 114.9, 5740), Recorded::TooOld);
        assert_eq!(record(&mut run, 114.9, 0), Recorded::TooOld, "not even as a restart");
        assert_eq!(run, before);
    }

    #[test]
    fn a_first_rate_stands_on_a_second_or_more() {
        let mut run = run(100.0, 5000);
        assert_eq!(record(&mut run, 100.9, 5045), Recorded::Unchanged);
        assert_eq!(rate(&run), None);
        assert_eq!(record(&mut run, 101.0, 5050), Recorded::Stored);
        assert_eq!(rate(&run), Some((50, 1.0)));
    }

    #[test]
    fn samples_closer_than_five_seconds_keep_the_longer_base() {
        let mut run = run(100.0, 5000);
        record(&mut run, 110.0, 5500);
        record(&mut run, 114.9, 5990);
        assert_eq!(rate(&run), Some((66, 14.9)), "990 ms over 14.9 s");
        record(&mut run, 119.9, 6240);
        assert_eq!(rate(&run), Some((50, 5.0)), "5 s are far enough");
    }

    #[test]
    fn a_base_moves_on_after_a_minute_of_close_samples() {
        let mut run = run(100.0, 0);
        for second in 1..60 {
            record(&mut run, 100.0 + f64::from(second), 0);
        }
        assert_eq!(rate(&run), Some((0, 59.0)));
        record(&mut run, 160.0, 100);
        assert_eq!(rate(&run), Some((100, 1.0)));
    }

    #[test]
    fn a_base_never_moves_on_to_a_window_too_short_to_be_served() {
        let mut run = run(100.0, 0);
        record(&mut run, 161.9, 6190);
        record(&mut run, 162.0, 6200);
        assert_eq!(rate(&run), Some((100, 62.0)));
    }
}

mod rule_2_restart {
    use super::*;

    #[test]
    fn a_later_start_begins_anew_at_that_start() {
        let mut run = run(100.0, 5000);
        record(&mut run, 115.0, 5750);
        assert_eq!(run.record(Some(at(120.0)), sample(130.0, 400)), Recorded::Restarted);
        assert_eq!(rate(&run), Some((40, 10.0)));
        assert_eq!(run.start(), Some(at(120.0)));
    }

    #[test]
    fn a_restart_is_seen_even_when_the_counter_has_overtaken() {
        let mut run = run(100.0, 50);
        assert_eq!(run.record(Some(at(105.0)), sample(115.0, 9000)), Recorded::Restarted);
        assert_eq!(rate(&run), Some((900, 10.0)));
    }

    #[test]
    fn a_back_off_hidden_between_two_scrapes_is_a_restart() {
        let mut run = run(100.0, 5000);
        record(&mut run, 112.0, 5600);
        assert_eq!(run.record(Some(at(124.5)), sample(127.0, 100)), Recorded::Restarted);
        assert_eq!(rate(&run), Some((40, 2.5)));
        assert_eq!(run.record(Some(at(124.5)), sample(140.0, 620)), Recorded::Stored);
        assert_eq!(rate(&run), Some((40, 13.0)));
    }

    #[test]
    fn a_smaller_counter_without_a_later_start_waits_for_a_second_sample() {
        for start in [Some(at(0.0)), None] {
            let mut run = run(100.0, 5000);
            record(&mut run, 115.0, 5750);
            assert_eq!(run.record(start, sample(130.0, 100)), Recorded::Restarted);
            assert_eq!(rate(&run), None, "the counter's zero lies at no known time");
            run.record(start, sample(140.0, 600));
            assert_eq!(rate(&run), Some((50, 10.0)));
        }
    }

    #[test]
    fn a_new_run_is_served_from_a_window_of_one_second_on() {
        let mut run = run(100.0, 5000);
        assert_eq!(run.record(Some(at(110.0)), sample(110.9, 45)), Recorded::Restarted);
        assert_eq!(rate(&run), None);
        assert!(run.is_in_first_second() && !run.awaits_rate());
        assert_eq!(run.record(Some(at(110.0)), sample(111.5, 75)), Recorded::Stored);
        assert!(!run.is_in_first_second());
        assert_eq!(rate(&run), Some((50, 1.5)));
    }

    #[test]
    fn a_start_that_moves_by_less_than_a_second_is_no_restart() {
        let mut run = run(100.0, 5000);
        assert_eq!(run.record(Some(at(0.999)), sample(110.0, 5500)), Recorded::Stored);
        assert_eq!(run.record(Some(at(0.2)), sample(120.0, 6000)), Recorded::Stored);
        assert_eq!(rate(&run), Some((50, 10.0)));
    }

    #[test]
    fn a_start_that_is_not_told_again_is_kept() {
        let mut run = run(100.0, 5000);
        assert_eq!(run.record(None, sample(110.0, 5500)), Recorded::Stored);
        assert_eq!(run.start(), Some(at(0.0)));
        assert_eq!(run.record(Some(at(115.0)), sample(120.0, 6000)), Recorded::Restarted);
    }

    #[test]
    fn a_start_before_the_last_sample_or_after_the_new_one_makes_no_base() {
        for start in [105.0, 131.0] {
            let mut run = run(100.0, 5000);
            record(&mut run, 115.0, 5750);
            assert_eq!(run.record(Some(at(start)), sample(130.0, 5800)), Recorded::Restarted);
            assert_eq!(rate(&run), None, "{start}");
        }
    }
}

mod rule_3_the_kubelets_own_rate {
    use super::*;

    #[test]
    fn a_young_run_is_measured_from_its_start_instead() {
        let mut run = run(12.0, 600);
        assert_eq!(rate(&run), Some((50, 12.0)));
        run.offer_kubelet_rate(127_000_000);
        assert_eq!(rate(&run), Some((50, 12.0)), "what the kubelet makes of its first moments is no better");
        assert_eq!(rate(&self::run(0.9, 45)), None, "no rate stands on less than a second");
        assert_eq!(rate(&self::run(30.1, 1500)), None, "a mean over a longer life tells nothing of now");
    }

    #[test]
    fn it_is_served_until_two_samples_make_a_rate() {
        let mut run = run(100.0, 5000);
        run.offer_kubelet_rate(42_000_000);
        assert_eq!(rate(&run), Some((42, 15.0)));
        assert_eq!(run.usage().source, Source::Kubelet);
        run.offer_kubelet_rate(43_000_000);
        assert_eq!(rate(&run), Some((43, 15.0)), "a later offer is the newer one");
        assert_eq!(record(&mut run, 100.5, 5025), Recorded::Unchanged);
        assert_eq!(rate(&run), Some((43, 15.0)));
        record(&mut run, 110.0, 5500);
        assert_eq!(rate(&run), Some((50, 10.0)));
        assert_eq!(run.usage().source, Source::Samples);
    }

    #[test]
    fn it_does_not_displace_a_rate_of_two_samples() {
        let mut run = run(100.0, 5000);
        record(&mut run, 110.0, 5500);
        run.offer_kubelet_rate(1);
        assert_eq!(rate(&run), Some((50, 10.0)));
    }

    #[test]
    fn a_run_in_its_first_second_does_not_take_it() {
        let mut anew = run(100.0, 5000);
        anew.record(Some(at(110.0)), sample(110.4, 20));
        for mut young in [anew, run(0.4, 20)] {
            young.offer_kubelet_rate(0);
            assert_eq!(rate(&young), None, "its first window comes within a second, and is true");
        }
    }

    #[test]
    fn it_ends_with_its_run() {
        let mut run = run(100.0, 5000);
        run.offer_kubelet_rate(42_000_000);
        run.record(None, sample(110.0, 10));
        assert_eq!(rate(&run), None);
    }
}

mod rule_7_no_number_is_invented {
    use super::*;

    #[test]
    fn a_reading_without_cpu_or_memory_is_no_sample() {
        let whole = Reading { cpu_ns: Some(0), memory_bytes: Some(8), ..Reading::default() };
        assert_eq!(
            Sample::from_reading(&whole, at(1.0)),
            Some(Sample { time: at(1.0), cpu_ns: 0, memory_bytes: 8 }),
            "zero is a reading; a line without timestamp was read when asked for"
        );
        assert_eq!(Sample::from_reading(&Reading { cpu_ns: None, ..whole }, at(1.0)), None);
        assert_eq!(Sample::from_reading(&Reading { memory_bytes: None, ..whole }, at(1.0)), None);
    }

    #[test]
    fn a_container_that_ended_a_moment_ago_reads_zero_twice_which_is_no_sample() {
        let ended = Reading { cpu_ns: Some(0), memory_bytes: Some(0), start: Some(at(0.0)), ..Reading::default() };
        assert_eq!(Sample::from_reading(&ended, at(20.0)), None);
    }

    #[test]
    fn the_cpu_lines_timestamp_counts_first() {
        let reading = Reading {
            cpu_ns: Some(0),
            memory_bytes: Some(8),
            cpu_time: Some(at(1.0)),
            memory_time: Some(at(2.0)),
            ..Reading::default()
        };
        assert_eq!(Sample::from_reading(&reading, at(9.0)).unwrap().time, at(1.0));
        let memory_alone = Reading { cpu_time: None, ..reading };
        assert_eq!(Sample::from_reading(&memory_alone, at(9.0)).unwrap().time, at(2.0));
    }

    #[test]
    fn extreme_counters_do_not_overflow() {
        let mut run = Run::begin(None, Sample { time: UnixMillis(0), cpu_ns: 0, memory_bytes: u64::MAX });
        run.record(None, Sample { time: UnixMillis(1000), cpu_ns: u64::MAX, memory_bytes: 0 });
        assert_eq!(run.usage().cpu, Some(Nanocores(u64::MAX)));
        run.record(None, Sample { time: UnixMillis(i64::MAX), cpu_ns: u64::MAX, memory_bytes: 0 });
        assert_eq!(run.usage().cpu, Some(Nanocores(0)));
    }
}

#[test]
fn a_run_fits_the_budget_of_64_bytes() {
    assert!(size_of::<Run>() <= 64, "{}", size_of::<Run>());
}

mod clock_skew {
    use super::*;

    const TOLERANCE: Duration = Duration::from_mins(1);

    fn batch(seconds: &[f64]) -> Batch<'static> {
        let row = |seconds: &f64| Row {
            namespace: "n",
            pod: "p",
            container: "c",
            reading: Reading { cpu_time: Some(at(*seconds)), ..Reading::default() },
        };
        Batch { rows: seconds.iter().map(row).collect(), ..Batch::default() }
    }

    #[test]
    fn the_newest_timestamp_decides() {
        assert_eq!(batch(&[0.0, 590.0]).clock_skew(at(600.0), TOLERANCE), None);
        assert_eq!(batch(&[0.0, 660.0]).clock_skew(at(600.0), TOLERANCE), None);
        assert_eq!(batch(&[600.0, 661.5]).clock_skew(at(600.0), TOLERANCE), Some(61));
        assert_eq!(batch(&[0.0, 500.0]).clock_skew(at(600.0), TOLERANCE), Some(-100));
    }

    #[test]
    fn the_nodes_own_reading_counts() {
        let mut batch = batch(&[500.0]);
        batch.node = Some(Reading { memory_time: Some(at(599.0)), ..Reading::default() });
        assert_eq!(batch.clock_skew(at(600.0), TOLERANCE), None);
    }

    #[test]
    fn without_timestamps_nothing_is_known() {
        assert_eq!(Batch::default().clock_skew(at(600.0), TOLERANCE), None);
    }
}
