# The commands of daily work. `just` lists them; each can also be typed by hand.

_list:
    @just --list

# A simulated cluster, served; prints what to try
demo *ARGS:
    cargo run --release -- demo {{ARGS}}

# Everything that needs nothing but Rust
test *ARGS:
    cargo test {{ARGS}}

# As CI wants it
fmt:
    cargo fmt

# What CI refuses: format, warnings
lint:
    cargo fmt --check
    cargo clippy --locked --all-targets -- --deny warnings

# What may come with a dependency; needs cargo-deny
deny:
    cargo deny --locked check --deny warnings bans licenses sources

# Licences and sources of dependencies, and the bill of materials; builds the tools it needs
supply:
    bash tests/supply/check

# Every target of fuzzing, or those named, until each has had 10^8 inputs; needs a C++ compiler
fuzz *TARGETS:
    fuzz/run {{TARGETS}}

# The documentation, private items included
doc:
    RUSTDOCFLAGS='--deny warnings' cargo doc --locked --no-deps --document-private-items

# Write docs/flags.md anew after a flag changed
flags:
    UPDATE_DOCS=1 cargo test --test it flags

# Write docs/metrics.md anew after a metric changed
metrics:
    UPDATE_DOCS=1 cargo test --test it reference_of_metrics

# Write dashboards, alerts and rules anew after tests/monitoring/source changed
dashboards:
    UPDATE_GOLDEN=1 cargo test --test it what_their_source_says

# Dashboards and alerts in a real Prometheus; needs Debian's prometheus
monitoring:
    cargo test --locked --test monitoring

# Behind a real kube-apiserver; needs Go, and Python for two trials
e2e:
    bash tests/controlplane/build
    bash tests/clients/install
    cargo test --locked --release --test e2e

# Usage in real Prometheus and VictoriaMetrics; needs their Debian packages
engines:
    cargo test --locked --test engines

# With one real kubelet; needs Go, root and Debian packages
kubelet:
    bash tests/kubelet/install
    bash tests/controlplane/build
    cargo test --locked --test kubelet

# Time, heap and instructions
bench *ARGS:
    cargo bench {{ARGS}}

# Everything that must hold before a change lands
ci:
    bash .ci/run
