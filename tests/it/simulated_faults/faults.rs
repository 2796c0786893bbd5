//! The faults, one after the other: what is served meanwhile, and how soon all is well again.

use std::time::Duration;

use kube_vitals::sim::Fault;
use kube_vitals::sim::control_plane::Trouble;
use tokio::time::sleep;

use crate::simulated_faults::observer::{Expect, MAX_SAMPLE_AGE, Observer, TOLD_WITHIN};
use crate::simulated_faults::{DOOM, LASTING};

/// How long most troubles last.
const TROUBLE: Duration = Duration::from_mins(10);
/// An hour, which a clock is off after a wrong time zone.
const HOUR_MILLIS: i64 = 3_600_000;
/// Which nodes have faults of their own.
pub(super) const HANGING: u32 = 0;
const FLAPPING: u32 = 1;
pub(super) const RESTARTING: u32 = 2;

impl Observer {
    /// A thousand pods are deleted at one moment.
    pub(super) async fn doom(&mut self) -> Result<(), String> {
        let before = self.look(Expect::Anything).await?.pods;
        while self.process.theirs.now() < self.process.world.origin() + DOOM + TOLD_WITHIN {
            sleep(Duration::from_secs(1)).await;
        }
        let after = self.look(Expect::Fresh).await?.pods;
        if before.saturating_sub(after) < 1000 {
            return Err(format!("{before} pods were served, and then {after}"));
        }
        self.row("1,000 pods deleted at one moment", "none of them 5 s later, all others fresh", Duration::ZERO);
        Ok(())
    }

    pub(super) async fn api_server_away(&mut self) -> Result<(), String> {
        self.process.relay.cut().await;
        self.goes_on(TROUBLE, Expect::FreshOfWhatWasKnown).await?;
        self.process.relay.mend().await.map_err(|error| error.to_string())?;
        let recovery = self.recovers("the API server's absence").await?;
        self.row("API server away for 10 minutes", "all pods that last, fresh", recovery);
        Ok(())
    }

    pub(super) async fn trouble(&mut self, trouble: Trouble) -> Result<(), String> {
        self.process.control_plane.set_trouble(Some(trouble));
        self.goes_on(TROUBLE, Expect::FreshOfWhatWasKnown).await?;
        self.process.control_plane.set_trouble(None);
        let recovery = self.recovers(&format!("{trouble:?}")).await?;
        let what = match trouble {
            Trouble::Expired => "410 to every watch, for 10 minutes",
            Trouble::Stalled => "watches that fall silent, for 10 minutes",
            Trouble::Garbage => "changes that cannot be read, for 10 minutes",
            _ => "429 to every list and watch, for 10 minutes",
        };
        self.row(what, "all pods that last, fresh", recovery);
        Ok(())
    }

    /// Our clock is set, and set right again.
    pub(super) async fn clock_steps(&mut self) -> Result<(), String> {
        for (ahead, what) in [(HOUR_MILLIS, "our clock set ahead by 1 h"), (-HOUR_MILLIS, "our clock set back by 1 h")]
        {
            self.process.set_ahead(ahead);
            self.goes_on(MAX_SAMPLE_AGE, Expect::NothingFresh).await?;
            self.goes_on(TROUBLE, Expect::NothingFresh).await?;
            self.process.set_ahead(0);
            let recovery = self.recovers(what).await?;
            self.row(&format!("{what}, for 12 minutes"), "nothing that is called fresh", recovery);
        }
        Ok(())
    }

    /// One hangs, one flaps, one restarts every five minutes, and all connections are cut now and then.
    pub(super) async fn kubelets(&mut self) -> Result<(), String> {
        self.process.faults.set(HANGING, Fault::Hang);
        self.process.faults.set(FLAPPING, Fault::Flap);
        for _ in 0..6 {
            self.process.faults.set(RESTARTING, Fault::ScrapeErrorOnly);
            self.process.fleet.cut();
            self.goes_on(Duration::from_secs(20), Expect::FreshElsewhere).await?;
            self.process.faults.clear(RESTARTING);
            self.goes_on(Duration::from_mins(5), Expect::FreshElsewhere).await?;
        }
        let seen = self.look(Expect::FreshElsewhere).await?;
        for (node, wanted, what) in
            [(HANGING, 0, "hangs"), (FLAPPING, LASTING, "flaps"), (RESTARTING, LASTING, "restarted")]
        {
            let fresh = seen.fresh_of(node, self);
            if fresh != wanted as usize {
                return Err(format!("a kubelet that {what}: {fresh} pods are fresh, not {wanted}"));
            }
        }
        if let Some(pod) = seen.served.iter().find(|pod| self.judge.node_of(pod) == Some(HANGING)) {
            return Err(format!("{pod} is served, half an hour after its kubelet hung"));
        }
        self.process.faults.clear(HANGING);
        self.process.faults.clear(FLAPPING);
        let recovery = self.recovers("the kubelets' faults").await?;
        self.row("kubelet hangs for half an hour", "kept samples until they are 2 minutes old, then none", recovery);
        self.row(
            "kubelet answers every other request 503, for half an hour",
            "all the while, by the retry",
            Duration::ZERO,
        );
        self.row("kubelet restarts six times, all connections are cut each time", "all the while", Duration::ZERO);
        Ok(())
    }

    fn row(&mut self, fault: &str, served: &str, recovery: Duration) {
        let recovery =
            if recovery.is_zero() { "at once".to_owned() } else { format!("{:.0} s", recovery.as_secs_f64()) };
        self.rows.push(format!("| {fault} | {served} | {recovery} |"));
    }
}
