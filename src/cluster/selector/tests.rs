//! The language of label selectors, good and bad.

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())))
}

fn matches(selector: &str, pairs: &[(&str, &str)]) -> bool {
    LabelSelector::parse(selector).unwrap().matches(&labels(pairs))
}

fn refusal(selector: &str) -> String {
    LabelSelector::parse(selector).unwrap_err().to_string()
}

#[test]
fn the_empty_selector_matches_everything() {
    for empty in ["", "  ", "\t\r\n"] {
        let selector = LabelSelector::parse(empty).unwrap();
        assert!(selector.is_empty() && selector.matches(&Labels::default()));
    }
}

#[test]
fn equality_compares_one_value() {
    for equal in ["app=web", "app==web", " app = web ", "app in (web)"] {
        assert!(matches(equal, &[("app", "web")]), "{equal}");
        assert!(!matches(equal, &[("app", "db")]), "{equal}");
        assert!(!matches(equal, &[]), "{equal}");
    }
    assert!(matches("app=", &[("app", "")]));
    assert!(matches("app=,tier=x", &[("app", ""), ("tier", "x")]));
}

#[test]
fn inequality_holds_for_an_absent_label_too() {
    for unequal in ["app!=web", "app notin (web,api)"] {
        assert!(matches(unequal, &[]), "{unequal}");
        assert!(matches(unequal, &[("app", "db")]), "{unequal}");
        assert!(!matches(unequal, &[("app", "web")]), "{unequal}");
    }
}

#[test]
fn existence_asks_for_the_key_alone() {
    assert!(matches("app", &[("app", "anything")]));
    assert!(!matches("app", &[]));
    assert!(matches("!app", &[]));
    assert!(!matches("! app", &[("app", "")]));
}

#[test]
fn order_compares_whole_numbers_and_never_holds_for_other_text() {
    assert!(matches("size>5", &[("size", "6")]));
    assert!(!matches("size>5", &[("size", "5")]));
    assert!(matches("size<5", &[("size", "4")]));
    assert!(!matches("size<5", &[("size", "small")]));
    assert!(!matches("size<5", &[]));
}

#[test]
fn all_requirements_must_hold() {
    let selector = "app=web,tier in (a,b),!old,example.com/zone";
    assert!(matches(selector, &[("app", "web"), ("tier", "b"), ("example.com/zone", "1")]));
    assert!(!matches(selector, &[("app", "web"), ("tier", "c"), ("example.com/zone", "1")]));
}

#[test]
fn a_set_may_hold_the_empty_value() {
    for with_empty in ["app in ()", "app in (,)", "app in (web,)", "app in (,web)", "app in (a,,b)"] {
        assert!(matches(with_empty, &[("app", "")]), "{with_empty}");
    }
}

#[test]
fn operators_are_words_where_a_key_or_value_is_due() {
    assert!(matches("in in (notin)", &[("in", "notin")]));
    assert!(matches("notin=in", &[("notin", "in")]));
}

#[test]
fn a_selector_prints_as_text_that_parses_to_itself() {
    for text in ["app in (web)", "a,!b,c in (x,y),d notin (,z),e>5,f<3"] {
        let selector = LabelSelector::parse(text).unwrap();
        assert_eq!(LabelSelector::parse(&selector.to_string()), Ok(selector), "{text}");
    }
}

#[test]
fn refusals_speak_as_kubernetes_does() {
    let cases = [
        (",app", "found ',', expected: !, identifier, or 'end of string'"),
        ("=web", "found '=', expected: !, identifier, or 'end of string'"),
        ("app=web,", "found '', expected: identifier after ','"),
        ("app=web,,b", "found ',', expected: identifier after ','"),
        ("app=web tier=x", "found 'tier', expected: ',' or 'end of string'"),
        ("!app=web", "found '=', expected: ',' or 'end of string'"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("app web", "unable to parse requirement: found 'web', expected: in, notin, =, ==, !=, gt, lt"),
        ("app=!x", "unable to parse requirement: found '!', expected: identifier"),
        ("app in web", "unable to parse requirement: found 'web' expected: '('"),
        ("app in (=)", "unable to parse requirement: found '=', expected: ',', ')' or identifier"),
        ("app in (a b)", "unable to parse requirement: found 'b', expected: ',' or ')'"),
        ("app in (a,=)", "unable to parse requirement: found '=', expected: ',', or identifier"),
        ("app in (a", "unable to parse requirement: found '', expected: ',' or ')'"),
    ];
    for (selector, sentence) in cases {
        assert_eq!(refusal(selector), sentence, "{selector}");
    }
}

#[test]
fn impossible_keys_and_values_are_refused() {
    let cases = [
        ("-app=x", "key: Invalid value: \"-app\": name part must consist of"),
        ("a/b/c", "key: Invalid value: \"a/b/c\": a qualified name"),
        ("/app", "key: Invalid value: \"/app\": prefix part must be non-empty"),
        ("Example.com/app", "prefix part must be a lowercase RFC 1123 subdomain"),
        ("app=-x", "values[0][app]: Invalid value: \"-x\": a valid label must consist of"),
        ("app in (a,é)", "values[1][app]: Invalid value: \"é\""),
        ("size>big", "for 'Gt', 'Lt' operators, the value must be an integer"),
    ];
    for (selector, part) in cases {
        let refusal = refusal(selector);
        assert!(refusal.starts_with("unable to parse requirement: ") && refusal.contains(part), "{refusal}");
    }
    assert!(refusal(&"a".repeat(64)).contains("no more than 63 characters"));
    assert!(refusal(&format!("{}/a", "b".repeat(254))).contains("no more than 253 characters"));
}
