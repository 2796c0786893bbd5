//! A dashboard: rows of panels, and what can be chosen at its top.

use serde_json::{Value, json};

use super::panel::{Panel, data_source};

/// Grafana 9.4 and later read it; newer ones convert it when they load it.
const SCHEMA: u32 = 39;
const COLUMNS: u32 = 24;
/// All dashboards carry it, and lead to all others that do.
const TAG: &str = "kube-vitals";

/// A dashboard.
#[derive(Clone, Debug)]
pub(crate) struct Dashboard {
    /// Its file, without the ending; also the end of its uid.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) variables: Vec<Variable>,
    pub(crate) rows: Vec<Row>,
}

/// Panels under a heading.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) title: &'static str,
    pub(crate) panels: Vec<Panel>,
}

/// Something to choose: the values of a label.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    label: &'static str,
    /// Whose label it is, narrowed by the variables before.
    pub(crate) series: &'static str,
    /// What "All" stands for. A cluster may have no label to tell it from others.
    all: &'static str,
}

impl Variable {
    /// The variables of dashboards about the process itself.
    pub(crate) fn of_processes() -> Vec<Self> {
        let cluster = Self { name: "cluster", label: "Cluster", series: "kube_vitals_build_info", all: ".*" };
        let job =
            Self { name: "job", label: "Job", series: r#"kube_vitals_build_info{cluster=~"$cluster"}"#, all: ".+" };
        let instance = Self {
            name: "instance",
            label: "Instance",
            series: r#"kube_vitals_build_info{cluster=~"$cluster", job=~"$job"}"#,
            all: ".+",
        };
        vec![cluster, job, instance]
    }

    /// The variables of dashboards about what is measured.
    pub(crate) fn of_usage() -> Vec<Self> {
        let node = r#"kube_vitals_node_cpu_usage_cores{cluster=~"$cluster"}"#;
        let namespace = r#"kube_vitals_pod_cpu_usage_cores{cluster=~"$cluster"}"#;
        vec![
            Self { name: "cluster", label: "Cluster", series: "kube_vitals_node_cpu_usage_cores", all: ".*" },
            Self { name: "node", label: "Node", series: node, all: ".+" },
            Self { name: "namespace", label: "Namespace", series: namespace, all: ".+" },
        ]
    }

    /// What Grafana asks to fill it.
    pub(crate) fn query(&self) -> String {
        format!("label_values({}, {})", self.series, self.name)
    }

    fn to_json(self) -> Value {
        json!({
            "name": self.name,
            "label": self.label,
            "type": "query",
            "datasource": data_source(),
            "query": {"query": self.query(), "refId": self.name},
            "definition": self.query(),
            // When the time changes: what is there comes and goes.
            "refresh": 2,
            "sort": 1,
            "includeAll": true,
            "multi": true,
            "allValue": self.all,
            "current": {"selected": true, "text": ["All"], "value": ["$__all"]},
            "hide": 0,
        })
    }
}

impl Dashboard {
    /// Its place in this repository.
    pub(crate) fn path(&self) -> String {
        format!("grafana/dashboards/{}.json", self.name)
    }

    /// All panels.
    pub(crate) fn panels(&self) -> impl Iterator<Item = &Panel> {
        self.rows.iter().flat_map(|row| &row.panels)
    }

    /// As Grafana reads it, with a line feed at the end.
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string_pretty(&self.to_json()).unwrap() + "\n"
    }

    fn to_json(&self) -> Value {
        let variables = self.variables.iter().map(|variable| variable.to_json());
        let variables: Vec<_> = std::iter::once(data_sources()).chain(variables).collect();
        json!({
            "id": null,
            "uid": format!("kube-vitals-{}", self.name),
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": false,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"},
            "timezone": "browser",
            "annotations": {"list": []},
            "links": [{
                "type": "dashboards", "title": "kube-vitals", "tags": [TAG], "asDropdown": true,
                "includeVars": true, "keepTime": true, "targetBlank": false, "icon": "external link",
            }],
            "templating": {"list": variables},
            "panels": self.grid(),
        })
    }

    /// Rows under each other, panels from left to right and on in the next line.
    fn grid(&self) -> Vec<Value> {
        let (mut placed, mut y) = (Vec::new(), 0);
        for row in &self.rows {
            let id = next_id(&placed);
            placed.push(json!({
                "id": id, "type": "row", "title": row.title, "collapsed": false, "panels": [],
                "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
            }));
            y += 1;
            let (mut x, mut height) = (0, 0);
            for panel in &row.panels {
                let (columns, rows) = panel.size();
                if x + columns > COLUMNS {
                    (x, y, height) = (0, y + height, 0);
                }
                placed.push(panel.to_json(next_id(&placed), x, y));
                (x, height) = (x + columns, height.max(rows));
            }
            y += height;
        }
        placed
    }
}

fn next_id(placed: &[Value]) -> u32 {
    u32::try_from(placed.len()).unwrap() + 1
}

fn data_sources() -> Value {
    json!({
        "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
        "refresh": 1, "hide": 0, "multi": false, "includeAll": false, "current": {},
    })
}
