//! What an attack may cost at most.

use std::time::Duration;

use crate::measured::Measured;

const MEBIBYTE: u64 = 1024 * 1024;
/// Where attackers only wait, honest clients notice nothing. Judged in a release build alone, as the next
/// one: how long unoptimised code takes on a machine with other work says nothing. What is judged in any
/// build is that they are answered.
const PASSIVE_P99: Duration = Duration::from_millis(50);
/// Attackers, honest clients and the server share the cores of one machine: what is left for the server
/// is what bounds this.
const ACTIVE_P99: Duration = Duration::from_millis(300);
/// Who only waits costs next to nothing.
const PASSIVE_CORES: f64 = if cfg!(debug_assertions) { 1.5 } else { 0.35 };
/// An address may ask so much at once, and then so much each second: what filters grant.
const REVIEWS: (u64, f64) = (400, 20.0);

/// The bounds of one attack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Fewer are no attack.
    least_deeds: u64,
    peak_mebibytes: u64,
    p99: Duration,
    cores: f64,
    /// Whether some connections have to be refused because of their address.
    refuses: bool,
    /// Whether some requests have to be answered 429.
    sheds: bool,
}

/// Of attackers that mostly wait.
pub(crate) const fn passive(least_deeds: u64, peak_mebibytes: u64) -> Bounds {
    Bounds { least_deeds, peak_mebibytes, p99: PASSIVE_P99, cores: PASSIVE_CORES, refuses: false, sheds: false }
}

/// Of attackers that do what they can.
pub(crate) const fn active(least_deeds: u64, peak_mebibytes: u64) -> Bounds {
    Bounds { least_deeds, peak_mebibytes, p99: ACTIVE_P99, cores: f64::INFINITY, refuses: false, sheds: false }
}

impl Bounds {
    pub(crate) const fn with_refusals(self) -> Self {
        Self { refuses: true, ..self }
    }

    pub(crate) const fn with_shedding(self) -> Self {
        Self { sheds: true, ..self }
    }

    /// Whether so many deeds are an attack.
    pub(crate) const fn is_attack(&self, deeds: u64) -> bool {
        deeds >= self.least_deeds
    }

    /// Whether `measured` stays within; an error tells every bound that it broke.
    pub(crate) fn hold(&self, measured: &Measured) -> Result<(), String> {
        let Measured { deeds, peak_bytes, cores, honest, recovery, reviews, seconds, .. } = measured;
        let most_reviews = REVIEWS.0 + (REVIEWS.1 * seconds) as u64;
        let p99 = honest.p99();
        let broken = [
            (!self.is_attack(*deeds)).then(|| format!("no attack: {deeds} deeds, {} wanted", self.least_deeds)),
            (*peak_bytes > self.peak_mebibytes * MEBIBYTE)
                .then(|| format!("{} MiB more than before, {} allowed", peak_bytes / MEBIBYTE, self.peak_mebibytes)),
            (*cores > self.cores).then(|| format!("{cores:.2} cores, {} allowed", self.cores)),
            (p99 > self.p99 && !cfg!(debug_assertions)).then(|| format!("honest p99 {p99:?}, {:?} allowed", self.p99)),
            (honest.answers() < 20).then(|| format!("only {} honest answers", honest.answers())),
            honest.failures.first().map(|first| format!("{} honest failures: {first}", honest.failures.len())),
            recovery.as_ref().err().map(|error| format!("not given back: {error}")),
            (*reviews > most_reviews + 50).then(|| format!("{reviews} reviews, {most_reviews} allowed")),
            (self.refuses && measured.refused_connections == 0).then(|| "no connection was refused".to_owned()),
            (self.sheds && measured.shed_requests == 0).then(|| "no request was answered 429".to_owned()),
        ];
        let broken: Vec<String> = broken.into_iter().flatten().collect();
        if broken.is_empty() { Ok(()) } else { Err(broken.join("; ")) }
    }
}
