//! Looks at our memory all the time.

use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Budget, Level, Pressure, metrics};

/// Rarely, since looking takes some 40 µs of a server that is idle. What is taken on meanwhile is counted.
const TURN: Duration = Duration::from_secs(1);
/// Near the limit.
const TENSE_TURN: Duration = Duration::from_millis(100);
/// Not at each turn: what is given back is asked for again, and each time costs.
const RELIEF_PERIOD: Duration = Duration::from_secs(1);
/// What was taken on shows in what is used by then, if its reader is slow.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

/// Keeps [`Pressure`] true.
#[derive(Debug)]
pub struct Guard {
    budget: Budget,
    pressure: Pressure,
}

/// What was taken on of late and may not show yet.
#[derive(Debug)]
struct Promised {
    /// The room after the last look.
    room_bytes: u64,
    /// Since `since`, and as long before it.
    now_bytes: u64,
    before_bytes: u64,
    since: Instant,
}

impl Guard {
    /// Nothing is looked at yet.
    pub fn new(budget: Budget) -> Self {
        Self { budget, pressure: Pressure::default() }
    }

    /// For those who take something on.
    pub fn pressure(&self) -> Pressure {
        self.pressure.clone()
    }

    /// Registers the room's metrics.
    pub fn register_metrics(&self, registry: &mut Registry) {
        metrics::register(registry, self.budget.clone(), self.pressure.clone());
    }

    /// Looks at each turn; while a level holds that is not normal, `relieve` is called with it, at once
    /// and each second. Ends on `stop`.
    pub async fn run(self, relieve: impl Fn(Level), stop: CancellationToken) {
        let Some(mut known_bytes) = self.budget.limit_bytes() else { return stop.cancelled().await };
        tracing::info!(limit_bytes = known_bytes, "memory is limited");
        let turns = async {
            let mut promised = Promised::nothing(self.pressure.room_bytes());
            let mut next_relief = Instant::now();
            loop {
                let limit_bytes = self.budget.limit_bytes().unwrap_or(known_bytes);
                if limit_bytes != std::mem::replace(&mut known_bytes, limit_bytes) {
                    tracing::info!(limit_bytes, "the limit of memory was changed");
                }
                let level = self.look(limit_bytes, &mut promised);
                if level != Level::Normal && Instant::now() >= next_relief {
                    relieve(level);
                    next_relief = Instant::now() + RELIEF_PERIOD;
                }
                tokio::time::sleep(if level == Level::Normal { TURN } else { TENSE_TURN }).await;
            }
        };
        stop.run_until_cancelled(turns).await;
    }

    /// The level now; where memory cannot be seen all stays as it was.
    fn look(&self, limit_bytes: u64, promised: &mut Promised) -> Level {
        let before = self.pressure.level();
        let Some(used_bytes) = self.budget.used_bytes() else {
            self.pressure.set(before, promised.room_bytes);
            return before;
        };
        let level = before.next(used_bytes, limit_bytes);
        let promised_bytes = promised.after(self.pressure.room_bytes());
        let room_bytes = match level {
            Level::Critical => 0,
            Level::Normal | Level::High => Level::room_bytes(used_bytes, limit_bytes).saturating_sub(promised_bytes),
        };
        self.pressure.set(level, room_bytes);
        promised.room_bytes = room_bytes;
        if level != before {
            tell(level, used_bytes, limit_bytes);
        }
        level
    }
}

impl Promised {
    fn nothing(room_bytes: u64) -> Self {
        Self { room_bytes, now_bytes: 0, before_bytes: 0, since: Instant::now() }
    }

    /// All of it, now that so much room is left.
    fn after(&mut self, room_bytes: u64) -> u64 {
        self.now_bytes += self.room_bytes.saturating_sub(room_bytes);
        let all = self.now_bytes + self.before_bytes;
        if self.since.elapsed() >= SHOWN_AFTER {
            (self.before_bytes, self.now_bytes, self.since) = (self.now_bytes, 0, Instant::now());
        }
        all
    }
}

