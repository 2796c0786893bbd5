//! How costs grow with the cluster.

/// What one size of cluster costs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Costs {
    pub(crate) nodes: u32,
    /// While nobody asks.
    pub(crate) cpu_seconds_per_second: f64,
    pub(crate) resident_bytes: f64,
    pub(crate) first_usage_seconds: f64,
}

/// Prints the exponent of each cost: 1 where twice the nodes cost twice as much. Nothing of one size.
pub(crate) fn print(costs: &[Costs]) {
    if costs.len() < 2 {
        return;
    }
    let exponent = |cost: fn(&Costs) -> f64| {
        let points: Vec<(f64, f64)> = costs.iter().map(|of| (f64::from(of.nodes).ln(), cost(of).ln())).collect();
        slope(&points)
    };
    let nodes: Vec<String> = costs.iter().map(|of| of.nodes.to_string()).collect();
    println!("\ncost as a power of the number of nodes, fitted to {}:", nodes.join(", "));
    println!("  CPU of scraping {:.2}", exponent(|of| of.cpu_seconds_per_second));
    println!("  resident memory {:.2}", exponent(|of| of.resident_bytes));
    println!("  first usage of all pods {:.2}", exponent(|of| of.first_usage_seconds));
}

/// Least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let along: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    along / points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum::<f64>()
}
