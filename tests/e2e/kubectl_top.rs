//! `kubectl top` with all that it can be asked.

use crate::environment::Environment;

type Checked = Result<(), String>;

/// Nodes: all, one, by label, sorted.
pub(crate) async fn kubectl_top_nodes_lists_selects_and_sorts(e: &Environment) -> Checked {
    let all = top(e, &["nodes"])?;
    let one = all.first().ok_or("no node")?.name.clone();
    expect("one node", top(e, &["node", &one])?.len(), 1)?;
    let here = format!("kubernetes.io/hostname={one}");
    expect("nodes with a label", top(e, &["nodes", "-l", &here])?.len(), 1)?;
    for (order, value) in ORDERS {
        sorted(order, &top(e, &["nodes", &format!("--sort-by={order}")])?, value)?;
    }
    println!("  {} nodes, e.g. {:?}", all.len(), all[0]);
    Ok(())
}

/// Pods: all, of one namespace, one, by label, by container, sorted.
pub(crate) async fn kubectl_top_pods_lists_selects_and_sorts(e: &Environment) -> Checked {
    let pods: Vec<_> = e.nodes.running().collect();
    let first = pods.first().ok_or("no pod runs")?;
    let namespace = &*first.key.namespace;
    let in_namespace = pods.iter().filter(|pod| pod.key.namespace == first.key.namespace);
    let alike = in_namespace.clone().filter(|pod| pod.workload == first.workload).count();
    let label = format!("app={}", first.workload);
    expect("pods", top(e, &["pods", "-A"])?.len(), pods.len())?;
    expect("pods of a namespace", top(e, &["pods", "-n", namespace])?.len(), in_namespace.count())?;
    expect("one pod", top(e, &["pod", "-n", namespace, &first.key.name])?.len(), 1)?;
    expect("pods with a label", top(e, &["pods", "-n", namespace, "-l", &label])?.len(), alike)?;
    let by_container = top(e, &["pod", "-n", namespace, &first.key.name, "--containers"])?;
    expect("containers", by_container.len(), first.containers.len())?;
    for (order, value) in ORDERS {
        sorted(order, &top(e, &["pods", "-A", &format!("--sort-by={order}")])?, value)?;
    }
    println!("  {} pods, {alike} with {label}", pods.len());
    Ok(())
}

type Value = fn(&Row) -> u64;

const ORDERS: [(&str, Value); 2] = [("cpu", |row| row.cpu_millicores), ("memory", |row| row.memory_mebibytes)];

/// A line: what it is about, and its two numbers.
#[derive(Debug)]
struct Row {
    name: String,
    cpu_millicores: u64,
    memory_mebibytes: u64,
}

fn top(e: &Environment, arguments: &[&str]) -> Result<Vec<Row>, String> {
    let text = e.kubectl.run(&[&["top"], arguments, &["--no-headers"]].concat())?;
    let rows: Vec<Row> = text.lines().filter_map(row).collect();
    if rows.len() == text.lines().count() { Ok(rows) } else { Err(format!("not understood: {text}")) }
}

/// Of a line's cells the first with the unit of CPU, and the first with that of memory; before them
/// stand names, with nodes also percentages.
fn row(line: &str) -> Option<Row> {
    let number = |unit: &str| {
        let mut values = line.split_whitespace().filter_map(|cell| cell.strip_suffix(unit));
        values.find_map(|digits| digits.parse().ok())
    };
    let name = line.split_whitespace().next()?.to_owned();
    Some(Row { name, cpu_millicores: number("m")?, memory_mebibytes: number("Mi")? })
}

fn sorted(order: &str, rows: &[Row], value: Value) -> Checked {
    if rows.is_sorted_by_key(|row| std::cmp::Reverse(value(row))) {
        return Ok(());
    }
    Err(format!("not sorted by {order}: {rows:?}"))
}

fn expect(what: &str, got: usize, wanted: usize) -> Checked {
    if got == wanted { Ok(()) } else { Err(format!("{got} {what} instead of {wanted}")) }
}
