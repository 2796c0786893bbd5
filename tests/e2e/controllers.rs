//! Kubernetes' own controllers, with us in their way.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::environment::{Environment, eventually};

const NAMESPACE: &str = "autoscaled";
const SCALE: &str = "/apis/autoscaling/v2/namespaces/autoscaled/horizontalpodautoscalers/web";
/// Some rounds of ours and of the autoscaler's.
const SCALED: Duration = Duration::from_mins(1);

type Checked = Result<(), String>;

/// The autoscaler reads `metrics.k8s.io` and sets the replicas of a Deployment by it.
pub(crate) async fn the_autoscaler_scales_up_and_down_on_our_cpu(e: &Environment) -> Checked {
    e.controllers().await?;
    e.kubectl.apply(include_str!("autoscaled.yaml"))?;
    e.hollow.set_load_millicores(100);
    e.hollow.join(&e.admin, NAMESPACE).await?;
    let started = Instant::now();
    for (millicores, wanted) in [(100, 2..=2), (400, 4..=8), (20, 2..=2)] {
        e.hollow.set_load_millicores(millicores);
        let seen = eventually(SCALED, async || {
            let seen = Scale::read(&e.admin.json(SCALE).await?);
            if seen.is_settled() && wanted.contains(&seen.replicas) { Ok(seen) } else { Err(format!("{seen:?}")) }
        })
        .await?;
        let at = started.elapsed().as_secs();
        println!("  at {at} s: {millicores} m in all make {} replicas at {} %", seen.replicas, seen.percent);
    }
    e.kubectl.run(&["delete", "namespace", NAMESPACE, "--timeout=30s"])?;
    e.kubectl.run(&["delete", "node", "hollow"]).map(|_| ())
}

/// What the autoscaler says of its last look.
#[derive(Debug)]
struct Scale {
    replicas: i64,
    desired: i64,
    percent: i64,
    is_active: bool,
}

impl Scale {
    fn read(object: &Value) -> Self {
        let status = &object["status"];
        let number = |value: &Value| value.as_i64().unwrap_or(-1);
        let active = |condition: &Value| condition["type"] == "ScalingActive" && condition["status"] == "True";
        Self {
            replicas: number(&status["currentReplicas"]),
            desired: number(&status["desiredReplicas"]),
            percent: number(&status["currentMetrics"][0]["resource"]["current"]["averageUtilization"]),
            is_active: status["conditions"].as_array().is_some_and(|all| all.iter().any(active)),
        }
    }

    fn is_settled(&self) -> bool {
        self.is_active && self.replicas == self.desired && self.percent >= 0
    }
}
