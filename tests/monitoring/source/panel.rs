//! One panel: what it asks for, and how it is drawn.

use serde_json::{Value, json};

/// Who is asked, in every query about the process itself: written `@` in the sources.
const CHOSEN: &str = r#"cluster=~"$cluster", job=~"$job", instance=~"$instance""#;

/// What the values are, as Grafana calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Count,
    Share,
    Seconds,
    Bytes,
    BytesPerSecond,
    PerSecond,
    Cores,
}

impl Unit {
    const fn word(self) -> &'static str {
        match self {
            Self::Count => "short",
            Self::Share => "percentunit",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "binBps",
            Self::PerSecond => "ops",
            Self::Cores => "cores",
        }
    }
}

/// How values are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The last value, in large.
    Stat,
    /// Lines over time.
    Lines,
    /// Areas on top of each other.
    Stack,
    /// How often each range of values occurred.
    Heatmap,
    /// The last values, one row for each series.
    Table,
}

/// A panel of a dashboard.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) kind: Kind,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) unit: Unit,
    pub(crate) queries: Vec<Query>,
    width: u32,
    /// From which value on which colour counts; green is below.
    thresholds: Vec<(f64, &'static str)>,
    lowest_colour: &'static str,
}

/// What a panel asks Prometheus.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) expression: String,
    legend: &'static str,
}

impl Panel {
    pub(crate) fn new(kind: Kind, title: &'static str, unit: Unit, description: &'static str) -> Self {
        let width = if kind == Kind::Stat { 4 } else { 12 };
        Self { kind, title, description, unit, queries: vec![], width, thresholds: vec![], lowest_colour: "green" }
    }

    /// Also shows `expression`, in which `@` stands for the chosen processes; `legend` names its series.
    pub(crate) fn query(mut self, expression: &str, legend: &'static str) -> Self {
        self.queries.push(Query { expression: expression.replace('@', CHOSEN), legend });
        self
    }

    /// In columns, of which there are 24.
    pub(crate) fn width(mut self, columns: u32) -> Self {
        self.width = columns;
        self
    }

    /// Yellow from `warning` on, red from `critical` on.
    pub(crate) fn bad_above(mut self, warning: f64, critical: f64) -> Self {
        self.thresholds = vec![(warning, "yellow"), (critical, "red")];
        self
    }

    /// Red below `critical`, yellow below `warning`.
    pub(crate) fn bad_below(mut self, warning: f64, critical: f64) -> Self {
        self.lowest_colour = "red";
        self.thresholds = vec![(critical, "yellow"), (warning, "green")];
        self
    }

    /// Columns and rows.
    pub(crate) fn size(&self) -> (u32, u32) {
        (self.width, if self.kind == Kind::Stat { 4 } else { 8 })
    }

    /// As Grafana reads it, at a place of its grid.
    pub(crate) fn to_json(&self, id: u32, x: u32, y: u32) -> Value {
        let (w, h) = self.size();
        let targets: Vec<_> = self.queries.iter().zip('A'..).map(|(query, id)| query.to_json(id, self.kind)).collect();
        json!({
            "id": id,
            "type": self.kind.word(),
            "title": self.title,
            "description": self.description,
            "datasource": data_source(),
            "gridPos": {"x": x, "y": y, "w": w, "h": h},
            "fieldConfig": {"defaults": self.defaults(), "overrides": []},
            "options": self.kind.options(),
            "targets": targets,
            "transformations": self.kind.transformations(),
        })
    }

    fn defaults(&self) -> Value {
        let lowest = json!({"color": self.lowest_colour, "value": null});
        let steps = self.thresholds.iter().map(|(value, color)| json!({"color": color, "value": value}));
        let steps: Vec<_> = std::iter::once(lowest).chain(steps).collect();
        let by_threshold = self.kind == Kind::Stat;
        json!({
            "unit": self.unit.word(),
            "min": if self.kind == Kind::Stat { Value::Null } else { json!(0) },
            "color": {"mode": if by_threshold { "thresholds" } else { "palette-classic" }},
            "thresholds": {"mode": "absolute", "steps": steps},
            "custom": self.kind.style(!self.thresholds.is_empty()),
        })
    }
}

impl Query {
    fn to_json(&self, id: char, kind: Kind) -> Value {
        let is_table = kind == Kind::Table;
        let format = match kind {
            Kind::Table => "table",
            Kind::Heatmap => "heatmap",
            Kind::Stat | Kind::Lines | Kind::Stack => "time_series",
        };
        json!({
            "refId": id.to_string(),
            "datasource": data_source(),
            "expr": self.expression,
            "legendFormat": self.legend,
            "format": format,
            "instant": is_table,
            "range": !is_table,
        })
    }
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::Lines | Self::Stack => "timeseries",
            Self::Heatmap => "heatmap",
            Self::Table => "table",
        }
    }

    fn options(self) -> Value {
        match self {
            Self::Stat => json!({
                "colorMode": "value", "graphMode": "area", "justifyMode": "auto", "textMode": "auto",
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
            }),
            Self::Lines | Self::Stack => json!({
                "legend": {"calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "right"},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }),
            Self::Heatmap => json!({
                "calculate": false, "color": {"mode": "scheme", "scheme": "Blues", "steps": 64},
                "yAxis": {"unit": "s"}, "tooltip": {"mode": "single"}, "legend": {"show": true},
            }),
            Self::Table => json!({"showHeader": true, "sortBy": [{"displayName": "Value", "desc": true}]}),
        }
    }

    fn style(self, has_thresholds: bool) -> Value {
        let threshold = if has_thresholds { "dashed" } else { "off" };
        match self {
            Self::Lines => json!({"fillOpacity": 8, "showPoints": "never", "thresholdsStyle": {"mode": threshold}}),
            Self::Stack => json!({
                "fillOpacity": 40, "showPoints": "never", "stacking": {"mode": "normal", "group": "A"},
                "thresholdsStyle": {"mode": "off"},
            }),
            Self::Stat | Self::Heatmap | Self::Table => json!({}),
        }
    }

    /// The time of a table's values is the dashboard's.
    fn transformations(self) -> Value {
        match self {
            Self::Table => json!([{"id": "organize", "options": {"excludeByName": {"Time": true}}}]),
            Self::Stat | Self::Lines | Self::Stack | Self::Heatmap => json!([]),
        }
    }
}

/// The data source that is chosen at the top.
pub(crate) fn data_source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}
