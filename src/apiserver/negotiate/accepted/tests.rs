use http::{HeaderValue, header};

use super::*;

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";
const METADATA: &str = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const METADATA_LIST: &str = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

fn accept(lines: &[&str]) -> HeaderMap {
    lines.iter().map(|line| (header::ACCEPT, HeaderValue::from_bytes(line.as_bytes()).unwrap())).collect()
}

fn of(line: &str, shape: Shape) -> Option<(Encoding, Form)> {
    let accepted = accepted(&accept(&[line]), "", &[shape]).ok()?;
    Some((accepted.encoding, accepted.form))
}

/// The encoding of a whole object.
fn encoding(line: &str) -> Option<Encoding> {
    of(line, Shape::Object).filter(|(_, form)| *form == Form::Whole).map(|(encoding, _)| encoding)
}

#[test]
fn a_missing_or_empty_accept_means_json() {
    let json = Accepted { encoding: Encoding::Json, form: Form::Whole, pretty: false };
    assert_eq!(accepted(&HeaderMap::new(), "", &[Shape::List]), Ok(json));
    assert_eq!(accepted(&accept(&[""]), "", &[Shape::List]), Ok(json));
    assert_eq!(accepted(&accept(&["", " , "]), "", &[Shape::List]), Ok(json));
}

#[test]
fn a_wildcard_means_json() {
    for line in ["*/*", "application/*", "*", "*; q=.2", "text/html, */*;q=0.1", "*/*;stream=watch"] {
        assert_eq!(encoding(line), Some(Encoding::Json), "{line}");
    }
}

#[test]
fn the_encoding_named_is_the_one_made() {
    for (line, expected) in [
        ("application/json", Encoding::Json),
        ("Application/JSON", Encoding::Json),
        ("application/yaml", Encoding::Yaml),
        ("application/vnd.kubernetes.protobuf", Encoding::Protobuf),
        ("application/vnd.kubernetes.protobuf, */*", Encoding::Protobuf),
        ("*/*, application/vnd.kubernetes.protobuf", Encoding::Protobuf),
        ("application/vnd.kubernetes.protobuf,application/json", Encoding::Protobuf),
        ("application/*, application/yaml", Encoding::Yaml),
        ("text/html,application/xhtml+xml,application/yaml;q=0.9,*/*;q=0.8", Encoding::Yaml),
    ] {
        assert_eq!(encoding(line), Some(expected), "{line}");
    }
}

#[test]
fn weights_order_the_clauses_and_zero_refuses() {
    for (line, expected) in [
        ("application/yaml;q=0.5, application/json;q=0.9", Some(Encoding::Json)),
        ("application/yaml; q=0.9 , application/json;q=0.5", Some(Encoding::Yaml)),
        ("application/yaml;q=0, application/json;q=0.1", Some(Encoding::Json)),
        ("application/json;q=0.2, */*;q=0.1, application/yaml;q=0.3", Some(Encoding::Yaml)),
        ("application/json;q=0", None),
        ("application/json;q=NaN", None),
        ("application/json;q=-1", None),
        ("application/json;q=much", Some(Encoding::Json)),
    ] {
        assert_eq!(encoding(line), expected, "{line}");
    }
}

#[test]
fn several_lines_are_one_header() {
    let headers = accept(&["text/html", "application/json;q=0.5", "application/yaml"]);
    assert_eq!(accepted(&headers, "", &[Shape::Object]).unwrap().encoding, Encoding::Yaml);
}

#[test]
fn parameters_that_are_known_count_and_others_are_ignored() {
    for line in [
        "application/json; charset=utf-8",
        "application/json;stream=watch",
        "application/json;sv=v1",
        "application/json;profile=nopeer",
        "application/json;as=;g=;v=",
        "application/json;export=1;whatever;=;;",
    ] {
        assert_eq!(encoding(line), Some(Encoding::Json), "{line}");
    }
    for line in ["application/json;stream=other", "application/json;sv=v2"] {
        assert_eq!(encoding(line), None, "{line}");
        assert_eq!(encoding(&format!("{line},application/yaml")), Some(Encoding::Yaml), "{line}");
    }
}

#[test]
fn a_table_is_made_in_json_and_yaml_of_both_versions() {
    for (line, encoding, version) in [
        (TABLE, Encoding::Json, MetaVersion::V1),
        ("application/json;g=meta.k8s.io;v=v1beta1;as=Table", Encoding::Json, MetaVersion::V1beta1),
        ("application/yaml;as=\"Table\"; v=v1; g=meta.k8s.io", Encoding::Yaml, MetaVersion::V1),
        ("*/*;as=Table;v=v1;g=meta.k8s.io", Encoding::Json, MetaVersion::V1),
    ] {
        for shape in [Shape::Object, Shape::List] {
            assert_eq!(of(line, shape), Some((encoding, Form::Table { version })), "{line}");
        }
    }
    assert_eq!(of("application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io", Shape::List), None);
}

#[test]
fn metadata_alone_is_made_in_every_encoding_and_in_the_answers_shape() {
    let metadata = Form::Metadata { version: MetaVersion::V1 };
    assert_eq!(of(METADATA, Shape::Object), Some((Encoding::Protobuf, metadata)));
    assert_eq!(of(METADATA_LIST, Shape::List), Some((Encoding::Protobuf, metadata)));
    let beta = "application/yaml;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1beta1";
    assert_eq!(of(beta, Shape::List), Some((Encoding::Yaml, Form::Metadata { version: MetaVersion::V1beta1 })));
    assert_eq!((of(METADATA, Shape::List), of(METADATA_LIST, Shape::Object)), (None, None));
}

