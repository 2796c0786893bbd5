use serde_json::{Map, Value, json};

use super::*;

fn yaml(value: &Value) -> String {
    String::from_utf8(document(value.to_string().as_bytes())).unwrap()
}

fn read(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

#[test]
fn an_object_reads_well() {
    let object = json!({
        "kind": "PodMetrics",
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": {
            "name": "web-1", "namespace": "shop", "resourceVersion": "17",
            "creationTimestamp": "2027-01-15T08:00:00Z", "labels": {"app.kubernetes.io/name": "web", "canary": "true"},
        },
        "window": "15.213s",
        "containers": [
            {"name": "app", "usage": {"cpu": "12345678n", "memory": "64Mi"}},
            {"name": "proxy", "usage": {}, "message": "the kubelet does not report it: what now?"},
        ],
        "durationSeconds": 0.012,
        "missing": [],
    });
    let expected = r#"apiVersion: metrics.k8s.io/v1beta1
containers:
- name: app
  usage:
    cpu: 12345678n
    memory: 64Mi
- message: "the kubelet does not report it: what now?"
  name: proxy
  usage: {}
durationSeconds: 0.012
kind: PodMetrics
metadata:
  creationTimestamp: "2027-01-15T08:00:00Z"
  labels:
    app.kubernetes.io/name: web
    canary: "true"
  name: web-1
  namespace: shop
  resourceVersion: "17"
missing: []
window: 15.213s
"#;
    assert_eq!(yaml(&object), expected);
}

/// What one version of YAML or another does not take for text, or not for the same.
#[rustfmt::skip]
const MISTAKEN: [&str; 60] = [
    "", " ", "1", "-1", "+1", "012", "0x1f", "0o7", "1_000", "1e3", "12e03", ".5", "1.", "1:30", "190:20:30", ".inf",
    "-.INF", ".nan", "~", "null", "Null", "true", "False", "y", "No", "on", "OFF", "2027-01-15",
    "2027-01-15T08:00:00Z", "=", "<<", "-", "- a", "? a", "a: b", "a #b", "#a", "!a", "&a", "*a", "@a", "`a", "%a",
    "|", ">", "{a", "[a", "\"a", "'a", "a:", "---", "...", "a\nb", "\t", "\r", "\u{85}", "\u{2028}", "\u{feff}", "\0",
    "\u{7}",
];

#[test]
fn text_that_looks_like_something_else_is_quoted() {
    for text in MISTAKEN {
        let written = yaml(&json!({ "key": text }));
        assert!(written.starts_with("key: \"") || written.starts_with("key: '"), "{written}");
        assert_eq!(written.lines().count(), 1, "{written}");
        assert_eq!(read(&written), json!({ "key": text }), "{written}");
        assert_eq!(read(&yaml(&json!({ text: 1 }))), json!({ text: 1 }), "{written}");
    }
}

#[test]
fn quantities_and_durations_are_text_without_quotes() {
    for text in ["100m", "12345678n", "64Mi", "1500Ki", "15s", "1m0s", "15.213s", "web-1", "10.0.0.1:10250", "a/b"] {
        assert_eq!(yaml(&json!({ "key": text })), format!("key: {text}\n"));
    }
}

#[test]
fn an_item_is_an_element_of_a_sequence_at_the_lines_begin() {
    let item = |value: Value| String::from_utf8(list_item(value.to_string().as_bytes())).unwrap();
    assert_eq!(item(json!({"a": "b", "c": {"d": ["e"]}})), "- a: b\n  c:\n    d:\n    - e\n");
    assert_eq!(item(json!({})), "- {}\n");
    let list = format!("items:\n{}{}kind: A\n", item(json!({"a": 1})), item(json!({"a": [2]})));
    assert_eq!(read(&list), json!({"items": [{"a": 1}, {"a": [2]}], "kind": "A"}));
}

#[test]
fn what_is_no_json_is_left_as_it_is() {
    assert_eq!(document(b"{"), b"{");
}

/// Documents by chance, the same at every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 40] = [
            "a", "b", "0", "1", "9", "e", "x", "_", "-", "+", ".", ":", " ", "#", "'", "\"", "\\", "\n", "\t", "\r",
            "{", "}", "[", "]", ",", "&", "*", "!", "|", ">", "%", "@", "`", "~", "true", "null", "é", "😀", "\u{85}",
            "\u{1}",
        ];
        (0..self.below(7)).map(|_| PIECES[usize::try_from(self.below(40)).unwrap()]).collect()
    }

    fn value(&mut self, depth: u64) -> Value {
        match self.below(if depth == 0 { 6 } else { 9 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.0),
            3 => json!(self.0.cast_signed()),
            4 => json!(f64::from_bits(self.0)),
            5 => json!(self.text()),
            6 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => (0..self.below(4)).map(|_| (self.text(), self.value(depth - 1))).collect::<Map<_, _>>().into(),
        }
    }
}

#[test]
fn every_document_reads_back_the_same() {
    let mut chance = Chance(7);
    for _ in 0..3_000 {
        let value: Value = (0..3).map(|_| (chance.text(), chance.value(4))).collect::<Map<_, _>>().into();
        let json = value.to_string();
        let text = String::from_utf8(document(json.as_bytes())).unwrap();
        // Numbers of very many digits are rounded where JSON is read: it is that which is kept.
        let expected: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read(&text), expected, "{json}\n{text}");
    }
}