fn tell(level: Level, used_bytes: u64, limit_bytes: u64) {
    match level {
        Level::Normal => tracing::info!(used_bytes, limit_bytes, "memory is far from its limit again"),
        Level::High => tracing::warn!(used_bytes, limit_bytes, "memory nears its limit: less is kept"),
        Level::Critical => {
            tracing::warn!(used_bytes, limit_bytes, "memory is near its limit: long lists and watches are refused");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use parking_lot::Mutex;
    use prometheus_client::encoding::text;

    use super::*;

    /// A control group whose use is as the test says.
    struct Script(tempfile::TempDir);

    impl Script {
        fn limited_to(limit: &str) -> (Self, Guard) {
            let root = tempfile::tempdir().unwrap();
            let script = Self(root);
            script.is_limited_to(limit);
            let guard = Guard::new(Budget::of_cgroup(script.0.path(), "0::/"));
            script.uses("10");
            (script, guard)
        }

        fn is_limited_to(&self, bytes: &str) {
            fs::write(self.0.path().join("memory.max"), bytes).unwrap();
        }

        fn uses(&self, bytes: &str) {
            fs::write(self.0.path().join("memory.current"), bytes).unwrap();
        }
    }

    /// A guard that runs, and the levels with which it asked for relief.
    struct Run {
        relieved: Arc<Mutex<Vec<Level>>>,
        stop: CancellationToken,
        running: tokio::task::JoinHandle<()>,
    }

    impl Run {
        fn of(guard: Guard) -> Self {
            let (relieved, stop) = (Arc::<Mutex<Vec<Level>>>::default(), CancellationToken::new());
            let asked = Arc::clone(&relieved);
            let running = tokio::spawn(guard.run(move |level| asked.lock().push(level), stop.clone()));
            Self { relieved, stop, running }
        }

        async fn after(&self, time: Duration) -> Vec<Level> {
            tokio::time::sleep(time).await;
            std::mem::take(&mut self.relieved.lock())
        }

        async fn end(self) {
            self.stop.cancel();
            self.running.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn relief_is_asked_for_while_memory_is_near_its_limit_and_not_after() {
        let (script, guard) = Script::limited_to("100");
        let pressure = guard.pressure();
        let run = Run::of(guard);
        assert_eq!(run.after(TURN * 10).await, [], "far from the limit");
        script.uses("72");
        assert_eq!(run.after(TURN + RELIEF_PERIOD * 3).await, [Level::High; 4]);
        script.uses("90");
        run.after(TENSE_TURN * 2).await;
        assert_eq!(pressure.level(), Level::Critical);
        assert_eq!(run.after(RELIEF_PERIOD).await, [Level::Critical]);
        script.uses("66");
        assert_eq!(run.after(RELIEF_PERIOD).await, [Level::High]);
        assert_eq!(pressure.level(), Level::High);
        script.uses("50");
        run.after(TENSE_TURN * 2).await;
        assert_eq!((run.after(TURN * 10).await, pressure.level()), (vec![], Level::Normal));
        run.end().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_that_is_changed_counts_from_the_next_look_on() {
        let (script, guard) = Script::limited_to("100");
        let pressure = guard.pressure();
        let run = Run::of(guard);
        script.uses("60");
        run.after(TURN * 2).await;
        assert_eq!(pressure.level(), Level::Normal);
        script.is_limited_to("70");
        run.after(TURN * 2).await;
        assert_eq!(pressure.level(), Level::Critical);
        script.is_limited_to("200");
        run.after(TURN * 2).await;
        assert_eq!(pressure.level(), Level::Normal);
        run.end().await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_read_changes_nothing() {
        let (script, guard) = Script::limited_to("100");
        let pressure = guard.pressure();
        let run = Run::of(guard);
        script.uses("85");
        run.after(TURN * 2).await;
        script.uses("nonsense");
        run.after(TURN * 2).await;
        assert_eq!(pressure.level(), Level::Critical);
        fs::remove_file(script.0.path().join("memory.current")).unwrap();
        run.after(TURN * 2).await;
        assert_eq!(pressure.level(), Level::Critical);
        run.end().await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_cannot_see_the_memory_goes_on_with_the_room_last_seen() {
        let (script, guard) = Script::limited_to("100000000");
        let pressure = guard.pressure();
        let run = Run::of(guard);
        script.uses("20000000");
        run.after(TURN * 3).await;
        script.uses("nonsense");
        for _ in 0..3 {
            assert_eq!((0..1000).filter(|_| pressure.take_on()).count(), 203);
            run.after(TURN).await;
        }
        run.end().await;
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nothing_is_looked_at_until_the_stop() {
        let (script, guard) = Script::limited_to("max");
        script.uses("1000000");
        let pressure = guard.pressure();
        let run = Run::of(guard);
        assert_eq!(run.after(TURN * 100).await, []);
        assert_eq!(pressure.level(), Level::Normal);
        assert!(!run.running.is_finished());
        run.end().await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_taken_on_counts_until_it_shows() {
        let (script, guard) = Script::limited_to("100000000");
        let pressure = guard.pressure();
        let run = Run::of(guard);
        script.uses("20000000");
        run.after(TURN * 3).await;
        let taken = || (0..1000).filter(|_| pressure.take_on()).count();
        assert_eq!(taken(), 203, "60 MB");
        run.after(TURN).await;
        assert_eq!(taken(), 0, "nothing shows yet");
        run.after(TURN * 3).await;
        assert_eq!(taken(), 203, "nothing shows: its readers were fast");
        script.uses("79000000");
        run.after(TURN * 3).await;
        assert_eq!(taken(), 3);
        script.uses("80000000");
        run.after(TURN * 3).await;
        assert_eq!(taken(), 0);
        script.uses("76000000");
        run.after(TURN * 3).await;
        assert_eq!(taken(), 0, "still critical");
        script.uses("20000000");
        run.after(TURN * 3).await;
        assert_eq!(taken(), 203);
        run.end().await;
    }

    #[tokio::test]
    async fn memory_is_told_with_its_limit() {
        for (limit, told) in [("100", "memory_limit_bytes 100.0"), ("max", "memory_limit_bytes inf")] {
            let (script, guard) = Script::limited_to(limit);
            script.uses("85");
            guard.look(100, &mut Promised::nothing(0));
            let mut registry = Registry::default();
            guard.register_metrics(&mut registry);
            let mut text = String::new();
            text::encode(&mut text, &registry).unwrap();
            assert!(text.to_lowercase().contains(told), "{text}");
            if limit == "100" {
                assert!(text.contains("memory_used_bytes 85.0") && text.contains("memory_pressure 2.0"), "{text}");
            }
        }
    }
}