#[test]
fn a_form_that_we_do_not_make_leaves_the_choice_to_the_next_clause() {
    let kubectl = format!("{},{},application/json", TABLE.replace("v=v1", "v=v9"), TABLE.replace("v=v1", "v=v1beta1"));
    assert_eq!(of(&kubectl, Shape::List), Some((Encoding::Json, Form::Table { version: MetaVersion::V1beta1 })));
    for line in [
        "application/json;as=Chart;v=v1;g=meta.k8s.io",
        "application/json;as=Table;v=v1;g=example.com",
        "application/json;as=Table;v=v1",
        "application/json;as=Table;g=meta.k8s.io",
        "application/json;v=v1;g=meta.k8s.io",
        "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io",
    ] {
        assert_eq!(of(line, Shape::List), None, "{line}");
        let next = format!("{line}, application/yaml");
        assert_eq!(of(&next, Shape::List), Some((Encoding::Yaml, Form::Whole)), "{line}");
    }
}

#[test]
fn no_clause_that_matches_is_a_406_that_names_our_types() {
    let message = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
    for line in ["text/html", "application/cbor", "text/*", ";;,=", "application/json/x", "?", "\u{fc}"] {
        assert_eq!(accepted(&accept(&[line]), "", &[Shape::List]), Err(Status::not_acceptable(message)), "{line}");
    }
}

#[test]
fn a_header_that_is_no_text_accepts_nothing() {
    let headers = [(header::ACCEPT, HeaderValue::from_bytes(b"\xff\xfe").unwrap())].into_iter().collect();
    assert!(accepted(&headers, "", &[Shape::List]).is_err());
}

#[test]
fn an_answer_says_its_type_and_an_object_its_version() {
    let content_type = |line: &str| accepted(&accept(&[line]), "", &[Shape::Object]).unwrap().content_type();
    assert_eq!(content_type(TABLE), "application/json", "the form is told by the object, not by a parameter");
    assert_eq!(content_type("application/yaml"), "application/yaml");
    assert_eq!(content_type(METADATA), "application/vnd.kubernetes.protobuf");
    assert_eq!(MetaVersion::V1.group_version(), "meta.k8s.io/v1");
    assert_eq!(MetaVersion::V1beta1.group_version(), "meta.k8s.io/v1beta1");
}

#[test]
fn a_watch_takes_the_frames_that_exist() {
    let watch = |line: &str| accepted_by_watch(&accept(&[line]), "").ok();
    let metadata_of_an_informer =
        format!("{METADATA},{},application/json", METADATA.replace("vnd.kubernetes.protobuf", "json"));
    for (line, form, content_type) in [
        ("", Form::Whole, "application/json"),
        ("application/json;stream=watch", Form::Whole, "application/json"),
        ("application/yaml, */*", Form::Whole, "application/json"),
        (TABLE, Form::Table { version: MetaVersion::V1 }, "application/json"),
        ("application/vnd.kubernetes.protobuf", Form::Whole, "application/vnd.kubernetes.protobuf;stream=watch"),
        (
            &metadata_of_an_informer,
            Form::Metadata { version: MetaVersion::V1 },
            "application/vnd.kubernetes.protobuf;stream=watch",
        ),
    ] {
        let accepted = watch(line).unwrap();
        assert_eq!((accepted.form, accepted.watch_content_type()), (form, content_type), "{line}");
    }
    let offered = "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";
    for line in ["application/yaml", METADATA_LIST] {
        assert_eq!(accepted_by_watch(&accept(&[line]), ""), Err(Status::not_acceptable(offered)), "{line}");
    }
}

#[test]
fn a_status_has_no_other_form_and_is_json_if_nothing_fits() {
    for (line, expected) in [
        ("", Encoding::Json),
        ("text/html", Encoding::Json),
        (TABLE, Encoding::Json),
        (METADATA, Encoding::Json),
        (&format!("{METADATA},application/yaml"), Encoding::Yaml),
        ("application/yaml", Encoding::Yaml),
        ("application/vnd.kubernetes.protobuf, */*", Encoding::Protobuf),
    ] {
        let accepted = accepted_by_status(&accept(&[line]), "");
        assert_eq!((accepted.encoding, accepted.form), (expected, Form::Whole), "{line}");
    }
}

#[test]
fn json_is_indented_for_those_who_ask_and_for_programs_of_people() {
    let pretty = |agent: &str, line: &str, query: &str| {
        let mut headers = accept(&[line]);
        headers.insert(header::USER_AGENT, HeaderValue::from_str(agent).unwrap());
        accepted(&headers, query, &[Shape::List]).unwrap().pretty
    };
    for (agent, line, query, expected) in [
        ("", "", "", false),
        ("", "", "limit=1&pretty=true", true),
        ("", "", "pretty", true),
        ("", "", "pretty=no", true),
        ("", "", "pretty=0", false),
        ("", "", "pretty=False", false),
        ("", "application/json;pretty=1", "", true),
        ("", "application/json;pretty=0", "", false),
        ("curl/8.5.0", "*/*", "", true),
        ("Wget/1.21", "*/*", "", true),
        ("Mozilla/5.0 (X11)", "text/html,*/*;q=0.8", "", true),
        ("curl/8.5.0", "*/*", "pretty=false", false),
        ("kubectl/v1.36.0", "", "", false),
        ("libcurl", "", "", false),
        ("curl/8.5.0", "application/yaml", "pretty=1", false),
        ("curl/8.5.0", "application/vnd.kubernetes.protobuf", "pretty=1", false),
    ] {
        assert_eq!(pretty(agent, line, query), expected, "{agent} {line} {query}");
    }
}
