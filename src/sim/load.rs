//! What a simulated container uses: curves over the time since its start.
//!
//! The counter is the closed integral of the rate, so the difference of any two readings is the
//! curve's own and a served number can be compared with it to the nanosecond.

use std::f64::consts::TAU;
use std::time::Duration;

use super::seed::Seed;

/// Working sets come in whole pages.
const PAGE_BYTES: u64 = 4096;
/// Half of `memory_growth_bytes` is reached after this time.
const GROWTH_HALF_TIME: Duration = Duration::from_mins(30);

/// CPU and memory over time: constants and sines, with a slow growth of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Mean CPU rate, nanocores.
    pub cpu_nanocores: u64,
    /// The CPU rate swings by this much around its mean; counts up to nine tenths of the mean, so
    /// that the counter grows at all times.
    pub cpu_swing_nanocores: u64,
    /// Working set at the start, bytes.
    pub memory_bytes: u64,
    /// The working set swings by this much, bytes; counts up to `memory_bytes`.
    pub memory_swing_bytes: u64,
    /// What the working set gains in the long run, bytes.
    pub memory_growth_bytes: u64,
    /// Time of one swing.
    pub period: Duration,
    /// How far into a swing the container starts.
    pub phase: Duration,
}

impl Load {
    /// A load that is the same at all times.
    pub const fn constant(cpu_nanocores: u64, memory_bytes: u64) -> Self {
        Self {
            cpu_nanocores,
            cpu_swing_nanocores: 0,
            memory_bytes,
            memory_swing_bytes: 0,
            memory_growth_bytes: 0,
            period: Duration::from_mins(1),
            phase: Duration::ZERO,
        }
    }

    /// A load that swings by half around its mean, and gains a tenth of its memory.
    pub const fn swinging(cpu_nanocores: u64, memory_bytes: u64, period: Duration) -> Self {
        Self {
            cpu_swing_nanocores: cpu_nanocores / 2,
            memory_swing_bytes: memory_bytes / 8,
            memory_growth_bytes: memory_bytes / 10,
            period,
            ..Self::constant(cpu_nanocores, memory_bytes)
        }
    }

    /// CPU rate at a time since the start, nanocores.
    pub fn rate(&self, since_start: Duration) -> u64 {
        let swing = float(self.cpu_swing()) * self.angle(since_start).sin();
        whole(float(self.cpu_nanocores) + swing)
    }

    /// CPU time consumed since the start, nanoseconds.
    pub fn cpu_ns(&self, since_start: Duration) -> u64 {
        let mean = u128::from(self.cpu_nanocores) * since_start.as_nanos() / 1_000_000_000;
        let amplitude = float(self.cpu_swing()) * self.period.as_secs_f64() / TAU;
        let swing = amplitude * (self.angle(Duration::ZERO).cos() - self.angle(since_start).cos());
        let mean = u64::try_from(mean).unwrap_or(u64::MAX);
        if swing < 0.0 { mean.saturating_sub(whole(-swing)) } else { mean.saturating_add(whole(swing)) }
    }

    /// Working set at a time since the start, bytes.
    pub fn memory(&self, since_start: Duration) -> u64 {
        let swing = float(self.memory_swing_bytes.min(self.memory_bytes)) * self.angle(since_start).sin();
        let grown = since_start.as_secs_f64() / (since_start + GROWTH_HALF_TIME).as_secs_f64();
        let level = float(self.memory_bytes) + swing + float(self.memory_growth_bytes) * grown;
        whole(level) / PAGE_BYTES * PAGE_BYTES
    }

    /// Mean CPU rate between two times since the start, nanocores, as two readings of the counter
    /// tell it.
    pub fn mean_rate(&self, from: Duration, to: Duration) -> u64 {
        let used = u128::from(self.cpu_ns(to).saturating_sub(self.cpu_ns(from)));
        let rate = (used * 1_000_000_000).checked_div(to.saturating_sub(from).as_nanos()).unwrap_or(0);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// The same load at another size (half to one and a half) and in another phase, so that no two
    /// containers of a workload are alike.
    pub(super) fn vary(self, seed: Seed) -> Self {
        let per_mille = 500 + seed.part(0).below(1001);
        let scale = |value: u64| value / 1000 * per_mille;
        Self {
            cpu_nanocores: scale(self.cpu_nanocores),
            cpu_swing_nanocores: scale(self.cpu_swing_nanocores),
            memory_bytes: scale(self.memory_bytes),
            memory_swing_bytes: scale(self.memory_swing_bytes),
            memory_growth_bytes: scale(self.memory_growth_bytes),
            period: self.period,
            phase: seed.part(1).between(Duration::ZERO, self.period),
        }
    }

    fn cpu_swing(&self) -> u64 {
        self.cpu_swing_nanocores.min(self.cpu_nanocores / 10 * 9)
    }

    /// Where in the swing a time is. Whole turns are taken off before the number becomes a float,
    /// so that years of uptime cost no precision.
    fn angle(&self, since_start: Duration) -> f64 {
        let turn = (since_start + self.phase).as_nanos().checked_rem(self.period.as_nanos()).unwrap_or(0);
        let turn = Duration::from_nanos(u64::try_from(turn).unwrap_or(0));
        if self.period.is_zero() { 0.0 } else { TAU * turn.as_secs_f64() / self.period.as_secs_f64() }
    }
}

#[expect(clippy::cast_precision_loss, reason = "loads are far below 2^53 nanocores or bytes")]
fn float(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is what is wanted")]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load() -> Load {
        Load { phase: Duration::from_secs(17), ..Load::swinging(80_000_000, 100 << 20, Duration::from_secs(150)) }
    }

    #[test]
    fn the_counter_is_the_integral_of_the_rate() {
        let step = Duration::from_millis(10);
        let mut summed_ns = 0_f64;
        for tick in 0..60_000_u32 {
            let middle = step * tick + step / 2;
            summed_ns += float(load().rate(middle)) * step.as_secs_f64();
        }
        let told_ns = float(load().cpu_ns(step * 60_000));
        assert!((summed_ns - told_ns).abs() < 1000.0, "{summed_ns} is not {told_ns}");
    }

    #[test]
    fn the_counter_never_falls_even_at_full_swing_and_after_weeks() {
        let load = Load { cpu_swing_nanocores: u64::MAX, ..load() };
        let weeks = Duration::from_hours(30 * 24);
        let counters: Vec<_> = (0..200_000).map(|tick| load.cpu_ns(weeks + Duration::from_millis(tick))).collect();
        assert!(counters.is_sorted());
    }

    #[test]
    fn the_mean_rate_of_a_moment_is_the_rate() {
        let at = Duration::from_secs(1000);
        let mean = load().mean_rate(at, at + Duration::from_millis(10));
        assert!(mean.abs_diff(load().rate(at)) < 100_000, "{mean}");
        assert_eq!(load().mean_rate(at, at), 0);
    }

    #[test]
    fn memory_comes_in_pages_and_stays_in_its_band() {
        for second in (0..100_000).step_by(777) {
            let bytes = load().memory(Duration::from_secs(second));
            assert_eq!(bytes % PAGE_BYTES, 0);
            assert!((87 << 20..=123 << 20).contains(&bytes), "{bytes}");
        }
    }

    #[test]
    fn a_constant_load_has_no_surprises() {
        let load = Load::constant(1_000_000, 8192);
        assert_eq!(load.cpu_ns(Duration::from_millis(2500)), 2_500_000);
        assert_eq!(load.rate(Duration::from_secs(9)), 1_000_000);
        assert_eq!(load.memory(Duration::from_secs(9)), 8192);
    }
}
