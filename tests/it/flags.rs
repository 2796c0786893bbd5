//! The flag reference is what the program says of itself.

use std::fmt::Write;
use std::fs;

use clap::{Arg, CommandFactory};
use kube_vitals::config::ServeArgs;

use crate::repository;

const FILE: &str = "docs/flags.md";
/// Set to write the file anew instead of comparing it.
const UPDATE: &str = "UPDATE_DOCS";

#[test]
fn the_flag_reference_is_up_to_date() {
    let made = reference();
    if std::env::var_os(UPDATE).is_some() {
        fs::write(repository::path(FILE), &made).unwrap();
    }
    assert!(
        repository::read(FILE) == made,
        "{FILE} is not what the flags say; run {UPDATE}=1 cargo test --test it flags"
    );
}

fn reference() -> String {
    let command = ServeArgs::command();
    let mut page = "\
# Flags of `kube-vitals serve`

Made from the program's own help; do not edit. Every flag can also be set by its environment
variable; the flag wins. Durations are written as in Kubernetes (`15s`, `1m30s`), sizes as `16Mi` or
plain bytes. All faults of a configuration are told together; the exit code is then 2.
"
    .to_owned();
    let mut heading = None;
    for arg in command.get_arguments() {
        if heading != arg.get_help_heading() {
            heading = arg.get_help_heading();
            write!(page, "\n## {}\n", heading.unwrap_or("Other")).unwrap();
        }
        write_arg(&mut page, arg);
    }
    page
}

fn write_arg(page: &mut String, arg: &Arg) {
    let long = arg.get_long().unwrap();
    let short = arg.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    let value = arg.get_value_names().unwrap_or_default().first();
    let value = value.map(|name| format!(" {name}")).unwrap_or_default();
    write!(page, "\n### {short}`--{long}{value}`\n\n").unwrap();
    let help = arg.get_long_help().or(arg.get_help()).unwrap().to_string();
    writeln!(page, "{help}\n").unwrap();
    if let Some(default) = arg.get_default_values().first().filter(|default| !default.is_empty()) {
        writeln!(page, "Default: `{}`\n", default.to_string_lossy()).unwrap();
    }
    writeln!(page, "Environment: `{}`", arg.get_env().unwrap().to_string_lossy()).unwrap();
}
